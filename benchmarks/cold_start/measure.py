"""Start every function in every variant, in turns: from just before exec to the first response."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from benchmarks.process import Process
from benchmarks.server import PeerError
from benchmarks.server.replies import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.clean_room import Machine
    from benchmarks.cold_start.corpus import Function
    from benchmarks.cold_start.variants import Variant
    from benchmarks.server import Server

REQUEST_ID: Final = "00000000-0000-4000-8000-000000000001"
PATIENCE_MS: Final = 60_000


@dataclass
class Result:
    """What was measured.

    Attributes:
        times: Milliseconds of each round, by function and variant.
        cpu: The same of the process's CPU time: what a busy machine does to the clock it does less to that.
        differs: The answers that are not those of the first variant, a line each.
        absent: Why a variant does not run a function, by function and variant.
    """

    times: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    cpu: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    differs: list[str] = field(default_factory=list)
    absent: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Bench:
    """Where functions are started."""

    server: Server
    machine: Machine

    def start(self, variant: Variant, function: Function, event: bytes) -> tuple[float, float, Any]:
        """Start a function and let it answer one event; return the milliseconds, those of CPU, the answer.

        Raises:
            PeerError: If it does not answer, or by an error.
        """
        server = self.server
        server.hang_up()
        environ = variant.environment(function, server.address, self.machine)
        reply = Reply(event, REQUEST_ID, int(time.time() * 1000) + PATIENCE_MS)
        with Process([*variant.command], environ, variant.tree(function)) as process:
            server.accept(process)
            server.serve(1, [reply])
            took, answer = (server.arrival - process.started) / 1e6, json.loads(server.body)
            return took, process.cpu() / 1000, answer


def measure(
    bench: Bench,
    chosen: Sequence[Function],
    variants: Sequence[Variant],
    rounds: int,
    say: Callable[[str], None],
) -> Result:
    """Compare the answers, then measure the cold call of each function, *rounds* times.

    The order of the variants is turned in every second round.
    """
    result = Result()
    for function in chosen:
        _compare(bench, function, variants, result)
        say(f"{function.name}: answers compared")
    for number in range(rounds):
        for function in chosen:
            event = next(iter(function.events().values()))
            there, cpu = result.times[function.name], result.cpu.setdefault(function.name, {})
            for variant in list(variants)[:: -1 if number % 2 else 1]:
                if variant.name in there:
                    took, used, _ = bench.start(variant, function, event)
                    there[variant.name].append(took)
                    cpu.setdefault(variant.name, []).append(used)
        say(f"round {number + 1} of {rounds}")
    return result


def _compare(bench: Bench, function: Function, variants: Sequence[Variant], result: Result) -> None:
    """Let the first variant and those that are packaged answer every event, the others the cold call.

    Who cannot run the function at all is noted as absent.
    """
    times, absent = result.times.setdefault(function.name, {}), result.absent.setdefault(function.name, {})
    wanted: dict[str, Any] = {}
    for variant in variants:
        if hindrance := function.hindrance(variant.python):
            absent[variant.name] = hindrance
            continue
        times[variant.name] = []
        events = function.events()
        for name in events if variant.packaged or variant is variants[0] else list(events)[:1]:
            try:
                *_, answer = bench.start(variant, function, events[name])
            except PeerError as exc:
                result.differs.append(f"{function.name}, {name}, {variant.name}: {exc}")
                absent[variant.name] = str(exc)
                times.pop(variant.name, None)
                break
            if answer != wanted.setdefault(name, answer):
                result.differs.append(
                    f"{function.name}, {name}, {variant.name}: {answer!r}, not {wanted[name]!r}"
                )
