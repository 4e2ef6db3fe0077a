"""Each scripted fault does to the bytes and to the connection what it says."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING

import pytest

from rapid_client.local import Close, Fault, MockError, MockRuntimeApi, MockSettings, Reply
from tests.local.mock_client import NEXT, Client, request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rapid_client.local._mock.model import Call

PING = "/2018-06-01/ping"
PING_BYTES = b"GET /2018-06-01/ping HTTP/1.1\r\nHost: mock\r\n\r\n"


@pytest.fixture(params=["auto", "asyncio"])
def mock(request: pytest.FixtureRequest) -> Iterator[MockRuntimeApi]:
    """Return a mock that runs, on either event loop."""
    with MockRuntimeApi(settings=MockSettings(event_loop=request.param, snapstart=True)) as mock:
        yield mock


@pytest.fixture
def client(mock: MockRuntimeApi) -> Iterator[Client]:
    """Return a connection to it."""
    with Client(mock) as client:
        yield client


def ask(client: Client, mock: MockRuntimeApi, call: str) -> bytes:
    """Return the bytes of a request for this call that would go well, the mock brought there first."""
    if call == "next":
        mock.invoke(b'{"event":1}')
        return NEXT
    if call in ("response", "error"):
        pending = mock.invoke(b"{}")
        client.next()
        return request(f"invocation/{pending.request_id}/{call}", b"answer")
    if call == "restore/next":
        return b"GET /2018-06-01/runtime/restore/next HTTP/1.1\r\nHost: mock\r\n\r\n"
    if call == "restore/error":
        assert client.get("/2018-06-01/runtime/restore/next").status == 200
        return request("restore/error", b"error")
    return request("init/error", b"error")


CALLS: tuple[Call, ...] = ("next", "response", "error", "init/error", "restore/next", "restore/error")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, None), (400, "InvalidRequestID"), (500, "InternalServerError"), (503, "ServiceUnavailable")],
)
def test_any_status_for_any_call(
    mock: MockRuntimeApi, client: Client, call: Call, status: int, kind: str | None
) -> None:
    """A status replaces the right one; an error status has the body that the service sends with it."""
    data = ask(client, mock, call)
    mock.inject(Fault(call, Reply(status=status)))
    seen = client.send(data).read()
    assert seen.status == status
    if kind is not None:
        assert json.loads(seen.body)["errorType"] == kind
    assert mock.faults_left == 0
    assert mock.calls(call) == 1


def test_unnamed_status_and_reason(mock: MockRuntimeApi, client: Client) -> None:
    """A status without a name has Go's text; a reason can be anything."""
    mock.inject(Fault("ping", Reply(status=599)))
    mock.inject(Fault("ping", Reply(status=200, reason="")))
    assert client.get(PING).start == "HTTP/1.1 599 status code 599"
    assert client.get(PING).start == "HTTP/1.1 200 "


def test_refused_next_delivers_nothing(mock: MockRuntimeApi, client: Client) -> None:
    """After a 500 to /next the event is still there."""
    pending = mock.invoke(b"event")
    mock.inject(Fault("next", Reply(status=500)))
    assert client.next().status == 500
    assert (mock.state, pending.done) == ("Started", False)
    assert client.next().body == b"event"


@pytest.mark.parametrize("call", ["response", "error"])
def test_refused_answer_ends_the_invocation(mock: MockRuntimeApi, client: Client, call: Call) -> None:
    """After a scripted 403 the invocation ends as refused, with what was posted, and the next one comes."""
    pending, _ = mock.invoke(b"1"), mock.invoke(b"2")
    client.next()
    mock.inject(Fault(call, Reply(status=403)))
    assert client.post(f"invocation/{pending.request_id}/{call}", b"answer").status == 403
    assert (pending.result(5).kind, pending.result(5).body) == ("refused", b"answer")
    assert client.next().body == b"2"


def test_carry_out_overrides_the_rule(mock: MockRuntimeApi, client: Client) -> None:
    """carry_out=False leaves the invocation open in spite of a 202; True ends it in spite of a 500."""
    pending = mock.invoke(b"1")
    client.next()
    mock.inject(Fault("response", Reply(status=202, body=b"x", carry_out=False)))
    mock.inject(Fault("response", Reply(status=500, carry_out=True)))
    assert client.respond(pending.request_id).body == b"x"
    assert not pending.done
    assert client.next().body == b"1"
    assert client.respond(pending.request_id, b"r").status == 500
    assert (pending.result(5).kind, pending.result(5).body) == ("response", b"r")


def test_init_error_is_carried_out_whatever_the_status(mock: MockRuntimeApi, client: Client) -> None:
    """A caller sees the init error also where the runtime is told that it failed."""
    pending = mock.invoke(b"{}")
    mock.inject(Fault("init/error", Reply(status=500)))
    assert client.post("init/error", b"why").status == 500
    assert pending.result(5).body == b"why"


