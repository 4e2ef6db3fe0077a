"""A client of few lines for the mock: it shows every byte of a reply, which a library would hide."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rapid_client.local import MockRuntimeApi

BASE = "/2018-06-01/runtime/"
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: mock\r\n\r\n"
BOUND = 20.0


@dataclass(frozen=True)
class Seen:
    """One reply: first line, header lines in their order, body without its framing."""

    start: str
    headers: list[tuple[str, str]]
    body: bytes
    chunks: list[int]

    @property
    def status(self) -> int:
        """The status code."""
        return int(self.start.split(" ")[1])

    def __getitem__(self, name: str) -> str | None:
        return dict(self.headers).get(name)


class Client:
    """One connection to a mock."""

    def __init__(self, mock: MockRuntimeApi) -> None:
        host, port = mock.address.split(":")
        self.socket = socket.create_connection((host, int(port)), BOUND)
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> Self:
        """Send bytes."""
        self.socket.sendall(data)
        return self

    def get(self, path: str, method: str = "GET") -> Seen:
        """Ask, and read the reply."""
        self.send(f"{method} {path} HTTP/1.1\r\nHost: mock\r\n\r\n".encode())
        return self.read(method)

    def next(self) -> Seen:
        """Ask for an event, and wait for it."""
        return self.send(NEXT).read()

    def post(self, path: str, body: bytes = b"{}", *headers: str) -> Seen:
        """Post below `/2018-06-01/runtime/`, and read the reply."""
        return self.send(request(path, body, *headers)).read()

    def respond(self, request_id: str, body: bytes = b"{}", *headers: str) -> Seen:
        """Answer an invocation."""
        return self.post(f"invocation/{request_id}/response", body, *headers)

    def line(self) -> bytes:
        """Read one line, its end included; less only where the connection ends."""
        while b"\n" not in self._rest:
            data = self.socket.recv(65536)
            if not data:
                line, self._rest = self._rest, b""
                return line
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line + b"\n"

    def exactly(self, count: int) -> bytes:
        """Read this many bytes; less only where the connection ends."""
        parts, size = [self._rest], len(self._rest)
        while size < count:
            data = self.socket.recv(1 << 20)
            if not data:
                break
            parts.append(data)
            size += len(data)
        whole = b"".join(parts)
        self._rest = whole[count:]
        return whole[:count]

    def rest(self) -> bytes:
        """Read to the end of the connection."""
        return self.exactly(1 << 62)

    def read(self, method: str = "GET") -> Seen:
        """Read one reply."""
        start = self.line().decode().rstrip("\r\n")
        headers = []
        while (line := self.line()) not in (b"\r\n", b""):
            name, _, value = line.decode().rstrip("\r\n").partition(": ")
            headers.append((name, value))
        known = dict(headers)
        sizes: list[int] = []
        if method == "HEAD":
            body = b""
        elif known.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.line(), 16):
                sizes.append(size)
                body += self.exactly(size)
                assert self.exactly(2) == b"\r\n"
            assert self.exactly(2) == b"\r\n"
        elif "Content-Length" in known:
            body = self.exactly(int(known["Content-Length"]))
        else:
            body = self.rest()
        return Seen(start, headers, body, sizes)


def request(path: str, body: bytes = b"{}", *headers: str) -> bytes:
    """Return a POST below `/2018-06-01/runtime/` with Content-Length."""
    lines = "".join(f"{line}\r\n" for line in headers)
    head = f"POST {BASE}{path} HTTP/1.1\r\nHost: mock\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
    return head.encode() + body
