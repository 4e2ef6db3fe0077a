"""What is measured: each measure starts one process of one peer and returns figures by name."""

from __future__ import annotations

import gc
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.payloads import event
from benchmarks.peers import FUNCTIONS, ROOT, environment
from benchmarks.process import Process
from benchmarks.server import PeerError, Server, replies

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.clean_room import Machine
    from benchmarks.peers import Peer
    from benchmarks.server import Reply

Sample = dict[str, float]
"""Figures of one process, by name."""


@dataclass(frozen=True)
class Figure:
    """A number that a measure yields."""

    name: str
    title: str
    unit: str


@dataclass(frozen=True)
class Measure:
    """A way to run a peer once, and what that yields."""

    name: str
    function: str
    pinned: bool
    rounds: int
    figures: tuple[Figure, ...]
    run: Callable[[Server, Peer, Machine], Sample]


def start(server: Server, peer: Peer, machine: Machine, function: str) -> Process:
    """Start *peer* on *function* and wait until it asks for its first event.

    Raises:
        PeerError: If it does not.
    """
    gc.collect()  # here, 2.5 ms; the server collects nothing while it measures
    environ = environment(peer, function, server.address, machine)
    try:
        process = Process(peer.command(machine, f"{function}.handler"), environ, FUNCTIONS)
    except OSError as exc:
        raise PeerError(f"it cannot be started: {exc}") from exc
    try:
        server.accept(process)
    except BaseException:
        process.__exit__()
        raise
    return process


def check(function: str, sent: bytes, body: bytes) -> None:
    """Make sure that *body* is what *function* answers to the event *sent*.

    Raises:
        PeerError: If it is not.
    """
    expected = {"ok": True} if function == "trivial" else json.loads(sent)
    try:
        same = json.loads(body) == expected
    except ValueError:
        same = False
    if not same:
        raise PeerError(f"the response was {body[:200]!r}")


def trial(server: Server, peer: Peer, machine: Machine, function: str, sent: bytes) -> None:
    """Let *peer* answer once, and check the answer: nothing wrong is measured."""
    with start(server, peer, machine, function):
        server.serve(1, replies(sent))
        check(function, sent, server.body)


def start_up(server: Server, peer: Peer, machine: Machine) -> Sample:
    """Measure from just before exec to the first ``GET /next``, and to the first response."""
    canned = _replies("16")
    with start(server, peer, machine, "trivial") as process:
        asked = server.arrival
        server.serve(1, canned)
        answered = server.arrival
        return {
            "first-next": (asked - process.started) / 1e6,
            "first-response": (answered - process.started) / 1e6,
        }


def serve(server: Server, process: Process, canned: list[Reply], count: int, seconds: float) -> list[int]:
    """Serve *count* invocations, or as many as cost the client *seconds* of CPU; return how long they took.

    The limit is for slow clients only; being CPU time, it is the same on a machine that is busy otherwise.
    """
    times: list[int] = []
    limit = process.cpu() + seconds * 1e6
    while len(times) < count and process.cpu() < limit:
        times += server.serve(min(500, count - len(times)), canned)
    return times


def invocations(name: str, warm: int, count: int) -> Callable[[Server, Peer, Machine], Sample]:
    """Measure CPU and latency over *count* invocations after *warm* ones.

    A client that changes its JSON engine on the way (ours does, once orjson would have paid for its import:
    after about 3,200 events of 3.1 KB, 7,000 of 1.3 KB) must do so before or after what is measured: 20 ms
    for once would show as 10 us per invocation.
    """

    def run(server: Server, peer: Peer, machine: Machine) -> Sample:
        canned = _replies(name)
        with start(server, peer, machine, "trivial") as process:
            serve(server, process, canned, warm, 0.6)
            before = process.cpu()
            times = serve(server, process, canned, count, 0.4)
            cpu = process.cpu() - before
        return {f"cpu-{name}": cpu / len(times), f"p50-{name}": statistics.median(times) / 1000}

    return run


def memory(server: Server, peer: Peer, machine: Machine) -> Sample:
    """Measure the peak memory after 10,000 invocations."""
    with start(server, peer, machine, "trivial") as process:
        server.serve(10_000, _replies("16"))
        return {"peak": process.peak_memory()}


