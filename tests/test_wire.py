"""The response parser: every response however it is cut, and nothing that is no response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rapid_client import _wire
from rapid_client._parser import LARGE, MAX_BODY, MAX_HEAD, Response, ResponseParser
from rapid_client.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Drive = Callable[[ResponseParser, bytes, Iterable[int]], Response | None]

HEX: Final = "0123456789abcdefABCDEF"


class Case(NamedTuple):
    """A response as bytes, and what has to come out of it."""

    raw: bytes
    status: int
    body: bytes
    closes: bool = False
    until_close: bool = False


def sized(body: bytes, *headers: bytes, start: bytes = b"HTTP/1.1 200 OK") -> bytes:
    """Return a response with a Content-Length."""
    return b"\r\n".join([start, *headers, b"Content-Length: %d" % len(body), b"", body])


def chunked(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK") -> bytes:
    """Return a chunked response whose coded body is *lines*."""
    return b"\r\n".join([start, b"Transfer-Encoding: chunked", b"", *lines, b""])


MANY: Final = b"".join(b"1\r\n%c\r\n" % (65 + number % 26) for number in range(3000))
BIG: Final = bytes(range(256)) * 1000
CHUNKED_EVENT: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: r1\r\n"
    b'Transfer-Encoding: chunked\r\n\r\n13\r\n{"a": [1, 2, 3, 45]}\r\n0\r\n\r\n'
)
EVENT: Final = sized(
    b'{"a": 1}',
    b"Content-Type: application/json",
    b"Lambda-Runtime-Aws-Request-Id: 3f1c",
    b"Lambda-Runtime-Deadline-Ms: 1763631152000",
)
GO_ACCEPTED: Final = (
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nDate: Sat, 21 Nov 2026 09:23:41 GMT\r\n"
    b'Content-Length: 16\r\n\r\n{"status":"OK"}\n'
)
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
CASES: Final = {
    "event": Case(EVENT, 200, b'{"a": 1}'),
    "accepted": Case(sized(b'{"status":"OK"}\n', start=b"HTTP/1.1 202 Accepted"), 202, b'{"status":"OK"}\n'),
    "empty": Case(sized(b""), 200, b""),
    "no-reason": Case(sized(b"x", start=b"HTTP/1.1 200"), 200, b"x"),
    "http-1.0": Case(sized(b"x", start=b"HTTP/1.0 200 OK"), 200, b"x"),
    "name-in-any-case": Case(b"HTTP/1.1 200 OK\r\ncOnTeNt-LeNgTh:2\r\n\r\nok", 200, b"ok"),
    "length-with-zeros": Case(b"HTTP/1.1 200 OK\r\nContent-Length: 0002\r\n\r\nok", 200, b"ok"),
    "length-twice-the-same": Case(sized(b"ok", b"content-length: 2"), 200, b"ok"),
    "large": Case(sized(BIG), 200, BIG),
    "exactly-large": Case(sized(bytes(LARGE)), 200, bytes(LARGE)),
    "chunked": Case(chunked(b"5", b"hello", b"6", b" world", b"0", b""), 200, b"hello world"),
    "chunked-in-capitals": Case(
        b"HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
        200,
        b"0123456789",
    ),
    "chunked-wins-over-length": Case(
        sized(b"", b"Transfer-Encoding: chunked").replace(b"Content-Length: 0", b"Content-Length: 99")
        + b"2\r\nok\r\n0\r\n\r\n",
        200,
        b"ok",
    ),
    "chunk-extensions": Case(chunked(b"2;a=b", b"ok", b'1 ; q="x"', b"!", b"0;end", b""), 200, b"ok!"),
    "chunk-trailers": Case(chunked(b"2", b"ok", b"0", b"A: b", b"Content-Length: 7", b""), 200, b"ok"),
    "chunk-with-line-ends": Case(chunked(b"6", b"\r\n0\r\n\r", b"0", b""), 200, b"\r\n0\r\n\r"),
    "no-chunk": Case(chunked(b"0", b""), 200, b""),
    "zeros-in-a-size": Case(chunked(b"0002", b"ok", b"000", b""), 200, b"ok"),
    "many-chunks": Case(chunked(MANY + b"0", b""), 200, bytes(65 + number % 26 for number in range(3000))),
    "one-huge-chunk": Case(chunked(b"%x" % len(BIG), BIG, b"0", b""), 200, BIG),
    "huge-chunk-after-a-small-one": Case(
        chunked(b"2", b"ok", b"%x" % len(BIG), BIG, b"1", b"!", b"0", b""), 200, b"ok" + BIG + b"!"
    ),
    "until-close": Case(b"HTTP/1.1 200 OK\r\n\r\nall there is", 200, b"all there is", True, True),
    "until-close-empty": Case(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", 200, b"", True, True),
    "until-close-large": Case(b"HTTP/1.1 200 OK\r\n\r\n" + BIG, 200, BIG, True, True),
    "no-content": Case(b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "not-modified": Case(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304, b""),
    "interim": Case(CONTINUE + EVENT, 200, b'{"a": 1}'),
    "three-interims": Case(
        CONTINUE * 2 + b"HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\n" + EVENT, 200, b'{"a": 1}'
    ),
    "closes": Case(sized(b"no", b"Connection: close", start=b"HTTP/1.1 400 x"), 400, b"no", True),
    "closes-in-capitals": Case(sized(b"no", b"CONNECTION:CLOSE  "), 200, b"no", True),
    "closes-in-between": Case(sized(b"no", b"connection:\tClose\t"), 200, b"no", True),
    "keeps": Case(sized(b"no", b"Connection: keep-alive"), 200, b"no"),
    "closes-chunked": Case(
        chunked(b"0", b"").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1), 200, b"", True
    ),
    "names-in-the-body": Case(
        sized(b"x\r\nContent-Length: 9\r\nConnection: close\r\n"),
        200,
        b"x\r\nContent-Length: 9\r\nConnection: close\r\n",
    ),
    "names-in-a-value": Case(sized(b"x", b"A: content-length: 9", b"B: connection: close"), 200, b"x"),
    "longer-names": Case(sized(b"x", b"X-Content-Length: 9", b"Connection-X: close"), 200, b"x"),
}


def pieces(raw: bytes, cuts: Iterable[int]) -> list[int]:
    """Return where the pieces of *raw* end: at the *cuts* inside it, and at its end."""
    return sorted({*(cut for cut in cuts if 0 < cut < len(raw)), len(raw)})


def by_feed(parser: ResponseParser, raw: bytes, cuts: Iterable[int]) -> Response | None:
    """Hand *raw* to the parser in pieces that end at *cuts*; return the response, complete with the last."""
    start, response = 0, None
    for cut in pieces(raw, cuts):
        assert response is None
        response = parser.feed(raw[start:cut])
        start = cut
    return response


def by_room(parser: ResponseParser, raw: bytes, cuts: Iterable[int]) -> Response | None:
    """As `by_feed`, but fill what `room` offers where it offers something, as the client does."""
    start, response = 0, None
    for cut in pieces(raw, cuts):
        while start < cut:
            assert response is None
            room = parser.room() if parser.started else None
            if room is None:
                # A receive gives no more than this at once.
                size = min(cut - start, LARGE)
                response = parser.feed(raw[start : start + size])
            else:
                size = min(cut - start, len(room))
                room[:size] = raw[start : start + size]
                response = parser.filled(size)
            start += size
    return response


def finish(parser: ResponseParser, response: Response | None, case: Case) -> Response:
    """Return the complete response, after the end of the connection where it is that what completes it."""
    if case.until_close:
        assert response is None
        return parser.end()
    assert response is not None
    return response


def check(response: Response, case: Case) -> None:
    """Compare all of a response."""
    assert (response.status, bytes(response.body), response.closes) == (case.status, case.body, case.closes)


DRIVES: Final = pytest.mark.parametrize("drive", [by_feed, by_room])
EVERY: Final = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@DRIVES
@EVERY
def test_whole(case: Case, drive: Drive) -> None:
    """Each response is understood when it comes at once."""
    parser = ResponseParser()
    check(finish(parser, drive(parser, case.raw, ()), case), case)


@DRIVES
@EVERY
def test_byte_by_byte(case: Case, drive: Drive) -> None:
    """Each response is understood when every byte comes alone."""
    parser = ResponseParser()
    size = len(case.raw)
    # A body of 250 KB only has its edges cut everywhere.
    cuts = range(size) if size < 20_000 else [*range(700), *range(65_000, 66_000), *range(size - 700, size)]
    check(finish(parser, drive(parser, case.raw, cuts), case), case)


@DRIVES
@given(data=st.data())
def test_any_cut(drive: Drive, data: st.DataObject) -> None:
    """How the bytes are cut makes no difference."""
    case = data.draw(st.sampled_from(list(CASES.values())))
    cuts = data.draw(st.lists(st.integers(1, len(case.raw) - 1), max_size=8))
    parser = ResponseParser()
    check(finish(parser, drive(parser, case.raw, cuts), case), case)


@DRIVES
def test_one_parser_takes_one_response_after_the_other(drive: Drive) -> None:
    """Nothing of a response is left when the next one comes."""
    parser = ResponseParser()
    for _ in range(2):
        for case in CASES.values():
            assert not parser.started
            check(finish(parser, drive(parser, case.raw, [7, 40]), case), case)
            assert not parser.started


def test_a_large_body_goes_through_room() -> None:
    """A body of known length is received straight into its own buffer, a small one is not."""
    parser = ResponseParser()
    assert parser.room() is None
    head, _, body = sized(BIG).partition(b"\r\n\r\n")
    assert parser.feed(head + b"\r\n\r\n") is None
    room = parser.room()
    assert room is not None
    assert len(room) == len(BIG)
    room[:] = body
    response = parser.filled(len(body))
    assert response is not None
    assert response.body == BIG
    assert parser.feed(sized(b"abc")[:-1]) is None
    assert parser.room() is None


HEADERS: Final = {
    "utf-8": (b'Lambda-Runtime-Client-Context: {"k": "\xc3\xa9\xe2\x82\xac"}', '{"k": "é€"}'.encode()),
    "not-utf-8": (b"Lambda-Runtime-Client-Context: \xff\xe9", b"\xff\xe9"),
    "colons": (b"lambda-runtime-client-context:a:b: c", b"a:b: c"),
    "spaces": (b"LAMBDA-RUNTIME-CLIENT-CONTEXT: \t a  b \t", b"a  b"),
    "empty": (b"Lambda-Runtime-Client-Context:", b""),
}


@pytest.mark.parametrize(("line", "value"), HEADERS.values(), ids=HEADERS)
def test_header_values(line: bytes, value: bytes) -> None:
    """A header's name is written as Go writes it, its value is the bytes that came."""
    response = ResponseParser().feed(sized(b"", line))
    assert response is not None
    assert response.headers() == {b"Lambda-Runtime-Client-Context": value, b"Content-Length": b"0"}


