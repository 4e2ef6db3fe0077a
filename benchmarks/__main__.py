"""The command: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final, NoReturn

from benchmarks import session
from benchmarks.measures import MEASURES
from benchmarks.output import publish, repeat, report
from benchmarks.peers import PEERS

QUICK_PEERS: Final = ("bootstrap", "awslambdaric", "awslambdaric-threads", "floor-python", "floor-c")
QUICK_MEASURES: Final = ("start", "16", "apigw")
QUICK_ROUNDS: Final = 5


def main(argv: list[str] | None = None) -> int:
    """Do what *argv* asks for.

    Returns:
        0; 1 if two runs differ that should not; 2 if *argv* asks for what is not there; 130 after Ctrl-C.
    """
    given = sys.argv[1:] if argv is None else argv
    command = COMMANDS.get(given[0]) if given else None
    try:
        code = command(given[1:]) if command else session.run(parse(given))
        sys.stdout.flush()
        return code
    except (session.Unusable, report.NoResult, publish.NotPublished) as exc:
        session.say(str(exc))
        return 2
    except KeyboardInterrupt:
        session.say("interrupted")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python fails once more at exit
        return 1


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line of a run; what is wrong with it ends the program with one line and exit 2."""
    names = [measure.name for measure in MEASURES]
    peers = [peer.name for peer in PEERS]
    parser = OneLine(
        prog="python -m benchmarks",
        description="Every client of the Lambda Runtime API, whole, in one run.",
        epilog="`python -m benchmarks repeat A.json B.json` says whether two runs agree; "
        "`python -m benchmarks publish RESULT.json` puts plots and tables into the README and the docs.",
    )
    add = parser.add_argument
    add("--only", metavar="NAMES", help=f"measure only these, comma-separated: {', '.join(names)}")
    add("--peers", metavar="NAMES", help=f"run only these, comma-separated: {', '.join(peers)}")
    add("--rounds", metavar="N", help="processes per peer and measure; without it, ten minutes at most")
    add("--quick", action="store_true", help="start-up and CPU against awslambdaric, in half a minute")
    add(
        "--python",
        default=os.environ.get("RAPID_PYTHON") or sys.executable,
        metavar="PATH",
        help="interpreter of the Python peers, with its packages (default: RAPID_PYTHON, else this one)",
    )
    add(
        "--output",
        type=Path,
        default=report.LATEST,
        metavar="FILE",
        help="where the JSON goes; the plots go to the folder FILE without its suffix (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    try:
        options.partial = (options.only, options.peers, options.rounds) != (None, None, None)
        options.only = choose("--only", options.only, names, QUICK_MEASURES if options.quick else names)
        options.peers = choose("--peers", options.peers, peers, QUICK_PEERS if options.quick else peers)
        options.rounds = rounds(options.rounds, QUICK_ROUNDS if options.quick else None)
    except ValueError as exc:
        parser.error(str(exc))
    return options


class OneLine(argparse.ArgumentParser):
    """A parser whose errors are one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with 2."""
        self.exit(2, f"benchmarks: {message}\n")


def choose(
    option: str, given: str | None, known: list[str], default: tuple[str, ...] | list[str]
) -> list[str]:
    """Return the names that *given*, the comma-separated value of *option*, holds.

    Raises:
        ValueError: If a name is unknown, or there is none.
    """
    if given is None:
        return list(default)
    names = [name.strip() for name in given.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise ValueError(f"{option}: {name!r} is none of {', '.join(known)}")
    if not names:
        raise ValueError(f"{option}: {given!r} names none of {', '.join(known)}")
    return names


def rounds(given: str | None, default: int | None) -> int | None:
    """Return the number of rounds that *given* says; raises ValueError if it is no number from 1 on."""
    if given is None:
        return default
    if not given.isdecimal() or int(given) < 1:
        raise ValueError(f"--rounds must be a number from 1 on, not {given!r}")
    return int(given)


def publish_run(argv: list[str]) -> int:
    """Publish a run; see `publish.publish`."""
    parser = OneLine(
        prog="python -m benchmarks publish",
        description="Keep a run's JSON and plots beside the code; write its tables into README and docs.",
    )
    parser.add_argument("result", type=Path, metavar="RESULT.json")
    for file in publish.publish(report.load(parser.parse_args(argv).result)):
        print(os.path.relpath(file))
    return 0


def compare_runs(argv: list[str]) -> int:
    """Compare two runs; see `repeat.pairs`. Return 1 if they differ, or have nothing in common."""
    parser = OneLine(
        prog="python -m benchmarks repeat",
        description="Say whether the clients' medians have the same ratios in two runs: within 10 %%, and "
        "within 3 %% for the CPU of 16 bytes on one core.",
    )
    parser.add_argument("one", type=Path, metavar="A.json")
    parser.add_argument("other", type=Path, metavar="B.json")
    options = parser.parse_args(argv)
    pairs = repeat.pairs(report.load(options.one), report.load(options.other))
    print(repeat.as_markdown(pairs))
    return 1 if not pairs or any(pair.differs for pair in pairs) else 0


COMMANDS: Final = {"publish": publish_run, "repeat": compare_runs}

if __name__ == "__main__":
    sys.exit(main())
