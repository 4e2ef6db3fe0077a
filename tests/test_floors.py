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
from benchmarks.server import PeerError, Server, replies

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


def test_an_answer_to_another_event_is_found_out(tmp_path: Path) -> None:
    """A client that answers under another request id than the event's is reported, not measured."""
    script = tmp_path / "client.py"
    script.write_text(
        "import os, socket\n"
        "host, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')\n"
        "sock = socket.create_connection((host, int(port)))\n"
        "sock.sendall(b'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\n\\r\\n')\n"
        "sock.recv(65536)\n"
        "path = b'/2018-06-01/runtime/invocation/other/response'\n"
        "sock.sendall(b'POST %b HTTP/1.1\\r\\nContent-Length: 2\\r\\n\\r\\n{}' % path)\n"
        "sock.recv(65536)\n"
    )
    with Server() as server:
        environ = {"AWS_LAMBDA_RUNTIME_API": server.address}
        with Process([sys.executable, "-S", str(script)], environ, tmp_path) as process:
            server.accept(process)
            with pytest.raises(PeerError, match="/invocation/other/response"):
                server.serve(1, replies(event("16")))


def test_a_chunked_response_in_pieces_is_read_whole(tmp_path: Path) -> None:
    """A response that comes chunked and in pieces, with the next request behind it, is put together."""
    script = tmp_path / "client.py"
    script.write_text(
        "import os, re, socket, time\n"
        "host, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')\n"
        "sock = socket.create_connection((host, int(port)))\n"
        "ask = b'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\n\\r\\n'\n"
        "sock.sendall(ask)\n"
        "while True:\n"
        "    name = re.search(rb'Request-Id: ([^\\r]+)', sock.recv(65536))[1]\n"
        "    whole = b'POST /2018-06-01/runtime/invocation/%b/response HTTP/1.1\\r\\n' % name\n"
        "    whole += b'Transfer-Encoding: chunked\\r\\n\\r\\n'\n"
        "    whole += b'3\\r\\n{\"o\\r\\n8\\r\\nk\":true}\\r\\n0\\r\\n\\r\\n'\n"
        "    for at in range(0, len(whole), 40):\n"
        "        sock.sendall(whole[at:at + 40] if at + 40 < len(whole) else whole[at:] + ask)\n"
        "        time.sleep(0.0005)\n"
        "    got = b''\n"
        "    while b'OK' not in got[-8:]:\n"
        "        got += sock.recv(130)\n"
    )
    with Server() as server:
        environ = {"AWS_LAMBDA_RUNTIME_API": server.address}
        with Process([sys.executable, "-S", str(script)], environ, tmp_path) as process:
            server.accept(process)
            times = server.serve(5, replies(event("16")))

            assert len(times) == 5
            assert json.loads(server.body) == {"ok": True}


def test_a_client_that_ends_says_why(tmp_path: Path) -> None:
    """A peer that ends before it asks for an event is reported with the last line that it wrote."""
    with Server() as server:
        argv = [sys.executable, "-S", "-c", "raise SystemExit('no such thing')"]
        environ = {"AWS_LAMBDA_RUNTIME_API": server.address}
        with (
            Process(argv, environ, tmp_path) as process,
            pytest.raises(PeerError, match="ended: no such thing"),
        ):
            server.accept(process)