def test_of_a_repeated_header_the_last_counts() -> None:
    """A header that comes twice has the value that came last."""
    response = ResponseParser().feed(sized(b"", b"A: 1", b"a: 2"))
    assert response is not None
    assert response.headers()[b"A"] == b"2"


def test_a_header_without_a_colon() -> None:
    """A line without a colon is refused by name where the headers are asked for."""
    response = ResponseParser().feed(sized(b"", b"what is this"))
    assert response is not None
    with pytest.raises(RemoteProtocolError, match="no colon: b'what is this'"):
        response.headers()


def head(*lines: bytes) -> bytes:
    """Return a head."""
    return b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"", b""])


BROKEN: Final = {
    "no-http": (b"SSH-2.0-OpenSSH\r\n\r\n", "is no HTTP"),
    "http-2": (b"HTTP/2 200\r\n\r\n", "is no HTTP"),
    "no-status": (b"HTTP/1.1\r\n\r\n", "is no HTTP"),
    "short-status": (b"HTTP/1.1 20\r\n\r\n", "is no HTTP"),
    "words": (b"HTTP/1.1 two\r\n\r\n", "is no HTTP"),
    "signed-status": (b"HTTP/1.1 +20 OK\r\n\r\n", "is no HTTP"),
    "foreign-digits": ("HTTP/1.1 ٢٠٠ OK\r\n\r\n".encode(), "is no HTTP"),
    "empty-head": (b"\r\n\r\n", "is no HTTP"),
    "status-below-100": (b"HTTP/1.1 099 x\r\n\r\n", "status that cannot be: 099"),
    "switching-protocols": (b"HTTP/1.1 101 x\r\n\r\n", "status that cannot be: 101"),
    "two-lengths": (head(b"Content-Length: 1", b"Content-Length: 2") + b"x", "two lengths"),
    "two-lengths-in-one": (head(b"Content-Length: 1, 2") + b"x", "length that cannot be: b'1, 2'"),
    "negative-length": (head(b"Content-Length: -1"), "length that cannot be"),
    "signed-length": (head(b"Content-Length: +1") + b"x", "length that cannot be"),
    "underscored-length": (head(b"Content-Length: 1_0") + b"0123456789", "length that cannot be"),
    "hex-length": (head(b"Content-Length: 0x1") + b"x", "length that cannot be"),
    "no-length": (head(b"Content-Length:") + b"x", "length that cannot be"),
    "long-length": (head(b"Content-Length: " + b"9" * 5000), "length that cannot be"),
    "huge-length": (head(b"Content-Length: %d" % (MAX_BODY + 1)), "length that cannot be"),
    "foreign-length": (head("Content-Length: ٢".encode()) + b"xx", "length that cannot be"),
    "gzip": (head(b"Transfer-Encoding: gzip"), "transfer coding that nobody asked for"),
    "gzip-chunked": (head(b"Transfer-Encoding: gzip, chunked"), "transfer coding that nobody asked for"),
    "gzip-then-chunked": (
        head(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"),
        "transfer coding that nobody asked for",
    ),
    "chunk-size-word": (chunked(b"xyz", b""), "chunk size that cannot be"),
    "chunk-size-empty": (chunked(b"", b""), "chunk size that cannot be"),
    "chunk-size-only-extension": (chunked(b";a", b""), "chunk size that cannot be"),
    "chunk-size-negative": (chunked(b"-1", b""), "chunk size that cannot be"),
    "chunk-size-signed": (chunked(b"+1", b"x", b"0", b""), "chunk size that cannot be"),
    "chunk-size-0x": (chunked(b"0x1", b"x", b"0", b""), "chunk size that cannot be"),
    "chunk-size-underscored": (chunked(b"1_0", b"0123456789abcdef", b"0", b""), "chunk size that cannot be"),
    "chunk-size-long": (chunked(b"0" * 17 + b"1", b"x"), "chunk size that cannot be"),
    "chunk-size-huge": (chunked(b"fffffffff", b"x"), f"body .* larger than {MAX_BODY}"),
    "chunk-too-long": (chunked(b"1", b"xy", b"0", b""), "longer than its size says"),
    "more-than-the-length": (head(b"Content-Length: 1") + b"xyz", "sent more than its answer: b'yz'"),
    "more-than-the-chunks": (chunked(b"0", b"", b"more"), "sent more than its answer: b'more"),
    "more-than-nothing": (b"HTTP/1.1 204 x\r\n\r\nmore", "sent more than its answer: b'more'"),
    "two-responses": (EVENT + EVENT, "sent more than its answer: b'HTTP"),
}


@pytest.mark.parametrize(("raw", "text"), BROKEN.values(), ids=BROKEN)
def test_broken(raw: bytes, text: str) -> None:
    """What is no response is refused, and the text says why with what came."""
    with pytest.raises(RemoteProtocolError, match=text):
        ResponseParser().feed(raw)


ONCE_COMPLETE: Final = ("more-than-the-length", "more-than-the-chunks", "more-than-nothing", "two-responses")


@pytest.mark.parametrize("name", [name for name in BROKEN if name not in ONCE_COMPLETE])
def test_broken_byte_by_byte(name: str) -> None:
    """What is no response is refused too when every byte comes alone."""
    raw, text = BROKEN[name]
    with pytest.raises(RemoteProtocolError, match=text):
        by_feed(ResponseParser(), raw, range(len(raw)))


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200 OK\r\nA: ", chunked(b"0", b"A: ")[:-2], chunked(b"1;")[:-2]]
)
def test_what_never_ends_is_given_up(start: bytes) -> None:
    """A head, a trailer or a chunk's size without an end is refused once it is oversize."""
    parser = ResponseParser()
    assert parser.feed(start) is None
    with pytest.raises(RemoteProtocolError, match=f"(head|line) .*larger than|longer than {MAX_HEAD} bytes"):
        for _ in range(MAX_HEAD // 65536 + 1):
            assert parser.feed(bytes(65536).replace(b"\0", b"x")) is None


def test_a_large_head_is_taken() -> None:
    """A head of 1 MiB, the most that Go lets through, is no trouble."""
    parser = ResponseParser()
    value = b"v" * (1 << 20)
    raw = sized(b"ok", b"Lambda-Runtime-Client-Context: " + value)
    response = by_room(parser, raw, range(65536, len(raw), 65536))
    assert response is not None
    assert response.headers()[b"Lambda-Runtime-Client-Context"] == value


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"HTTP/1.1 200", "head"),
        (CONTINUE, "head"),
        (EVENT[:-1], "body"),
        (chunked(b"5", b"hel")[:-2], "body"),
    ],
)
def test_an_end_in_between(raw: bytes, place: str) -> None:
    """A connection that ends in a response is an error that says where."""
    parser = ResponseParser()
    assert parser.feed(raw) is None
    with pytest.raises(RemoteProtocolError, match=f"in the {place} of its answer"):
        parser.end()


