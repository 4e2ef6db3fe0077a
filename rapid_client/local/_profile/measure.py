"""Measure a function, or two: the runs, interleaved, and what they say."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rapid_client.local._profile import model
from rapid_client.local._profile.runs import ProfileRuns
from rapid_client.local._shorten import shorten
from rapid_client.local._verdict import failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rapid_client.local._profile.model import Profile
    from rapid_client.local._profile.runs import Mode, Run, Side
    from rapid_client.local._runs import RunSettings
    from rapid_client.local.function import InvokeResult

#: Starts that note lines: their spread is not shown.
LINE_RUNS: Final = 3
#: Characters of an error that are shown.
SHOWN: Final = 500


class Failed(Exception):
    """The function cannot be profiled; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure.

    Attributes:
        settings: The handler, how it is run, and what it may reach.
        events: The events by name, at least one.
        runs: The number of starts with the recorder, and of those without.
        sides: What is started, one or two.
    """

    settings: RunSettings
    events: Mapping[str, bytes]
    runs: int
    sides: Sequence[Side]

    @property
    def line_runs(self) -> int:
        """How many of the starts note lines."""
        return min(LINE_RUNS, self.runs)

    @property
    def processes(self) -> int:
        """How often the function is started: to try the events, to see what they do, and timed."""
        return len(self.sides) * (2 * self.runs + 2 + self.line_runs)


@dataclass(slots=True)
class _Side:
    """One side while it is measured; `good` are the events that succeed, or at least are answered."""

    side: Side
    good: list[bytes] = field(default_factory=list)
    runs: model.Recordings = field(default_factory=model.Recordings)
    notices: list[str] = field(default_factory=list)


def measure(plan: Plan) -> list[Profile]:
    """Run the function and return a profile of each side; of one that fails in init, what was recorded.

    Raises:
        Failed: If no event succeeds, or a run ends otherwise than the first one did.
        ConfigError: If the process cannot be started.
    """
    with ProfileRuns(plan.settings) as runs:
        sides = [_try(plan, runs, side) for side in plan.sides]
        for _ in range(plan.runs):
            for side in sides:
                _round(runs, side)
        for side in sides:
            if side.runs.error is None:
                _look(plan, runs, side)
    profiles = []
    for side in sides:
        profile = model.summarise(plan.settings.handler, side.side, side.runs)
        profile.notices.extend([*side.notices, *system(runs.notices)])
        profiles.append(profile)
    return profiles


def system(notices: Sequence[str]) -> Sequence[str]:
    """Return what the runs could not do here; what another system than Lambda's lacks in one line."""
    platform: str = sys.platform  # the type checker would call one half unreachable
    if platform == "linux":
        return notices
    return ["; ".join(["this is not Linux, and times are not Lambda's", *notices])]


def _try(plan: Plan, runs: ProfileRuns, side: Side) -> _Side:
    """Send each event once, to an unrecorded process; see what succeeds."""
    tried = _Side(side)
    if not runs.prepare(side):
        tried.notices.append(
            f"the runtime may be compiled at each start: {side.python} cannot write its .pyc"
        )
    run = runs.start(side, "plain", list(plan.events.values()))
    if run.init_ms is None:
        tried.runs.error = f"{plan.settings.handler} does not start: {_problem(run.results[0])}"
        return tried
    answered = []
    for (name, event), result in zip(plan.events.items(), run.results, strict=True):
        if result.ok:
            answered.append(event)
        if not failure(result):
            tried.good.append(event)
        elif result.ok:
            tried.notices.append(f"the event {name} {failure(result)}, which proves little")
        else:
            tried.notices.append(f"the event {name} failed and proves nothing: {_problem(result)}")
    tried.good = tried.good or answered  # an API that needs the network says so: little is more than nothing
    if not tried.good:
        reason = tried.notices[0]
        raise Failed(f"no event succeeds, so nothing can be said of the first call: {reason}")
    return tried


def _round(runs: ProfileRuns, side: _Side) -> None:
    """Start the interpreter alone, then the function without the recorder, and with it."""
    side.runs.bare.append(runs.bare(side.side))
    if side.runs.error is not None:
        run = runs.start(side.side, "time", [b"{}"])
        if run.recording is None:
            raise Failed(side.runs.error)
        side.runs.timed.append(run)
        return
    first = side.good[:1]
    side.runs.plain.append(_checked(runs.start(side.side, "plain", first)))
    side.runs.timed.append(_recorded(runs, side, "time", first))


def _look(plan: Plan, runs: ProfileRuns, side: _Side) -> None:
    """See what the events use, and what the lines of module bodies take."""
    for _ in range(plan.line_runs):
        side.runs.lines.append(_recorded(runs, side, "lines", side.good[:1]))
    if (side.runs.lines[0].recording or {})["lines"] is None:
        side.notices.append(
            f"lines of module-level code are not timed: {side.side.python} is older than 3.12, or profiled"
        )
    # What fails shows what it needs, too: without network, a client that it calls for one.
    others = [event for event in plan.events.values() if event not in side.good]
    use = runs.start(side.side, "use", [*side.good, *others])
    if not all(result.ok for result in use.results[: len(side.good)]):
        side.notices.append("what the events use is unknown: an event failed in the run that was to see it")
    elif use.recording is None or use.recording["ran"] is None:
        side.notices.append(
            f"what the events use is unknown: {side.side.python} is older than 3.12, or profiled"
        )
    else:
        side.runs.use = use


def _checked(run: Run) -> Run:
    if run.init_ms is None or not run.results[0].ok:
        problem = _problem(run.results[0])
        raise Failed(f"an event that succeeded at first fails in another cold start: {problem}")
    return run


def _recorded(runs: ProfileRuns, side: _Side, mode: Mode, events: Sequence[bytes]) -> Run:
    run = _checked(runs.start(side.side, mode, events))
    if run.recording is None:
        raise Failed("the recorder wrote nothing: the function replaces what it needs, or its process")
    return run


def _problem(result: InvokeResult) -> str:
    """Return one line on what went wrong: the error's type and message."""
    try:
        error = json.loads(result.payload)
        text = f"{error['errorType']}: {error['errorMessage']}"
    except (ValueError, KeyError, TypeError):
        text = f"{result.status}: {result.payload[:SHOWN].decode(errors='replace')}"
    return shorten(" ".join(text.split()), SHOWN)
