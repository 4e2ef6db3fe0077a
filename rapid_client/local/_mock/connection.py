"""One TCP connection: one request at a time, the scripted faults applied to the bytes."""

from __future__ import annotations

import asyncio
import fcntl
import math
import os
import socket
import struct
import sys
import termios
from typing import TYPE_CHECKING, cast

from rapid_client.local._mock import replies
from rapid_client.local._mock.faults import Close, End, Reply
from rapid_client.local._mock.reader import BadRequestError, Complete, Head, RequestReader
from rapid_client.local._mock.replies import Answer, Buffer, Setting

if TYPE_CHECKING:
    from rapid_client.local._mock.hub import Exchange, Hub
    from rapid_client.local._mock.model import Call

UNREAD_LIMIT = 256 * 1024
"""Bytes of an unwanted body that Go's net/http reads to keep the connection; beyond, it closes."""

_JOINED = 64 * 1024
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


class Connection(asyncio.Protocol):
    """The server's end of one connection.

    Args:
        hub: What all connections share.
        number: The number of the connection, from 1.
        others: The set of open connections, which this one joins and leaves.
    """

    def __init__(self, hub: Hub, number: int, others: set[Connection]) -> None:
        self.number = number
        self._hub, self._others = hub, others
        self._reader = RequestReader()
        self._exchange: Exchange | None = None
        self._call: Call | None = None
        self._fault: Reply | Close | None = None
        self._looked = False  # whether the first line of the current request was seen, and its fault taken
        self._busy = False  # a reply is due or on its way
        self._must_close = False
        self._ended = False  # nothing more is read
        self._client_done = False  # the client has closed its half
        self._paused = False

    # from the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, unless the script wants it gone."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._loop = asyncio.get_running_loop()
        self._others.add(self)
        self._close_before_request()

    def data_received(self, data: bytes) -> None:
        """Take bytes; more than a little ahead of a reply has to wait in the kernel."""
        if self._ended:
            return
        self._reader.feed(data)
        if not self._busy:
            self._advance()
        elif self._reader.taken > UNREAD_LIMIT:
            self._pause(True)

    def eof_received(self) -> bool:
        """The client will send no more: what it began is cut short, what is due is still written."""
        self._client_done = True
        if not self._busy:
            self._cut_short()
            return False
        return not (self._hub.gone(self) or self._ended)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002, the name is asyncio's
        """Forget the connection."""
        self._others.discard(self)
        self._ended = True
        self._cut_short()
        self._hub.gone(self)

    # requests

    def _advance(self) -> None:
        try:
            while not (self._busy or self._ended) and self._step():
                pass
        except BadRequestError as error:
            self._cut_short()
            self._transport.write(replies.protocol_error(error.status, error.detail))
            self._linger()
        if self._client_done and not (self._busy or self._ended):
            self.end(reset=False)

    def _step(self) -> bool:
        """Take the next event; return whether there was one."""
        if self._look_ahead():
            return False
        event = self._reader.next()
        if isinstance(event, Head):
            self._begin(event)
        elif isinstance(event, Complete):
            self._complete(event)
        elif event is not None:
            self._take(event)
        return event is not None

    def _look_ahead(self) -> bool:
        """Take the fault of a request once its first line is there; return whether it was the end."""
        if not self._looked and b"\r\n" in self._reader.started:
            first_line = bytes(self._reader.started).lstrip(b"\r\n").partition(b"\r\n")[0].split(b" ")
            if len(first_line) == 3:
                self._looked = True
                method, target = first_line[0].decode("latin-1"), first_line[1].decode("latin-1")
                self._call, self._fault = self._hub.fault_for(method, target)
        fault = self._fault
        if not isinstance(fault, Close) or fault.when == "after-request":
            return False
        due = fault.when == "before-request" or self._reader.taken >= fault.after
        if due:
            self._fault = None
            if self._call is not None:
                self._hub.count(self._call)
            self.end(fault.reset)
        return due

    def _begin(self, head: Head) -> None:
        exchange = self._exchange = self._hub.begin(self, head, self._fault)
        if exchange.refusal is not None:
            if head.expects_continue or (head.length or 0) > UNREAD_LIMIT:
                self._refuse_early()
        elif head.expects_continue:
            self._transport.write(replies.CONTINUE)

    def _take(self, data: bytes | bytearray) -> None:
        exchange = cast("Exchange", self._exchange)
        exchange.add(data, self._hub.settings.max_payload)
        if exchange.refusal is not None and exchange.size > UNREAD_LIMIT:
            self._refuse_early()

    def _refuse_early(self) -> None:
        """Answer before the body is there; the connection cannot go on behind it."""
        self._must_close = True
        self._complete(Complete(()))

    def _complete(self, event: Complete) -> None:
        exchange, self._exchange = cast("Exchange", self._exchange), None
        self._busy = True
        answer = self._hub.finish(exchange, event.trailers)
        if isinstance(exchange.fault, Close):
            self.end(exchange.fault.reset)
        elif answer is not None:
            self.answer(exchange, answer)
        if exchange.call in ("response", "error", "init/error", "restore/error"):
            self._hub.pump()

    def _cut_short(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            self._hub.cut_short(exchange)

    # replies

    def answer(self, exchange: Exchange, answer: Answer) -> None:
        """Write the reply to a request, with the fault that the script has for it."""
        fault, head = exchange.fault, exchange.head
        keep = head.keep_alive and not self._client_done
        setting = Setting(head.method, head.version, keep, self._must_close, self._hub.settings.chunk_size)
        if isinstance(fault, Close):
            self.end(fault.reset)
        elif fault is None:
            pieces, ends = replies.render(answer, setting)
            self._write(pieces)
            self._replied("close" if ends else "keep")
        elif fault.delay != math.inf:
            data, ends = replies.render_fault(answer, setting, fault)
            ending: End = "close" if ends and fault.ending == "keep" else fault.ending
            data = data if fault.cut is None else data[: fault.cut]
            self._loop.call_later(fault.delay, self._write_slowly, data, 0, fault, ending)

    def _write(self, pieces: list[Buffer]) -> None:
        """Write a reply: small ones at once, large ones without a copy of the body."""
        if sum(map(len, pieces)) <= _JOINED:
            self._transport.write(b"".join(pieces))
            return
        for piece in pieces:
            self._transport.write(piece)

    def _write_slowly(self, data: bytes, count: int, fault: Reply, ending: End) -> None:
        """Write the next piece of a reply, and see to the ones after it."""
        if self._ended:
            return
        if not fault.writes:
            self._transport.write(data)
            self._replied(ending)
            return
        size = fault.writes[min(count, len(fault.writes) - 1)]
        self._transport.write(data[:size])
        if len(data) > size:
            self._loop.call_later(fault.pause, self._write_slowly, data[size:], count + 1, fault, ending)
        else:
            self._replied(ending)

    def _replied(self, ending: End) -> None:
        """The reply is written: end the connection, or go on with what came meanwhile."""
        if self._must_close:
            self._linger()
        elif ending != "keep":
            self.end(ending == "reset")
        else:
            self._busy, self._looked, self._fault = False, False, None
            if not self._close_before_request():
                self._pause(False)
                self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if not (self._busy or self._ended):
            self._advance()

    # the end

    def _close_before_request(self) -> bool:
        close = self._hub.close_before()
        if close is not None:
            self.end(close.reset)
        return close is not None

    def _linger(self) -> None:
        """Stop sending, read no more, close a little later: the client may be sending still."""
        self._ended = True
        self._pause(True)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._loop.call_later(self._hub.settings.linger, self._transport.close)

    def end(self, reset: bool) -> None:
        """End the connection once everything is written, with a FIN or an RST."""
        self._ended = True
        self._cut_short()
        if self._transport.is_closing():
            return
        if not reset:
            self._transport.close()
        elif self._transport.get_write_buffer_size() or _unsent(self._transport):
            self._loop.call_later(0.002, self.end, True)
        else:
            reset_at_close(self._transport)
            self._transport.abort()

    def drop(self) -> None:
        """Let go at once, the rest unwritten: the server stops."""
        self._ended = True
        self._transport.abort()

    def _pause(self, wanted: bool) -> None:
        if wanted == self._paused or self._transport.is_closing():
            return
        self._paused = wanted
        if wanted:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()


def _unsent(transport: asyncio.Transport) -> int:
    """Return the bytes that the client has not taken, which a reset would throw away; Linux only."""
    if sys.platform != "linux":
        return 0
    count = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, b"\0" * 4)
    return int.from_bytes(count, sys.byteorder)


def reset_at_close(transport: asyncio.Transport) -> None:
    """Make the kernel send an RST when the socket of this transport is closed."""
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as twin:
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