def test_the_head_of_what_was_cut() -> None:
    """Once the head is complete, status and the body so far can be had."""
    parser = ResponseParser()
    assert parser.feed(b"HTTP/1.1 403 For") is None
    assert parser.head is None
    assert parser.feed(b"bidden\r\nContent-Length: 9\r\n\r\nwhy") is None
    assert parser.head is not None
    assert (parser.head.status, parser.head.body, parser.head.closes) == (403, b"why", True)


def test_a_response_shows_what_it_is() -> None:
    """The representation has the status and the size."""
    assert repr(Response(202, b"", b"abc", False)) == "<Response 202, 3 bytes>"


# -- pipelined: one response behind the other --

COMPLETE: Final = {name: case for name, case in CASES.items() if not case.until_close}
FORMS: Final = {
    name: raw
    for name, raw in {
        **{name: case.raw for name, case in COMPLETE.items()},
        "go-accepted": GO_ACCEPTED,
    }.items()
    if raw.startswith(b"HTTP/1.1 202")
}


def take(raw: bytes, cuts: Iterable[int]) -> tuple[Response, bytes]:
    """Return the first response of *raw*, received in pieces as by the client, and all that is behind it."""
    parser, start = ResponseParser(pipelined=True), 0
    for cut in pieces(raw, cuts):
        while start < cut:
            room = parser.room() if parser.started else None
            if room is None:
                size = min(cut - start, LARGE)
                response = parser.feed(raw[start : start + size])
            else:
                size = min(cut - start, len(room))
                room[:size] = raw[start : start + size]
                response = parser.filled(size)
            start += size
            if response is not None:
                assert not parser.started
                return response, bytes(parser.surplus) + raw[start:]
    raise AssertionError("no response")


