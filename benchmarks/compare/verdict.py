"""From rounds to verdicts. No I/O.

A piece stands for itself by the median over its processes of its fastest call in each: that of the same tree
twice differs by 4 % at most with 5 rounds, whatever the fastest or the mean of all of them do (8 %).
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.compare.rounds import Timed

    Word: TypeAlias = Literal["slower", "faster", "same"]

#: What is slower by more than this is named, and fails the run.
LIMIT: Final = 0.10
#: What differs by more than this is measured again, and judged by the second measurement alone: of fifty
#: pieces the worst would otherwise be chosen for its bad luck.
SUSPECT: Final = 0.05
#: Rounds of the second measurement, for one of the first.
AGAIN: Final = 2


@dataclass
class Rounds:
    """What the processes of both trees have found so far; a piece's key is its test's id."""

    base: dict[str, list[float]] = field(default_factory=dict)
    """Seconds, one number per process."""
    now: dict[str, list[float]] = field(default_factory=dict)
    not_in_base: dict[str, str] = field(default_factory=dict)
    """Why a piece could not be timed."""
    not_now: dict[str, str] = field(default_factory=dict)

    def add(self, timed: Timed, *, is_base: bool) -> None:
        """Add what one process has found."""
        seconds, absent = (self.base, self.not_in_base) if is_base else (self.now, self.not_now)
        for piece, best in timed.seconds.items():
            seconds.setdefault(piece, []).append(best)
        absent.update(timed.absent)

    def renew(self, other: Rounds) -> None:
        """Let what *other* has found of a piece take the place of what was known of it."""
        self.base.update(other.base)
        self.now.update(other.now)
        self.not_in_base.update(other.not_in_base)
        self.not_now.update(other.not_now)

    def compared(self) -> list[Compared]:
        """Return the pieces that both trees have, in the order of the tests."""
        return [
            Compared(piece, statistics.median(self.base[piece]), statistics.median(seconds))
            for piece, seconds in self.now.items()
            if piece in self.base and piece not in self.not_in_base and piece not in self.not_now
        ]


@dataclass(frozen=True)
class Compared:
    """A piece in both trees: seconds there and here."""

    piece: str
    base: float
    now: float

    @property
    def ratio(self) -> float:
        """How long it takes now, as a multiple of what it took."""
        return self.now / self.base

    @property
    def verdict(self) -> Word:
        """Say what became of it; a ratio of exactly the limit is within it."""
        if self.now > self.base * (1 + LIMIT):
            return "slower"
        return "faster" if self.base > self.now * (1 + LIMIT) else "same"

    @property
    def suspect(self) -> bool:
        """Whether it has to be measured again."""
        return max(self.now, self.base) > min(self.now, self.base) * (1 + SUSPECT)


def slower(pieces: Iterable[Compared]) -> list[Compared]:
    """Return those that became slower, the worst first."""
    return sorted((one for one in pieces if one.verdict == "slower"), key=lambda one: -one.ratio)


def short(piece: str) -> str:
    """Return a piece's name without its file: ``decode[stdlib-16]``."""
    return piece.rpartition("::")[2].removeprefix("test_")
