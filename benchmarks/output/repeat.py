"""Whether two runs say the same: ratios of medians to the floors, as a machine's speed drifts."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.output.figures import describe
from benchmarks.output.report import spread
from benchmarks.output.tables import head, row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.output.figures import Figure
    from benchmarks.output.report import Result

LIMIT: Final = 0.10
PINNED_CPU_LIMIT: Final = 0.03
"""How far the ratios of two runs on an idle machine may be apart."""

FLOORS: Final = ("floor-c", "floor-python")


@dataclass(frozen=True)
class Pair:
    """A figure of one peer in two runs."""

    figure: str
    peer: str
    floor: str
    ratios: tuple[float, float]
    """Median of the peer by that of the floor, in each run."""
    spreads: tuple[float, float]
    """Half the distance between the quartiles, as a share of the median, in each run."""

    @property
    def apart(self) -> float:
        """How far the ratios are apart, as a share of the lower one."""
        low, high = sorted(self.ratios)
        return high / low - 1

    @property
    def limit(self) -> float | None:
        """How far they may be apart; None for the tails, which carry their spread instead."""
        figure = describe(self.figure)
        if figure.tail:
            return None
        return PINNED_CPU_LIMIT if figure.what == "cpu" and figure.pinned else LIMIT

    @property
    def differs(self) -> bool:
        """Whether they are further apart than they may."""
        return self.limit is not None and self.apart > self.limit


def pairs(one: Result, other: Result) -> list[Pair]:
    """Return every figure that both runs have of the same peer and of a floor to compare it with."""
    medians = one.medians(), other.medians()
    found = []
    for name in one.figures():
        for peer in one.titles:
            if peer not in medians[0][name] or peer not in medians[1].get(name, {}):
                continue
            against = _floor(describe(name), peer, medians)
            if against is None:
                continue
            reference, floor = against
            ratios = [median[name][peer] / median[reference][floor] for median in medians]
            spreads = [spread(result.values[name][peer]) for result in (one, other)]
            if min(ratios) > 0:
                found.append(Pair(name, peer, floor, (ratios[0], ratios[1]), (spreads[0], spreads[1])))
    return found


def _floor(
    figure: Figure, peer: str, medians: tuple[Mapping[str, Mapping[str, float]], ...]
) -> tuple[str, str] | None:
    """Return the figure and the floor to divide by: cold start by the Python floor, the rest by the C floor.

    What the floors do not have (functions other than the trivial one) is divided by their trivial one.
    """
    place = f"@{figure.where}" if figure.where else ""
    for name in (figure.name, figure.what + place, f"{figure.what}/16{place}"):
        for floor in reversed(FLOORS) if figure.cold else FLOORS:
            if floor != peer and all(median.get(name, {}).get(floor) for median in medians):
                return name, floor
    return None


def as_markdown(found: list[Pair]) -> str:
    """Return the table of *found*, the figures that differ first, and what that amounts to."""
    lines = head("figure, client / floor", ["first run", "second run", "apart", "limit", ""])
    for pair in sorted(found, key=lambda pair: not pair.differs):
        ratios = [
            f"{ratio:.3f} ± {100 * share:.1f} %"
            for ratio, share in zip(pair.ratios, pair.spreads, strict=True)
        ]
        limit = "-" if pair.limit is None else f"{100 * pair.limit:.0f} %"
        name = f"{describe(pair.figure).title}, {pair.peer} / {pair.floor}"
        word = "**differs**" if pair.differs else "" if pair.limit is None else "same"
        lines.append(row([name, *ratios, f"{100 * pair.apart:.1f} %", limit, word]))
    return "\n".join([*lines, "", summary(found)])


def summary(found: list[Pair]) -> str:
    """Return in one sentence how many figures differ, and how far they are apart in the middle."""
    judged = [pair for pair in found if pair.limit is not None]
    if not judged:
        return "The two runs have no figure in common that can be compared."
    middle = 100 * statistics.median(pair.apart for pair in judged)
    worst = max(judged, key=lambda pair: pair.apart)
    differing = sum(pair.differs for pair in judged)
    return (
        f"{differing} of {len(judged)} ratios differ; they are {middle:.1f} % apart in the middle, at most "
        f"{100 * worst.apart:.1f} % ({worst.figure}, {worst.peer}). p99 and p99.9 carry their spread instead."
    )
