"""One round: the pieces in one process on one tree, timed by pytest-benchmark."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

from benchmarks.compare.trees import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

#: A timed call is repeated until it takes so many seconds: a clock read (0.6 us) does not show then.
#: The clock is the thread's own. By the one on the wall, a piece of 5 ms differed from itself by 22 % on a
#: core that had other work, since it was never left alone for so long; by this one nothing does by over 4 %.
CALL: Final = "0.0001"
#: Seconds for which a piece is timed; its fastest call counts.
PIECE: Final = "0.05"
#: Seconds for one process, fifty times what it takes.
PATIENCE: Final = 300


class RunFailed(Exception):
    """The pieces could not be run; the message says why in one line."""


@dataclass(frozen=True)
class Timed:
    """What one process has found."""

    seconds: dict[str, float]
    """Piece -> the fastest call, in seconds."""
    absent: dict[str, str]
    """Piece -> why it is not there."""


@dataclass(frozen=True)
class Order:
    """What to run.

    Attributes:
        keyword: An expression as pytest's -k takes it; empty for all pieces.
        nodes: The ids of the only tests to be run; empty for all.
        seed: Of the hash of strings: the same for both trees, another one each round.
    """

    keyword: str = ""
    nodes: Collection[str] = ()
    seed: int = 0


def run(tree: Path, room: Path, order: Order) -> Timed:
    """Time the pieces in *room* on the package in *tree*, in a process of their own.

    Raises:
        RunFailed: If there is no result.
    """
    times, report = room / "times.json", room / "report.xml"
    for file in times, report:
        file.unlink(missing_ok=True)
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        "pytest.ini",
        "--rootdir=.",
        "-p",
        "pytest_benchmark.plugin",
    ]
    argv += ["-p", "no:cacheprovider", "--assert=plain", f"--junitxml={report}", f"--benchmark-json={times}"]
    argv += ["--benchmark-timer=time.thread_time", "--benchmark-disable-gc"]
    argv += [f"--benchmark-min-time={CALL}", f"--benchmark-max-time={PIECE}"]
    argv += ["-k", order.keyword, *(order.nodes or ["benchmarks/pieces"])]
    try:
        done = subprocess.run(
            argv,
            cwd=room,
            env=environ_for(tree, order.seed),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise RunFailed(f"the pieces took more than {PATIENCE} s: one of them hangs on this tree") from None
    if done.returncode == 5:
        raise RunFailed(
            f"no piece matches {order.keyword!r}: `pytest benchmarks/pieces --collect-only` lists them"
        )
    if done.returncode not in {0, 1} or not report.exists():
        words = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no output"]
        raise RunFailed(f"pytest ended with {done.returncode}: {words[-1]}")
    return Timed(read_times(times, tree), read_absent(report))


def environ_for(tree: Path, seed: int) -> dict[str, str]:
    """Return the environment of a process that imports the package from *tree*, and may keep its bytecode."""
    ours = ("PYTEST_", "RAPID_", "AWS_", "COVERAGE_", "COV_CORE_", "PYTHON")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **environ,
        "PYTHONPATH": str(tree),
        "PYTHONHASHSEED": str(seed),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }


def read_times(path: Path, tree: Path) -> dict[str, float]:
    """Return each piece's fastest call from pytest-benchmark's file; empty if no piece is there.

    Raises:
        RunFailed: If it is about another tree.
    """
    if not path.exists():
        return {}
    content = json.loads(path.read_bytes())
    found = content["machine_info"][PACKAGE]
    if not found.startswith(f"{tree}{os.sep}"):
        raise RunFailed(f"the pieces imported {found} instead of what is in {tree}")
    return {entry["fullname"]: fastest(entry) for entry in content["benchmarks"]}


def fastest(entry: dict[str, Any]) -> float:
    """Return the seconds that a single piece of work took at best."""
    best, calls = entry["stats"]["min"], entry["extra_info"].get("calls", 1)
    return float(best / calls)


def read_absent(path: Path) -> dict[str, str]:
    """Return the pieces that were skipped or failed, with the reason, from pytest's JUnit file."""
    absent = {}
    for case in ET.parse(path).iter("testcase"):
        for what in ("skipped", "failure", "error"):
            found = case.find(what)
            if found is not None:
                name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
                absent[name] = (found.get("message") or what).removeprefix("not there: ").splitlines()[0]
    return absent
