"""One raw-socket server with canned replies: one thread, blocking, as little work as can be.

What it sends is what the real Runtime API sends, byte by byte (Go's header order, ``Date``, events over
2,048 bytes chunked), made ahead of the run. It does in Python what cannot be avoided: four socket calls and
two clock reads per invocation. On one core its time is part of what it measures, the same for every peer.
"""

from __future__ import annotations

import gc
import os
import random
import select
import socket
import struct
import time
import uuid
from typing import TYPE_CHECKING, Final

from benchmarks.payloads import LIMIT

if TYPE_CHECKING:
    from typing import Self

    from benchmarks.process import Process

DATE: Final = b"Date: Sat, 21 Nov 2026 09:23:41 GMT\r\n"
ACCEPTED: Final = (
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n" + DATE + b"Content-Length: 16\r\n\r\n"
    b'{"status":"OK"}\n'
)
NEXT: Final = b"GET /2018-06-01/runtime/invocation/next "
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
ARN: Final = "arn:aws:lambda:eu-central-1:123456789012:function:benchmark"
TRACE_ID: Final = "Root=1-69202f1d-5e1b4e1a2f7c3d9a0b6e8f42;Parent=53995c3f42cd8ad8;Sampled=0"
PATIENCE: Final = 30
"""Seconds that a peer may be silent before it counts as stuck."""


class PeerError(Exception):
    """A peer did not do what a client of the Runtime API does; the message says what, for the report."""


class Reply:
    """A canned reply to ``GET /next``: the bytes to send, and how the path of the answer must begin."""

    __slots__ = ("answer", "wire")

    def __init__(self, event: bytes, request_id: str, deadline: int) -> None:
        """Format the reply that carries *event*, with *deadline* in milliseconds since 1970."""
        head = (
            "HTTP/1.1 200 OK\r\n"
            "Content-Type: application/json\r\n"
            f"Lambda-Runtime-Aws-Request-Id: {request_id}\r\n"
            f"Lambda-Runtime-Deadline-Ms: {deadline}\r\n"
            f"Lambda-Runtime-Invoked-Function-Arn: {ARN}\r\n"
            f"Lambda-Runtime-Trace-Id: {TRACE_ID}\r\n"
        ).encode() + DATE
        if len(event) <= LIMIT:
            self.wire = head + b"Content-Length: %d\r\n\r\n%b" % (len(event), event)
        else:
            self.wire = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
                len(event),
                event,
            )
        self.answer = f"POST /2018-06-01/runtime/invocation/{request_id}/response ".encode()


