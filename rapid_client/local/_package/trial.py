"""Run the packaged function beside the original: the same answers, and what each step saves."""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rapid_client.local._package.compare import answer, unexplained, varying
from rapid_client.local._shorten import shorten
from rapid_client.local._target.errors import BuildError
from rapid_client.local._verdict import failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rapid_client.local._package.compare import Difference
    from rapid_client.local._runs import Runs
    from rapid_client.local.function import InvokeResult

#: Runs of the original for each event: two show what varies.
ORIGINALS: Final = 2
#: Further runs of each where the packaged function's answer is another: some things vary seldom.
SECOND_LOOK: Final = 3
#: How the runtime says that the handler is not there; or that a module is not, the handler's own or another.
NO_HANDLER: Final = frozenset({"Runtime.HandlerNotFound", "Runtime.MalformedHandlerName"})
NO_MODULE: Final = "Runtime.ImportModuleError"
#: How an invocation ends that the handler has answered.
ANSWERED: Final = frozenset({"response", "error"})
#: Characters of a failed event's answer that are shown.
SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an event has shown.

    Attributes:
        event: Its name.
        same: Whether the answers are the same; None where the original fails, and nothing is proved.
        varies: The places where answers of the original vary, which were not compared.
        lines: What differs, or how the original fails.
        answered: Whether the original's handler has answered, if only by an error.
    """

    event: str
    same: bool | None
    varies: list[str]
    lines: list[str]
    answered: bool = True


@dataclass(frozen=True, slots=True)
class Cold:
    """What cold starts took, from the start of the process to the answer, in milliseconds.

    Attributes:
        median: The median.
        least: The fastest.
        most: The slowest.
        runs: How many there were.
    """

    median: float
    least: float
    most: float
    runs: int


@dataclass(slots=True)
class Outcome:
    """What the runs have shown.

    Attributes:
        verdicts: One for each event.
        cold: What the original and each step's tree take, by the step's name; empty if nothing was measured.
        timed: The event that was sent for that; None if no event succeeds.
        starts: How often the function was started.
    """

    verdicts: list[Verdict] = field(default_factory=list)
    cold: dict[str, Cold] = field(default_factory=dict)
    timed: str | None = None
    starts: int = 0

    @property
    def differs(self) -> list[Verdict]:
        """The events that are answered differently."""
        return [verdict for verdict in self.verdicts if verdict.same is False]


class Trial:
    """Trees of one function, run in turn at the same place, so that no path tells them apart.

    Args:
        runs: What runs them.
        handler: The handler that they run.
        trees: The folders by the steps' names: the original first, the packaged function last.
        place: Where each is while it runs.
    """

    def __init__(self, runs: Runs, handler: str, trees: Mapping[str, Path], place: Path) -> None:
        self._runs, self._handler, self._trees, self._place = runs, handler, trees, place
        self._original, *_, self._packaged = trees
        self._outcome = Outcome()

    def run(self, events: Mapping[str, bytes], times: int) -> Outcome:
        """Compare the answers to all events, then measure with the first that succeeds.

        Args:
            events: The events by their names.
            times: Cold starts of each tree that are measured.

        Raises:
            BuildError: If there is no such handler.
            ConfigError: If the function cannot be run at all.
        """
        for name, event in events.items():
            verdict = self._compare(name, event)
            self._outcome.verdicts.append(verdict)
            if verdict.same and self._outcome.timed is None:
                self._outcome.timed = name
        if self._outcome.timed is not None and not self._outcome.differs:
            self._measure(events[self._outcome.timed], times)
        return self._outcome

    def _compare(self, name: str, event: bytes) -> Verdict:
        before = [self._start(self._original, event) for _ in range(ORIGINALS)]
        _refuse_missing(self._handler, before[0])
        after = [self._start(self._packaged, event)]
        if unexplained([answer(each) for each in before], answer(after[0])):
            before += [self._start(self._original, event) for _ in range(SECOND_LOOK)]
            after += [self._start(self._packaged, event) for _ in range(SECOND_LOOK)]
        answers = [answer(each) for each in before]
        varies = [each.path for each in varying(answers)]
        found = [unexplained(answers, answer(each)) for each in after]
        good = not any(map(failure, before))
        # A time-out says more of the machine than of the function.
        settled = good or (not varies and before[0].status != "timeout")
        if all(found) and settled:
            return Verdict(name, same=False, varies=varies, lines=_difference(found[0], after[0]))
        if not good:
            bad = next(result for result in before if failure(result))
            answered = any(result.status in ANSWERED for result in before)
            how = "fails in the original" if all(found) else "fails in both alike"
            line = f"{how}, which proves little: {failure(bad)}: {_short(bad)}"
            return Verdict(name, None, varies, [line], answered)
        return Verdict(name, same=True, varies=varies, lines=[])

    def _measure(self, event: bytes, times: int) -> None:
        """Time the trees in turn, so that what else the machine does hits all of them."""
        took: dict[str, list[float]] = {name: [] for name in self._trees}
        for _ in range(times):
            for name in self._trees:
                result = self._start(name, event)
                if not failure(result) and result.init_ms is not None:
                    took[name].append(result.init_ms + result.duration_ms)
        if all(took.values()):
            self._outcome.cold = {
                name: Cold(statistics.median(each), min(each), max(each), len(each))
                for name, each in took.items()
            }

    def _start(self, tree: str, event: bytes) -> InvokeResult:
        self._outcome.starts += 1
        os.rename(self._trees[tree], self._place)
        try:
            return self._runs.cold_start(event, self._place)
        finally:
            os.rename(self._place, self._trees[tree])


def count_starts(events: int, trees: int, times: int) -> int:
    """Return how often a function is started where all answers are the same."""
    return events * (ORIGINALS + 1) + trees * times


def _refuse_missing(handler: str, result: InvokeResult) -> None:
    """Refuse a handler that is not there: no event could prove anything."""
    module = handler.rpartition(".")[0].replace("/", ".").partition(".")[0]
    absent = f"No module named '{module}'" in result.payload.decode(errors="replace")
    if result.error_type in NO_HANDLER or (result.error_type == NO_MODULE and absent):
        raise BuildError(f"--handler {handler}: the function has no such handler: {_short(result)}")


def _difference(found: Sequence[Difference], after: InvokeResult) -> list[str]:
    """Return what differs; of a failure how it failed, and the whole of it."""
    if after.ok:
        return [str(difference) for difference in found]
    how = [str(difference) for difference in found if not difference.path.startswith("$")]
    return [*how, f"the packaged function's answer: {_short(after)}"]


def _short(result: InvokeResult) -> str:
    return shorten(result.payload.decode(errors="backslashreplace"), SHOWN)