@pytest.mark.parametrize("behind", [b"", b"H", EVENT, CHUNKED_EVENT, GO_ACCEPTED], ids=len)
@pytest.mark.parametrize("case", COMPLETE.values(), ids=COMPLETE)
def test_what_is_behind_a_response_is_left(case: Case, behind: bytes) -> None:
    """Whatever the form of the first response, it ends where it ends, and the rest is as it came."""
    response, rest = take(case.raw + behind, ())
    check(response, case)
    assert rest == behind


@pytest.mark.parametrize("name", [name for name, case in COMPLETE.items() if len(case.raw) < 20_000])
def test_two_responses_byte_by_byte(name: str) -> None:
    """Every byte may come alone: nothing is behind a response then."""
    case = COMPLETE[name]
    raw = case.raw + EVENT
    response, rest = take(raw, range(len(raw)))
    check(response, case)
    check(take(rest, range(len(rest)))[0], CASES["event"])


@given(data=st.data())
def test_two_responses_at_any_cut(data: st.DataObject) -> None:
    """Two responses, one behind the other, come out as two, wherever they are cut."""
    first, second = (data.draw(st.sampled_from(list(COMPLETE.values()))) for _ in range(2))
    raw = first.raw + second.raw
    cuts = data.draw(st.lists(st.integers(1, len(raw) - 1), max_size=8))
    response, rest = take(raw, cuts)
    check(response, first)
    assert rest == second.raw
    response, rest = take(rest, cuts)
    check(response, second)
    assert rest == b""


