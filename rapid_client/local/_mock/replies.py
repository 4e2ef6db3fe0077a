"""Exact replies, as Go's net/http and the service's JSON encoder write them.

The order of the lines is Go's: what the handler set, by name; then Date, Content-Length, Content-Type where
Go guessed it, Connection, Transfer-Encoding. A body over 2,048 bytes whose length was not declared goes
chunked.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING

from rapid_client.local._mock.model import MAX_PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rapid_client.local._mock.faults import Reply

Lines = list[tuple[str, str]]
Buffer = bytes | memoryview

LONGEST_WITH_LENGTH = 2048
"""Bytes of a body that Go's net/http still sends with Content-Length by itself."""

_GO_PHRASES = {413: "Request Entity Too Large", 418: "I'm a teapot", 422: "Unprocessable Entity"}
"""Where the names of Go's net/http are not those of http.HTTPStatus (which changed with Python 3.13)."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply before it is written: status, header lines that the handler set, body, guessed content type."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    guessed_type: str | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """What the request and the connection say about a reply.

    Attributes:
        method: The method of the request; HEAD gets no body.
        version: ``1.1`` or ``1.0``.
        keep_alive: Whether the client wants to keep the connection.
        close: Whether the server has to close it.
        chunk_size: Bytes per chunk; None is one chunk.
    """

    method: str
    version: str
    keep_alive: bool
    close: bool
    chunk_size: int | None


def go_json(value: object) -> bytes:
    """Encode as Go's ``json.Encoder`` does: compact, ``<>&`` escaped, and one newline."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028")):
        text = text.replace(char, escape)
    return text.replace("\u2029", "\\u2029").encode("utf-8", "surrogatepass") + b"\n"


def error_answer(status: int, error_type: str, message: str) -> Answer:
    """Return the answer to a refused call."""
    return json_answer(status, {"errorMessage": message, "errorType": error_type})


def json_answer(status: int, value: object) -> Answer:
    """Return an answer with a JSON body."""
    return Answer(status, (("Content-Type", "application/json"),), go_json(value))


ACCEPTED = json_answer(202, {"status": "OK"})
PONG = Answer(200, (), b"pong", "text/plain; charset=utf-8")
EMPTY = Answer(200)
INVALID_REQUEST_ID = error_answer(400, "InvalidRequestID", "Invalid request ID")
INVALID_MODE = error_answer(400, "InvalidFunctionResponseMode", "Invalid function response mode")
INVOKE_TIMEOUT = error_answer(410, "InvokeTimeout", "Invoke timeout")
NOT_FOUND = Answer(
    404,
    (("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff")),
    b"404 page not found\n",
)


def not_allowed(method: str) -> Answer:
    """Return the answer to a wrong method on a known path; method is the right one."""
    return Answer(405, (("Allow", method),))


def too_large(limit: int) -> Answer:
    """Return the answer to a body of more than limit bytes."""
    return error_answer(
        413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size ({limit} bytes)."
    )


def no_transition(state: str, wanted: str) -> Answer:
    """Return the answer to a call that the state does not allow."""
    text = (
        f"State transition from {state} to {wanted} failed for runtime."
        " Error: State transition is not allowed"
    )
    return error_answer(403, "InvalidStateTransition", text)


def refusal(status: int) -> Answer:
    """Return what the service says with a status, for a scripted one."""
    known = {
        400: INVALID_REQUEST_ID,
        403: no_transition("RuntimeResponseSentState", "InvocationResponse"),
        404: NOT_FOUND,
        410: INVOKE_TIMEOUT,
        413: too_large(MAX_PAYLOAD),
        500: error_answer(500, "InternalServerError", "Internal Server Error"),
    }
    if status in known:
        return known[status]
    phrase = _phrase(status)
    return error_answer(status, phrase.title().replace(" ", ""), phrase)


def protocol_error(status: int, detail: str = "") -> bytes:
    """Return the whole reply to bytes that are no request: no Date, no length, and the connection ends."""
    start = f"{status} {_phrase(status)}"
    text = f"{start}: {detail}" if detail else start
    return (
        f"HTTP/1.1 {start}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n{text}"
    ).encode()


