"""Pipelined: a response and the next request are one send; whatever becomes of them, no event is lost."""

from __future__ import annotations

import itertools
import json
import re
import select
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rapid_client._client import JOINED, Client, Transport
from rapid_client._parser import ResponseParser
from rapid_client._pipeline import Pipeline
from rapid_client._protocol import RuntimeApi
from rapid_client.errors import ApiError, RemoteProtocolError, TransportError
from rapid_client.local import Close, Fault, MockSettings, Reply
from tests.rawserver import RawServer, close, drain, read, reset, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from types import FrameType

    from rapid_client._protocol import Invocation
    from rapid_client._refusal import Refusal
    from tests.rawserver import Peer, Step
    from tests.support import Starter

SMALL: Final = b'"ok"'
BYE: Final = "Connection: close"


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    """Return a response with a Content-Length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def event(number: int, body: bytes = b"1", *headers: str) -> bytes:
    """Return the event ``id-`` *number*."""
    return reply("200 OK", body, f"Lambda-Runtime-Aws-Request-Id: id-{number}", *headers)


def chunked(start: str, body: bytes, *headers: str) -> bytes:
    """Return a response in chunks of at most 32 KB."""
    parts = [body[at : at + 32768] for at in range(0, len(body), 32768)]
    coded = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])
    return "\r\n".join([start, *headers, "Transfer-Encoding: chunked", "\r\n"]).encode() + coded


class Pipelined:
    """A client that pipelines, and the refusals that it has reported: ``(request id, status, reason)``."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.refused: list[tuple[str, int, str]] = []
        self.client: Client = Pipeline(RuntimeApi(transport.address), transport, self._report)

    def _report(self, invocation: Invocation, refusal: Refusal) -> None:
        self.refused.append((invocation.request_id, refusal.status, refusal.reason))


@pytest.fixture
def connect() -> Iterator[Callable[[RawServer], Pipelined]]:
    """Return a maker of clients, whose connections are closed after the test."""
    made: list[Transport] = []

    def make(server: RawServer) -> Pipelined:
        made.append(Transport(server.address))
        return Pipelined(made[-1])

    yield make
    for transport in made:
        transport.close()


# What the server does in place of answering both...

FIRST: Final = event(1)
SECOND: Final = event(2, b"[2]")
#: As Go's servers write it.
TAKEN: Final = (
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nDate: Sat, 21 Nov 2026 09:23:41 GMT\r\n"
    b'Content-Length: 16\r\n\r\n{"status":"OK"}\n'
)
TOO_LARGE: Final = "413 Request Entity Too Large"
BAD: Final = "400 Bad Request"
WRONG: Final = "403 Forbidden"
POST: Final = "POST invocation/id-1/response"
GET: Final = "GET invocation/next"
ASKED: Final[list[Step]] = [read, read]
AGAIN: Final[list[Step]] = [read, send(SECOND)]
LOST, BROKEN = TransportError, RemoteProtocolError
GOES_ON: Final = b"[2]"


class Row(NamedTuple):
    """What the server does with the response to the first event, and what has to become of it.

    Attributes:
        script: What it does on the connection over which the first event came.
        more: What it does on those after it.
        outcome: The next event, or what is raised in its place.
        seen: The requests that it sees, in their order.
        refused: The statuses of the refusals that are reported.
    """

    script: Sequence[Step]
    more: Sequence[Sequence[Step]]
    outcome: bytes | type[Exception]
    seen: Sequence[str]
    refused: Sequence[int] = ()


BOTH: Final = [POST, GET]
TWICE: Final = [POST, GET, POST, GET]


def refusals(status: str) -> dict[str, Row]:
    """Return the rows of one refusal: the connection stays, or does not."""
    kept, last, number = reply(status, b"no\n"), reply(status, b"no\n", BYE), int(status[:3])
    ended = {"closed": close, "reset": reset, "drained": drain}
    return {
        f"{number}-and-the-event": Row([*ASKED, send(kept + SECOND)], [], GOES_ON, BOTH, [number]),
        f"{number}-then-the-event": Row(
            [*ASKED, send(kept), settle, send(SECOND)], [], GOES_ON, BOTH, [number]
        ),
        **{
            f"{number}-{how}": Row([read, send(last), end], [AGAIN], GOES_ON, BOTH, [number])
            for how, end in ended.items()
        },
        f"{number}-closed-after-both": Row(
            [*ASKED, send(last), close], [AGAIN], GOES_ON, [*BOTH, GET], [number]
        ),
        f"{number}-unannounced": Row([*ASKED, send(kept), close], [AGAIN], GOES_ON, [*BOTH, GET], [number]),
        f"{number}-cut": Row([*ASKED, send(kept[:-2]), reset], [AGAIN], GOES_ON, [*BOTH, GET], [number]),
        f"{number}-without-a-length": Row(
            [*ASKED, send(f"HTTP/1.1 {status}\r\n\r\nno".encode()), close],
            [AGAIN],
            GOES_ON,
            [*BOTH, GET],
            [number],
        ),
    }