@pytest.mark.parametrize("name", COMPLETE)
def test_who_has_asked_once_gets_one_response(name: str) -> None:
    """Without `pipelined`, bytes behind a response are an error, as nothing was asked."""
    with pytest.raises(RemoteProtocolError, match="sent more than its answer"):
        by_feed(ResponseParser(), COMPLETE[name].raw + EVENT, ())


@pytest.mark.parametrize("behind", [EVENT, CHUNKED_EVENT, sized(b"1"), sized(b""), b"H"], ids=len)
@pytest.mark.parametrize("raw", FORMS.values(), ids=FORMS)
def test_a_202_with_more_behind_it_is_not_all_of_a_202(raw: bytes, behind: bytes) -> None:
    """An event behind it is not taken for its body, also where the length is right for that."""
    assert _wire.is_accepted(raw)
    for size in range(len(raw) + 1, len(raw + behind) + 1):
        assert not _wire.is_accepted((raw + behind)[:size])


# -- against h11, which shares nothing with our parser --

TOKEN: Final = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~", min_size=1
)
FRAMING_NAMES: Final = ("content-length", "transfer-encoding", "connection")


def is_plain(value: bytes) -> bool:
    """Say whether *value* has nothing at its ends that is white space to Unicode alone, or to h11 alone."""
    text = value.decode("utf-8", "surrogateescape")
    return text == text.strip() and not any(byte in b"\0\r\n\x0b\x0c" for byte in value)


VALUE: Final = st.one_of(
    st.binary(max_size=30), st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace"))
).filter(is_plain)
BODY: Final = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda seed, size: (seed * size)[:size],
        st.binary(min_size=1, max_size=7),
        st.sampled_from([2047, 2048, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE + 17]),
    ),
)


