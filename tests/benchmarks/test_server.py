"""The server: what it sends, the ways in which it serves, and what it says of a client that goes wrong."""

from __future__ import annotations

import json
import socket
import sys
from typing import TYPE_CHECKING, Final

import pytest

from benchmarks.measures.start import start
from benchmarks.payloads import LIMIT, event
from benchmarks.process import Process
from benchmarks.server import ACCEPTED, PeerError, Reply, Server, replies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.measures import Subject

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the benchmarks are for Linux")


class Noted(Server):
    """A server that notes for each invocation the way in which it was served."""

    def __init__(self, patience: int) -> None:
        super().__init__(patience)
        self.ways: list[str] = []

    def _serve_block(self, canned: list[Reply], times: list[int]) -> None:
        before = len(times)
        super()._serve_block(canned, times)
        self.ways += ["block"] * (len(times) - before)

    def _serve_pipelined(self, canned: list[Reply], times: list[int]) -> None:
        before = len(times)
        super()._serve_pipelined(canned, times)
        self.ways += ["pipelined"] * (len(times) - before)

    def _serve_several(self, canned: list[Reply], times: list[int]) -> None:
        before = len(times)
        super()._serve_several(canned, times)
        self.ways += ["several"] * (len(times) - before)


@pytest.fixture
def server() -> Iterator[Noted]:
    """A server that takes two seconds of silence for the end, and notes its ways."""
    with Noted(patience=2) as running:
        yield running


# What is sent...


def test_a_short_event_is_sent_as_the_runtime_api_sends_it() -> None:
    """The head has Go's order and casing, with Date and Content-Length behind the sorted headers."""
    names = [line.split(b":")[0] for line in Reply(b"{}", "id", 1).wire.split(b"\r\n")[1:-2]]

    assert names == [
        b"Content-Type",
        b"Lambda-Runtime-Aws-Request-Id",
        b"Lambda-Runtime-Deadline-Ms",
        b"Lambda-Runtime-Invoked-Function-Arn",
        b"Lambda-Runtime-Trace-Id",
        b"Date",
        b"Content-Length",
    ]


def test_a_long_event_is_sent_chunked() -> None:
    """Over 2,048 bytes an event comes as one chunk and an empty one."""
    short, long = Reply(b"1" * LIMIT, "id", 1).wire, Reply(b"1" * (LIMIT + 1), "id", 1).wire

    assert short.endswith(b"\r\nContent-Length: 2048\r\n\r\n" + b"1" * 2048)
    assert long.endswith(b"\r\nTransfer-Encoding: chunked\r\n\r\n801\r\n" + b"1" * 2049 + b"\r\n0\r\n\r\n")


# A client that pipelines...

PIPELINES: Final = """    data = b''
    while data.count(b'Request-Id: ') < 1 or not data.endswith(b'}'):
        data += sock.recv(65536)
    begin = data.find(b'HTTP/1.1 200')
    if data[:begin] != (ACCEPTED if number else b''):
        sys.exit(repr(data))
"""


def test_a_client_that_pipelines_gets_its_202_with_the_next_event(
    client: Callable[[str], Subject], server: Noted
) -> None:
    """From the second event on the 202 is in front of it, in one segment, and every event is answered."""
    together = "    if number and not data.startswith(b'HTTP/1.1 202'): sys.exit('apart')\n"
    subject = client(
        f"    ACCEPTED = {ACCEPTED!r}\n" + PIPELINES + together + "    sock.sendall(post(name(data)) + ask)\n"
    )
    with start(subject, "trivial"):
        times = server.serve(300, replies(event("16")))
        times += server.serve(1, replies(event("apigw-small")))

    assert len(times) == 301
    assert server.body == b'{"ok":true}'
    assert server.ways == ["block"] + ["pipelined"] * 300


def test_a_client_may_pipeline_now_and_then(client: Callable[[str], Subject]) -> None:
    """A response that comes alone gets its 202 alone, whatever came before it; none is lost."""
    subject = client(
        f"    ACCEPTED = {ACCEPTED!r}\n"
        "    alone = number % 5 in (3, 4)\n"
        + PIPELINES.replace("if number", "if number % 5 in (1, 2, 3)")
        + ""
        "    if alone:\n"
        "        sock.sendall(post(name(data), b'{\"ok\":  true}'))\n"
        "        if sock.recv(len(ACCEPTED)) != ACCEPTED: sys.exit('no 202')\n"
        "        sock.sendall(ask)\n"
        "    else:\n"
        "        sock.sendall(post(name(data), b'{\"ok\":' + b' ' * (number % 3) + b'true}') + ask)\n"
    )
    with start(subject, "trivial"):
        assert len(subject.server.serve(200, replies(event("16")))) == 200


