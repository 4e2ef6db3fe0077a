"""One client's side: its connections, and the whole requests that come on them."""

from __future__ import annotations

import os
import select
import socket
import struct
from typing import TYPE_CHECKING, Final

from benchmarks.server.replies import CONTINUE

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Watched(Protocol):
        """A client's process, here or in a container."""

        pid: int

        def drain(self) -> None:
            """Take what it has written, so that it never has to wait for room."""

        def last_words(self) -> str:
            """Return the last line that it wrote, after a colon, or nothing."""


SILENCE: Final = 10_000
"""Microseconds after which a receive gives up, and all connections of the client are looked at."""


class PeerError(Exception):
    """A peer did not do what a client of the Runtime API does; the message says what, for the report."""


class Connections:
    """Listen on a free port of 127.0.0.1, and read the requests of one client process at a time.

    The client may have several connections. `sock` is that of them which spoke last, `made` how many it has
    opened so far. `pending` is what has come behind the newest request, `body` the newest body that had to be
    looked at. What `sock` receives comes without a poll; it raises BlockingIOError after 10 ms of silence.
    """

    def __init__(self, patience: int) -> None:
        """Bind and listen; a client that is silent for *patience* seconds counts as stuck."""
        self.patience = patience
        self._listener = socket.create_server(("127.0.0.1", 0))
        host, port = self._listener.getsockname()
        self.address = f"{host}:{port}"
        self.process: Watched | None = None
        self.sock: socket.socket | None = None
        self.made = 0
        self.pending = b""
        self.body = b""
        self._socks: dict[int, socket.socket] = {}
        self._poll = select.poll()  # select.select stops at descriptor 1,023
        self._watched = -1  # becomes readable when the process ends

    def close(self) -> None:
        """Hang up, and listen no more."""
        self.hang_up()
        self._listener.close()

    def hang_up(self) -> None:
        """Close the client's connections, and those it has asked for: before the next client starts."""
        self._forget()
        self._listener.setblocking(False)
        try:
            while True:
                self._listener.accept()[0].close()
        except BlockingIOError:
            self._listener.setblocking(True)

    def _forget(self) -> None:
        for sock in self._socks.values():
            sock.close()
        if self._watched >= 0:
            os.close(self._watched)
        self._socks, self.sock, self._watched, self.made = {}, None, -1, 0
        self._poll = select.poll()
        self._poll.register(self._listener, select.POLLIN)
        self.pending = b""

    def watch(self, process: Watched) -> None:
        """Forget the client before; from now on *process* is the one that is waited for."""
        self._forget()
        self.process, self._watched = process, os.pidfd_open(process.pid)
        self._poll.register(self._watched, select.POLLIN)

    def current(self) -> tuple[Callable[[bytes], None], Callable[[int], bytes]]:
        """Return the methods to send and to receive of the connection that spoke last."""
        sock = self.sock
        assert sock is not None, "accept() comes first"
        return sock.sendall, sock.recv

    def wait(self) -> bytes:
        """Wait for the client's next bytes, and go on with the connection that they come on.

        A client may open another connection while it has one (the Rust client does when one is slow to become
        free), or close it after each answer.
        """
        while True:
            ready = [descriptor for descriptor, _ in self._poll.poll(self.patience * 1000)]
            for descriptor in ready:
                if descriptor in self._socks and (data := self._read(descriptor)):
                    return data
            if self._listener.fileno() in ready:
                self._connect()
            elif self._watched in ready:
                raise PeerError(f"ended{self.why()}")
            elif not ready:
                what = "silent for" if self._socks else "no connection within"
                raise PeerError(f"{what} {self.patience} s{self.why()}")

    def _read(self, descriptor: int) -> bytes:
        """Return what has come on a connection; nothing: it has ended, and is closed."""
        sock = self._socks[descriptor]
        try:
            data = sock.recv(65536)
        except ConnectionResetError:
            data = b""
        if data:
            self.sock = sock
        else:
            self._poll.unregister(sock)
            del self._socks[descriptor]
            sock.close()
        return data

    def _connect(self) -> None:
        """Accept a connection of the client; blocking, since Python's time-outs cost a poll() per call."""
        sock, _ = self._listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, SILENCE))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", self.patience, 0))
        self._socks[sock.fileno()] = sock
        self.made += 1
        self._poll.register(sock, select.POLLIN)

    def next_request(self, data: bytes) -> tuple[bytes, int]:
        """Return a whole request that begins with *data*, and its length as `complete` does."""
        self.pending = b""
        return self.complete(data)

    def complete(self, data: bytes) -> tuple[bytes, int]:
        """Return one whole request that begins with *data*, and its length if it came alone, else -1.

        `body` is its body; what follows it is pending.
        """
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        head = data[:end].lower()
        if b"\r\nexpect: 100-continue" in head:
            assert self.sock is not None
            self.sock.sendall(CONTINUE)
        if b"\r\ntransfer-encoding: chunked" in head:
            data, size = self._complete_chunks(data, end + 4)
        else:
            at = head.find(b"\r\ncontent-length:")
            size = end + 4 + (int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0)
            data = self._fill(data, size)
            if size > end + 4:
                self.body = data[end + 4 : size]
        self.pending = data[size:]
        return data[:size], size if size <= 65536 and not self.pending else -1

    def _fill(self, data: bytes, size: int) -> bytes:
        """Receive until there are *size* bytes; a large body goes into one buffer."""
        if len(data) >= size:
            return data
        assert self.sock is not None
        whole = bytearray(size)
        whole[: len(data)] = data
        view, at = memoryview(whole), len(data)
        while at < size:
            try:
                got = self.sock.recv_into(view[at:])
            except BlockingIOError:
                self._be_patient()
                continue
            if not got:
                raise PeerError(f"the connection ended inside a request{self.why()}")
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
        assert self.sock is not None
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            self._be_patient()
            return self._more()
        if not data:
            raise PeerError(f"the connection ended inside a request{self.why()}")
        return data

    def _be_patient(self) -> None:
        """Wait until more of a request has come than the part that we have."""
        assert self.sock is not None
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        if not poll.poll(self.patience * 1000):
            raise PeerError(f"silent for {self.patience} s inside a request{self.why()}")

    def why(self) -> str:
        """Return what the client wrote last, to end a message with; empty if there is nothing."""
        return self.process.last_words() if self.process is not None else ""
