"""Whether two runs say the same: each client's figure against how all of them have changed."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.output.figures import describe
from benchmarks.output.report import spread
from benchmarks.output.tables import head, row

if TYPE_CHECKING:
    from benchmarks.output.report import Result

LIMIT: Final = 0.10
HEADLINE_LIMIT: Final = 0.03
"""How far two runs on an idle machine may be apart; the headline is the CPU of 16 bytes, on one core."""

HEADLINE: Final = "cpu/16"
UNSTEADY: Final = 0.25
"""A median whose rounds spread by more has two values to choose from: a client that needs about as much CPU
as 128 MB get in one period is finished within it, or waits for the next."""


@dataclass(frozen=True)
class Pair:
    """A figure of one peer in two runs."""

    figure: str
    peer: str
    medians: tuple[float, float]
    """In each run."""
    spreads: tuple[float, float]
    """Half the distance between the quartiles, as a share of the median, in each run."""
    drift: float
    """How many times the figure of the first run the peers have in the second, in the middle: the speed of a
    machine changes for all of them, and their ratios do not."""

    @property
    def apart(self) -> float:
        """How far the peer's ratio to the others has changed, as a share of the lower one."""
        low, high = sorted((self.medians[0] * self.drift, self.medians[1]))
        return high / low - 1

    @property
    def limit(self) -> float | None:
        """How far it may change; None for tails and unsteady figures, which carry their spread instead."""
        if describe(self.figure).tail or max(self.spreads) > UNSTEADY:
            return None
        return HEADLINE_LIMIT if self.figure == HEADLINE else LIMIT

    @property
    def differs(self) -> bool:
        """Whether it has changed by more than it may."""
        return self.limit is not None and self.apart > self.limit


def pairs(one: Result, other: Result) -> list[Pair]:
    """Return every figure that both runs have of the same peer, and of another one to compare it with."""
    first, second = one.medians(), other.medians()
    found = []
    for name in one.figures():
        here, there = first[name], second.get(name, {})
        both = {peer: (here[peer], there[peer]) for peer in one.titles if here.get(peer) and there.get(peer)}
        if len(both) < 2:
            continue
        drift = math.exp(statistics.median(math.log(later / earlier) for earlier, later in both.values()))
        for peer, medians in both.items():
            spreads = spread(one.values[name][peer]), spread(other.values[name][peer])
            found.append(Pair(name, peer, medians, spreads, drift))
    return found


def as_markdown(found: list[Pair]) -> str:
    """Return the table of *found*, the figures that differ first, and what that amounts to."""
    lines = head("figure, client", ["first run", "second run", "all clients", "apart", "limit", ""])
    for pair in sorted(found, key=lambda pair: not pair.differs):
        figure = describe(pair.figure)
        values = [
            f"{figure.write(median)} ± {100 * share:.1f} %"
            for median, share in zip(pair.medians, pair.spreads, strict=True)
        ]
        limit = "-" if pair.limit is None else f"{100 * pair.limit:.0f} %"
        word = "**differs**" if pair.differs else "" if pair.limit is None else "same"
        apart = f"{100 * pair.apart:.1f} %"
        lines.append(
            row([f"{figure.title}, {pair.peer}", *values, f"x {pair.drift:.3f}", apart, limit, word])
        )
    return "\n".join([*lines, "", summary(found)])


def summary(found: list[Pair]) -> str:
    """Return in a few words how many figures differ, and how far they are apart in the middle."""
    judged = [pair for pair in found if pair.limit is not None]
    if not judged:
        return "The two runs have no figure in common that can be compared."
    middle = 100 * statistics.median(pair.apart for pair in judged)
    worst = max(judged, key=lambda pair: pair.apart)
    differing = sum(pair.differs for pair in judged)
    unsteady = sum(pair.limit is None and not describe(pair.figure).tail for pair in found)
    return (
        f"{differing} of {len(judged)} ratios differ; they are {middle:.1f} % apart in the middle, at most "
        f"{100 * worst.apart:.1f} % ({worst.figure}, {worst.peer}). p99, p99.9 and {unsteady} figures whose "
        f"rounds spread by more than {100 * UNSTEADY:.0f} % carry their spread instead."
    )
