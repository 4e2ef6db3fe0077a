"""The search for what can be lazy, on made-up functions of which it is known what is used and what breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from rapid_client.local._package.lazy_search import Verdict, halves, search

if TYPE_CHECKING:
    from rapid_client.local._package.lazy_search import Edge

EDGES: list[Edge] = [(f"{top}.m{number}", "x") for top in "abc" for number in range(4)]
edges = st.frozensets(st.sampled_from(EDGES))


@dataclass
class World:
    """A function: which imports an event uses, which load for another's sake, fail late, or break answers."""

    used: frozenset[Edge] = frozenset()
    idle: frozenset[Edge] = frozenset()
    failing: frozenset[Edge] = frozenset()
    breaking: frozenset[Edge] = frozenset()
    runs: int = 0

    def attempt(self, lazy: frozenset[Edge]) -> Verdict:
        """Run it with these imports lazy."""
        self.runs += 1
        broken = "an answer differs" if lazy & self.breaking else None
        left = lazy - self.used - self.idle
        failed = dict.fromkeys(left & self.failing, "ImportError") if broken is None else {}
        return Verdict(broken, set(lazy & self.used), set(lazy & self.idle), failed, set(left))


@given(used=edges, idle=edges, failing=edges, breaking=edges)
def test_all_that_can_be_lazy_is(
    used: frozenset[Edge], idle: frozenset[Edge], failing: frozenset[Edge], breaking: frozenset[Edge]
) -> None:
    """With runs enough it finds exactly what can be lazy, and says why of what could have been."""
    world = World(used, idle, failing, breaking - used)
    found = search(frozenset(EDGES), world.attempt, 1000)

    assert found.kept == frozenset(EDGES) - used - idle - failing - breaking
    assert found.refused.keys() >= breaking - used - idle - failing
    assert not found.refused.keys() & (found.kept | used)


@given(breaking=edges, most=st.integers(0, 12))
def test_what_is_undecided_stays_eager(breaking: frozenset[Edge], most: int) -> None:
    """The bound on runs holds; what is kept has been run, and has broken nothing."""
    world = World(breaking=breaking)
    found = search(frozenset(EDGES), world.attempt, most)

    assert world.runs <= most
    assert not found.kept & breaking
    assert found.kept | found.refused.keys() == frozenset(EDGES)


@given(edges.filter(lambda some: len(some) > 1))
def test_halves(some: frozenset[Edge]) -> None:
    """Both have something, none is lost, and a package is cut only if it is the only one."""
    one, other = halves(some)

    assert one
    assert other
    assert one | other == some
    assert not one & other
    tops = [{importer.partition(".")[0] for importer, _ in half} for half in (one, other)]
    assert not tops[0] & tops[1] or len(tops[0] | tops[1]) == 1
