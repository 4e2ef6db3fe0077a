"""What the tests with real libraries share: every client of the Runtime API, and servers that record."""

from __future__ import annotations

import gzip
import json
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.support import Starter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["bootstrap", "module", "awslambdaric"])
def run(
    request: pytest.FixtureRequest, tmp_path: Path, unmeasured_environ: dict[str, str], libraries_path: Path
) -> Iterator[Starter]:
    """Return what starts each client of the Runtime API with the libraries, as Lambda starts it."""
    if request.param == "awslambdaric":
        request.getfixturevalue("official")
    environ = {
        **unmeasured_environ,
        "PYTHONPATH": os.pathsep.join([unmeasured_environ["PYTHONPATH"], str(libraries_path)]),
        "_HANDLER": "app.handler",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with Starter(request.param, tmp_path, environ) as starter:
        yield starter


class Report(NamedTuple):
    """What came to a `Collector`: its body as it was meant, and when (`time.monotonic`)."""

    path: str
    body: bytes
    time: float


class Collector:
    """A web server on 127.0.0.1 that accepts every POST and keeps it."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        reports = self.reports

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                reports.append(Report(self.path, body, time.monotonic()))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = "{}:{}".format(*self._server.server_address[:2])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def sentry_events(self) -> list[tuple[dict[str, Any], float]]:
        """Return Sentry's events with their times: an envelope is lines of JSON, a head before each item."""
        found = []
        for report in list(self.reports):
            lines = report.body.split(b"\n")
            for head, payload in zip(lines[1::2], lines[2::2], strict=False):
                if head and json.loads(head).get("type") == "event":
                    found.append((json.loads(payload), report.time))
        return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Return a running `Collector`."""
    server = Collector()
    try:
        yield server
    finally:
        server.close()


class Daemon:
    """What stands for the X-Ray daemon: it keeps the documents that come over UDP."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(10)
        self.address = "{}:{}".format(*self._socket.getsockname())

    def receive(self) -> dict[str, Any]:
        """Wait for the next document."""
        head, _, document = self._socket.recv(65536).partition(b"\n")
        assert json.loads(head)["format"] == "json"
        segment: dict[str, Any] = json.loads(document)
        return segment

    def close(self) -> None:
        """Stop."""
        self._socket.close()


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """Return a `Daemon` that listens."""
    listening = Daemon()
    try:
        yield listening
    finally:
        listening.close()