def settle(peer: Peer) -> None:
    """Wait until the client has most probably read what it was sent: what follows comes by itself."""
    select.select([peer.sock], [], [], 0.05)


def give_up(peer: Peer) -> None:
    """Close the connection if the client does nothing for five seconds: it has lost what it was sent."""
    if peer.sock.fileno() >= 0 and not select.select([peer.sock], [], [], 5)[0]:
        peer.sock.close()


def gone(end: Step) -> dict[str, Row]:
    """Return the rows of a connection that ends by *end*."""
    how, late = ("closed", BROKEN) if end is close else ("reset", LOST)
    serves: list[Step] = [read, send(TAKEN), read, send(SECOND)]
    in_chunks = chunked("HTTP/1.1 200 OK", b"[2]", "Lambda-Runtime-Aws-Request-Id: id-2")
    return {
        f"{how}-before-the-send": Row([end], [serves], GOES_ON, BOTH),
        f"{how}-before-any-byte": Row([*ASKED, end], [serves], GOES_ON, TWICE),
        f"{how}-with-the-next-unread": Row([read, end], [serves], GOES_ON, [POST, POST, GET]),
        f"{how}-before-any-byte-and-refused-then": Row(
            [*ASKED, end], [[read, send(reply(BAD)), *AGAIN]], GOES_ON, TWICE, [400]
        ),
        f"{how}-before-any-byte-then-after-the-202": Row(
            [*ASKED, end], [[read, send(TAKEN), end], AGAIN], GOES_ON, [*BOTH, POST, GET]
        ),
        f"{how}-before-any-byte-twice": Row([*ASKED, end], [[read, end]], LOST, [*BOTH, POST]),
        f"{how}-after-the-202": Row([*ASKED, send(TAKEN), end], [AGAIN], GOES_ON, [*BOTH, GET]),
        f"{how}-after-the-202-twice": Row([*ASKED, send(TAKEN), end], [[read, end]], LOST, [*BOTH, GET]),
        f"{how}-in-the-head-of-the-202": Row([*ASKED, send(TAKEN[:30]), end], [], late, BOTH),
        f"{how}-in-the-body-of-the-202": Row([*ASKED, send(TAKEN[:-3]), end], [AGAIN], GOES_ON, [*BOTH, GET]),
        f"{how}-in-the-head-of-the-event": Row([*ASKED, send(TAKEN + SECOND[:30]), end], [], late, BOTH),
        f"{how}-in-the-body-of-the-event": Row([*ASKED, send(TAKEN + SECOND[:-1]), end], [], late, BOTH),
        f"{how}-in-a-chunk-of-the-event": Row([*ASKED, send(TAKEN + in_chunks[:-9]), end], [], late, BOTH),
        f"{how}-in-the-event-after-the-202": Row(
            [*ASKED, send(TAKEN), settle, send(SECOND[:-1]), end], [], late, BOTH
        ),
    }