def test_times_and_skip(mock: MockRuntimeApi, client: Client) -> None:
    """A fault can let calls pass first and happen several times; the next one follows."""
    mock.inject(Fault("ping", Reply(status=501), times=2, skip=1))
    mock.inject(Fault("ping", Reply(status=502)))
    assert mock.faults_left == 3
    assert [client.get(PING).status for _ in range(5)] == [200, 501, 501, 502, 200]


def test_headers_are_added_left_out_and_replaced(mock: MockRuntimeApi, client: Client) -> None:
    """Duplicate, missing and huge header lines come as scripted."""
    mock.invoke(b"{}")
    huge = "h" * 200_000
    mock.inject(
        Fault(
            "next",
            Reply(
                omit=("lambda-runtime-deadline-ms", "Date"),
                headers=(("Lambda-Runtime-Aws-Request-Id", "twin"), ("X-Huge", huge)),
            ),
        )
    )
    names = [name for name, _ in client.next().headers]
    assert "Lambda-Runtime-Deadline-Ms" not in names
    assert "Date" not in names
    assert names.count("Lambda-Runtime-Aws-Request-Id") == 2
    assert names[-1] == "X-Huge"


def test_content_length_can_lie(mock: MockRuntimeApi, client: Client) -> None:
    """A length can be replaced: the body stays as it is."""
    mock.inject(
        Fault("ping", Reply(omit=("Content-Length",), headers=(("Content-Length", "9"),), end="close"))
    )
    seen = client.get(PING)
    assert (seen["Content-Length"], seen.body) == ("9", b"pong")


def test_body_chunks_and_writes(mock: MockRuntimeApi, client: Client) -> None:
    """An event comes in odd chunks, written in odd pieces, and is whole."""
    event = bytes(range(256)) * 4
    mock.invoke(event)
    mock.inject(Fault("next", Reply(chunks=(1, 7, 100), writes=(3, 50, 200), pause=0.0)))
    seen = client.next()
    assert seen.chunks == [1, 7, *[100] * 10, 16]
    assert seen.body == event
    assert client.next().body == event


def test_pieces_arrive_as_pieces(mock: MockRuntimeApi, client: Client) -> None:
    """With a pause between them the pieces are separate segments."""
    mock.inject(Fault("ping", Reply(raw=b"abc", writes=(1,), pause=0.1, end="close")))
    client.send(PING_BYTES)
    assert [client.socket.recv(100) for _ in range(4)] == [b"a", b"b", b"c", b""]


def test_raw_before_and_extra(mock: MockRuntimeApi, client: Client) -> None:
    """Raw bytes go in front of, behind, or instead of a reply."""
    hints = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    mock.inject(Fault("ping", Reply(before=hints, extra=b"junk")))
    mock.inject(Fault("ping", Reply(raw=b"whatever\n", end="close")))
    client.send(PING_BYTES)
    assert client.exactly(len(hints)) == hints
    assert client.read().body == b"pong"
    assert client.exactly(4) == b"junk"
    assert client.send(PING_BYTES).rest() == b"whatever\n"


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("cut", [0, 1, 17, 100, 10_000_000])
def test_reply_is_cut_at_any_byte(mock: MockRuntimeApi, client: Client, cut: int, end: str) -> None:
    """Exactly the first bytes of the reply come, then a FIN or an RST; the event counts as delivered."""
    mock.invoke(b"e" * 3_000_000)
    mock.inject(Fault("next", Reply(cut=cut, end="reset" if end == "reset" else "close")))
    client.send(NEXT)
    got = b""
    ended = "close"
    try:
        while data := client.socket.recv(1 << 20):
            got += data
    except ConnectionResetError:
        ended = "reset"
    assert ended == end
    assert len(got) == cut if cut < 3_000_000 else 3_000_000 < len(got) < 3_001_000
    assert b"HTTP/1.1 200 OK"[:cut] == got[:15]
    assert mock.state == "Running"


def test_cut_alone_closes(mock: MockRuntimeApi, client: Client) -> None:
    """Without an end, a cut closes."""
    mock.inject(Fault("ping", Reply(cut=5)))
    assert client.send(PING_BYTES).rest() == b"HTTP/"


def test_announced_close(mock: MockRuntimeApi, client: Client) -> None:
    """A fault with announce sends `Connection: close` and closes; with end=keep it lies."""
    mock.inject(Fault("ping", Reply(announce=True, end="keep")))
    mock.inject(Fault("ping", Reply(announce=True)))
    assert client.get(PING)["Connection"] == "close"
    assert client.get(PING)["Connection"] == "close"
    assert client.rest() == b""


