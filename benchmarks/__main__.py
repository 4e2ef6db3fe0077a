"""The command: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import report
from benchmarks.bytecode import NoBytecode, compile_all
from benchmarks.clean_room import NoInterpreter, prepare
from benchmarks.measures import MEASURES
from benchmarks.peers import PEERS
from benchmarks.runner import Run
from benchmarks.server import Server

QUICK_PEERS = ("bootstrap", "awslambdaric", "awslambdaric-threads", "floor-python", "floor-c")
QUICK_MEASURES = ("start", "16", "apigw")


def main(argv: list[str] | None = None) -> int:
    """Run the benchmarks that *argv* asks for; return 0, or 2 if it asks for what is not there."""
    options = parse(argv)
    if not sys.platform.startswith("linux"):
        return fail("the benchmarks read Linux's /proc and CPU clocks: run them on Linux")
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        return fail("rich is not installed: install the project with its extra `local`, or rich alone")
    with tempfile.TemporaryDirectory(prefix="rapid-bench-") as room:
        try:
            machine = prepare(options.python, Path(room))
            peers = [peer for peer in PEERS if peer.name in options.peers]
            compile_all(machine.python, [package for peer in peers for package in peer.packages])
        except (NoInterpreter, NoBytecode) as exc:
            return fail(str(exc))
        date = dt.datetime.now().astimezone().isoformat(timespec="seconds")
        result = report.Result(peers, machine, date, quick=options.quick)
        begun = time.monotonic()
        # It never draws by itself: a drawing thread would run beside what is measured.
        with (
            Progress(console=Console(stderr=True), auto_refresh=False, transient=True) as progress,
            Server() as server,
        ):
            run = Run(server, result, progress)
            run.trials()
            run.counts(options.only)
            run.measures([measure for measure in MEASURES if measure.name in options.only], options.rounds)
    result.seconds = time.monotonic() - begun
    report.save(result, options.output)
    print(report.as_markdown(result))
    return 0


def fail(message: str) -> int:
    """Say in one line what is wrong; return the exit code for that."""
    print(f"benchmarks: {message}", file=sys.stderr)
    return 2


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    names = [measure.name for measure in MEASURES] + ["modules", "size"]
    peers = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Every client, whole, in one run."
    )
    parser.add_argument(
        "--only", metavar="NAMES", help=f"measure only these, comma-separated: {', '.join(names)}"
    )
    parser.add_argument(
        "--peers", metavar="NAMES", help=f"run only these, comma-separated: {', '.join(peers)}"
    )
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="processes per peer and measure (default: 3 to 25)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="start-up and CPU against awslambdaric, in half a minute"
    )
    parser.add_argument(
        "--python",
        default=os.environ.get("RAPID_PYTHON") or sys.executable,
        metavar="PATH",
        help="interpreter of the Python peers, with its packages (default: RAPID_PYTHON, else this one)",
    )
    parser.add_argument(
        "--output", type=Path, default=report.LATEST, metavar="FILE", help="where the JSON goes"
    )
    options = parser.parse_args(argv)
    options.only = choose(parser, "--only", options.only, names, QUICK_MEASURES if options.quick else names)
    options.peers = choose(parser, "--peers", options.peers, peers, QUICK_PEERS if options.quick else peers)
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds must be at least 1, not {options.rounds}")
    if options.quick and options.rounds is None:
        options.rounds = 5
    return options


def choose(
    parser: argparse.ArgumentParser,
    option: str,
    given: str | None,
    known: list[str],
    default: tuple[str, ...] | list[str],
) -> list[str]:
    """Split the comma-separated value of *option*; an unknown name ends the program with one line."""
    if given is None:
        return list(default)
    names = [name.strip() for name in given.split(",") if name.strip()]
    for name in names:
        if name not in known:
            parser.error(f"{option}: {name!r} is none of {', '.join(known)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