@st.composite
def responses(draw: st.DrawFn) -> tuple[bytes, bool]:
    """Draw a response, and whether the connection has to end for it to be complete."""
    lines = [
        name.encode()
        + b":"
        + draw(st.sampled_from([b"", b" ", b"\t "]))
        + value
        + draw(st.sampled_from([b"", b" "]))
        for name, value in draw(st.lists(st.tuples(TOKEN, VALUE), max_size=6))
        if name.lower() not in FRAMING_NAMES
    ]
    lines += draw(
        st.sampled_from([[], [b"Connection: close"], [b"connection: CLOSE"], [b"Connection: keep-alive"]])
    )
    status = draw(st.sampled_from([200, 202, 204, 304, 400, 403, 413, 500, 599]))
    reason = draw(st.sampled_from([b"", b" ", b" OK", b" Not  At All"]))
    interims = CONTINUE * draw(st.integers(0, 2))
    framing = draw(st.sampled_from(["sized", "chunked", "until-close"]))
    body = b"" if status in (204, 304) else draw(BODY)
    if framing == "sized":
        lines.insert(draw(st.integers(0, len(lines))), b"Content-Length: %d" % len(body))
        coded = body
    elif framing == "chunked" and status not in (204, 304):
        lines.insert(draw(st.integers(0, len(lines))), b"Transfer-Encoding: chunked")
        ends = sorted(set(draw(st.lists(st.integers(1, max(1, len(body))), max_size=6))) | {len(body)})
        starts = [0, *ends]
        parts = [body[start:end] for start, end in zip(starts, ends, strict=False) if body[start:end]]
        extension = draw(st.sampled_from([b"", b";a=b", b";c"]))
        coded = b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts)
        coded += b"0\r\n" + draw(st.sampled_from([b"", b"X: y\r\n"])) + b"\r\n"
    else:
        coded = body
    start = b"HTTP/1.1 %d%b" % (status, reason)
    raw = interims + b"\r\n".join([start, *lines, b"", b""]) + coded
    return raw, framing == "until-close" and status not in (204, 304)


def by_h11(raw: bytes, *, ended: bool) -> tuple[int, dict[bytes, bytes], bytes, bool]:
    """Return what h11 makes of *raw*: status, headers, body, whether the connection is over."""
    peer = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 24)
    peer.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    peer.send(h11.EndOfMessage())
    peer.receive_data(raw)
    if ended:
        peer.receive_data(b"")
    status, headers, body = 0, {}, b""
    while True:
        event = peer.next_event()
        if isinstance(event, h11.Response):
            status = event.status_code
            headers = {bytes(name).title(): bytes(value) for name, value in event.headers}
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return status, headers, body, ended or peer.their_state is not h11.DONE
        else:
            assert isinstance(event, h11.InformationalResponse), event


@DRIVES
@given(drawn=responses(), data=st.data())
def test_h11_understands_the_same(drive: Drive, drawn: tuple[bytes, bool], data: st.DataObject) -> None:
    """An independent parser gets the same out of any response, however it is cut for ours."""
    raw, until_close = drawn
    cuts = data.draw(st.lists(st.integers(1, len(raw) - 1), max_size=6))
    parser = ResponseParser()
    response = drive(parser, raw, cuts)
    if until_close:
        assert response is None
        response = parser.end()
    assert response is not None
    got = (response.status, response.headers(), bytes(response.body), response.closes)
    assert got == by_h11(raw, ended=until_close)


@given(drawn=responses())
@example(drawn=(EVENT, False))
@example(drawn=(CASES["accepted"].raw, False))
@example(drawn=(GO_ACCEPTED, False))
def test_the_quick_ways_see_what_the_parser_sees(drawn: tuple[bytes, bool]) -> None:
    """What is taken in a quick way is exactly what the parser makes of it."""
    raw, until_close = drawn
    event, accepted = _wire.quick_event(raw), _wire.is_accepted(raw)
    if event is not None or accepted:
        assert not until_close
        response = ResponseParser().feed(raw)
        assert response is not None
        if accepted:
            assert (response.status, response.closes) == (202, False)
        if event is not None:
            assert (response.status, response.closes) == (200, False)
            assert (response.headers(), bytes(response.body)) == event


@pytest.mark.parametrize(
    "whole",
    [EVENT, CHUNKED_EVENT, CASES["accepted"].raw, GO_ACCEPTED],
    ids=["event", "chunk", "202", "go-202"],
)
@given(data=st.data())
def test_the_quick_ways_see_no_more_than_the_parser(whole: bytes, data: st.DataObject) -> None:
    """What the parser refuses, or waits for more of, is not taken in a quick way either."""
    raw = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    event, accepted = _wire.quick_event(bytes(raw)), _wire.is_accepted(bytes(raw))
    if event is None and not accepted:
        return
    response = ResponseParser().feed(bytes(raw))
    assert response is not None
    if accepted:
        assert (response.status, response.closes) == (202, False)
    if event is not None:
        assert (response.status, response.closes) == (200, False)
        assert bytes(response.body) == event[1]
        assert {name: value.strip() for name, value in event[0].items()} == response.headers()


