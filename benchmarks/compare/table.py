"""What the command prints: a table, what only one tree has, and the last word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table

from benchmarks.compare.verdict import LIMIT, short, slower

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.compare.verdict import Compared, Rounds

STYLES: Final = {"slower": "bold red", "faster": "green", "same": ""}


def table(pieces: list[Compared]) -> Table:
    """Return the table of *pieces*."""
    made = Table(box=None, pad_edge=False)
    made.add_column("piece")
    for column in ("base", "now", "ratio"):
        made.add_column(column, justify="right", no_wrap=True)
    made.add_column("verdict")
    for one in pieces:
        times = duration(one.base), duration(one.now), f"{one.ratio:.2f}"
        made.add_row(short(one.piece), *times, one.verdict, style=STYLES[one.verdict])
    return made


def duration(seconds: float) -> str:
    """Return *seconds* with three digits and a unit."""
    for factor, unit in (1e9, "ns"), (1e6, "us"), (1e3, "ms"):
        if seconds * factor < 999.5:
            return f"{seconds * factor:#.3g}".rstrip(".") + f" {unit}"
    return f"{seconds:#.3g} s"


def one_sided(rounds: Rounds) -> Iterator[str]:
    """Say in one line per reason which pieces could not be timed in the base, now, or in either."""
    base, now = rounds.not_in_base, rounds.not_now
    yield from grouped("not in the base", {piece: why for piece, why in base.items() if piece not in now})
    yield from grouped("not there now", {piece: why for piece, why in now.items() if piece not in base})
    yield from grouped("in neither", {piece: why for piece, why in now.items() if piece in base})


def grouped(what: str, absent: dict[str, str]) -> Iterator[str]:
    """Yield a line for each reason in *absent*."""
    by_reason: dict[str, list[str]] = {}
    for piece, why in absent.items():
        by_reason.setdefault(why, []).append(short(piece))
    for why, pieces in by_reason.items():
        yield f"{what}: {', '.join(pieces)} ({why})"


def last_word(pieces: list[Compared]) -> str:
    """Name what became slower, or say that nothing did."""
    worse = slower(pieces)
    if not worse:
        return f"nothing is slower by more than {LIMIT:.0%}"
    names = ", ".join(f"{short(one.piece)} ({one.ratio:.2f} x)" for one in worse)
    return f"slower by more than {LIMIT:.0%}: {names}"
