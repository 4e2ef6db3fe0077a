"""The measures: how often each is taken, and how long that takes.

With 13 peers on two cores all of them take nine minutes, rounds x seconds x peers; `budget` adds them up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.measures.counts import modules_counted, no_strace, system_calls
from benchmarks.measures.figures import Measure
from benchmarks.measures.instructions import instructions, no_valgrind
from benchmarks.measures.invocations import Load, invocations
from benchmarks.measures.memory import large_echo, memory
from benchmarks.measures.size import installed_size
from benchmarks.measures.start import cold_start, no_quota

if TYPE_CHECKING:
    from collections.abc import Mapping


def _cold(name: str, function: str, rounds: int, seconds: float) -> Measure:
    of = "" if function == "trivial" else f"/{function}"
    figures = (f"first-response{of}",) if of else ("first-next", "first-response")
    return Measure(name, figures, cold_start(function), rounds, seconds, function=function, pinned=False)


def _throttled(name: str, function: str, rounds: int, seconds: float) -> Measure:
    """Return the same at 128 MB's share: four side by side take less than a third of one core."""
    full = _cold(name, function, rounds, seconds)
    return Measure(
        f"{name}@128",
        tuple(f"{figure}@128" for figure in full.figures),
        cold_start(function, 128),
        rounds,
        seconds,
        function=function,
        pinned=False,
        at_once=4,
        hindrance=no_quota,
    )


def _warm(load: Load, rounds: int, seconds: float) -> Measure:
    name = load.event if load.function == "trivial" else load.function
    return Measure(name, load.figures(), invocations(load), rounds, seconds, function=load.function)


def _unpinned(load: Load, rounds: int, seconds: float) -> Measure:
    where = "@unpinned"
    run = invocations(load, where)
    return Measure(load.event + where, load.figures(where), run, rounds, seconds, pinned=False)


_16: Final = Load("16", 600, 2000)
_APIGW_SMALL: Final = Load("apigw-small", 600, 1000)
_APIGW: Final = Load("apigw", 4000, 2000)
_SQS: Final = Load("sqs-100", 250, 250)
_100KB: Final = Load("100kb", 150, 200)
_1MB: Final = Load("1mb", 20, 30)
_5MB: Final = Load("5mb", 4, 8)

MEASURES: Final = (
    _cold("start", "trivial", 40, 0.03),
    _throttled("start", "trivial", 18, 0.16),
    _cold("imports", "imports", 7, 0.25),
    _throttled("imports", "imports", 3, 1.1),
    _cold("clients", "clients", 5, 0.4),
    _throttled("clients", "clients", 3, 1.8),
    _warm(_16, 9, 0.45),
    _warm(_APIGW_SMALL, 5, 0.25),
    _warm(_APIGW, 5, 0.7),
    _warm(_SQS, 5, 0.3),
    _warm(_100KB, 5, 0.22),
    _warm(_1MB, 3, 0.25),
    _warm(_5MB, 3, 0.38),
    _unpinned(_16, 5, 0.45),
    _unpinned(_APIGW_SMALL, 5, 0.28),
    _unpinned(_APIGW, 3, 0.7),
    _unpinned(_SQS, 3, 0.32),
    _unpinned(_100KB, 3, 0.24),
    _unpinned(_1MB, 3, 0.27),
    _unpinned(_5MB, 3, 0.4),
    _warm(Load("16", 600, 1000, "log"), 5, 0.33),
    _warm(Load("16", 600, 1000, "fail"), 5, 0.25),
    Measure("5mb-echo", ("wall/5mb-echo", "peak/5mb-echo"), large_echo, 3, 0.6, function="echo"),
    Measure("memory", ("peak", "steady"), memory, 2, 1.1, pinned=False, at_once=2),
    Measure("modules", ("modules",), modules_counted, 1, 0.05, function="modules", exact=True),
    Measure("counts", ("files", "bytes", "syscalls"), system_calls, 1, 0.5, exact=True, hindrance=no_strace),
    Measure(
        "instructions",
        ("instructions",),
        instructions,
        1,
        1.5,
        pinned=False,
        exact=True,
        at_once=2,
        hindrance=no_valgrind,
    ),
    Measure("size", ("size",), installed_size, 1, 0.01, exact=True),
)


def budget(peers: Mapping[str, int]) -> float:
    """Return the seconds that a whole run takes; *peers* says how many run each function."""
    return sum(measure.rounds * measure.seconds * peers[measure.function] for measure in MEASURES)
