"""What a benchmark of two sides must reach: a figure, a limit, and whether it is within."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from benchmarks.output.tables import head, row

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Ratio:
    """A figure of ours, mostly as a share of the other side's, and how much it may be."""

    figure: str
    value: float
    limit: float

    @property
    def met(self) -> bool:
        """Whether it is within its limit."""
        return self.value <= self.limit


def as_table(ratios: Iterable[Ratio]) -> list[str]:
    """Return *ratios* as a table in Markdown."""
    rows = (
        row([one.figure, f"{one.value:.3f}", f"{one.limit:g}", "" if one.met else "missed"]) for one in ratios
    )
    return [*head("target", ["reached", "at most", ""]), *rows]


def as_json(ratios: Iterable[Ratio]) -> list[dict[str, object]]:
    """Return *ratios* for a JSON file."""
    return [{**asdict(one), "met": one.met} for one in ratios]
