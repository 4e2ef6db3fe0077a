"""``python -m tests.counts.record``: count anew, on this interpreter, and say what has changed.

Run it on an idle machine or a busy one: counts do not depend on it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.counts import counting, records
from tests.counts.laboratory import Laboratory

if TYPE_CHECKING:
    from tests.counts.counting import Count

WAYS: Final = (counting.start, counting.instructions, counting.allocations)


def count(laboratory: Laboratory) -> dict[str, Count]:
    """Count all that can be counted here; say what cannot, and why."""
    counts: dict[str, Count] = {}
    for way in WAYS:
        try:
            counts |= way(laboratory)
        except pytest.skip.Exception as exc:
            print(f"not counted: {way.__name__}: {exc}")
    return counts


def report(before: dict[str, Count], now: dict[str, Count]) -> None:
    """Say what differs."""
    for name, value in now.items():
        if name not in before:
            print(f"{name}: {value.total}, for the first time")
        else:
            print(records.difference(name, before[name], value) or f"{name}: {value.total}, as before")


def main() -> None:
    """Count, report and record."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv, inside = folder / "venv", folder / "laboratory"
        inside.mkdir()
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
        counts = count(Laboratory(inside, venv / "bin" / "python"))
    known = records.load()
    before = known.get(records.VERSION)
    # What cannot be counted here stays as it was, if it was counted on an interpreter like this one.
    kept = before.counts if before and before.where == records.here() else {}
    known[records.VERSION] = records.Record(records.here(), kept | counts)
    records.save(known)
    report(before.counts if before else {}, counts)
    print(f"recorded for Python {records.VERSION} in {records.FILE}")


if __name__ == "__main__":
    main()
