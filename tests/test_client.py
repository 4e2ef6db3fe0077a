"""Every call of the Runtime API meets every fault, on a real socket: retried, gone on from, or raised."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from rapid_client._client import JOINED, Client, Transport
from rapid_client._protocol import RuntimeApi
from rapid_client.errors import ApiError, FaultError, RemoteProtocolError, TransportError
from tests.rawserver import RawServer, close, drain, read, read_some, reset, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rapid_client._protocol import Invocation
    from tests.rawserver import Step

    Act = Callable[[Client, bytes], object]

LARGE: Final = bytes(5_000_000)
SMALL: Final = b'"ok"'


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    """Return a response with a Content-Length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


BYE: Final = "Connection: close"
ID: Final = "Lambda-Runtime-Aws-Request-Id: id-1"
EVENT: Final = reply("200 OK", b'{"a": 1}', ID)
TAKEN: Final = reply("202 Accepted", b'{"status":"OK"}\n')
RESTORED: Final = reply("200 OK")
TOO_EARLY: Final = reply("400 Bad Request", b'{"errorType":"InvalidRequestID"}\n', BYE)


class Runtime:
    """A client with the invocation that it has to answer."""

    def __init__(self, address: str) -> None:
        self.transport = Transport(address)
        self.api = RuntimeApi(address)
        self.client = Client(self.api, self.transport)
        self.invocation: Invocation | None = None

    def do(self, call: str, body: bytes = SMALL) -> object:
        """Make one call; *body* counts for those that have one."""
        client, invocation = self.client, self.invocation
        if call == "next":
            self.invocation = client.next()
            return self.invocation.body
        if call == "restore/next":
            client.restore_next()
            return None
        if call == "init/error":
            return client.post_init_error("Some.Error", body)
        if call == "restore/error":
            return client.restore_error("Some.Error", body)
        assert invocation is not None
        return client.respond(invocation, body) if call == "response" else client.fail(invocation, body)


@pytest.fixture
def runtime_at() -> Iterator[Callable[[str], Runtime]]:
    """Return a maker of runtimes, whose connections are closed after the test."""
    made: list[Runtime] = []

    def make(address: str) -> Runtime:
        made.append(Runtime(address))
        return made[-1]

    yield make
    for runtime in made:
        runtime.transport.close()


class Kind(NamedTuple):
    """What a call needs before it, and what answers it."""

    before: tuple[str, ...]
    line: str
    answer: bytes


GOOD: Final = {"next": EVENT, "response": TAKEN, "error": TAKEN, "restore/next": RESTORED}
CALLS: Final = {
    "next": Kind(("next", "response"), "GET invocation/next", EVENT),
    "response": Kind(("next",), "POST invocation/id-1/response", TAKEN),
    "error": Kind(("next",), "POST invocation/id-1/error", TAKEN),
    "init/error": Kind(("restore/next",), "POST init/error", TAKEN),
    "restore/next": Kind((), "GET restore/next", RESTORED),
    "restore/error": Kind(("restore/next",), "POST restore/error", TAKEN),
}
GETS: Final = ("next", "restore/next")

