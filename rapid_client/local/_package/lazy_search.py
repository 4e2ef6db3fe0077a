"""The search for the largest set of imports that can be lazy: halves, where the whole does not do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    #: The importer's name and the target's.
    Edge = tuple[str, str]


@dataclass(slots=True)
class Verdict:
    """What came of running all events with some edges lazy.

    Attributes:
        broken: How an event was answered otherwise; None if none was.
        used: Edges that an event uses.
        idle: Edges whose target is loaded for another's sake: to have them lazy saves nothing.
        failed: Edges that do not load afterwards, with the error.
        left: Edges that no event uses, and that save something.
    """

    broken: str | None = None
    used: set[Edge] = field(default_factory=set)
    idle: set[Edge] = field(default_factory=set)
    failed: dict[Edge, str] = field(default_factory=dict)
    left: set[Edge] = field(default_factory=set)

    def add(self, recording: dict[str, Any]) -> None:
        """Add what one event has shown. An edge that is idle for one event may be left by another."""
        self.used |= {(importer, target) for importer, target in recording.get("used", ())}
        self.idle |= {(importer, target) for importer, target in recording.get("idle", ())}
        self.left |= {(importer, target) for importer, target in recording.get("left", ())}
        for importer, target, error in recording.get("failed", ()):
            self.failed[importer, target] = error


@dataclass(slots=True)
class Found:
    """What the search has found.

    Attributes:
        kept: The edges that are lazy: run with all events, exactly this set.
        refused: Edges that stay eager though no event uses them, with the reason.
    """

    kept: frozenset[Edge] = frozenset()
    refused: dict[Edge, str] = field(default_factory=dict)


def by_importer(edges: Iterable[Edge]) -> dict[str, list[str]]:
    """Return the targets of edges, in their order, by the importers' names."""
    found: dict[str, list[str]] = {}
    for importer, target in edges:
        found.setdefault(importer, []).append(target)
    return found


def search(edges: frozenset[Edge], attempt: Callable[[frozenset[Edge]], Verdict], most: int) -> Found:
    """Return what can be lazy.

    Args:
        edges: The candidates.
        attempt: Runs all events with a set of edges lazy.
        most: How often it is called at most.
    """
    work = _Search(attempt, most)
    work.grow(edges)
    return work.found


class _Search:
    """A set that grows as long as nothing breaks."""

    def __init__(self, attempt: Callable[[frozenset[Edge]], Verdict], most: int) -> None:
        self._attempt, self._left = attempt, most
        self._used: set[Edge] = set()
        self.found = Found()

    def grow(self, chunk: frozenset[Edge]) -> None:
        """Add as much of *chunk* as can be: all of it, else one half after the other."""
        chunk -= self._used
        if not chunk - self.found.kept:
            return
        reason = self._settle(chunk)
        if reason is None:
            return
        if self._left <= 0:
            self._refuse(chunk, f"undecided when the bound on runs was reached; the last: {reason}")
        elif len(chunk) == 1:
            self._refuse(chunk, reason)
        else:
            for half in halves(chunk):
                self.grow(half)

    def _settle(self, chunk: frozenset[Edge]) -> str | None:
        """Try *chunk* with what is kept, without what turns out to be used, until nothing more does.

        Returns:
            Why it cannot be; None where it was added.
        """
        edges = self.found.kept | chunk
        reason = "it was not tried"
        while edges and self._left > 0:
            self._left -= 1
            verdict = self._attempt(edges)
            self._used |= verdict.used
            self.found.refused |= verdict.failed
            gone = verdict.used | verdict.failed.keys()
            if verdict.broken is None and edges.isdisjoint(gone):
                # Idle, or in a module that no event imports any more. Not before nothing else changes: once
                # what is used is eager, modules come back whose imports were not asked for.
                gone = set(edges - verdict.left)
            if edges.isdisjoint(gone):
                if verdict.broken is None:
                    self.found.kept = edges
                return verdict.broken
            reason = verdict.broken or "it was not tried to the end"
            edges -= gone
        return reason if edges else None

    def _refuse(self, edges: Iterable[Edge], reason: str) -> None:
        self.found.refused |= dict.fromkeys(edges, reason)


def halves(edges: frozenset[Edge]) -> tuple[frozenset[Edge], frozenset[Edge]]:
    """Return two parts, cut between two importing packages if there is more than one; else in the middle."""
    order = sorted(edges)
    middle = len(order) // 2
    cuts = [at for at in range(1, len(order)) if _top(order[at]) != _top(order[at - 1])]
    at = min(cuts, key=lambda cut: abs(cut - middle), default=middle)
    return frozenset(order[:at]), frozenset(order[at:])


def _top(edge: Edge) -> str:
    return edge[0].partition(".")[0]
