"""The mock speaks HTTP as Go's net/http does: versions, framing, limits, refusals, any cut."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapid_client.local import MockRuntimeApi, MockSettings
from tests.local.mock_client import BASE, NEXT, Client, request

if TYPE_CHECKING:
    from collections.abc import Iterator

OK = b'{"status":"OK"}\n'
BAD_ID = b'{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}\n'
PING = b"GET /2018-06-01/ping HTTP/1.1\r\nHost: mock\r\n\r\n"
MIB = 1 << 20


@pytest.fixture(params=["auto", "asyncio"])
def mock(request: pytest.FixtureRequest) -> Iterator[MockRuntimeApi]:
    """Return a mock that runs, on either event loop."""
    settings = MockSettings(event_loop=request.param, linger=0.05)
    with MockRuntimeApi(settings=settings) as mock:
        yield mock


@pytest.fixture
def client(mock: MockRuntimeApi) -> Iterator[Client]:
    """Return a connection to it."""
    with Client(mock) as client:
        yield client


def test_pipelined_response_and_next_are_answered_in_order(mock: MockRuntimeApi, client: Client) -> None:
    """A response and a /next in one write work on one connection, many times."""
    client.send(NEXT)
    for number in range(100):
        pending = mock.invoke(b"e%d" % number)
        seen = client.read()
        assert seen.body == b"e%d" % number
        client.send(request(f"invocation/{pending.request_id}/response", b"r%d" % number) + NEXT)
        assert client.read().body == OK
        assert pending.result(5).body == b"r%d" % number
    assert {record.connection for record in mock.requests} == {1}


def test_many_requests_in_one_write(client: Client) -> None:
    """Requests of one write, bodies among them, are answered one after the other."""
    client.send((request("invocation/x/response", b"x" * 1000) + PING) * 50)
    for _ in range(50):
        assert client.read().body == BAD_ID
        assert client.read().body == b"pong"


def test_pipelined_requests_behind_a_waiting_next(mock: MockRuntimeApi, client: Client) -> None:
    """What is sent behind a /next that waits is kept, also when it is more than the server reads ahead."""
    client.send(NEXT)
    mock.wait_for("next")
    client.send((PING[:-2] + b"X: " + b"x" * 4000 + b"\r\n\r\n") * 500)
    mock.invoke(b"event")
    assert client.read().body == b"event"
    for _ in range(500):
        assert client.exactly(4) == b"HTTP"
        client.line()
        while client.line() != b"\r\n":
            pass
        assert client.exactly(4) == b"pong"


def test_requests_byte_by_byte(mock: MockRuntimeApi, client: Client) -> None:
    """Requests that come one byte at a time are understood."""
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    pending = mock.invoke(b"{}")
    for data in (NEXT, request(f"invocation/{pending.request_id}/response", b"slow")):
        for index in range(len(data)):
            client.send(data[index : index + 1])
        client.read()
    assert pending.result(5).body == b"slow"


def test_chunked_body_with_trailers(mock: MockRuntimeApi, client: Client) -> None:
    """Chunks, their extensions and trailers are taken apart, and the next request follows at once."""
    pending = mock.invoke(b"{}")
    client.next()
    client.send(
        f"POST {BASE}invocation/{pending.request_id}/response HTTP/1.1\r\nHost: mock\r\n"
        "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0A;ext=1\r\nbcdefghijk\r\n0\r\nX-Sum: 1\r\n\r\n".encode()
        + PING
    )
    assert client.read().body == OK
    assert client.read().body == b"pong"
    assert pending.result(5).body == b"abcdefghijk"
    assert pending.result(5).trailers == (("X-Sum", "1"),)


def test_http_1_0(mock: MockRuntimeApi, client: Client) -> None:
    """HTTP/1.0 gets 1.0, the end of the connection, and no chunks; with keep-alive the connection stays."""
    mock.invoke(b"x" * 5000)
    client.send(b"GET /2018-06-01/ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    seen = client.read()
    assert (seen.start, seen["Connection"]) == ("HTTP/1.0 200 OK", "keep-alive")
    client.send(b"GET /2018-06-01/runtime/invocation/next HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    seen = client.read()
    assert (seen.start, seen["Transfer-Encoding"], seen["Content-Length"]) == ("HTTP/1.0 200 OK", None, None)
    assert seen.body == b"x" * 5000


def test_connection_close_is_honoured(client: Client) -> None:
    """A client that wants to close gets `Connection: close`, and the end."""
    client.send(b"GET /2018-06-01/ping HTTP/1.1\r\nHost: mock\r\nconnection: Close\r\n\r\n")
    assert client.read()["Connection"] == "close"
    assert client.rest() == b""


def test_expect_gets_100_continue(mock: MockRuntimeApi, client: Client) -> None:
    """A body that is wanted is asked for."""
    pending = mock.invoke(b"{}")
    client.next()
    data = request(f"invocation/{pending.request_id}/response", b"body", "Expect: 100-continue")
    client.send(data[:-4])
    assert client.line() + client.line() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert client.send(data[-4:]).read().body == OK
    assert pending.result(5).body == b"body"


def test_expect_of_a_refused_body_gets_the_refusal(mock: MockRuntimeApi, client: Client) -> None:
    """A body that is not wanted is not asked for: the refusal comes, and the connection ends."""
    client.send(request("invocation/x/response", b"body", "Expect: 100-continue")[:-4])
    seen = client.read()
    assert (seen.status, seen.body, seen["Connection"]) == (400, BAD_ID, "close")
    assert client.rest() == b""


def test_longest_head_is_accepted(mock: MockRuntimeApi, client: Client) -> None:
    """A header line of 1,048,576 bytes is accepted."""
    client.send(b"GET /2018-06-01/ping HTTP/1.1\r\nHost: mock\r\nX: " + b"a" * (MIB - 5) + b"\r\n\r\n")
    assert client.read().body == b"pong"
    assert len(mock.requests[0].header("x") or "") == MIB - 5


@pytest.mark.parametrize("ended", [True, False])
def test_longer_head_is_431_and_changes_nothing(mock: MockRuntimeApi, client: Client, ended: bool) -> None:
    """A head of 1.1 MB is refused with Go's bare reply; the event is still there."""
    mock.invoke(b"event")
    client.send(NEXT[:-2] + b"X: " + b"a" * 1_100_000 + b"\r\n\r\n" * ended)
    assert client.rest() == (
        b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Connection: close\r\n\r\n431 Request Header Fields Too Large"
    )
    assert mock.state == "Started"
    with Client(mock) as again:
        assert again.next().body == b"event"


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"nonsense\r\n\r\n", b""),
        (b"GET / HTTP/1.1\r\n\r\n", b": missing required Host header"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nbad line\r\n\r\n", b""),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b""),
    ],
)
def test_nonsense_is_400_and_the_end(client: Client, data: bytes, detail: bytes) -> None:
    """What is no request gets Go's bare 400."""
    assert client.send(data).rest() == (
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
        b"400 Bad Request" + detail
    )