# What the server does in place of answering.
FAULTS: Final[dict[str, Sequence[Step]]] = {
    "closed-before-the-send": [close],
    "reset-before-the-send": [reset],
    "during-the-send": [read_some, close],
    "during-the-send-after-a-reply": [read_some, send(TOO_EARLY), close],
    "during-the-send-after-a-reply-drained": [read_some, send(TOO_EARLY), drain],
    "closed-before-any-byte": [read, close],
    "reset-before-any-byte": [read, reset],
    "closed-in-the-head": [read, send(b"HTTP/1.1 202 Accepted\r\nContent-Le"), close],
    "reset-in-the-head": [read, send(b"HTTP/1.1 202 Accepted\r\nContent-Le"), reset],
    "closed-in-the-body": [read, send(reply("200 OK", b'{"a": 1}', ID)[:-3]), close],
    "reset-in-the-body": [read, send(reply("200 OK", b'{"a": 1}', ID)[:-3]), reset],
    "closed-in-a-chunk": [
        read,
        send(f"HTTP/1.1 200 OK\r\n{ID}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12".encode()),
        close,
    ],
    "not-http": [read, send(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), close],
}
LOST, BROKEN = TransportError, RemoteProtocolError
RETRIED, TAKEN_AS_SENT, REFUSED = "retried", "taken", "refused"
# fault -> what becomes of a GET on a fresh and on a reused connection, and of a POST on either.
TABLE: Final[dict[str, tuple[object, object, object, object]]] = {
    "closed-before-the-send": (LOST, RETRIED, LOST, RETRIED),
    "reset-before-the-send": (LOST, RETRIED, LOST, RETRIED),
    "during-the-send": (None, None, LOST, RETRIED),
    "during-the-send-after-a-reply": (None, None, REFUSED, REFUSED),
    "during-the-send-after-a-reply-drained": (None, None, REFUSED, REFUSED),
    "closed-before-any-byte": (LOST, RETRIED, LOST, RETRIED),
    "reset-before-any-byte": (LOST, RETRIED, LOST, RETRIED),
    "closed-in-the-head": (BROKEN, BROKEN, BROKEN, BROKEN),
    "reset-in-the-head": (LOST, LOST, LOST, LOST),
    "closed-in-the-body": (BROKEN, BROKEN, TAKEN_AS_SENT, TAKEN_AS_SENT),
    "reset-in-the-body": (LOST, LOST, TAKEN_AS_SENT, TAKEN_AS_SENT),
    "closed-in-a-chunk": (BROKEN, BROKEN, TAKEN_AS_SENT, TAKEN_AS_SENT),
    "not-http": (BROKEN, BROKEN, BROKEN, BROKEN),
}
CELLS: Final = [
    pytest.param(call, fault, reused, outcome, id=f"{call}-{fault}-{'reused' if reused else 'fresh'}")
    for call in CALLS
    for fault, outcomes in TABLE.items()
    for reused, outcome in enumerate(outcomes[:2] if call in GETS else outcomes[2:])
    if outcome is not None
]


def prelude(before: Sequence[str], *, last: bool) -> list[Step]:
    """Return the steps that serve the calls *before*; with *last*, the connection ends with them."""
    steps: list[Step] = []
    for number, call in enumerate(before, start=1):
        closing = last and number == len(before)
        answer = GOOD[call]
        steps += [read, send(answer.replace(b"\r\n", f"\r\n{BYE}\r\n".encode(), 1) if closing else answer)]
    return [*steps, close] if last and before else steps


@pytest.mark.parametrize(("call", "fault", "reused", "outcome"), CELLS)
def test_fault(
    call: str, fault: str, reused: int, outcome: object, runtime_at: Callable[[str], Runtime]
) -> None:
    """Each call meets each fault as the table says, and never goes over the wire once more than that."""
    before, line, answer = CALLS[call]
    served = prelude(before, last=not reused)
    scripts = [[*served, *FAULTS[fault]]] if reused or not before else [served, list(FAULTS[fault])]
    # Where one more try is right, it finds this; where it is wrong, it is seen all the same.
    follows = [read, send(EVENT if outcome == REFUSED else answer)]
    body = LARGE if fault.startswith("during") else SMALL
    with RawServer(*scripts, follows) as server:
        runtime = runtime_at(server.address)
        for step in before:
            runtime.do(step)
        if reused and not before:
            runtime.transport.connect()
        assert runtime.transport.connected == bool(reused)
        if reused and "before-the-send" in fault:
            server.wait(0)
        earlier = len(server.requests)

        if isinstance(outcome, type):
            with pytest.raises(outcome, match="the Runtime API"):
                runtime.do(call, body)
            assert not runtime.transport.connected
        else:
            got = runtime.do(call, body)
            if outcome == REFUSED:
                assert getattr(got, "status", None) == 400
                assert "InvalidRequestID" in getattr(got, "reason", "")
                assert not runtime.transport.connected
            else:
                assert got == (b'{"a": 1}' if call == "next" else None)

        seen = server.lines[earlier:]
        unsent = "before-the-send" in fault
        assert seen == [line] * ((0 if unsent else 1) + (1 if outcome == RETRIED else 0))
        assert server.accepted == len(scripts) + (1 if outcome == RETRIED else 0)


