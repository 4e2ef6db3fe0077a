"""Warm invocations: CPU by the process's own clock, latency from event sent to response received."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.measures.start import canned, check, outcome_of, start
from benchmarks.payloads import event
from benchmarks.process import cores, pinned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.measures.figures import Sample, Subject
    from benchmarks.process import Process
    from benchmarks.server import Reply, Server

WARM_LIMIT: Final = 300_000
"""Microseconds of CPU after which a client counts as warm: only slow ones come near it. Being CPU time, it is
the same on a machine that is busy otherwise. Ours needs 150,000 for 4,000 events of 3.1 KB."""

ENOUGH: Final = {"p99": 200, "p999": 2000}
"""Invocations of one process from which on a percentile means something: two are then slower than it."""


@dataclass(frozen=True)
class Load:
    """Invocations with one event: *warm* ones first, then *count* that are measured.

    A client that changes its JSON engine on the way (ours does, once orjson would have paid for its import:
    after about 3,200 events of 3.1 KB, 7,000 of 1.3 KB) must do so before or after what is measured: 20 ms
    for once would show as 10 us per invocation.
    """

    event: str
    warm: int
    count: int
    function: str = "trivial"

    def percentiles(self) -> list[str]:
        """Return which percentiles of latency are told, by name."""
        return ["p50", *(name for name, least in ENOUGH.items() if self.count >= least)]

    def figures(self, where: str = "") -> tuple[str, ...]:
        """Return the names of the figures, with *where* behind."""
        of = self.event if self.function == "trivial" else self.function
        return tuple(f"{what}/{of}{where}" for what in ("cpu", *self.percentiles()))


def percentile(times: Sequence[int], name: str) -> int:
    """Return the smallest of *times* that the share in *name* ("p50", "p99", "p999") does not exceed."""
    share = float(f"0.{name[1:]}")
    return sorted(times)[math.ceil(share * len(times)) - 1]


def invocations(load: Load, where: str = "") -> Callable[[Subject], Sample]:
    """Measure CPU and latency per invocation in microseconds, under *load*; *where* goes behind the names.

    Where this thread may use one core, that is for client and server. Where it may use more, the server has
    one of them and the client all others: left alone, the kernel puts them together or apart as it likes, and
    the same client has a p50 of 22 us in one process and 63 us in the next.
    """

    def run(subject: Subject) -> Sample:
        server, replies = subject.server, canned(load.event, outcome_of(load.function))
        ours, theirs = cores_of_each()
        with pinned(theirs):
            process = start(subject, load.function)
        with process, pinned(ours):
            server.serve(1, replies)
            check(load.function, event(load.event), server.body)
            warm_up(server, process, replies, load.warm - 1)
            before = process.cpu()
            times = server.serve(load.count, replies)
            cpu = process.cpu() - before
        values = [cpu / len(times), *(percentile(times, name) / 1000 for name in load.percentiles())]
        return dict(zip(load.figures(where), values, strict=True))

    return run


def cores_of_each() -> tuple[list[int], list[int]]:
    """Return the cores for the server and those for the client: apart, where there are two."""
    here = cores()
    return here[:1], here[1:] or here


def warm_up(server: Server, process: Process, replies: list[Reply], count: int) -> None:
    """Serve *count* invocations, or as many as cost the client `WARM_LIMIT`."""
    limit, served = process.cpu() + WARM_LIMIT, 0
    while served < count and process.cpu() < limit:
        served += len(server.serve(min(100, count - served), replies))
