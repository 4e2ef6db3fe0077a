"""The benchmark's floors: they answer right, and make four system calls per invocation."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.clean_room import Machine
from benchmarks.payloads import event
from benchmarks.peers import FUNCTIONS, PEERS, Absent, environment
from benchmarks.process import Process
from benchmarks.server import Server, replies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the benchmarks are for Linux")

FLOORS = {peer.name: peer for peer in PEERS if peer.name.startswith("floor-")}
MACHINE = Machine(sys.executable, {})


@pytest.fixture
def traced() -> Callable[[Path], list[str]]:
    """A prefix that writes the system calls of a command to a file, or a skip that says why there is none."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    probe = subprocess.run([strace, "-o", os.devnull, "true"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"strace may not trace here: {probe.stderr.strip()}")
    return lambda path: [strace, "-o", str(path)]


def command(name: str) -> list[str]:
    """Return the command of a floor, or skip with the reason why it cannot be started."""
    try:
        return FLOORS[name].command(MACHINE, "trivial.handler")
    except Absent as exc:
        pytest.skip(str(exc))


@pytest.mark.parametrize("kind", ["16", "apigw-small", "apigw", "sqs-100"])
@pytest.mark.parametrize("name", sorted(FLOORS))
def test_a_floor_answers_every_event(name: str, kind: str) -> None:
    """A floor answers each event under its own request id, however the event comes and however long it is."""
    argv = command(name)
    with Server() as server:
        environ = environment(FLOORS[name], "trivial", server.address, MACHINE)
        with Process(argv, environ, FUNCTIONS) as process:
            server.accept(process)
            times = server.serve(130, replies(event(kind)))

            assert json.loads(server.body) == {"ok": True}
            assert len(times) == 130


@pytest.mark.parametrize("name", sorted(FLOORS))
def test_a_floor_makes_four_system_calls_per_invocation(
    name: str, tmp_path: Path, traced: Callable[[Path], list[str]]
) -> None:
    """Once warm, one send and one receive for the event, one of each for the response, and nothing else."""
    argv = command(name)
    trace = tmp_path / "trace"
    with Server() as server:
        environ = environment(FLOORS[name], "trivial", server.address, MACHINE)
        with Process([*traced(trace), *argv], environ, FUNCTIONS) as process:
            server.accept(process)
            server.serve(60, replies(event("16")))
            server.hang_up()
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    calls = [line.partition("(")[0] for line in trace.read_text().splitlines()]
    last = len(calls) - calls[::-1].index("sendto") - 1  # asks for the event that never came

    assert calls[last - 200 : last] == ["sendto", "recvfrom", "sendto", "recvfrom"] * 50
