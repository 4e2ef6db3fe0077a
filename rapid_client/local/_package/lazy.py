"""Profile-guided laziness: which imports a function's events never use, and which of them can wait.

An edge is an import: the importer's name, and the target's as the import system resolves it. An edge is kept
lazy if no event uses it, if every event's answer, error and log stay as they are, and if it loads when it is
asked for afterwards.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rapid_client.local._package.compare import everything, place, reshaped, unexplained, varying
from rapid_client.local._package.lazy_search import Verdict, by_importer, search
from rapid_client.local._share import in_call
from rapid_client.local._target.errors import BuildError
from rapid_client.local._verdict import failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from rapid_client.local._package.lazy_search import Edge
    from rapid_client.local.function import InvokeResult

    #: Starts the function with an event and with these edges lazy, or noting all imports; loads each that
    #: is left without the others, too, if the last is true: what came of it, and the recording.
    Start = Callable[[bytes, Iterable[Edge] | None, bool], tuple[InvokeResult, dict[str, Any]]]

#: The file in the function's root that tells the runtime.
FILE: Final = "rapid-lazy.json"
SCHEMA: Final = 1
#: Runs of the eager function for each event: what varies in three is masked.
EAGER: Final = 3
#: Sets of edges that are tried at most; what is undecided by then stays eager.
MOST_SETS: Final = 40
#: Further sets of which each edge is loaded without the others, too.
MOST_PROOFS: Final = 10
#: The memory size, in MB, that a missed route's price is said for.
SMALLEST: Final = 128


@dataclass(frozen=True, slots=True)
class Saving:
    """An edge that is lazy.

    Attributes:
        importer: The module with the import statement.
        target: What it imports.
        ms: Milliseconds that loading it took after the events, the median; what an edge before it has loaded
            is not counted again.
    """

    importer: str
    target: str
    ms: float

    @property
    def missed_ms(self) -> float:
        """What a route that needs it pays in the call, at 128 MB."""
        return in_call(self.ms, SMALLEST)


@dataclass(slots=True)
class Laziness:
    """What the search has found.

    Attributes:
        edges: What is lazy.
        varies: What varies from run to run of the eager function, by the event's name, and was not compared.
        eager: Edges that no event uses and that stay eager all the same, with the reason.
        failing: Events that fail when all is eager: the imports that they would have used are not known.
        problem: Why nothing is lazy; None if there was no such reason.
        starts: How often the function was started.
    """

    edges: list[Saving] = field(default_factory=list)
    varies: dict[str, list[str]] = field(default_factory=dict)
    eager: dict[Edge, str] = field(default_factory=dict)
    failing: list[str] = field(default_factory=list)
    problem: str | None = None
    starts: int = 0

    def lines(self) -> Iterator[str]:
        """Yield what there is to say to people."""
        for event, places in self.varies.items():
            yield f"  {event}: varies when all is eager, and was not compared: {', '.join(places)}"
        for event in self.failing:
            yield f"  {event}: fails when all is eager, and does not show which imports it would have used"
        if self.problem is not None:
            yield f"nothing is lazy: {self.problem}"
            return
        total = sum(edge.ms for edge in self.edges)
        yield (
            f"lazy: {len(self.edges)} imports that no event uses, {total:.1f} ms of init;"
            f" {self.starts} starts to find them"
        )
        for edge in self.edges:
            yield (
                f"  {edge.importer} imports {edge.target}: saves {edge.ms:.1f} ms of init, and a route that"
                f" needs it pays {edge.missed_ms:.0f} ms in the call at {SMALLEST} MB"
            )
        for (importer, target), reason in sorted(self.eager.items()):
            yield f"  {importer} imports {target}: not used, and not lazy: {reason}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "edges": [
                {
                    "importer": edge.importer,
                    "target": edge.target,
                    "ms": round(edge.ms, 2),
                    "missed_ms_at_128_mb": round(edge.missed_ms, 1),
                }
                for edge in self.edges
            ],
            "eager": [
                {"importer": importer, "target": target, "reason": reason}
                for (importer, target), reason in sorted(self.eager.items())
            ],
            "varies": self.varies,
            "failing": self.failing,
            "problem": self.problem,
            "starts": self.starts,
        }


def count_lazy(events: int) -> tuple[int, int]:
    """Return how often the function is started at least and at most.

    An answer that differs is looked at twice.
    """
    return events * (EAGER + 1), events * (EAGER + 1 + 2 * (MOST_SETS + MOST_PROOFS))


class Finder:
    """Finds what can be lazy.

    Args:
        start: Starts the function once.
        events: The events by their names, at least one.
    """

    def __init__(self, start: Start, events: Mapping[str, bytes]) -> None:
        self._start, self._events = start, dict(events)
        self._eager: dict[str, list[dict[str, Any]]] = {}
        self._found = Laziness()
        self._ms: dict[Edge, list[float]] = {}

    def find(self) -> Laziness:
        """Run the eager function, then sets of edges, until what is left is proven.

        Raises:
            BuildError: If the function cannot be recorded.
        """
        candidates = self._run_eager()
        found = self._found
        for name, answers in self._eager.items():
            places = [place(each) for each in varying(answers)]
            if places:
                found.varies[name] = places
            self._check_shape(name)
        if found.problem is None and len(found.failing) == len(self._events):
            found.problem = "no event succeeds, and what fails does not show which imports it would have used"
        if found.problem is None:
            self._search(candidates)
        return found

    def _search(self, candidates: frozenset[Edge]) -> None:
        """Note which of the candidates can be lazy, and why others cannot."""
        done = search(candidates, self._try, MOST_SETS)
        proven = search(done.kept, self._try_alone, MOST_PROOFS)
        found = self._found
        if found.problem is not None:
            return
        refused = found.eager | done.refused | proven.refused
        # What fails beside one set may load beside another.
        found.eager = {edge: reason for edge, reason in refused.items() if edge not in proven.kept}
        found.edges = [
            Saving(importer, target, statistics.median(self._ms[importer, target]))
            for importer, target in sorted(proven.kept)
        ]
        found.edges.sort(key=lambda edge: -edge.ms)

    def _run_eager(self) -> frozenset[Edge]:
        """Run each event without laziness; return the imports that may be lazy."""
        asked: set[Edge] = set()
        unfit: dict[Edge, str] = {}
        for name, event in self._events.items():
            results = [self._run(event, ())[0] for _ in range(EAGER)]
            self._eager[name] = [everything(result) for result in results]
            if any(map(failure, results)):
                self._found.failing.append(name)
            # One more: what notes all imports puts a name into each module, which some would show.
            _, recording = self._run(event, None)
            asked |= {(importer, target) for importer, target in recording.get("asked", ())}
            unfit |= {(importer, target): reason for importer, target, reason in recording.get("unfit", ())}
        if not asked and self._found.problem is None:
            self._found.problem = "no import was seen: the function's modules are not loaded as files are"
        self._found.eager = {edge: reason for edge, reason in unfit.items() if reason}
        return frozenset(asked - unfit.keys())

    def _check_shape(self, name: str) -> None:
        """Note it as the problem if the eager answers to an event vary beyond values."""
        shaped = reshaped(self._eager[name])
        if shaped and self._found.problem is None:
            self._found.problem = f"{name}: the eager function's answers vary beyond values: {shaped[0]}"

    def _try_alone(self, edges: frozenset[Edge]) -> Verdict:
        """Do as `_try`, and load each edge that is left without the others besides, as a route may."""
        return self._try(edges, alone=True)

    def _try(self, edges: frozenset[Edge], *, alone: bool = False) -> Verdict:
        """Run all events with these edges lazy, the one that failed last first; stop where one differs."""
        verdict = Verdict(self._found.problem)
        if verdict.broken is not None:
            return verdict
        times: dict[Edge, list[float]] = {}
        for name, event in list(self._events.items()):
            result, recording = self._run(event, edges, alone=alone)
            verdict.add(recording)
            reason = self._compare(name, event, result)
            if reason is None and not recording.get("complete"):
                reason = "what is lazy cannot be loaded afterwards: the process ends, or takes too long"
            if reason is not None:
                verdict.broken = f"{name}: {reason}"
                self._events = {name: event, **self._events}
                return verdict
            for importer, target, ms in recording["ms"]:
                times.setdefault((importer, target), []).append(ms)
        self._ms = times
        return verdict

    def _compare(self, name: str, event: bytes, result: InvokeResult) -> str | None:
        """Return how an answer differs from the eager ones; None if it does not.

        Some things vary seldom, the minute in a log for one: the eager function is asked once more.
        """
        after = everything(result)
        if not unexplained(self._eager[name], after):
            return None
        again, _ = self._run(event, ())
        self._eager[name].append(everything(again))
        self._check_shape(name)
        found = unexplained(self._eager[name], after)
        return self._found.problem or (str(found[0]) if found else None)

    def _run(
        self, event: bytes, edges: Iterable[Edge] | None, *, alone: bool = False
    ) -> tuple[InvokeResult, dict[str, Any]]:
        self._found.starts += 1
        return self._start(event, edges, alone)


def write_list(root: Path, python: str, edges: Iterable[Saving]) -> None:
    """Write what the runtime reads: the edges, and the versions of all packages that they were proven with.

    Args:
        root: The function's folder, with the packages' metadata.
        python: The minor version of Python.
        edges: What is lazy.

    Raises:
        BuildError: If the function has a file of that name already.
    """
    path = root / FILE
    if path.exists():
        raise BuildError(f"{FILE} is in the source already, and --lazy makes it: remove it from the source")
    listed = by_importer(sorted((edge.importer, edge.target) for edge in edges))
    value = {
        "schema": SCHEMA,
        "python": python,
        "distributions": dict(map(_distribution, root.glob("*.dist-info"))),
        "edges": listed,
    }
    path.write_text(json.dumps(value, sort_keys=True, indent=1) + "\n", encoding="utf-8")


def _distribution(info: Path) -> tuple[str, str]:
    """Return a package's name, as its metadata has it, and the version that the runtime reads."""
    name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
    return _name(info / "METADATA") or name, version


def _name(metadata: Path) -> str | None:
    """Return the name of a distribution as its metadata has it."""
    try:
        lines = metadata.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((line[5:].strip() for line in lines if line.startswith("Name:")), None)
