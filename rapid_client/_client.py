"""The blocking shell around the sans-I/O core: one method per call of the Runtime API.

What happens on each fault is one rule, applied in `Client._exchange` (docs/design.md has the table):

* a reused connection that ends before the first byte of a reply is replaced, and the request sent once more;
* once a byte of a reply was seen, nothing is sent twice;
* of a reply to a POST the head says all there is to know, so one cut in its body counts;
* anything else ends the process: `TransportError` or `RemoteProtocolError`.
"""

from __future__ import annotations

# ``socket`` imports ``selectors`` and ``enum`` (17 modules, 4.9 ms); the C module under it has all that is
# needed (one module, 0.4 ms).
from _socket import AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY
from _socket import socket as _Socket  # noqa: N812 - it is a class

import rapid_client
from rapid_client._protocol import JSON
from rapid_client._wire import is_accepted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from rapid_client._parser import Response, ResponseParser
    from rapid_client._pipeline import Report
    from rapid_client._protocol import Invocation, RuntimeApi
    from rapid_client._refusal import Refusal

#: The most that one receive takes: CPython allocates all of it first, and above malloc's mmap threshold
#: (128 KB) each call is an mmap, page faults and a munmap (22.5 us per invocation with 64 KB, 51 with 256).
RECEIVE: Final = 65536
#: Up to this size, copying head and body together is cheaper than a send of two parts.
JOINED: Final = 65536


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
        raise rapid_client.errors.ConfigError(message)
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
            raise rapid_client.errors.TransportError(message) from exc
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
        sock, self._sock, self.connected = self._sock, None, False
        if sock is not None:
            try:
                sock.close()
            except OSError:  # the function has closed our descriptor, with os.closerange for one
                pass


class Client:
    """Asks for events and answers them.

    Args:
        api: Which calls are legal, and their bytes.
        transport: Where the bytes go.
    """

    __slots__ = ("_api", "_transport")

    def __init__(self, api: RuntimeApi, transport: Transport) -> None:
        self._api, self._transport = api, transport

    def pipelined(self, report: Report) -> Client:
        """Return a client in place of this one that pipelines, and tells *report* of refused responses."""
        from rapid_client._pipeline import Pipeline  # deferred: 0.2 ms, and only RAPID_PIPELINE=1 asks for it

        return Pipeline(self._api, self._transport, report)

    def next(self) -> Invocation:
        """Wait for the next event, for as long as it takes.

        Raises:
            ApiError: If the Runtime API has none to give.
            TransportError: If the connection is lost.
            RemoteProtocolError: If what came is no event.
        """
        api = self._api
        data = self._exchange(api.next())
        invocation = api.arrived(data)
        return api.event(self._receive(data)) if invocation is None else invocation

    def respond(self, invocation: Invocation, body: bytes, content_type: bytes = JSON) -> Refusal | None:
        """Answer *invocation* with *body*; return why it was refused, None if it was taken.

        Raises:
            ApiError: If the Runtime API fails.
            TransportError: If the connection is lost.
        """
        return self._post(self._api.response(invocation, len(body), content_type), body)

    def fail(self, invocation: Invocation, body: bytes, extra: bytes = b"") -> Refusal | None:
        """Answer *invocation* with an error; *extra* holds header lines. As `respond`."""
        return self._post(self._api.error(invocation, len(body), extra), body)

    def post_init_error(self, error_type: str, body: bytes) -> Refusal | None:
        """Report that init failed. As `respond`."""
        return self._post(self._api.init_error(error_type, len(body)), body)

    def restore_error(self, error_type: str, body: bytes) -> Refusal | None:
        """Report that an after-restore hook failed. As `respond`."""
        return self._post(self._api.restore_error(error_type, len(body)), body)

    def restore_next(self) -> None:
        """Let the snapshot be taken; return in an environment restored from it.

        Raises:
            ApiError: If the Runtime API does not answer 200.
            TransportError: If the connection is lost.
        """
        self._api.restored(self._receive(self._exchange(self._api.restore_next())))

    def _post(self, head: bytes, body: bytes) -> Refusal | None:
        data = self._exchange(head, body)
        return None if is_accepted(data) else self._api.accepted(self._receive(data, is_post=True))

    def _exchange(self, head: bytes, body: bytes = b"") -> bytes:
        """Send one request; return the first bytes of the answer, as a rule all of it.

        One send and one receive.

        A send that fails is no verdict: the reply to a refused body may be there already (400 and 403 come
        with ``Connection: close`` before the whole body was read), so it is read first.
        """
        transport = self._transport
        reused = transport.connected
        if not reused:
            transport.connect()
        while True:
            try:
                if len(body) > JOINED:
                    transport.send_parts(head, body)
                else:
                    transport.send(head + body)
            except OSError as exc:
                ours(exc)
            try:
                data = transport.recv(RECEIVE)
            except OSError as exc:
                ours(exc)
                data = b""
            if data:
                return data
            if not reused:
                transport.close()
                call = head[: head.find(b" HTTP/1.1")].decode()
                message = f"the Runtime API at {transport.address} gave no answer to {call}"
                raise rapid_client.errors.TransportError(message)
            transport.connect()
            reused = False

    def _receive(self, data: bytes, *, is_post: bool = False) -> Response:
        """Return the response that begins with *data*; close the connection if the peer does.

        Raises:
            TransportError: If the connection is lost.
            RemoteProtocolError: If it is no response, or is cut where that matters.
        """
        return self._complete(make_parser(), data, is_post=is_post)

    def _complete(self, parser: ResponseParser, data: bytes, *, is_post: bool) -> Response:
        """Feed *parser* with *data* and what follows; return the response. Raises as `_receive`."""
        transport = self._transport
        reason = ""
        try:
            response = parser.feed(data)
            while response is None:
                room = parser.room()
                size = len(data := transport.recv(RECEIVE)) if room is None else transport.receive_into(room)
                if not size:
                    break
                response = parser.feed(data) if room is None else parser.filled(size)
        except OSError as exc:
            ours(exc)
            reason = str(exc)
            response = None
        except rapid_client.errors.RemoteProtocolError:
            transport.close()  # what failed can still be reported, on a new connection
            raise
        if response is not None and not response.closes:
            return response
        transport.close()
        if response is not None:
            return response
        if is_post and parser.head is not None:
            return parser.head
        if reason:
            message = f"lost the connection to the Runtime API at {transport.address}: {reason}"
            raise rapid_client.errors.TransportError(message)
        return parser.end()


def make_parser(*, pipelined: bool = False) -> ResponseParser:
    """Return a parser of one response; see there."""
    from rapid_client._parser import ResponseParser  # deferred: 0.2 ms, and most answers need none

    return ResponseParser(pipelined=pipelined)


def ours(error: OSError) -> None:
    """Raise *error* unless it is the socket's.

    A signal handler of the function may raise one while we wait: TimeoutError, for one, has no number then.
    """
    if error.errno is None:
        raise error