def replies(event: bytes) -> list[Reply]:
    """Return replies that carry *event* under different request ids: 64, fewer if it is large."""
    deadline = int(time.time() * 1000) + 900_000
    source = random.Random(len(event))
    count = max(2, min(64, 1_000_000 // len(event)))
    ids = [str(uuid.UUID(int=source.getrandbits(128), version=4)) for _ in range(count)]
    return [Reply(event, request_id, deadline) for request_id in ids]


class Server:
    """Listen on a free port of 127.0.0.1 and speak with one client process at a time.

    Use it as a context manager: `address` is what ``AWS_LAMBDA_RUNTIME_API`` must be. `accept` a client, then
    call `serve` as often as liked. `arrival` is when the first event was asked for, or the newest response
    had come; `body` is the newest body that had to be looked at: of the first response, it always is.
    """

    def __init__(self) -> None:
        """Bind and listen."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        host, port = self._listener.getsockname()
        self.address = f"{host}:{port}"
        self.arrival = 0
        self.body = b""
        self._sock: socket.socket | None = None
        self._process: Process | None = None
        self._pending = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.hang_up()
        self._listener.close()

    def hang_up(self) -> None:
        """Close the client's connection, if there is one."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def accept(self, process: Process) -> None:
        """Wait for *process* to connect and to ask for its first event; `arrival` is when that came.

        Raises:
            PeerError: If it ends, or stays silent, before it has asked.
        """
        self.hang_up()
        self._process, self._sizes = process, (-1, -1)
        try:
            data, _ = self._next_request(b"")
        except BlockingIOError:
            raise PeerError(f"silent for {PATIENCE} s{self._why()}") from None
        self.arrival = time.monotonic_ns()
        if not data.startswith(NEXT):
            raise PeerError(f"the first request was {data[:400]!r}")

    # Answering invocations...

    def serve(self, count: int, canned: list[Reply]) -> list[int]:
        """Answer the request for an event that is waiting, and those after it, *count* times.

        Return for each invocation the nanoseconds from before the event was sent until the last byte of
        the response had come. When it returns, the client waits for its next event.

        Raises:
            PeerError: If the client ends, is silent for 30 s, or does anything but answer its event.
        """
        times: list[int] = []
        gc.disable()
        try:
            while len(times) < count:
                self._serve_block(canned[: count - len(times)], times)
        except BlockingIOError:
            raise PeerError(f"silent for {PATIENCE} s{self._why()}") from None
        except OSError as exc:
            raise PeerError(f"the connection broke ({exc}){self._why()}") from exc
        finally:
            gc.enable()
        return times

    def _serve_block(self, canned: list[Reply], times: list[int]) -> None:
        """Answer one invocation per reply; a request as long as the one before needs no scan."""
        now, append, sock = time.monotonic_ns, times.append, self._sock
        assert sock is not None, "accept() comes first"
        sendall, recv = sock.sendall, sock.recv
        response_size, next_size = self._sizes
        for reply in canned:
            before = now()
            sendall(reply.wire)
            data = recv(65536)
            if len(data) != response_size:
                data, response_size = self._complete(data)
            after = now()
            append(after - before)
            if not data.startswith(reply.answer):
                raise PeerError(f"the event was answered with {data[:200]!r}")
            sendall(ACCEPTED)
            data = self._pending or recv(65536)
            if len(data) != next_size or self._pending:
                data, next_size = self._next_request(data)
                if self._sock is not sock:  # it closes its connection after each answer
                    sock = self._sock
                    assert sock is not None
                    sendall, recv = sock.sendall, sock.recv
            if not data.startswith(NEXT):
                raise PeerError(f"an event was not asked for, but: {data[:200]!r}")
        self._sizes = response_size, next_size
        self.arrival = after

    # Receiving requests...

    def _connect(self) -> None:
        """Accept a connection of the client; blocking, since Python's time-outs cost a poll() per call."""
        process = self._process
        assert process is not None
        watched = os.pidfd_open(process.pid)
        try:
            poll = select.poll()  # select.select stops at descriptor 1,023
            poll.register(self._listener, select.POLLIN)
            poll.register(watched, select.POLLIN)
            ready = [descriptor for descriptor, _ in poll.poll(PATIENCE * 1000)]
        finally:
            os.close(watched)
        if self._listener.fileno() not in ready:
            raise PeerError(("ended" if ready else f"no connection within {PATIENCE} s") + self._why())
        self.hang_up()
        self._sock, _ = self._listener.accept()
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", PATIENCE, 0))
        self._pending = b""

    def _next_request(self, data: bytes) -> tuple[bytes, int]:
        """Return a whole request that begins with *data*, and its length; no data: on a new connection."""
        while not data:
            self._connect()
            assert self._sock is not None
            data = self._sock.recv(65536)
        self._pending = b""
        return self._complete(data)

    def _complete(self, data: bytes) -> tuple[bytes, int]:
        """Return one whole request that begins with *data*, and its length if it came alone, else -1.

        `body` is its body; what follows it is pending.
        """
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        head = data[:end].lower()
        if b"\r\nexpect: 100-continue" in head:
            assert self._sock is not None
            self._sock.sendall(CONTINUE)
        if b"\r\ntransfer-encoding: chunked" in head:
            data, size = self._complete_chunks(data, end + 4)
        else:
            at = head.find(b"\r\ncontent-length:")
            size = end + 4 + (int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0)
            data = self._fill(data, size)
            if size > end + 4:
                self.body = data[end + 4 : size]
        self._pending = data[size:]
        return data[:size], size if size <= 65536 and not self._pending else -1

    def _fill(self, data: bytes, size: int) -> bytes:
        """Receive until there are *size* bytes; a large body goes into one buffer."""
        if len(data) >= size:
            return data
        assert self._sock is not None
        whole = bytearray(size)
        whole[: len(data)] = data
        view, at = memoryview(whole), len(data)
        while at < size:
            got = self._sock.recv_into(view[at:])
            if not got:
                raise PeerError(f"the connection ended inside a request{self._why()}")
            at += got
        return bytes(whole)

    def _complete_chunks(self, data: bytes, at: int) -> tuple[bytes, int]:
        """Receive the chunks that begin at *at*; return all that has come, and where the request ends."""
        parts = []
        while True:
            while (end := data.find(b"\r\n", at)) < 0:
                data += self._more()
            size = int(data[at:end].split(b";")[0], 16)
            if not size:
                break
            while len(data) < end + 4 + size:
                data += self._more()
            parts.append(data[end + 2 : end + 2 + size])
            at = end + 4 + size
        while (end := data.find(b"\r\n\r\n", at)) < 0:  # trailers, if any, end like a head
            data += self._more()
        self.body = b"".join(parts)
        return data, end + 4

    def _more(self) -> bytes:
        assert self._sock is not None
        data = self._sock.recv(65536)
        if not data:
            raise PeerError(f"the connection ended inside a request{self._why()}")
        return data

    def _why(self) -> str:
        return self._process.last_words() if self._process is not None else ""
