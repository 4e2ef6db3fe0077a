"""The answers of the Runtime API as they nearly always look: all of one in one piece. No I/O.

What is seen here is returned at once; what is not, `_parser` takes, which knows all of the HTTP/1.1 that may
come. The two agree wherever this module returns anything (tests/test_wire.py).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, TypeAlias

    Headers: TypeAlias = dict[bytes, bytes]

#: What a chunk's size may be written with; `int` would also take "0x10".
HEX_DIGITS: Final = b"0123456789abcdefABCDEF"


class Response:
    """A complete response.

    Attributes:
        status: The status code.
        head: The status line and the header lines, without the blank line.
        body: The body, without its coding.
        closes: Whether the peer closes the connection now.
    """

    __slots__ = ("body", "closes", "head", "status")

    def __init__(
        self, status: int, head: bytes | bytearray, body: bytes | bytearray, closes: bool = False
    ) -> None:
        self.status, self.head, self.body, self.closes = status, head, body, closes

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"

    def headers(self) -> Headers:
        """Return the headers, with names as Go writes them: ``Content-Type``. Parsed when they are asked for.

        Of repeated names the last counts. Values are bytes: few of them are ever needed as text.

        Raises:
            RemoteProtocolError: If a line has no colon.
        """
        from rapid_client._parser import parse_headers  # deferred: 0.2 ms, and few heads are unusual

        return parse_headers(self.head)


#: The reply to nearly every POST; nobody looks at more than its status.
ACCEPTED: Final = Response(202, b"HTTP/1.1 202 Accepted", b"")
#: How a Go server ends its reply to a POST: the length is the last header. (0.2 us less than to work it out.)
STATUS_OK: Final = b'\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'
#: What an event's headers are called. A head with other names is parsed the slow way.
EVENT_NAMES: Final = frozenset(
    (
        b"Content-Length",
        b"Content-Type",
        b"Date",
        b"Lambda-Runtime-Aws-Request-Id",
        b"Lambda-Runtime-Aws-Tenant-Id",
        b"Lambda-Runtime-Client-Context",
        b"Lambda-Runtime-Cognito-Identity",
        b"Lambda-Runtime-Deadline-Ms",
        b"Lambda-Runtime-Invocation-Id",
        b"Lambda-Runtime-Invoked-Function-Arn",
        b"Lambda-Runtime-Trace-Id",
        b"Transfer-Encoding",
    )
)


def quick_accepted(data: bytes) -> Response | None:
    """Return `ACCEPTED` if *data* is all of a 202 with a length, and the connection stays open, else None.

    0.4 us, where `_parser.ResponseParser` takes 1.6. It sees what it knows; what is written in any other way
    is left to the parser, which knows all.
    """
    if data[:13] != b"HTTP/1.1 202 " or data.find(b"onnection:") > 0:
        return None
    if data.endswith(STATUS_OK):
        return ACCEPTED
    if data.find(b"ransfer-") > 0:
        return None
    end = data.rfind(b"\r\n\r\n")
    length = b"\r\nContent-Length: %d\r\n" % (len(data) - end - 4)
    return ACCEPTED if data.find(length, 0, end + 2) > 0 else None


def quick_event(data: bytes) -> tuple[Headers, bytes] | None:
    """Return headers and body if *data* is all of a 200 with nothing but the headers of an event, else None.

    2.6 us, where `_parser.ResponseParser` and `Response.headers` take 4.3. As `quick_accepted`, it sees what
    it knows.
    """
    # From the right 0.07 us, from the left 0.27. A body that holds a blank line itself ends up in the head,
    # where its lines are no headers of an event.
    chunked = data.endswith(b"\r\n0\r\n\r\n")
    end = data.find(b"\r\n\r\n") if chunked else data.rfind(b"\r\n\r\n")
    head = data[:end]
    lines = head.split(b"\r\n")
    if lines[0] != b"HTTP/1.1 200 OK":
        return None
    del lines[0]
    headers: Headers = {}
    for line in lines:
        name, _, value = line.partition(b": ")
        headers[name] = value
    if end < 0 or len(headers) != len(lines) or not EVENT_NAMES.issuperset(headers):
        return None
    body = data[end + 4 :]
    if b"Transfer-Encoding" in headers:
        whole = quick_chunk(body) if headers[b"Transfer-Encoding"] == b"chunked" else None
        return None if whole is None else (headers, whole)
    if headers.get(b"Content-Length") != b"%d" % len(body):
        return None
    return headers, body


def quick_chunk(coded: bytes) -> bytes | None:
    """Return the body if *coded* is all of it in one chunk without extensions or trailers, else None."""
    end = coded.find(b"\r\n")
    digits = coded[:end]
    if not 0 < end <= 8 or digits.translate(None, HEX_DIGITS):
        return None
    start = end + 2
    stop = start + int(digits, 16)
    if len(coded) != stop + 7 or coded[stop:] != b"\r\n0\r\n\r\n":
        return None
    return coded[start:stop]