LAST: Final = TAKEN.replace(b"\r\n", f"\r\n{BYE}\r\n".encode(), 1)
ROWS: Final[dict[str, Row]] = {
    "202-and-the-event": Row([*ASKED, send(TAKEN + SECOND)], [], GOES_ON, BOTH),
    "202-then-the-event": Row([*ASKED, send(TAKEN), settle, send(SECOND)], [], GOES_ON, BOTH),
    "202-that-is-the-last": Row([read, send(LAST), close], [AGAIN], GOES_ON, BOTH),
    "202-that-is-the-last-and-is-not": Row([*ASKED, send(LAST + SECOND)], [AGAIN], GOES_ON, [*BOTH, GET]),
    "202-that-is-the-last-and-half-an-event": Row(
        [*ASKED, send(LAST + SECOND[:20])], [AGAIN], GOES_ON, [*BOTH, GET]
    ),
    "interim-before-both": Row(
        [*ASKED, send(b"HTTP/1.1 100 Continue\r\n\r\n" + TAKEN + b"HTTP/1.1 100 Continue\r\n\r\n" + SECOND)],
        [],
        GOES_ON,
        BOTH,
    ),
    **refusals(TOO_LARGE),
    **refusals(BAD),
    **refusals(WRONG),
    **gone(close),
    **gone(reset),
    "500": Row([*ASKED, send(reply("500 Oops"))], [], ApiError, BOTH),
    "500-and-the-event": Row([*ASKED, send(reply("500 Oops") + SECOND)], [], ApiError, BOTH),
    "202-and-500-for-the-next": Row([*ASKED, send(TAKEN + reply("500 Oops"))], [], ApiError, BOTH),
    "202-and-403-for-the-next": Row([*ASKED, send(TAKEN + reply(WRONG))], [], ApiError, BOTH),
    "refused-and-403-for-the-next": Row([*ASKED, send(reply(WRONG) * 2)], [], ApiError, BOTH, [403]),
    "not-http": Row([*ASKED, send(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")], [], BROKEN, BOTH),
    "202-and-what-is-not-http": Row([*ASKED, send(TAKEN + b"SSH-2.0-OpenSSH_9.9\r\n\r\n")], [], BROKEN, BOTH),
    "more-than-both": Row([*ASKED, send(TAKEN + SECOND + b"?")], [], BROKEN, BOTH),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_fault(row: Row, connect: Callable[[RawServer], Pipelined]) -> None:
    """Each fault ends as the table says, each refusal is reported once, and nothing is sent once more."""
    scripts = [[*script, give_up] for script in ([read, send(FIRST), *row.script], *row.more)]
    with RawServer(*scripts) as server:
        runtime = connect(server)
        first = runtime.client.next()
        if len(row.script) == 1:
            server.wait(0)
        assert runtime.client.respond(first, SMALL) is None

        if isinstance(row.outcome, type):
            with pytest.raises(row.outcome, match="the Runtime API"):
                runtime.client.next()
        else:
            second = runtime.client.next()
            assert (second.request_id, second.body) == ("id-2", row.outcome)

        assert server.lines == [GET, *row.seen]
        assert [(name, status) for name, status, _ in runtime.refused] == [("id-1", at) for at in row.refused]
        assert server.accepted == 1 + len(row.more)


@pytest.mark.parametrize("before", [[], [*ASKED, send(TAKEN)]], ids=["before-any-byte", "after-the-202"])
def test_nobody_answers_any_more(before: list[Step], connect: Callable[[RawServer], Pipelined]) -> None:
    """Where nobody listens any more, that is said."""
    with RawServer([read, send(FIRST), *before, close]) as server:
        runtime = connect(server)
        first = runtime.client.next()
        runtime.client.respond(first, SMALL)
        server.wait(0)
    with pytest.raises(TransportError, match=f"cannot connect to the Runtime API at {server.address}"):
        runtime.client.next()


def test_a_refusal_after_the_second_try_is_reported_before_the_wait(
    connect: Callable[[RawServer], Pipelined],
) -> None:
    """What is refused when it is sent once more is reported, also if no event ever comes."""
    with RawServer(
        [read, send(FIRST), *ASKED, close], [read, send(reply(WRONG, b"no\n")), read, reset], [read, reset]
    ) as server:
        runtime = connect(server)
        runtime.client.respond(runtime.client.next(), SMALL)
        with pytest.raises(TransportError):
            runtime.client.next()
        assert runtime.refused == [("id-1", 403, "status 403 'no'")]


def test_the_event_that_comes_with_a_close(connect: Callable[[RawServer], Pipelined]) -> None:
    """The response to an event after which the server closes goes out over a new connection."""
    last = event(1, b"1", BYE)
    with RawServer([read, send(last), close], [read, send(TAKEN), read, send(SECOND)]) as server:
        runtime = connect(server)
        runtime.client.respond(runtime.client.next(), SMALL)
        assert runtime.client.next().request_id == "id-2"
        assert [request.connection for request in server.requests] == [0, 1, 1]
        assert server.lines == [GET, POST, GET]


# What the answers look like, and where they are cut...

LONG: Final = b'{"status":"' + b"OK" * 300 + b'"}\n'
#: Replies to a response that the client does not expect.
FORMS: Final = {
    "go": TAKEN,
    "empty": reply("202 Accepted"),
    "no-type": reply("202 Accepted", b'{"status":"OK"}\n'),
    "lower-case": b'HTTP/1.1 202 Accepted\r\ncontent-length: 16\r\n\r\n{"status":"OK"}\n',
    "length-first": reply("202 Accepted", b'{"status":"OK"}\n', "Content-Type: application/json"),
    "chunked": chunked("HTTP/1.1 202 Accepted", b'{"status":"OK"}\n'),
    "longer": reply("202 Accepted", LONG, "Server: another", "X-Amzn-Trace-Id: " + "x" * 200),
    "blank-line-in-the-body": reply("202 Accepted", b"\r\n\r\n\r\n\r\n"),
    "a-response-as-the-body": reply("202 Accepted", SECOND),
    "no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "200": reply("200 OK", b"{}"),
    "interim": b"HTTP/1.1 100 Continue\r\n\r\n" + TAKEN,
}
#: Events, as short and as long as they come.
EVENTS: Final[dict[str, Callable[[int], bytes]]] = {
    "small": lambda number: event(number, b"%d" % number),
    "chunked": lambda number: chunked(
        "HTTP/1.1 200 OK", b'"%b"' % (b"x" * 2047), f"Lambda-Runtime-Aws-Request-Id: id-{number}"
    ),
    "blank-line": lambda number: event(number, b"\r\n\r\n"),
    "empty": lambda number: event(number, b""),
    "large": lambda number: event(number, b"x" * 70_000),
}


class CutTransport(Transport):
    """A transport that receives no more bytes at a time than *sizes* say."""

    def __init__(self, address: str, sizes: Iterable[int]) -> None:
        super().__init__(address)
        self._sizes = iter(sizes)

    def connect(self) -> None:
        """Connect, and be slow from then on."""
        super().connect()
        receive = self.recv

        def some(size: int, flags: int = 0) -> bytes:
            return receive(min(size, next(self._sizes)), flags)

        self.recv = some


def converse(answers: Sequence[tuple[bytes, bytes]], sizes: Iterable[int]) -> list[tuple[str, int, str]]:
    """Serve an event for each of *answers*, a reply and an event in one segment; return what was refused.

    Every event has to come out, once, whole, over one connection, and every response has to arrive.
    """
    steps: list[Step] = [read, send(FIRST)]
    for answer, raw in answers:
        steps += [*ASKED, send(answer + raw)]
    with RawServer([*steps, give_up]) as server:
        transport = CutTransport(server.address, sizes)
        runtime = Pipelined(transport)
        try:
            invocation = runtime.client.next()
            for number, (_, raw) in enumerate(answers, start=2):
                runtime.client.respond(invocation, b"%d" % number)
                invocation = runtime.client.next()
                assert invocation.request_id == f"id-{number}"
                coded = raw.partition(b"\r\n\r\n")[2]
                assert bytes(invocation.body) in (coded, b'"%b"' % (b"x" * 2047))
        finally:
            transport.close()
        posted = [request for request in server.requests if request.line.startswith("POST")]
        assert [request.body for request in posted] == [
            b"%d" % number for number in range(2, len(answers) + 2)
        ]
        assert (server.accepted, len(server.requests)) == (1, 2 * len(answers) + 1)
    return runtime.refused


@pytest.mark.parametrize("size", [65536, 1, 17, 150])
@pytest.mark.parametrize("form", FORMS)
def test_any_reply_again_and_again(form: str, size: int) -> None:
    """A reply of another form than Go's is taken each time, whole and in pieces, with any event behind it."""
    kinds = [kind for name, kind in EVENTS.items() if size > 1 or name != "large"]
    answers = [(FORMS[form], kind(number)) for number, kind in enumerate([*kinds, *kinds], start=2)]
    assert converse(answers, itertools.repeat(size)) == []


@pytest.mark.parametrize(
    ("form", "parsed"), [("go", 0), ("empty", 1), ("no-type", 1), ("longer", 1), ("chunked", 5)]
)
def test_a_reply_that_stays_the_same_is_parsed_once(form: str, parsed: int) -> None:
    """A reply with a length, of whatever form, takes the quick way from the second on."""
    made: list[object] = []

    def note(frame: FrameType, kind: str, _: object) -> None:
        if kind == "call" and frame.f_code is ResponseParser.__init__.__code__:
            made.append(frame)

    answers = [(FORMS[form], event(number)) for number in range(2, 7)]
    sys.setprofile(note)
    try:
        assert converse(answers, itertools.repeat(65536)) == []
    finally:
        sys.setprofile(None)
    assert len(made) == parsed


REFUSED: Final = {"413": reply(TOO_LARGE, b"no"), "403-longer": reply(WRONG, b"no " * 200)}


# A client that has lost an event waits for it, as long as the server has patience: failures are not shrunk.
@settings(phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    names=st.lists(
        st.tuples(st.sampled_from([*FORMS, *REFUSED]), st.sampled_from(list(EVENTS))), min_size=1, max_size=8
    ),
    sizes=st.lists(st.integers(1, 400), min_size=1, max_size=20),
    whole=st.booleans(),
)
def test_any_replies_at_any_cuts(names: list[tuple[str, str]], sizes: list[int], whole: bool) -> None:
    """Replies of changing forms, refusals among them, cut anywhere: each is told from the event behind it."""
    replies = FORMS | REFUSED
    answers = [(replies[form], EVENTS[kind](number)) for number, (form, kind) in enumerate(names, start=2)]
    refused = converse(answers, itertools.repeat(65536) if whole else itertools.cycle(sizes))
    expected = [(number, form) for number, (form, _) in enumerate(names, start=1) if form in REFUSED]
    assert [(name, status) for name, status, _ in refused] == [
        (f"id-{number}", int(form[:3])) for number, form in expected
    ]


@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_a_large_event_arrives_whole(framing: str, connect: Callable[[RawServer], Pipelined]) -> None:
    """An event of 6 MB behind a 202 comes out as it was sent, with a length or in chunks."""
    body = b"".join(number.to_bytes(4, "big") for number in range(1_500_000))
    name = "Lambda-Runtime-Aws-Request-Id: id-2"
    raw = event(2, body) if framing == "sized" else chunked("HTTP/1.1 200 OK", body, name)
    with RawServer([read, send(FIRST), *ASKED, send(TAKEN + raw), *ASKED, send(TAKEN + event(3))]) as server:
        runtime = connect(server)
        runtime.client.respond(runtime.client.next(), SMALL)
        second = runtime.client.next()
        assert second.body == body
        runtime.client.respond(second, SMALL)
        assert runtime.client.next().request_id == "id-3"


# What is pipelined, and what is not...


def nothing_more(peer: Peer) -> None:
    """Check that the client sends nothing while it waits for an answer."""
    assert not select.select([peer.sock], [], [], 0.1)[0], "the client did not wait"


def test_up_to_64_kb_both_leave_in_one_go(connect: Callable[[RawServer], Pipelined]) -> None:
    """A response of 65,536 bytes and the next request arrive before anything is answered."""
    body = bytes(range(256)) * 256
    with RawServer([read, send(FIRST), *ASKED, send(reply(TOO_LARGE)), send(SECOND)]) as server:
        runtime = connect(server)
        assert len(body) == JOINED
        assert runtime.client.respond(runtime.client.next(), body) is None
        server.wait(0)
        assert runtime.refused == []
        assert runtime.client.next().request_id == "id-2"
        assert [status for _, status, _ in runtime.refused] == [413]
        assert server.requests[1].body == body


def test_above_64_kb_the_reply_is_awaited(connect: Callable[[RawServer], Pipelined]) -> None:
    """A response of 65,537 bytes comes alone, and its refusal is returned, not reported."""
    body = bytes(JOINED + 1)
    steps: list[Step] = [read, nothing_more, send(reply(TOO_LARGE)), read, send(SECOND)]
    with RawServer([read, send(FIRST), *steps, *ASKED, send(TAKEN + event(3))]) as server:
        runtime = connect(server)
        refusal = runtime.client.respond(runtime.client.next(), body)
        assert getattr(refusal, "status", None) == 413
        second = runtime.client.next()
        assert second.request_id == "id-2"
        assert runtime.client.respond(second, SMALL) is None
        assert runtime.client.next().request_id == "id-3"
        assert runtime.refused == []


def test_the_reply_to_an_error_is_awaited(connect: Callable[[RawServer], Pipelined]) -> None:
    """An error comes alone, its refusal is returned; the response after it is pipelined again."""
    steps: list[Step] = [read, nothing_more, send(reply(WRONG)), read, send(SECOND)]
    with RawServer([read, send(FIRST), *steps, *ASKED, send(TAKEN + event(3))]) as server:
        runtime = connect(server)
        refusal = runtime.client.fail(runtime.client.next(), b"{}")
        assert getattr(refusal, "status", None) == 403
        runtime.client.respond(runtime.client.next(), SMALL)
        assert runtime.client.next().request_id == "id-3"
        assert server.lines[-2:] == ["POST invocation/id-2/response", GET]
        assert runtime.refused == []


def test_the_same_bytes_as_without(connect: Callable[[RawServer], Pipelined]) -> None:
    """Both requests are those of a client that does not pipeline: media type, nonce, length and all."""
    first = event(1, b"1", "Lambda-Runtime-Invocation-Id: nonce-1")
    heads: list[list[bytes]] = []
    for pipelined in (True, False):
        with RawServer([read, send(first), read, send(TAKEN), read, send(SECOND)]) as server:
            transport = Transport(server.address)
            client = connect(server).client if pipelined else Client(RuntimeApi(server.address), transport)
            client.respond(client.next(), b"\x00\xff", b"application/unknown")
            client.next()
            transport.close()
            heads.append([re.sub(rb"Host: .*\r\n", b"", request.head) for request in server.requests])
            assert server.requests[1].body == b"\x00\xff"
    assert heads[0] == heads[1]
    assert b"\r\nLambda-Runtime-Invocation-Id: nonce-1\r\n" in heads[0][1]


# From end to end...

ECHO: Final = """
def handler(event, context):
    if event == "raw":
        return b"\\x00raw"
    if event == "fail":
        raise ValueError("on request")
    return event
"""
ON: Final = {"RAPID_PIPELINE": "1"}
RUN: Final = (sys.executable, "-m", "rapid_client", "app.handler")


def test_every_kind_of_answer_in_turn(start: Starter) -> None:
    """Responses, bytes, errors, large and small, answer each its own event, over one connection."""
    runtime = start(ECHO, settings=MockSettings(invocation_id="strict"), environ=ON)
    events: list[Any] = [1, "fail", "raw", "x" * 2047, "x" * 65_534, "x" * 65_535, "fail", "fail", {}, "raw"]
    for count, value in enumerate(events * 3):
        outcome = runtime.invoke(value, request_id=f"id-{count}")
        expected = b"\x00raw" if value == "raw" else json.dumps(value).encode()
        if value == "fail":
            assert (outcome.kind, json.loads(outcome.body)["errorMessage"]) == ("error", "on request")
            assert json.loads(outcome.body)["requestId"] == f"id-{count}"
        else:
            assert (outcome.kind, outcome.body) == ("response", expected)
            assert outcome.content_type == ("application/unknown" if value == "raw" else "application/json")
    assert {request.connection for request in runtime.mock.requests} == {1}
    nonces = {
        request.header("Lambda-Runtime-Invocation-Id")
        for request in runtime.mock.requests
        if request.method == "POST"
    }
    assert len(nonces) == 3 * len(events)
    assert None not in nonces


def test_an_event_of_6_mb_is_served(start: Starter) -> None:
    """A large event between small ones, and its response, which is too large to be pipelined."""
    runtime = start(ECHO, environ=ON)
    for value in ("first", "x" * 6_000_000, "third"):
        assert runtime.call(value) == value


@pytest.mark.parametrize(("status", "ending"), [(413, "keep"), (400, "close"), (403, "reset"), (410, "keep")])
def test_a_refused_response_is_logged(start: Starter, status: int, ending: Any) -> None:
    """One line, with level, request id and reason, and the loop goes on."""
    refused = Fault("response", Reply(status=status, end=ending))
    runtime = start(ECHO, environ=ON, faults=[refused], AWS_LAMBDA_LOG_FORMAT="JSON")
    assert runtime.invoke("first", request_id="id-1").kind == "refused"
    assert runtime.call("second", request_id="id-2") == "second"

    (line,) = runtime.log
    record = json.loads(line)
    assert (record["level"], record["requestId"]) == ("ERROR", "id-1")
    assert record["errorType"] == "Runtime.LambdaRuntimeClientError"
    assert record["errorMessage"].startswith(f"the response to id-1 was refused: status {status} ")
    assert runtime.stderr == ""


def test_a_refused_error_is_logged_as_ever(start: Starter) -> None:
    """An error that is refused is known at once, and said once."""
    runtime = start(ECHO, environ=ON, faults=[Fault("error", Reply(status=403))])
    assert runtime.invoke("fail", request_id="id-1").kind == "refused"
    assert runtime.call("second") == "second"
    assert runtime.stdout.count("the error to id-1 was refused: status 403") == 1


def test_a_container_error_ends_the_process(start: Starter) -> None:
    """A 500 for a response ends the process, as without the switch: one line, and 1."""
    runtime = start(ECHO, environ=ON, faults=[Fault("response", Reply(status=500))])
    runtime.invoke("first")

    assert runtime.exit_code() == 1
    assert runtime.stderr.startswith("rapid_client: the Runtime API failed: status 500 ")
    assert runtime.stderr.count("\n") == 1
    assert runtime.mock.calls("response") == 1


#: Where a connection ends, in the words of the mock.
ENDS: Final = {
    "before-the-response": Fault("response", Close(when="before-request")),
    "in-the-response": Fault("response", Close(when="in-request", after=100)),
    "before-the-reply-not-taken": Fault("response", Close(carry_out=False)),
    "before-the-reply-taken": Fault("response", Close(carry_out=True)),
    "before-the-reply-taken-reset": Fault("response", Close(carry_out=True, reset=True)),
    "after-the-reply": Fault("response", Reply(end="close")),
    "after-the-reply-reset": Fault("response", Reply(end="reset")),
    "after-the-reply-that-says-so": Fault("response", Reply(announce=True)),
    "in-the-body-of-the-reply": Fault("response", Reply(cut=130)),
    "before-the-next": Fault("next", Close(when="before-request"), skip=1),
    "after-the-next": Fault("next", Close(carry_out=False), skip=1),
}


@pytest.mark.parametrize("fault", ENDS.values(), ids=ENDS)
def test_a_lost_connection_loses_no_event(start: Starter, fault: Fault) -> None:
    """Wherever the connection ends between a response and the next event, each event is answered, once."""
    runtime = start(ECHO, environ=ON, faults=[fault])
    assert [runtime.call(count) for count in range(4)] == [0, 1, 2, 3]
    assert runtime.mock.calls("response") in (4, 5)


@pytest.mark.parametrize("code", [0, 5])
def test_sigterm_while_waiting(start: Starter, code: int) -> None:
    """The function's handler of the signal runs while no event comes, and nothing is sent once more."""
    source = f"import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit({code}))\n" + ECHO
    runtime = start(source, environ=ON)
    assert runtime.call("first") == "first"
    runtime.until(lambda: runtime.mock.calls("next") == 2, "the next question")
    runtime.kill(signal.SIGTERM)

    assert runtime.exit_code() == code
    assert runtime.stderr == ""
    assert [path.partition("/")[0] for path in runtime.paths()] == [
        "GET invocation",
        "POST invocation",
        "GET invocation",
    ]


def test_a_signal_between_two_events_changes_nothing(start: Starter) -> None:
    """A handler of a signal that returns lets the wait go on."""
    source = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: print('signal'))\n" + ECHO
    runtime = start(source, environ=ON)
    assert runtime.call("first") == "first"
    runtime.until(lambda: runtime.mock.calls("next") == 2, "the next question")
    runtime.kill(signal.SIGTERM)
    runtime.until(lambda: runtime.log == ["signal"], "the handler")

    assert runtime.call("second") == "second"
    assert {request.connection for request in runtime.mock.requests} == {1}


@pytest.mark.parametrize("kind", ["ValueError", "TimeoutError"])
def test_an_exception_of_a_signal_handler_ends_the_process(start: Starter, kind: str) -> None:
    """What the function's handler raises while no event comes is no lost connection."""
    source = f"import signal\ndef end(*_):\n    raise {kind}('over')\nsignal.signal(signal.SIGTERM, end)\n"
    runtime = start(source + ECHO, environ=ON)
    runtime.call("first")
    runtime.until(lambda: runtime.mock.calls("next") == 2, "the next question")
    runtime.kill(signal.SIGTERM)

    assert runtime.exit_code() == 1
    assert runtime.stderr.endswith(f"{kind}: over\n")
    assert (runtime.mock.calls("response"), runtime.mock.calls("next")) == (1, 2)


def test_snapstart(start: Starter) -> None:
    """The snapshot comes first, then events as ever."""
    settings = MockSettings(snapstart=True)
    runtime = start(ECHO, settings=settings, environ=ON, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    assert [runtime.call(count) for count in range(3)] == [0, 1, 2]
    assert runtime.paths()[:2] == ["GET restore/next", "GET invocation/next"]


def test_a_failed_hook_is_reported(start: Starter) -> None:
    """What fails after the restore is posted to `restore/error`, with awslambdaric's exit code."""
    start.write(
        "def get_before_snapshot():\n    return []\n\n\n"
        "def get_after_restore():\n    return [(lambda: 1 / 0, (), {})]\n",
        "snapshot_restore_py.py",
    )
    settings = MockSettings(snapstart=True)
    source = "import snapshot_restore_py\n" + ECHO
    runtime = start(source, settings=settings, environ=ON, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    assert runtime.exit_code() == 65
    assert runtime.paths() == ["GET restore/next", "POST restore/error"]


def test_an_init_error_is_reported(start: Starter) -> None:
    """A module that fails has its init error posted, and nothing else."""
    runtime = start("raise KeyError('no such table')\n", environ=ON)
    assert runtime.init_error()["errorType"] == "KeyError"
    assert runtime.exit_code() == 1
    assert runtime.paths() == ["POST init/error"]


def test_another_value_is_an_init_error(start: Starter) -> None:
    """A value that is none is named, with the choices."""
    error = start(ECHO, RAPID_PIPELINE="2").init_error()
    assert error["errorType"] == "Runtime.InvalidConfiguration"
    assert error["errorMessage"] == "RAPID_PIPELINE='2' is not known: use one of 0, 1"


def test_through_what_a_library_has_wrapped(start: Starter) -> None:
    """Who wraps `post_invocation_result`, as Sentry does, wraps the sending of both."""
    wrapped = """
import __main__
owner = __main__.bootstrap.LambdaRuntimeClient
def wrap(name):
    real = getattr(owner, name)
    def post(*args, **kwargs):
        print("before", name)
        try:
            return real(*args, **kwargs)
        finally:
            print("after", name)
    setattr(owner, name, post)
wrap("post_invocation_result")
wrap("post_invocation_error")
"""
    runtime = start(wrapped + ECHO, environ=ON, faults=[Fault("response", Reply(status=413), skip=1)])
    assert runtime.call("first") == "first"
    assert runtime.fail("fail")["errorMessage"] == "on request"
    assert runtime.invoke("second", request_id="id-2").kind == "refused"
    assert runtime.call("third") == "third"
    runtime.until(lambda: len([line for line in runtime.log if line.startswith("after")]) == 4, "the last")

    own = [line for line in runtime.log if line.startswith(("before", "after"))]
    result, error = (
        ["before " + name, "after " + name] for name in ("post_invocation_result", "post_invocation_error")
    )
    assert own == [*result, *error, *result, *result]
    assert runtime.stdout.count("the response to id-2 was refused: status 413") == 1


def test_without_the_switch_nothing_is_pipelined(start: Starter) -> None:
    """The module is not even imported, unless it is asked for."""
    source = "import sys\ndef handler(event, context):\n    return 'rapid_client._pipeline' in sys.modules\n"
    assert start(source).call() is False
    assert start(source, RAPID_PIPELINE="0").call() is False
    assert start(source, RAPID_PIPELINE="1").call() is True


def test_one_send_and_at_most_two_receives(start: Starter, tmp_path: Path) -> None:
    """Of a warm invocation, counted by strace; a server that answers both at once needs one receive."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    probe = subprocess.run([strace, "-o", "/dev/null", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"strace may not trace here: {probe.stderr.decode()[:200]}")
    trace = tmp_path / "trace"
    command: list[str | Path] = [
        strace,
        "-f",
        "-qq",
        "-s",
        "2048",
        "-e",
        "trace=network,read,write,poll",
        "-o",
        trace,
    ]
    runtime = start(ECHO, command=[*command, *RUN], environ=ON)
    assert [runtime.call(count) for count in range(30)] == list(range(30))
    runtime.close()

    lines = [line.partition(" ")[2].lstrip() for line in trace.read_text("utf-8", "replace").splitlines()]
    asked = [at for at, line in enumerate(lines) if "invocation/next" in line]
    warm = [line.partition("(")[0] for line in lines[asked[5] : asked[25]] if not line.startswith("<...")]
    assert warm.count("sendto") == 20
    assert 20 <= warm.count("recvfrom") <= 40
    assert set(warm) == {"sendto", "recvfrom"}
