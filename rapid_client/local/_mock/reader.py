"""HTTP/1.1 requests from bytes, by h11: one request after the other, whatever the cuts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h11

if TYPE_CHECKING:
    from rapid_client.local._mock.model import Headers


LONGEST_HEAD = (1 << 20) + 4096
"""Bytes of a head that Go's net/http accepts: 1 MiB and the 4 KiB that it reads ahead."""


class BadRequestError(Exception):
    """The bytes are no request that we take.

    Args:
        status: 400 or 431.
        detail: What is wrong, for the reply.
    """

    def __init__(self, status: int, detail: str = "") -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request.

    Attributes:
        method: The method.
        target: The target as sent.
        version: ``1.1`` or ``1.0``.
        headers: The header lines as sent.
        raw: The bytes up to and with the empty line.
        length: Declared bytes of body; 0 without a body, None for a chunked one.
        keep_alive: Whether the client wants to keep the connection.
        expects_continue: Whether the client waits for ``100 Continue``.
    """

    method: str
    target: str
    version: str
    headers: Headers
    raw: bytes
    length: int | None
    keep_alive: bool
    expects_continue: bool


@dataclass(frozen=True, slots=True)
class Complete:
    """The end of a request, with the lines after a chunked body."""

    trailers: Headers


Event = Head | bytes | bytearray | Complete


class RequestReader:
    """Turns bytes into requests.

    Attributes:
        started: Bytes of the current request that came before its head was complete.
        taken: Bytes of the current request that were fed so far; those of a following one may be among them.
    """

    def __init__(self) -> None:
        self._parser = h11.Connection(h11.SERVER, LONGEST_HEAD)
        self._in_head = True
        self.started = bytearray()
        self.taken = 0

    def feed(self, data: bytes) -> None:
        """Take bytes from the connection."""
        self.taken += len(data)
        if self._in_head:
            self.started += data
        self._parser.receive_data(data)

    @property
    def idle(self) -> bool:
        """Whether no byte of a request has come."""
        return self._in_head and not self.started

    def next(self) -> Event | None:
        """Return the next event; None when more bytes are needed.

        Raises:
            BadRequestError: The bytes are no request that we take.
        """
        try:
            event = self._parser.next_event()
        except h11.RemoteProtocolError as error:
            raise self._bad(error) from None
        if isinstance(event, h11.Request):
            return self._head(event)
        if isinstance(event, h11.Data):
            return event.data
        if isinstance(event, h11.EndOfMessage):
            trailers = _lines(event.headers)
            self._next_request()
            return Complete(trailers)
        if self._in_head and len(self.started) > LONGEST_HEAD:
            raise BadRequestError(431)
        return None

    def _head(self, event: h11.Request) -> Head:
        rest = len(self._parser.trailing_data[0])
        raw = bytes(self.started[: len(self.started) - rest])
        if len(raw) > LONGEST_HEAD:
            raise BadRequestError(431)
        self._in_head = False
        self.started = bytearray()
        headers = _lines(event.headers)
        known = dict(event.headers)
        version = event.http_version.decode()
        wishes = known.get(b"connection", b"").lower()
        return Head(
            method=event.method.decode(),
            target=event.target.decode("ascii", "surrogateescape"),
            version=version,
            headers=headers,
            raw=raw,
            length=None if b"transfer-encoding" in known else int(known.get(b"content-length", b"0")),
            keep_alive=b"keep-alive" in wishes if version == "1.0" else b"close" not in wishes,
            expects_continue=self._parser.they_are_waiting_for_100_continue,
        )

    def _next_request(self) -> None:
        """Start over with what came behind: h11 would want to see our replies to go on itself."""
        rest = self._parser.trailing_data[0]
        self._parser = h11.Connection(h11.SERVER, LONGEST_HEAD)
        self._in_head = True
        self.started = bytearray(rest)
        self.taken = len(rest)
        if rest:
            self._parser.receive_data(rest)

    def _bad(self, error: h11.RemoteProtocolError) -> BadRequestError:
        status = 431 if error.error_status_hint == 431 else 400
        if status == 400 and "Host" in str(error):
            return BadRequestError(400, "missing required Host header")
        return BadRequestError(status)


def _lines(headers: Any) -> Headers:
    return tuple(
        (name.decode("ascii"), value.decode("utf-8", "surrogateescape"))
        for name, value in headers.raw_items()
    )
