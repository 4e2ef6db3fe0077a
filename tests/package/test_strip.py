"""Packages' shared libraries are stripped, and shipped as they came where that would break them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from tests.package.bench import Bench

pytestmark = pytest.mark.slow
PLACE: Final = "native/_x.so"


@pytest.fixture
def native(bench: Bench) -> Bench:
    """Return a bench with a wheel that has a real library, and a function that has one of its own."""
    library = bench.make_native()
    bench.function({"app.py": "def handler(event, context):\n    return 1\n", "own.so": library})
    return bench


def test_a_stripped_library_still_works(native: Bench) -> None:
    """What nobody can call is gone, what can be called is there; the user's own is as it was."""
    said = native.package(*native.require("native"))
    contents = native.contents()
    stripped = native.write("stripped.so", contents[PLACE])
    probe = "import ctypes, sys; sys.exit(ctypes.CDLL(sys.argv[1]).seen(20))"

    assert b"unseen" not in contents[PLACE]
    assert subprocess.run(["python3", "-c", probe, stripped]).returncode == 41
    assert contents["own.so"] == (native.folder / "x.so").read_bytes()
    sizes = {step["name"]: step["size"] for step in said["steps"]}
    assert sizes["stripped binaries"] < sizes["what no function loads"]


def test_a_library_that_stripping_breaks_is_as_it_came(native: Bench) -> None:
    """A tool that damages it changes nothing, and a note says so."""
    tool = native.write(
        "bin/x86_64-linux-gnu-strip",
        '#!/bin/sh\n[ $# = 3 ] || { echo odd strip 1.0; exit; }\nhead -c 2000 "$3" >"$2"\n',
    )
    tool.chmod(0o755)
    said = native.package(*native.require("native"), PATH=f"{tool.parent}:{native.environ['PATH']}")

    assert native.contents()[PLACE] == (native.folder / "x.so").read_bytes()
    assert f"{PLACE} would not load any more when stripped: it is as it came" in said["notes"]


def test_without_a_tool(native: Bench) -> None:
    """A machine that cannot strip says so, and packages."""
    native.write("bin/empty", "")
    said = native.package(*native.require("native"), PATH=str(native.folder / "bin"))

    assert native.contents()[PLACE] == (native.folder / "x.so").read_bytes()
    assert any(note.startswith("the binaries are not stripped: no tool here") for note in said["notes"])
