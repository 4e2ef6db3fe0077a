"""The byte stream to the Runtime API: addresses, connecting, sending in parts."""

from __future__ import annotations

import os
import resource
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from rapid_client._client import Transport, parse_address
from rapid_client.errors import ConfigError, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        ("127.0.0.1:9001", ("127.0.0.1", 9001)),
        ("169.254.100.1:9001", ("169.254.100.1", 9001)),
        ("localhost:1", ("localhost", 1)),
        ("sandbox.localdomain", ("sandbox.localdomain", 80)),
        ("[::1]:9001", ("::1", 9001)),
        ("[::1]", ("::1", 80)),
        ("h:65535", ("h", 65535)),
    ],
)
def test_addresses(address: str, peer: tuple[str, int]) -> None:
    """An address is host and port; without a port it is 80, and brackets are an IPv6 host's."""
    assert parse_address(address) == peer


@pytest.mark.parametrize(
    "address",
    [
        "h:",
        ":9001",
        ":",
        "",
        "h:port",
        "h:65536",
        "h:-1",
        "h:" + "9" * 5000,
        "http://h:80",
        "http://h",
        "h:80/x",
    ],
)
def test_no_addresses(address: str) -> None:
    """What is no address is refused in one line that has the value and the remedy."""
    with pytest.raises(
        ConfigError, match="AWS_LAMBDA_RUNTIME_API='.*' is no address: it has to be host:port"
    ) as e:
        Transport(address)
    assert repr(address) in str(e.value)
    assert "\n" not in str(e.value)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Return a listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.fixture
def transport(listener: socket.socket) -> Iterator[Transport]:
    """Return a transport to `listener`, not connected."""
    transport = Transport(f"127.0.0.1:{listener.getsockname()[1]}")
    yield transport
    transport.close()


def test_connecting_and_closing(listener: socket.socket, transport: Transport) -> None:
    """A transport connects when it is told to, replaces its connection, and closes twice without harm."""
    assert not transport.connected
    transport.connect()
    assert transport.connected
    first, _ = listener.accept()
    transport.connect()
    second, _ = listener.accept()
    with first, second:
        assert first.recv(1) == b""
        transport.close()
        transport.close()
        assert not transport.connected
        assert second.recv(1) == b""


def test_nobody_listens(listener: socket.socket, transport: Transport) -> None:
    """Where nobody listens, the error names the address."""
    listener.close()
    with pytest.raises(TransportError, match=f"cannot connect to the Runtime API at {transport.address}: "):
        transport.connect()
    assert not transport.connected


@pytest.mark.parametrize("host", ["a" * 300, "é..é", "\udcff"])
def test_a_host_that_cannot_be(host: str) -> None:
    """A host name that nothing can resolve is a TransportError, not a traceback of another kind."""
    with pytest.raises(TransportError, match="cannot connect to the Runtime API at"):
        Transport(f"{host}:9001").connect()


def test_no_descriptor_is_left(transport: Transport) -> None:
    """A function that leaks descriptors until none is left gets a TransportError."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(name) for name in os.listdir("/proc/self/fd")) + 1
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            while True:
                taken.append(os.dup(2))
        with pytest.raises(TransportError, match="Too many open files"):
            transport.connect()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for descriptor in taken:
            os.close(descriptor)


def test_nagle_is_off_and_nothing_times_out(listener: socket.socket, transport: Transport) -> None:
    """Small answers leave at once, and waiting has no end, whatever the function made the default."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(3)
    try:
        transport.connect()
    finally:
        socket.setdefaulttimeout(before)
    sock = transport._sock
    assert sock is not None
    assert sock.gettimeout() is None
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert not os.get_inheritable(sock.fileno())


@pytest.mark.parametrize("head_size", [1, 300, 9_000_000])
@pytest.mark.parametrize("body_size", [0, 1, 9_000_000])
def test_parts_arrive_whole(
    listener: socket.socket, transport: Transport, head_size: int, body_size: int
) -> None:
    """Head and body arrive in order and whole, also where the kernel takes only a part of either at once."""
    head, body = bytes(range(256)) * (head_size // 256 + 1), b"body" * (body_size // 4 + 1)
    got: list[bytes] = []

    def receive() -> None:
        peer, _ = listener.accept()
        with peer:
            while data := peer.recv(1 << 20):
                got.append(data)

    thread = threading.Thread(target=receive)
    thread.start()
    transport.connect()
    transport.send_parts(head, body)
    transport.close()
    thread.join()
    assert b"".join(got) == head + body


def test_receiving_into_a_buffer(listener: socket.socket, transport: Transport) -> None:
    """Bytes land at the start of the buffer; none mean that the peer has closed."""
    transport.connect()
    peer, _ = listener.accept()
    room = bytearray(8)
    with peer:
        peer.sendall(b"abc")
        assert transport.receive_into(memoryview(room)) == 3
        assert room == b"abc\0\0\0\0\0"
    assert transport.receive_into(memoryview(room)) == 0