def large_echo(server: Server, peer: Peer, machine: Machine) -> Sample:
    """Measure the time that 5 MB take there and back, and the peak memory of that."""
    canned = _replies("5mb")
    with start(server, peer, machine, "echo") as process:
        server.serve(2, canned)
        times = server.serve(5, canned)
        check("echo", event("5mb"), server.body)
        return {"wall-5mb": statistics.median(times) / 1e6, "peak-5mb": process.peak_memory()}


def _replies(name: str, made: dict[str, list[Reply]] = {}) -> list[Reply]:  # noqa: B006 (the canned bytes are made once)
    if name not in made:
        made[name] = replies(event(name))
    return made[name]


def _both(name: str, what: str) -> tuple[Figure, Figure]:
    return Figure(f"cpu-{name}", f"CPU per invocation, {what}", "us"), Figure(
        f"p50-{name}", f"p50, {what}", "us"
    )


MEASURES: Final = (
    Measure(
        "start",
        "trivial",
        False,
        25,
        (
            Figure("first-next", "exec to first /next", "ms"),
            Figure("first-response", "exec to first response", "ms"),
        ),
        start_up,
    ),
    Measure("16", "trivial", True, 15, _both("16", "16 bytes"), invocations("16", 300, 2000)),
    Measure(
        "apigw-small",
        "trivial",
        True,
        9,
        _both("apigw-small", "API Gateway event, 1.3 KB"),
        invocations("apigw-small", 1000, 2000),
    ),
    Measure(
        "apigw",
        "trivial",
        True,
        9,
        _both("apigw", "API Gateway event, 3.1 KB"),
        invocations("apigw", 4000, 2000),
    ),
    Measure("sqs", "trivial", True, 7, _both("sqs-100", "100 SQS records"), invocations("sqs-100", 500, 500)),
    Measure(
        "memory", "trivial", True, 3, (Figure("peak", "peak memory after 10,000 invocations", "MB"),), memory
    ),
    Measure(
        "5mb",
        "echo",
        True,
        5,
        (
            Figure("wall-5mb", "5 MB echoed: wall time", "ms"),
            Figure("peak-5mb", "5 MB echoed: peak memory", "MB"),
        ),
        large_echo,
    ),
)


# What is counted, once...


def modules(server: Server, peer: Peer, machine: Machine) -> list[str]:
    """Return the modules that *peer* loads before the handler, beyond those of ``python -S -c pass``."""
    with start(server, peer, machine, "modules"):
        server.serve(1, _replies("16"))
        loaded = set(json.loads(server.body))
    probe = [machine.python, "-S", "-c", "import sys; print(*sys.modules)"]
    bare = set(subprocess.run(probe, capture_output=True, text=True, check=True).stdout.split())
    return sorted(loaded - bare - {"modules"})


@dataclass(frozen=True)
class LayerSize:
    """The bytes of what a layer holds of ours, unpacked: `bootstrap` and rapid_client/."""

    bytecode: int
    """With .pyc files alone, in the modules' own places, as a layer has them."""
    with_sources: int
    """With the sources, and the .pyc files in ``__pycache__``."""


#: What stays on the developer's machine: the local half and its command.
NOT_IN_A_LAYER: Final = ("local", "_command.py", "__pycache__")


def layer_size(machine: Machine) -> LayerSize:
    """Measure what a layer holds of ours, compiled by the interpreter of *machine*.

    Without sources: hashes are not checked (as nothing is there to check against), and nothing is looked up.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "rapid_client"
        shutil.copytree(ROOT / "rapid_client", copy, ignore=shutil.ignore_patterns(*NOT_IN_A_LAYER))
        shutil.copy(ROOT / "bootstrap", folder)
        _compile(machine, copy)
        with_sources = _bytes_in(folder)
        shutil.rmtree(copy / "__pycache__")
        _compile(machine, copy, "-b", "--invalidation-mode", "unchecked-hash")
        for source in copy.rglob("*.py"):
            source.unlink()
        return LayerSize(_bytes_in(folder), with_sources)


def _compile(machine: Machine, folder: Path, *options: str) -> None:
    compiled = subprocess.run([machine.python, "-m", "compileall", "-q", *options, folder], check=False)
    if compiled.returncode:
        print("benchmarks: rapid_client does not compile, so the size is short", file=sys.stderr)


def _bytes_in(folder: str | Path) -> int:
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
