"""The subset of HTTP/1.1 that the Runtime API may speak, in pieces of any size. No I/O.

Bodies come with a Content-Length, chunked (every event over 2,048 bytes) or, as HTTP allows, up to the
end of the connection. A large body goes straight into its own buffer: see `ResponseParser.room`.
"""

from __future__ import annotations

from rapid_client._wire import HEX_DIGITS
from rapid_client.errors import RemoteProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Literal, TypeAlias

    from rapid_client._wire import Headers

    Step: TypeAlias = Literal[0, 1, 2, 3, 4, 5]

#: A head may have the 1 MiB that Go's servers allow in one direction, and room for the rest.
MAX_HEAD: Final = 2 << 20
#: An event has 6 MB at most; a length beyond this is a broken peer, not an event.
MAX_BODY: Final = 1 << 30
#: From here on a body is received into its own buffer: below, one more copy is cheaper (64 KB, the
#: size of a receive).
LARGE: Final = 65536

HEAD: Final = 0  # waiting for the blank line after the headers
SIZED: Final = 1  # the body, whose remaining length is known
CHUNK_SIZE: Final = 2  # the line with a chunk's size
CHUNK: Final = 3  # a chunk's data and the CRLF after it
TRAILERS: Final = 4  # the lines after the last chunk
UNTIL_CLOSE: Final = 5  # the body, which ends with the connection

#: Stand for the length of a body that has none.
CHUNKED: Final = -1
UNKNOWN: Final = -2


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
        return parse_headers(self.head)


def parse_headers(head: bytes | bytearray) -> Headers:
    """Return the headers of *head*; see `Response.headers`."""
    headers: Headers = {}
    lines = bytes(head).split(b"\r\n")
    del lines[0]
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon:
            message = f"a header line from the Runtime API has no colon: {line[:80]!r}"
            raise RemoteProtocolError(message)
        headers[name.title()] = value.strip()
    return headers


def parse_frame(head: bytes | bytearray) -> tuple[int, int, bool]:
    """Find out what follows a head (RFC 9112, section 6.3).

    Four searches in the lower-cased head take 0.5 us; a dict of the headers takes 1.5 us for a 202.

    Returns:
        The status, the length of the body (`CHUNKED` and `UNKNOWN` for none), and whether the peer closes.

    Raises:
        RemoteProtocolError: If it is no HTTP/1 response, or how long its body is cannot be told.
    """
    status = head[9:12]
    if head[:7] != b"HTTP/1." or len(status) != 3 or not status.isdigit() or head[12:13] not in b" \r":
        message = f"the Runtime API's answer is no HTTP: it begins with {bytes(head[:40])!r}"
        raise RemoteProtocolError(message)
    lower = head.lower()
    closing = lower.find(b"\r\nconnection:")
    closes = closing >= 0 and _value(lower, closing + 13) == b"close"
    coding = lower.find(b"\r\ntransfer-encoding:")
    if coding >= 0:
        value = _value(lower, coding + 20)
        if value != b"chunked":
            message = f"the Runtime API used a transfer coding that nobody asked for: {bytes(value[:40])!r}"
            raise RemoteProtocolError(message)
        return int(status), CHUNKED, closes
    at = lower.find(b"\r\ncontent-length:")
    if at < 0:
        return int(status), UNKNOWN, closes
    text = _value(lower, at + 17)
    if not text.isdigit() or len(text) > 18 or int(text) > MAX_BODY:
        message = f"the Runtime API gave a length that cannot be: {bytes(text[:40])!r}"
        raise RemoteProtocolError(message)
    again = lower.find(b"\r\ncontent-length:", at + 17)
    while again >= 0:  # where such a body ends is anybody's guess, unless all say the same
        if _value(lower, again + 17) != text:
            message = f"the Runtime API gave two lengths for one body: {text.decode()} and another"
            raise RemoteProtocolError(message)
        again = lower.find(b"\r\ncontent-length:", again + 17)
    return int(status), int(text), closes


def _value(head: bytes | bytearray, start: int) -> bytes | bytearray:
    """Return the header value that begins at *start*."""
    end = head.find(b"\r\n", start)
    return (head[start:] if end < 0 else head[start:end]).strip()


