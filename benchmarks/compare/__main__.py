"""The command: ``python -m benchmarks.compare [COMMIT]``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.compare.rounds import Order, RunFailed, run
from benchmarks.compare.trees import NoBase, checked_out
from benchmarks.compare.verdict import AGAIN, Rounds, slower

if TYPE_CHECKING:
    from types import FrameType

    from rich.progress import Progress

    from benchmarks.compare.trees import Trees

ROOT: Final = Path(__file__).parent.parent.parent
NEEDED: Final = ("pytest", "pytest_benchmark", "rich")


def main(argv: list[str] | None = None) -> int:
    """Compare; return 0, 1 if a piece became slower, 2 if there is nothing to compare."""
    options = parse(argv)
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        return fail(
            f"{' and '.join(missing)} cannot be imported: `make bench-compare` installs what it needs"
        )
    signal.signal(signal.SIGTERM, terminate)
    pin()
    try:
        with checked_out(ROOT, options.base) as trees:
            return show(trees, measure(trees, options))
    except (NoBase, RunFailed) as exc:
        return fail(str(exc))
    except KeyboardInterrupt:
        fail("interrupted; the worktree is removed")
        return 128 + signal.SIGINT


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description="Time the pieces of this tree and of an older commit.",
    )
    parser.add_argument(
        "base",
        nargs="?",
        default="",
        metavar="COMMIT",
        help="commit, tag or branch to compare with (default: the newest tag, and where there is none,"
        " the last commit in which rapid_client/ is another)",
    )
    parser.add_argument(
        "--only",
        default="",
        metavar="WORDS",
        help="only these pieces, as pytest's -k: 'decode and not orjson'",
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="processes per tree (default: 5)")
    options = parser.parse_args(argv)
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds}: at least one round is needed")
    return options


def measure(trees: Trees, options: argparse.Namespace) -> Rounds:
    """Run both trees in turn, and once more what differs."""
    from rich.console import Console
    from rich.progress import Progress

    # It never draws by itself: a drawing thread would run beside what is measured.
    with Progress(console=Console(stderr=True), auto_refresh=False, transient=True) as progress:
        rounds = interleaved(trees, Order(options.only), options.rounds, progress)
        suspects = [one.piece for one in rounds.compared() if one.suspect]
        if suspects:
            again = Order(nodes=suspects, seed=options.rounds)
            rounds.renew(interleaved(trees, again, options.rounds * AGAIN, progress))
    return rounds


def interleaved(trees: Trees, order: Order, count: int, progress: Progress) -> Rounds:
    """Run what *order* says *count* times on each tree, in an order that is turned round each time."""
    rounds = Rounds()
    task = progress.add_task("again what differs" if order.nodes else "the pieces", total=2 * count)
    for number in range(count):
        turn = Order(order.keyword, order.nodes, order.seed + number + 1)
        for is_base in (True, False) if number % 2 == 0 else (False, True):
            rounds.add(run(trees.base if is_base else trees.now, trees.room, turn), is_base=is_base)
            progress.advance(task)
            progress.refresh()
    return rounds


def show(trees: Trees, rounds: Rounds) -> int:
    """Print what came of it; return the exit code."""
    from rich.console import Console

    from benchmarks.compare.table import last_word, one_sided, table

    pieces = rounds.compared()
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"base: {trees.title}\n now: {ROOT} as it is\n")
    console.print(table(pieces))
    console.print()
    for line in one_sided(rounds):
        console.print(line)
    if not pieces:
        return fail("the two trees have no piece in common")
    console.print(last_word(pieces))
    return 1 if slower(pieces) else 0


def pin() -> None:
    """Stay on one core, with all that is started from here, where the system lets a process choose."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def terminate(number: int, frame: FrameType | None) -> None:
    """End as by an exception, so that what was made is removed."""
    del frame
    raise SystemExit(128 + number)


def fail(message: str) -> int:
    """Say in one line what is wrong; return the exit code for that."""
    print(f"benchmarks.compare: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