@pytest.mark.parametrize("drained", [False, True], ids=["reset", "drained"])
def test_after_an_early_refusal_the_client_connects_anew(
    drained: bool, runtime_at: Callable[[str], Runtime]
) -> None:
    """A refusal of 5 MB that comes early is read, and the next event comes over a new connection."""
    refuse: list[Step] = [read, send(EVENT), read_some, send(TOO_EARLY), drain if drained else close]
    with RawServer(refuse, [read, send(EVENT), read, send(TAKEN)]) as server:
        runtime = runtime_at(server.address)
        runtime.do("next")
        refusal = runtime.do("response", LARGE)
        assert getattr(refusal, "status", None) == 400
        assert getattr(refusal, "body", None) == b'{"errorType":"InvalidRequestID"}\n'

        assert runtime.do("next") == b'{"a": 1}'
        assert runtime.do("response") is None
        assert [request.connection for request in server.requests] == [0, 0, 1, 1]


@pytest.mark.parametrize("status", ["413 Request Entity Too Large", "403 Forbidden", "410 Gone"])
def test_a_refusal_that_keeps_the_connection(status: str, runtime_at: Callable[[str], Runtime]) -> None:
    """After a refusal without `Connection: close` the next event comes over the same connection."""
    with RawServer([read, send(EVENT), read, send(reply(status, b"no")), read, send(EVENT)]) as server:
        runtime = runtime_at(server.address)
        runtime.do("next")
        assert getattr(runtime.do("response", LARGE), "status", None) == int(status[:3])
        assert runtime.do("next") == b'{"a": 1}'
        assert server.accepted == 1


@pytest.mark.parametrize("end", [close, reset], ids=["closed", "reset"])
def test_a_cut_refusal_says_what_came_of_its_reason(end: Step, runtime_at: Callable[[str], Runtime]) -> None:
    """A refusal whose body is cut is a refusal, with as much of the reason as came."""
    cut = reply("403 Forbidden", b"because of the state")[:-10]
    with RawServer([read, send(EVENT), read, send(cut), end]) as server:
        runtime = runtime_at(server.address)
        runtime.do("next")
        refusal = runtime.do("response")
        assert getattr(refusal, "status", None) == 403
        assert getattr(refusal, "body", None) == b"because of"


def test_a_reply_that_ends_with_the_connection(runtime_at: Callable[[str], Runtime]) -> None:
    """A reply without a length is complete when the connection ends: event, refusal and its reason."""
    event = f"HTTP/1.1 200 OK\r\n{ID}\r\n\r\n[1]".encode()
    refusal = b"HTTP/1.1 400 Bad Request\r\n\r\nwhy not"
    with RawServer([read, send(event), close], [read, send(refusal), close]) as server:
        runtime = runtime_at(server.address)
        assert runtime.do("next") == b"[1]"
        got = runtime.do("response")
        assert getattr(got, "reason", None) == "status 400 'why not'"
        assert server.accepted == 2


def test_only_one_more_try(runtime_at: Callable[[str], Runtime]) -> None:
    """A second connection that ends without an answer ends the call."""
    with RawServer([read, send(EVENT), read, close], [read, close]) as server:
        runtime = runtime_at(server.address)
        runtime.do("next")
        with pytest.raises(TransportError, match=r"answer to POST /2018-06-01/runtime/invocation/"):
            runtime.do("response")
        assert server.lines == ["GET invocation/next", *["POST invocation/id-1/response"] * 2]
        assert server.accepted == 2


def test_nobody_answers_any_more(runtime_at: Callable[[str], Runtime]) -> None:
    """Where nobody listens any more, the second try says so."""
    with RawServer([read, send(EVENT), close]) as server:
        runtime = runtime_at(server.address)
        runtime.do("next")
    with pytest.raises(TransportError, match=f"cannot connect to the Runtime API at {server.address}"):
        runtime.do("response")


