"""Measure a function: the runs, interleaved, and what they say."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rapid_client.local._profile.model import summarise
from rapid_client.local._profile.runs import cold_start, repeatable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rapid_client.local._profile.model import Profile
    from rapid_client.local._profile.runs import Run
    from rapid_client.local.environment import FunctionOptions

NOT_ISOLATED = (
    "the runs could reach the network; AWS calls fail for want of credentials unless --aws is given"
)


class Failed(Exception):
    """The function cannot be profiled; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: the handler, its options, the events by name, the number of processes of each kind."""

    handler: str
    options: FunctionOptions
    events: Mapping[str, bytes]
    runs: int

    @property
    def processes(self) -> int:
        """How many processes will be started: to try the events, to see what they use, and the runs."""
        return 2 * self.runs + 2


def measure(plan: Plan) -> Profile:
    """Run the function and return its profile.

    Raises:
        Failed: If no event succeeds, or a run ends otherwise than the first one did.
        ConfigError: If the process cannot be started.
    """
    options = repeatable(plan.options)
    good, notices = _try(plan, options)
    first = good[:1]
    plain: list[Run] = []
    timed: list[Run] = []
    for _ in range(plan.runs):
        plain.append(_checked(cold_start(plan.handler, options, "plain", first)))
        timed.append(_recorded(cold_start(plan.handler, options, "time", first)))
    use = cold_start(plan.handler, options, "use", good)
    seen: Run | None = use
    if not all(result.ok for result in use.results):
        notices.append("what the events use is unknown: an event failed in the run that was to see it")
        seen = None
    elif use.recording is None or use.recording["ran"] is None:
        notices.append(
            f"what the events use is unknown: {plan.options.python} is older than 3.12, or profiled"
        )
        seen = None
    profile = summarise(plan.handler, plan.options.python, plain, timed, seen)
    profile.notices.extend([*notices, NOT_ISOLATED])
    if sys.platform != "linux":
        profile.notices.append("this is not Linux: times of another system than Lambda's")
    return profile


def _try(plan: Plan, options: FunctionOptions) -> tuple[list[bytes], list[str]]:
    """Send each event once, to an unrecorded process; return what succeeds, a line for the rest."""
    run = cold_start(plan.handler, options, "plain", list(plan.events.values()))
    good, notices = [], []
    for (name, event), result in zip(plan.events.items(), run.results, strict=True):
        if result.ok:
            good.append(event)
        else:
            answer = result.payload[:200].decode(errors="replace")
            notices.append(f"the event {name} failed and proves nothing: {result.status}: {answer}")
    if run.init_ms is None:
        raise Failed(
            f"{plan.handler} does not start: {run.results[0].payload[:500].decode(errors='replace')}"
        )
    if not good:
        raise Failed(f"no event succeeds, so nothing can be said of the first call: {notices[0]}")
    return good, notices


def _checked(run: Run) -> Run:
    if run.init_ms is None or not run.results[0].ok:
        answer = run.results[0].payload[:200].decode(errors="replace")
        raise Failed(f"an event that succeeded at first fails in another cold start: {answer}")
    return run


def _recorded(run: Run) -> Run:
    if _checked(run).recording is None:
        raise Failed("the recorder wrote nothing: the function replaces what it needs, or its process")
    return run
