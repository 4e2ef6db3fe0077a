"""What several test modules of the benchmarks need: a server, and clients that do what a test wants."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Final

import pytest

from benchmarks.clean_room import Machine
from benchmarks.measures import Subject
from benchmarks.peers import PEERS
from benchmarks.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: A client to which each test adds what it does per event: `ask` sends a request, `name` is the event's id.
CLIENT: Final = """
import os, re, socket, sys, time
host, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')
sock = socket.create_connection((host, int(port)))
ask = b'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'
def post(name, body=b'{"ok":true}'):
    path = b'POST /2018-06-01/runtime/invocation/%b/response HTTP/1.1\\r\\nHost: x\\r\\n' % name
    return path + b'Content-Length: %d\\r\\n\\r\\n%b' % (len(body), body)
def name(data):
    return re.search(rb'Request-Id: ([^\\r]+)', data)[1]
sock.sendall(ask)
for number in range(1_000_000):
"""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that takes two seconds of silence for the end."""
    with Server(patience=2) as running:
        yield running


@pytest.fixture
def client(tmp_path: Path, server: Server) -> Callable[[str], Subject]:
    """Return what makes a peer of the body of a client's loop."""

    def make(body: str) -> Subject:
        script = tmp_path / "client.py"
        script.write_text(CLIENT + body)
        command = [sys.executable, "-S", str(script)]
        [floor] = [peer for peer in PEERS if peer.name == "floor-python"]
        peer = dataclasses.replace(floor, name="fake", command=lambda machine, handler: command)
        return Subject(server, peer, Machine(sys.executable, {}))

    return make