@pytest.mark.parametrize(("size", "closes"), [(1000, False), (256 * 1024, False), (256 * 1024 + 1, True)])
@pytest.mark.parametrize("chunked", [False, True])
def test_refusal_of_a_big_body_closes(client: Client, size: int, closes: bool, chunked: bool) -> None:
    """A refusal reads up to 256 KB to keep the connection; beyond, it says `Connection: close`, and does."""
    if chunked:
        head = (
            f"POST {BASE}invocation/x/response HTTP/1.1\r\nHost: mock\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        client.send(head.encode() + b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n")
    else:
        client.send(request("invocation/x/response", b"x" * size))
    seen = client.read()
    assert (seen.status, seen.body, seen["Connection"]) == (400, BAD_ID, "close" if closes else None)
    if not closes:
        assert client.get("/2018-06-01/ping").body == b"pong"


def test_refusal_is_there_when_sending_fails(mock: MockRuntimeApi, client: Client) -> None:
    """With 20 MB under way the send itself fails, yet the whole reply can be read."""
    with pytest.raises(OSError):
        client.send(request("invocation/x/response", b"x" * 20 * MIB))
    seen = client.read()
    assert (seen.status, seen.body, seen["Connection"]) == (400, BAD_ID, "close")


def test_413_keeps_the_connection_at_20_mb_and_pipelined(mock: MockRuntimeApi, client: Client) -> None:
    """A response of 20 MB is read to its end, answered 413, and the request behind it is answered too."""
    pending = mock.invoke(b"{}")
    client.next()
    client.send(request(f"invocation/{pending.request_id}/response", b"x" * 20 * MIB) + PING)
    assert client.read().status == 413
    assert client.read().body == b"pong"
    assert (mock.requests[1].body, mock.requests[1].body_size, mock.requests[1].dropped) == (
        b"",
        20 * MIB,
        True,
    )


def test_half_closed_connection_gets_its_reply(mock: MockRuntimeApi, client: Client) -> None:
    """A client that has sent everything and closed its half is answered, then closed."""
    client.send(PING)
    client.socket.shutdown(socket.SHUT_WR)
    assert client.read().body == b"pong"
    assert client.rest() == b""


def test_query_is_no_part_of_the_path(client: Client) -> None:
    """A query changes nothing."""
    assert client.get("/2018-06-01/ping?x=1").body == b"pong"


@given(cuts=st.lists(st.integers(1, 60), min_size=1, max_size=40), seed=st.integers(0, 1000))
def test_any_cuts_of_requests_are_the_same_requests(cuts: list[int], seed: int) -> None:
    """However the bytes of several requests are cut, what the reader sees is the same."""
    from rapid_client.local._mock.reader import Head, RequestReader

    chunked = (
        b"POST /c HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n"
    )
    requests = [PING, request("invocation/x/response", b"0123456789" * 7), chunked, NEXT]
    random.Random(seed).shuffle(requests)
    data, reader = b"".join(requests), RequestReader()
    heads, body = [], b""
    while data:
        size = cuts[len(data) % len(cuts)]
        reader.feed(data[:size])
        data = data[size:]
        while (event := reader.next()) is not None:
            if isinstance(event, Head):
                heads.append(event)
            elif isinstance(event, bytes | bytearray):
                body += event
    assert [head.raw for head in heads] == [one[: one.index(b"\r\n\r\n") + 4] for one in requests]
    assert sorted(body) == sorted(b"0123456789" * 7 + b"abcde")