class ResponseParser:
    """Takes bytes as they come and returns each response once it is complete.

    One request, one response: bytes behind a complete response are an error, since nothing was asked.

    Args:
        pipelined: More was asked for: what is behind the response is the `surplus`.
    """

    __slots__ = (
        "_body",
        "_buffer",
        "_closes",
        "_end",
        "_filled",
        "_head",
        "_pipelined",
        "_room",
        "_status",
        "_step",
        "started",
        "surplus",
    )

    def __init__(self, *, pipelined: bool = False) -> None:
        self._pipelined = pipelined
        self.surplus = bytearray()
        self._reset()

    def _reset(self) -> None:
        #: Whether a byte of the response has been seen.
        self.started = False
        self._step: Step = HEAD
        self._buffer = bytearray()  # received, not yet understood
        self._body = bytearray()
        self._filled = 0  # how much of _body is there; less than its length while a large part is received
        self._end = 0  # where the part that is being received ends in _body
        self._room: memoryview | None = None
        self._status = 0
        self._head: bytes | bytearray = b""
        self._closes = False

    def feed(self, data: bytes) -> Response | None:
        """Add *data*; return the response once it is complete, else None.

        Raises:
            RemoteProtocolError: If the bytes are not what HTTP allows here.
        """
        if self.started:
            self._buffer += data
            return self._advance()
        self.started = True
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._buffer += data
            return self._advance()
        # All of the head at once is the usual case, and so is all of the body behind it.
        head = data[:end]
        status, length, closes = parse_frame(head)
        if length == len(data) - end - 4 and status >= 200:
            self.started = False
            return Response(status, head, data[end + 4 :], closes)
        self._buffer += data[end + 4 :]
        self._start_body(head)
        return self._advance()

    def room(self) -> memoryview | None:
        """Return where the next bytes of a large body go, or None if they go through `feed`.

        Fill it from its start, then call `filled` with the number of bytes.
        """
        if self._room is None and self._end - self._filled >= LARGE:
            self._room = memoryview(self._body)[self._filled : self._end]
        return self._room

    def filled(self, size: int) -> Response | None:
        """Count *size* bytes of `room` as received; return the response once it is complete, else None."""
        room = self._room
        self._filled += size
        self._room = None
        if room is not None:
            room.release()
        return self._advance()

    def end(self) -> Response:
        """Return the response that ends with the connection.

        Raises:
            RemoteProtocolError: If the response was cut; the text says where.
        """
        if self._step == UNTIL_CLOSE:
            return self._finish(closed=True)
        place = "head" if self._step == HEAD else "body"
        message = f"the Runtime API closed the connection in the {place} of its answer"
        raise RemoteProtocolError(message)

    @property
    def head(self) -> Response | None:
        """The response with as much of its body as is here, once the head is: for a POST that is enough."""
        if self._step == HEAD:
            return None
        return Response(self._status, self._head, bytes(self._body[: self._filled]), closes=True)

    # From here on, the steps: each returns True if it could be finished.

    def _advance(self) -> Response | None:
        """Go as far as the buffer allows."""
        while True:
            step = self._step
            if step == HEAD:
                done = self._take_head()
            elif step == SIZED:
                if not self._take_part():
                    return None
                return self._finish()
            elif step == CHUNK_SIZE:
                done = self._take_chunk_size()
            elif step == CHUNK:
                done = self._take_chunk()
            elif step == TRAILERS:
                line = self._take_line()
                if line is None:
                    return None
                if not line:
                    return self._finish()
                done = True
            else:
                self._take_rest()
                return None
            if not done:
                return None

    def _take_head(self) -> bool:
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n")
        if end > MAX_HEAD or (end < 0 and len(buffer) > MAX_HEAD):
            message = f"the head of the Runtime API's answer is larger than {MAX_HEAD} bytes"
            raise RemoteProtocolError(message)
        if end < 0:
            return False
        head = buffer[:end]
        del buffer[: end + 4]
        self._start_body(head)
        return True

    def _start_body(self, head: bytes | bytearray) -> None:
        """Take the step that *head* says comes next."""
        status, length, closes = parse_frame(head)
        if status < 200:  # an interim response: the real one follows
            if status < 100 or status == 101:
                message = f"the Runtime API gave a status that cannot be: {status:03}"
                raise RemoteProtocolError(message)
            return
        self._status, self._head, self._closes = status, head, closes
        if status in (204, 304):
            self._step = SIZED
        elif length == CHUNKED:
            self._step = CHUNK_SIZE
        elif length == UNKNOWN:
            self._step = UNTIL_CLOSE
        else:
            self._grow(length)
            self._step = SIZED

    def _grow(self, size: int) -> None:
        """Make place for *size* more bytes of body."""
        if self._end + size > MAX_BODY:
            message = f"the body of the Runtime API's answer is larger than {MAX_BODY} bytes"
            raise RemoteProtocolError(message)
        if self._body:
            self._body += bytes(size)
        else:
            self._body = bytearray(size)
        self._end += size

    def _take_part(self) -> bool:
        """Move buffered bytes into the body; return whether the part is complete."""
        start, buffer = self._filled, self._buffer
        size = min(len(buffer), self._end - start)
        if size:
            self._body[start : start + size] = buffer if size == len(buffer) else buffer[:size]
            del buffer[:size]
            self._filled = start + size
        return self._filled == self._end

    def _take_chunk_size(self) -> bool:
        line = self._take_line()
        if line is None:
            return False
        digits = line.partition(b";")[0].strip()
        if not digits or len(digits) > 16 or digits.translate(None, HEX_DIGITS):
            message = f"the Runtime API gave a chunk size that cannot be: {bytes(line[:40])!r}"
            raise RemoteProtocolError(message)
        size = int(digits, 16)
        self._step = CHUNK if size else TRAILERS
        self._grow(size)
        return True

    def _take_chunk(self) -> bool:
        if not self._take_part() or len(self._buffer) < 2:
            return False
        if self._buffer[:2] != b"\r\n":
            message = "a chunk from the Runtime API is longer than its size says"
            raise RemoteProtocolError(message)
        del self._buffer[:2]
        self._step = CHUNK_SIZE
        return True

    def _take_line(self) -> bytearray | None:
        """Take one line off the buffer, without its CRLF; None if it is not all there."""
        buffer = self._buffer
        end = buffer.find(b"\r\n")
        if end > MAX_HEAD or (end < 0 and len(buffer) > MAX_HEAD):
            message = f"a line from the Runtime API is longer than {MAX_HEAD} bytes"
            raise RemoteProtocolError(message)
        if end < 0:
            return None
        line = buffer[:end]
        del buffer[: end + 2]
        return line

    def _take_rest(self) -> None:
        """Move all that is buffered into a body that ends with the connection."""
        self._grow(len(self._buffer))
        self._take_part()

    def _finish(self, *, closed: bool = False) -> Response:
        if self._buffer and self._pipelined:
            self.surplus = self._buffer
        elif self._buffer:
            message = f"the Runtime API sent more than its answer: {bytes(self._buffer[:40])!r}"
            raise RemoteProtocolError(message)
        response = Response(self._status, self._head, self._body, closed or self._closes)
        self._reset()
        return response