def test_close_behind_a_reply_without_a_word(mock: MockRuntimeApi, client: Client) -> None:
    """end=close ends the connection behind a complete reply that does not say so."""
    mock.inject(Fault("ping", Reply(end="close")))
    seen = client.get(PING)
    assert (seen.body, seen["Connection"]) == (b"pong", None)
    assert client.rest() == b""


def test_delay(mock: MockRuntimeApi, client: Client) -> None:
    """A delayed reply comes later than one to a later question, and one without end never."""
    mock.inject(Fault("ping", Reply(delay=0.2)))
    mock.inject(Fault("ping", Reply(delay=float("inf"))))
    client.send(PING_BYTES)
    with Client(mock) as other:
        mock.wait_for("ping")
        other.send(PING_BYTES)
        assert client.read().body == b"pong"
        mock.wait_for("ping", 2)
        other.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            other.socket.recv(1)


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("call", CALLS)
def test_close_after_the_request(mock: MockRuntimeApi, client: Client, call: Call, reset: bool) -> None:
    """The request is read and recorded, no byte of the reply comes, and nothing takes effect."""
    data = ask(client, mock, call)
    state = mock.state
    mock.inject(Fault(call, Close(reset=reset)))
    assert gone(client.send(data)) == ("reset" if reset else "close")
    assert (mock.state, mock.calls(call)) == (state, 1)
    assert mock.requests[-1].call == call


def test_close_after_a_request_that_takes_effect(mock: MockRuntimeApi, client: Client) -> None:
    """With carry_out the answer counts, though its reply is lost."""
    data = ask(client, mock, "response")
    mock.inject(Fault("response", Close(carry_out=True)))
    assert gone(client.send(data)) == "close"
    assert mock.state == "RuntimeResponseSentState"


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("after", [10, 200, 100_000])
def test_close_inside_the_request(mock: MockRuntimeApi, client: Client, after: int, reset: bool) -> None:
    """The connection ends once that many bytes of the request were read; the invocation stays open."""
    pending = mock.invoke(b"{}")
    client.next()
    mock.inject(Fault("response", Close("in-request", after=after, reset=reset)))
    data = request(f"invocation/{pending.request_id}/response", b"x" * 200_000)
    client.send(data[: max(after, 120) - 1])
    time.sleep(0.02)
    if after > 120:
        assert mock.calls("response") == 0
        client.send(data[after - 1 : after])
    assert gone(client) == ("reset" if reset else "close")
    assert (mock.calls("response"), mock.state, pending.done) == (1, "Running", False)


def test_close_before_the_request(mock: MockRuntimeApi, client: Client) -> None:
    """After an answer the idle connection ends before /next is read; a new one gets the event."""
    pending, following = mock.invoke(b"1"), mock.invoke(b"2")
    client.next()
    mock.inject(Fault("next", Close("before-request")))
    assert client.respond(pending.request_id).status == 202
    assert client.rest() == b""
    with Client(mock) as again:
        assert again.next()["Lambda-Runtime-Aws-Request-Id"] == following.request_id


def test_close_before_the_answer(mock: MockRuntimeApi, client: Client) -> None:
    """A connection can end right behind the event, before the response is read."""
    mock.inject(Fault("response", Close("before-request", reset=True)))
    mock.invoke(b"event")
    client.send(NEXT)
    assert client.read().body == b"event"
    assert gone(client) == "reset"


def test_close_at_accept(mock: MockRuntimeApi) -> None:
    """A new connection can end before anything was asked."""
    mock.inject(Fault("next", Close("before-request")))
    with Client(mock) as client:
        assert client.rest() == b""
    with Client(mock) as client:
        mock.invoke(b"event")
        assert client.next().body == b"event"


def test_disconnect_ends_a_waiting_next(mock: MockRuntimeApi, client: Client) -> None:
    """Every connection can be ended at any time."""
    client.send(NEXT)
    mock.wait_for("next")
    mock.disconnect(reset=True)
    assert gone(client) == "reset"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fault("nxt", Reply()),  # type: ignore[arg-type]
        lambda: Fault("next", Reply(), times=0),
        lambda: Fault("next", Reply(), skip=-1),
        lambda: Reply(writes=(0,)),
        lambda: Reply(cut=-1),
    ],
)
def test_impossible_faults_are_refused(make: object) -> None:
    """What cannot happen is an error of one line at once."""
    assert callable(make)
    with pytest.raises(MockError) as caught:
        make()
    assert "\n" not in str(caught.value)


def gone(client: Client) -> str:
    """Read to the end, which has to come without a byte before; return how it came."""
    try:
        assert client.socket.recv(100) == b""
    except ConnectionResetError:
        return "reset"
    assert client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    return "close"