def test_a_report_goes_out_after_bytes_that_made_no_sense(runtime_at: Callable[[str], Runtime]) -> None:
    """What was left of a broken answer does not spoil the next one."""
    with RawServer([read, send(b"HTTP/1.1 what\r\n\r\n"), close], [read, send(TAKEN)]) as server:
        runtime = runtime_at(server.address)
        with pytest.raises(RemoteProtocolError):
            runtime.do("restore/next")
        assert runtime.do("init/error") is None
        assert server.lines == ["GET restore/next", "POST init/error"]


@pytest.mark.parametrize("size", [0, 1, JOINED, JOINED + 1, len(LARGE)])
def test_the_body_arrives_as_it_was_sent(size: int, runtime_at: Callable[[str], Runtime]) -> None:
    """Head and body arrive whole, whether they are sent together or in parts."""
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    with RawServer([read, send(EVENT), read, send(TAKEN)]) as server:
        runtime = runtime_at(server.address)
        runtime.do("next")
        assert runtime.do("response", body) is None
        got = server.requests[1]
        assert got.body == body
        assert f"\r\nContent-Length: {size}\r\n".encode() in got.head


@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_a_large_event_arrives_whole(framing: str, runtime_at: Callable[[str], Runtime]) -> None:
    """An event of 6 MB comes out as it was sent, with a length or in chunks."""
    event = b"".join(number.to_bytes(4, "big") for number in range(1_500_000))
    if framing == "sized":
        raw = reply("200 OK", event, ID)
    else:
        parts = [event[start : start + 32768] for start in range(0, len(event), 32768)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])
        raw = f"HTTP/1.1 200 OK\r\n{ID}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunks
    with RawServer([read, send(raw), read, send(TAKEN)]) as server:
        runtime = runtime_at(server.address)
        assert runtime.do("next") == event
        assert runtime.do("response") is None


@pytest.mark.parametrize("status", ["500 Internal Server Error", "302 Found", "204 No Content"])
def test_no_event_ends_the_process(status: str, runtime_at: Callable[[str], Runtime]) -> None:
    """Any status but 200 where an event was asked for is an ApiError."""
    with RawServer([read, send(reply(status))]) as server, pytest.raises(ApiError, match=status[:3]):
        runtime_at(server.address).do("next")


def test_a_container_error_ends_the_process(runtime_at: Callable[[str], Runtime]) -> None:
    """A 500 for a response is an ApiError, and the response is not sent again."""
    with RawServer([read, send(EVENT), read, send(reply("500 Oops", b"x"))]) as server:
        runtime = runtime_at(server.address)
        runtime.do("next")
        with pytest.raises(ApiError, match="500"):
            runtime.do("response")
        assert len(server.requests) == 2


def test_a_refused_restore_is_named_as_awslambdaric_names_it(runtime_at: Callable[[str], Runtime]) -> None:
    """Any status but 200 to `restore/next` is a LambdaRuntimeClientError."""
    with RawServer([read, send(reply("204 No Content"))]) as server:
        with pytest.raises(FaultError, match=r"restore/next' endpoint failed. Reason: '204'") as caught:
            runtime_at(server.address).do("restore/next")
        assert caught.value.error_type == "LambdaRuntimeClientError"


def test_interim_responses_are_skipped(runtime_at: Callable[[str], Runtime]) -> None:
    """A `100 Continue` before the answer is no answer."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    with RawServer([read, send(interim), send(interim + EVENT), read, send(interim + TAKEN)]) as server:
        runtime = runtime_at(server.address)
        assert runtime.do("next") == b'{"a": 1}'
        assert runtime.do("response") is None


def test_a_default_time_out_of_the_function_does_not_count(runtime_at: Callable[[str], Runtime]) -> None:
    """What a function sets with `socket.setdefaulttimeout` does not end the waiting for an event."""
    before = socket.getdefaulttimeout()
    with RawServer([read, send(EVENT)]) as server:
        runtime = runtime_at(server.address)
        socket.setdefaulttimeout(0.000001)
        try:
            assert runtime.do("next") == b'{"a": 1}'
        finally:
            socket.setdefaulttimeout(before)