# -- the shape of an event --


class Sent(NamedTuple):
    """An event as a Go server sends it: what changes from one to the next."""

    request_id: bytes
    deadline: bytes
    nonce: bytes
    trace_id: bytes
    second: int
    body: bytes
    chunked: bool

    def raw(self, arn: bytes = b"arn:aws:lambda:eu-west-1:1:function:f") -> bytes:
        """Return its bytes; a value that is empty has no header."""
        lines = [b"HTTP/1.1 200 OK", b"Content-Type: application/json"]
        for name, value in (
            (b"Lambda-Runtime-Aws-Request-Id", self.request_id),
            (b"Lambda-Runtime-Deadline-Ms", self.deadline),
            (b"Lambda-Runtime-Invocation-Id", self.nonce),
            (b"Lambda-Runtime-Invoked-Function-Arn", arn),
            (b"Lambda-Runtime-Trace-Id", self.trace_id),
        ):
            if value:
                lines.append(name + b": " + value)
        lines.append(b"Date: Sat, 21 Nov 2026 09:23:%02d GMT" % self.second)
        if self.chunked:
            coded = b"%x\r\n%b\r\n0\r\n\r\n" % (len(self.body), self.body)
            return b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", coded])
        return b"\r\n".join([*lines, b"Content-Length: %d" % len(self.body), b"", self.body])

    def values(self) -> tuple[bytes, ...]:
        """Return what has to come out of it."""
        return self.request_id, self.deadline, self.nonce, self.trace_id, self.body


def sent(id_size: int = 36, nonce_size: int = 36) -> st.SearchStrategy[Sent]:
    """Draw events whose request id and nonce have these sizes."""
    visible = st.characters(min_codepoint=33, max_codepoint=126)

    def text(size: int) -> st.SearchStrategy[bytes]:
        return st.text(visible, min_size=size, max_size=size).map(str.encode)

    trace_id = st.text(visible, max_size=90).map(str.encode)
    body = st.binary(min_size=1, max_size=300)
    deadline = st.integers(10**12, 10**13 - 1).map(lambda number: b"%d" % number)
    return st.builds(
        Sent, text(id_size), deadline, text(nonce_size), trace_id, st.integers(0, 59), body, st.booleans()
    )


def learn(raw: bytes) -> _wire.Shape:
    """Return the shape of an event."""
    event = _wire.quick_event(raw)
    assert event is not None
    shape = _wire.shape_of(raw, event[0])
    assert shape is not None
    return shape


@pytest.mark.parametrize("nonce_size", [0, 20])
@given(data=st.data())
def test_a_shape_reads_the_next_event(nonce_size: int, data: st.DataObject) -> None:
    """Another id, deadline, nonce, trace id, date, body and length, and it is read all the same."""
    first, second = (data.draw(sent(nonce_size=nonce_size)) for _ in range(2))
    if not first.trace_id or not second.trace_id:  # with and without the header are two shapes
        second = second._replace(trace_id=first.trace_id)

    assert learn(first._replace(body=b"{}").raw()).read(second.raw()) == second.values()


