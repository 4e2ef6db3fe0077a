"""A server of scripts: each connection that it accepts does a list of steps, on a real socket.

A step takes a `Peer`, the server's end of one connection. What nobody foresaw is counted, not served:
connections beyond the last script are accepted, what they send is recorded, and they are closed.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

#: No step waits longer, so that a wrong client fails a test and does not hang it. Seconds.
PATIENCE: Final = 20
LENGTH: Final = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


class Request(NamedTuple):
    """A request as it was seen on the wire; the body may have been cut."""

    connection: int
    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        """Method and path."""
        return self.head.partition(b" HTTP/1.1\r\n")[0].decode()


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket, number: int, requests: list[Request]) -> None:
        self.sock, self._number, self._requests = sock, number, requests
        self._buffer = b""

    def read_request(self, limit: int | None = None) -> bool:
        """Read one request and record it, or *limit* bytes of its body; say whether there was one."""
        while b"\r\n\r\n" not in self._buffer:
            data = self.sock.recv(65536)
            if not data:
                return False
            self._buffer += data
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        found = LENGTH.search(head)
        length = int(found[1]) if found else 0
        wanted = length if limit is None else min(length, limit)
        parts, size = [rest], len(rest)
        while size < wanted:
            data = self.sock.recv(min(65536, wanted - size))
            if not data:
                break
            parts.append(data)
            size += len(data)
        body = b"".join(parts)
        self._buffer = body[length:]
        self._requests.append(Request(self._number, head + b"\r\n\r\n", body[:length]))
        return True


if TYPE_CHECKING:
    Step = Callable[[Peer], object]


def read(peer: Peer) -> None:
    """Read a whole request."""
    assert peer.read_request(), "the client closed the connection where a request was expected"


def read_some(peer: Peer) -> None:
    """Read a request's head and the first of its body."""
    assert peer.read_request(limit=100_000), "the client closed the connection where a request was expected"


def send(data: bytes) -> Step:
    """Return the step that sends *data*."""
    return lambda peer: peer.sock.sendall(data)


def close(peer: Peer) -> None:
    """Close the connection; with bytes unread, that is a reset."""
    peer.sock.close()


def reset(peer: Peer) -> None:
    """Reset the connection: no FIN, an RST at once."""
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.sock.close()


def drain(peer: Peer) -> None:
    """End the sending, then read until the client closes: as a polite server refuses a body."""
    peer.sock.shutdown(socket.SHUT_WR)
    try:
        while peer.sock.recv(65536):
            pass
    except ConnectionResetError:  # the test was over first
        pass


class RawServer:
    """Accepts connections one after the other and does the script of each.

    Args:
        scripts: The steps of each connection, in the order in which they are accepted. A connection that its
            script does not close stays open until the server ends.

    Attributes:
        address: ``host:port``.
        requests: What was seen on the wire, also on connections beyond the scripts.
        accepted: How many connections were made.
    """

    def __init__(self, *scripts: Sequence[Step]) -> None:
        self.requests: list[Request] = []
        self.accepted = 0
        self._scripts = scripts
        self._over = [threading.Event() for _ in scripts]
        self._error: BaseException | None = None
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._listener.getsockname()[:2])
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def lines(self) -> list[str]:
        """Method and path of each request, without the part that all have."""
        return [request.line.replace("/2018-06-01/runtime/", "") for request in self.requests]

    def wait(self, number: int) -> None:
        """Wait until the script of connection *number* is over."""
        assert self._over[number].wait(PATIENCE), f"script {number} is not over"

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            number, self.accepted = self.accepted, self.accepted + 1
            sock.settimeout(PATIENCE)
            self._open.append(sock)
            peer = Peer(sock, number, self.requests)
            if number >= len(self._scripts):
                self._dismiss(peer)
                continue
            try:
                for step in self._scripts[number]:
                    step(peer)
            except BaseException as exc:  # shown where the server ends
                self._error = exc
                sock.close()
            self._over[number].set()

    def _dismiss(self, peer: Peer) -> None:
        """Record what an unforeseen connection asks for, and close it."""
        try:
            peer.read_request()
        except OSError:
            pass
        peer.sock.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for sock in list(self._open):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._thread.join(PATIENCE)
        for sock in self._open:
            sock.close()
        self._listener.close()
        assert not self._thread.is_alive(), "the server does not end"
        if self._error is not None and error is None:
            raise self._error