# A client with several connections...


#: Opens another connection at its fourth event, and from then on has two of them: the other one is `spare`.
OPENS: Final = """    data = sock.recv(65536)
    if number == 3: sock, spare = socket.create_connection((host, int(port))), sock
    sock.sendall(post(name(data)))
    sock.recv(65536)
    sock.sendall(ask)
"""


@pytest.mark.parametrize(
    "then",
    ["", "    if number > 3: sock, spare = spare, sock\n", "    if number == 3: spare.close()\n"],
    ids=["goes on with it", "changes back and forth", "closes the first"],
)
def test_a_client_with_another_connection_is_not_waited_for_on_its_first(
    then: str, client: Callable[[str], Subject], server: Noted
) -> None:
    """Once it has had two connections, both are looked at at once: a receive on the wrong one takes 10 ms."""
    before, asks, after = OPENS.partition("    sock.sendall(ask)\n")
    with start(client(before + then + asks + after), "trivial"):
        server.serve(5, replies(event("16")))
        times = server.serve(150, replies(event("16")))

    assert len(times) == 150
    assert server.ways == ["block"] * 5 + ["several"] * 150


def test_the_connections_of_one_client_do_not_count_for_the_next(
    client: Callable[[str], Subject], server: Noted
) -> None:
    """A client with one connection is served without a poll, whoever was there before it."""
    with start(client(OPENS), "trivial"):
        server.serve(5, replies(event("16")))
    with start(client(OPENS.replace("number == 3", "number == 1000")), "trivial"):
        server.serve(100, replies(event("16")))

    assert server.ways == ["block"] * 105


def test_a_client_may_answer_on_another_connection(client: Callable[[str], Subject]) -> None:
    """Each request may come on a connection that is new, or that was silent for a while."""
    subject = client(
        "    other = socket.create_connection((host, int(port))) if number < 2 else spare\n"
        "    other.sendall(post(name(sock.recv(65536))))\n"
        "    other.recv(65536)\n"
        "    (other if number % 3 else sock).sendall(ask)\n"
        "    sock, spare = (other, sock) if number % 3 else (sock, other)\n"
    )
    with start(subject, "trivial"):
        assert len(subject.server.serve(20, replies(event("16")))) == 20


def test_a_client_may_close_its_connection_after_each_answer(client: Callable[[str], Subject]) -> None:
    """It is waited for on the next one."""
    subject = client(
        "    sock.sendall(post(name(sock.recv(65536))))\n"
        "    sock.recv(65536)\n"
        "    sock.close()\n"
        "    sock = socket.create_connection((host, int(port)))\n"
        "    sock.sendall(ask)\n"
    )
    with start(subject, "trivial"):
        assert len(subject.server.serve(20, replies(event("16")))) == 20


def test_a_slow_answer_in_pieces_is_waited_for(client: Callable[[str], Subject]) -> None:
    """Silence of more than ten milliseconds within a request is no end."""
    subject = client(
        "    whole = post(name(sock.recv(65536)), b'{\"ok\":' + b' ' * 70_000 + b'true}')\n"
        "    for at in range(0, len(whole), 30_000):\n"
        "        time.sleep(0.03)\n"
        "        sock.sendall(whole[at : at + 30_000])\n"
        "    sock.recv(65536)\n"
        "    sock.sendall(ask)\n"
    )
    with start(subject, "trivial"):
        subject.server.serve(3, replies(event("16")))

    assert json.loads(subject.server.body) == {"ok": True}


def test_what_a_killed_client_had_begun_is_not_taken_for_the_next_ones(
    client: Callable[[str], Subject],
) -> None:
    """A connection that nobody had accepted yet ends with its client."""
    subject = client("    time.sleep(60)\n")
    host, _, port = subject.server.address.partition(":")
    left = socket.create_connection((host, int(port)))
    left.sendall(b"POST /stale HTTP/1.1\r\n\r\n")
    try:
        with start(subject, "trivial"):
            pass
    finally:
        left.close()


# A client that goes wrong...


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
