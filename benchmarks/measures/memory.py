"""Memory: after many small invocations, and with a large event there and back."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.measures.start import canned, check, start
from benchmarks.payloads import event

if TYPE_CHECKING:
    from benchmarks.measures.figures import Sample, Subject


def memory(subject: Subject) -> Sample:
    """Measure the most memory within 10,000 invocations, and what is resident after them, in MB."""
    with start(subject, "trivial") as process:
        subject.server.serve(10_000, canned("16"))
        return {"peak": process.peak_memory(), "steady": process.memory()}


def large_echo(subject: Subject) -> Sample:
    """Measure the milliseconds that 5 MB take there and back, and the most memory of that in MB."""
    replies, server = canned("5mb"), subject.server
    with start(subject, "echo") as process:
        server.serve(2, replies)
        times = server.serve(5, replies)
        check("echo", event("5mb"), server.body)
        return {"wall/5mb-echo": statistics.median(times) / 1e6, "peak/5mb-echo": process.peak_memory()}
