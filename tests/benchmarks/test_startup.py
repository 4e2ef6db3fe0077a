"""`python -m benchmarks.startup` names every step of a start, in order, with what it took."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks import startup
from rapid_client import COLD_PATH

if TYPE_CHECKING:
    import pytest


def test_table_of_steps(capsys: pytest.CaptureFixture[str]) -> None:
    """From the interpreter to GET /next, with each module of the cold path, and the sum at the end."""
    startup.main(["--python", sys.executable, "--rounds", "2"])

    head, _, *rows = capsys.readouterr().out.splitlines()
    names = [row.split(" | ")[0].removeprefix("| ") for row in rows]
    assert head == "| step | us |"
    assert [name for name in names if name.startswith("preload ")] == [
        f"preload {name}" for name in ("_site", *COLD_PATH)
    ]
    assert (names[0], names[-2:]) == (
        "interpreter, up to the first line of the script",
        [startup.LAST, "**all**"],
    )
