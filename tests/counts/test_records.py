"""The guard itself: what it takes for a change, what it says about one, and that it writes what it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.counts import records
from tests.counts.counting import Count
from tests.counts.record import count, report

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counts.laboratory import Laboratory

NAME = "files opened"
BEFORE = records.Record("here", {NAME: Count(100, {"a": 90, "b": 10})})


@pytest.mark.parametrize("total", [95, 100, 105])
def test_five_percent_are_tolerated(total: int) -> None:
    """Up to there in either direction nothing is said."""
    assert records.verdict(BEFORE, {NAME: Count(total, {"a": total})}) == ""


def test_more_is_said_with_what_grew_and_how_to_record_it() -> None:
    """From what to what, the part that has changed most first, and the parts that are the same not at all."""
    found = records.verdict(BEFORE, {NAME: Count(110, {"a": 90, "b": 11, "c": 9})})

    assert found == (
        "More than was recorded:\n"
        "files opened: 100 -> 110 (+10.0 %)\n"
        "    c: 0 -> 9\n"
        "    b: 10 -> 11\n"
        "If it is worth that: python -m tests.counts.record\n"
    )


def test_less_is_said_too() -> None:
    """Progress has to be recorded, or the next one could lose it unseen."""
    found = records.verdict(BEFORE, {NAME: Count(90, {"a": 90})})

    assert found == (
        "Less than was recorded, well done:\n"
        "files opened: 100 -> 90 (-10.0 %)\n"
        "    b: 10 -> 0\n"
        "To keep it: python -m tests.counts.record\n"
    )


def test_of_many_parts_twelve_are_shown() -> None:
    """A list of everything would hide what matters."""
    now = Count(120, {"a": 90, "b": 10} | {f"new-{number}": 1 for number in range(20)})

    lines = records.verdict(BEFORE, {NAME: now}).splitlines()

    assert len([line for line in lines if line.startswith("    new-")]) == 12
    assert "    and 8 more" in lines


def test_what_was_never_recorded_is_said() -> None:
    """A new kind of count does not pass because nobody knows it."""
    found = records.verdict(BEFORE, {"forks": Count(1, {})})

    assert "forks: 1, which was never recorded" in found


def test_what_is_recorded_is_read(tmp_path: Path) -> None:
    """A record comes back as it was; no file is no record."""
    path = tmp_path / "recorded.json"
    assert records.load(path) == {}

    records.save({"3.99": BEFORE}, path)
    record = records.load(path)["3.99"]

    assert record.where == "here"
    assert (record.counts[NAME].total, record.counts[NAME].parts) == (100, {"a": 90, "b": 10})


def test_recording_says_what_has_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """What is new, what differs, however little, and what is as before."""
    now = {NAME: Count(101, {"a": 91, "b": 10}), "modules imported": Count(2, {}), "forks": Count(1, {})}

    report(BEFORE.counts | {"forks": Count(1, {})}, now)

    assert capsys.readouterr().out == (
        "files opened: 100 -> 101 (+1.0 %)\n"
        "    a: 90 -> 91\n"
        "modules imported: 2, for the first time\n"
        "forks: 1, as before\n"
    )


def test_what_cannot_be_counted_is_said(
    laboratory: Laboratory, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without strace and valgrind nothing is counted, and each way says why."""
    monkeypatch.setenv("PATH", str(laboratory.folder))

    assert count(laboratory) == {}

    assert capsys.readouterr().out == (
        "not counted: start: strace is not installed\n"
        "not counted: instructions: valgrind is not installed\n"
        "not counted: allocations: valgrind is not installed\n"
    )