def render(answer: Answer, setting: Setting) -> tuple[list[Buffer], bool]:
    """Return the pieces of the reply, no body copied, and whether the connection ends behind it."""
    chunked = len(answer.body) > LONGEST_WITH_LENGTH and setting.method != "HEAD"
    modern = setting.version != "1.0"
    ends = setting.close or not setting.keep_alive or (chunked and not modern)
    lines = sorted(answer.headers, key=lambda line: line[0])
    lines.append(("Date", formatdate(time.time(), usegmt=True)))
    if not chunked:
        lines.append(("Content-Length", str(len(answer.body))))
    if answer.guessed_type:
        lines.append(("Content-Type", answer.guessed_type))
    if ends and modern:
        lines.append(("Connection", "close"))
    elif not modern and not ends:
        lines.append(("Connection", "keep-alive"))
    if chunked and modern:
        lines.append(("Transfer-Encoding", "chunked"))
    body = b"" if setting.method == "HEAD" else answer.body
    framed = _chunks(body, [setting.chunk_size or len(body)]) if chunked and modern else [body]
    return [_head(answer.status, None, lines, modern), *framed], ends


def render_fault(answer: Answer, setting: Setting, fault: Reply) -> tuple[bytes, bool]:
    """Return the bytes of the reply as the fault has it, uncut, and whether the connection ends behind it."""
    if fault.raw is not None:
        return fault.raw, fault.ending != "keep"
    body = answer.body if fault.body is None else fault.body
    status = answer.status if fault.status is None else fault.status
    guessed = answer.guessed_type if fault.body is None else None
    pieces, ends = render(Answer(status, answer.headers, body, guessed), setting)
    head, *framed = [bytes(piece) for piece in pieces]
    lines = [_split(line) for line in head.decode("utf-8", "surrogateescape").split("\r\n")[1:-2]]
    if fault.chunks:
        lines = [line for line in lines if line[0] not in ("Content-Length", "Transfer-Encoding")]
        lines.append(("Transfer-Encoding", "chunked"))
        framed = [bytes(piece) for piece in _chunks(body, fault.chunks)]
    omitted = {name.lower() for name in fault.omit}
    lines = [line for line in lines if line[0].lower() not in omitted]
    if fault.announce and ("Connection", "close") not in lines:
        lines.append(("Connection", "close"))
    lines += fault.headers
    head = _head(status, fault.reason, lines, setting.version != "1.0")
    return b"".join([fault.before, head, *framed, fault.extra]), ends or fault.ending != "keep"


def _head(status: int, reason: str | None, lines: Lines, modern: bool) -> bytes:
    reason = _phrase(status) if reason is None else reason
    start = f"HTTP/{'1.1' if modern else '1.0'} {status:03d} {reason}\r\n"
    return (start + "".join([f"{name}: {value}\r\n" for name, value in lines]) + "\r\n").encode(
        "utf-8", "surrogateescape"
    )


def _phrase(status: int) -> str:
    try:
        return _GO_PHRASES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return f"status code {status}"  # what Go's net/http writes for a code without a name


def _chunks(body: bytes, sizes: Sequence[int]) -> list[Buffer]:
    """Frame a body as chunks of these sizes, the last one repeated, and the last chunk; nothing is copied."""
    view, start, pieces = memoryview(body), 0, list[Buffer]()
    while start < len(body):
        index = len(pieces) // 3
        size = min(sizes[min(index, len(sizes) - 1)], len(body) - start)
        pieces += (f"{size:x}\r\n".encode(), view[start : start + size], b"\r\n")
        start += size
    pieces.append(b"0\r\n\r\n")
    return pieces


def _split(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name, value


def clean_value(text: str) -> str:
    """Return a header value as Go writes it: line breaks are spaces, and blanks at the ends are gone."""
    return text.replace("\r", " ").replace("\n", " ").strip(" \t")
