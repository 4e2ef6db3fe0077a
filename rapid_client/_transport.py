"""A blocking byte stream to the Runtime API, and nothing else of a socket.

``socket`` imports ``selectors`` and ``enum`` (17 modules, 4.9 ms); the C module under it has all that is
needed (one module, 0.4 ms).
"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY
from _socket import socket as _Socket  # noqa: N812 - it is a class

from rapid_client.errors import ConfigError, TransportError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

#: The most that one receive takes: CPython allocates all of it first, and above malloc's mmap threshold
#: (128 KB) each call is an mmap, page faults and a munmap (22.5 us per invocation with 64 KB, 51 with 256).
RECEIVE: Final = 65536


def parse_address(address: str) -> tuple[str, int]:
    """Split ``host:port``; the port is 80 if there is none, and an IPv6 host stands in brackets.

    Raises:
        ConfigError: If it is neither.
    """
    host, colon, port = address.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = address, "80"
    if not host or not port.isdecimal() or len(port) > 5 or int(port) > 65535 or "/" in host:
        message = (
            f"AWS_LAMBDA_RUNTIME_API={address!r} is no address:"
            " it has to be host:port, 127.0.0.1:9001 for one"
        )
        raise ConfigError(message)
    return host.strip("[]"), int(port)


class Transport:
    """One connection at a time, made when it is needed.

    Args:
        address: ``host:port`` of the Runtime API.

    Raises:
        ConfigError: If *address* cannot be one.
    """

    __slots__ = ("_peer", "_sock", "address", "connected", "recv", "send")

    def __init__(self, address: str) -> None:
        self.address = address
        self._peer = parse_address(address)
        self._sock: _Socket | None = None
        self.connected = False  # as far as is known

    def connect(self) -> None:
        """Make a new connection.

        No time-out, ever: the environment may be frozen while it waits for an event. Said explicitly, since
        the function may have called ``socket.setdefaulttimeout``, which counts for this module's sockets too.

        Raises:
            TransportError: If nobody answers there, or no socket can be had.
        """
        self.close()
        sock = None
        try:
            sock = _Socket(AF_INET6 if ":" in self._peer[0] else AF_INET, SOCK_STREAM)
            sock.settimeout(None)
            sock.connect(self._peer)
            sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        except (OSError, TypeError) as exc:  # TypeError: a host name that cannot be encoded
            if sock is not None:
                sock.close()
            message = f"cannot connect to the Runtime API at {self.address}: {exc}"
            raise TransportError(message) from exc
        self._sock = sock
        self.connected = True
        # Plain attributes of the socket: a method of ours between costs 0.1 us a call.
        self.send, self.recv = sock.sendall, sock.recv

    def send_parts(self, head: bytes, body: bytes | memoryview) -> None:
        """Send *head* and a large *body* without copying them together.

        Raises:
            OSError: As sockets do.
        """
        sock = self._sock
        if sock is None:  # pragma: no cover - `connect` comes first
            raise BrokenPipeError
        sent = sock.sendmsg((head, body))
        if sent < len(head):
            sock.sendall(head[sent:])
            sent = len(head)
        sock.sendall(memoryview(body)[sent - len(head) :])

    def receive_into(self, room: memoryview) -> int:
        """Fill *room* from its start; return the number of bytes, 0 if the peer has closed.

        Raises:
            OSError: As sockets do.
        """
        if self._sock is None:  # pragma: no cover - `connect` comes first
            raise BrokenPipeError
        return self._sock.recv_into(room)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
            self.connected = False