@given(first=sent(), second=sent(), data=st.data())
def test_a_shape_reads_no_more_than_the_parser(first: Sent, second: Sent, data: st.DataObject) -> None:
    """Whatever a shape reads of a damaged, cut or prolonged event is what the parser makes of it."""
    raw = bytearray(second.raw())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        put = st.sampled_from([b"", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\r\nA: b", b"7"])
        raw[at : at + data.draw(st.integers(0, 9))] = data.draw(put)
    del raw[data.draw(st.integers(len(raw) - 3, len(raw))) :]
    values = learn(first._replace(body=b"{}").raw()).read(bytes(raw))
    if values is not None:
        response = ResponseParser().feed(bytes(raw))
        assert response is not None
        assert (response.status, response.closes) == (200, False)
        headers = response.headers()
        names = (_wire.REQUEST_ID, _wire.DEADLINE, _wire.NONCE, _wire.TRACE_ID)
        assert (*(headers.get(name, b"") for name in names), bytes(response.body)) == (
            *(value.strip() for value in values[:4]),
            values[4],
        )


BASE: Final = Sent(b"i" * 36, b"1763631152000", b"", b"Root=1-2-3", 41, b'{"a": 1}', chunked=False)


ENDLESS: Final = BASE.raw().find(b"\r\nContent-Length")


@pytest.mark.parametrize("size", range(len(BASE.raw())))
def test_a_shape_reads_no_part_of_an_event(size: int) -> None:
    """An event that is cut anywhere is left to the parser."""
    assert learn(BASE.raw()).read(BASE.raw()[:size]) is None


@pytest.mark.parametrize(
    "other",
    [
        BASE.raw(b"arn:aws:lambda:eu-west-1:1:function:g"),
        BASE.raw().replace(b"\r\nDate", b"\r\nLambda-Runtime-Aws-Tenant-Id: t\r\nDate"),
        BASE.raw().replace(b"\r\nContent-Length", b"\r\nConnection: close\r\nContent-Length"),
        BASE.raw().replace(b"200 OK", b"500 No"),
        BASE._replace(request_id=b"i" * 35 + b"\r").raw(),
        BASE._replace(request_id=b"i" * 26 + b"\r\nA: " + b"b" * 5).raw(),
        BASE._replace(request_id=b"i").raw(),
        BASE._replace(nonce=b"n").raw(),
        BASE._replace(trace_id=b"").raw(),
        BASE._replace(deadline=b"176363\r\nA: 12").raw(),
        BASE.raw().replace(b"\r\nDate: ", b"\r\nDote: "),
        BASE.raw()[:ENDLESS] + b"\r\nContent-Length: %d\r" % (ENDLESS + 19),
    ],
)
def test_another_shape_is_not_read(other: bytes) -> None:
    """Where a head differs in more than the values, it is read line by line."""
    assert learn(BASE.raw()).read(other) is None


def test_a_nonce_is_one_line() -> None:
    """A line break where the nonce should be is no nonce."""
    first, second = (BASE._replace(nonce=nonce) for nonce in (b"n" * 9, b"nn\r\nA: bb"))

    assert learn(first.raw()).read(second.raw()) is None


def test_a_date_is_one_line() -> None:
    """A reply that closes the connection is not taken for the usual one, however long it is."""
    assert _wire.is_accepted(GO_ACCEPTED)
    date = b"Sat, 21 Nov 2026 09:23:41"
    assert not _wire.is_accepted(GO_ACCEPTED.replace(date, b"x\r\nConnection: close\r\nA: "))


@pytest.mark.parametrize(
    "raw",
    [
        EVENT,
        sized(b"1", b"Lambda-Runtime-Deadline-Ms: 1", b"Lambda-Runtime-Aws-Request-Id: r"),
        BASE.raw().replace(b"\r\nDate", b"\r\nLambda-Runtime-Aws-Tenant-Id: t\r\nDate"),
    ],
    ids=["no-date", "another-order", "a-header-after-the-trace-id"],
)
def test_what_has_no_shape(raw: bytes) -> None:
    """A head that is not in a Go server's order has no shape."""
    event = _wire.quick_event(raw)

    assert event is not None
    assert _wire.shape_of(raw, event[0]) is None


# -- anything else --


def outcome(drive: Drive, raw: bytes, cuts: Iterable[int]) -> str:
    """Drive a parser into anything; return what became of it. Only RemoteProtocolError may be raised."""
    parser = ResponseParser()
    try:
        response = drive(parser, raw, cuts)
        if response is None:
            response = parser.end()
        response.headers()
    except RemoteProtocolError:
        return "refused"
    return "response"


@DRIVES
@given(raw=st.binary(max_size=300), prefix=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 "]))
@example(raw=b"\r\n\r\n", prefix=b"")
def test_garbage(drive: Drive, raw: bytes, prefix: bytes) -> None:
    """Whatever comes, it is a response or a RemoteProtocolError."""
    assert outcome(drive, prefix + raw, ()) in ("refused", "response")


@DRIVES
@given(data=st.data())
def test_a_damaged_response(drive: Drive, data: st.DataObject) -> None:
    """A response with some bytes changed, left out or put in is a response or a RemoteProtocolError."""
    small = [case.raw for case in CASES.values() if len(case.raw) < 2000]
    raw = bytearray(data.draw(st.sampled_from(small)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    assert outcome(drive, bytes(raw), ()) in ("refused", "response")


@given(
    text=st.text("0123456789abcdefABCDEFxX_+- g", min_size=1, max_size=17).filter(lambda text: text.strip())
)
def test_a_chunk_size_is_hex_digits_and_nothing_else(text: str) -> None:
    """A chunk's size is taken exactly if it is hexadecimal digits."""
    parser = ResponseParser()
    digits = text.strip()
    try:
        parser.feed(chunked(text.encode()))
    except RemoteProtocolError as exc:
        proper = not digits.strip(HEX) and len(digits) <= 16
        assert not proper or int(digits, 16) > MAX_BODY or "sent more" in str(exc)
    else:
        assert int(digits, 16) <= MAX_BODY
        assert not digits.strip(HEX)
