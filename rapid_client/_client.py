"""The blocking shell around the sans-I/O core: one method per call of the Runtime API.

What happens on each fault is one rule, applied in `Client._exchange` (docs/design.md has the table):

* a reused connection that ends before the first byte of a reply is replaced, and the request sent once more;
* once a byte of a reply was seen, nothing is sent twice;
* of a reply to a POST the head says all there is to know, so one cut in its body counts;
* anything else ends the process: `TransportError` or `RemoteProtocolError`.
"""

from __future__ import annotations

from rapid_client._protocol import JSON
from rapid_client._transport import RECEIVE
from rapid_client._wire import ResponseParser
from rapid_client.errors import RemoteProtocolError, TransportError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from rapid_client._protocol import Invocation, Refusal, RuntimeApi
    from rapid_client._transport import Transport
    from rapid_client._wire import Response

#: Up to this size, copying head and body together is cheaper than a send of two parts.
JOINED: Final = 65536


class Client:
    """Asks for events and answers them.

    Args:
        api: Which calls are legal, and their bytes.
        transport: Where the bytes go.
    """

    __slots__ = ("_api", "_parser", "_transport")

    def __init__(self, api: RuntimeApi, transport: Transport) -> None:
        self._api, self._transport = api, transport
        self._parser = ResponseParser()

    def next(self) -> Invocation:
        """Wait for the next event, for as long as it takes.

        Raises:
            ApiError: If the Runtime API has none to give.
            TransportError: If the connection is lost.
            RemoteProtocolError: If what came is no event.
        """
        return self._api.event(self._exchange(self._api.next()))

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
        self._api.restored(self._exchange(self._api.restore_next()))

    def _post(self, head: bytes, body: bytes) -> Refusal | None:
        return self._api.accepted(self._exchange(head, body))

    def _exchange(self, head: bytes, body: bytes = b"") -> Response:
        """Send one request and return its response."""
        transport = self._transport
        reused = transport.connected
        if not reused:
            transport.connect()
        response = self._attempt(head, body)
        if response is None and reused:
            transport.connect()
            response = self._attempt(head, body)
        if response is None:
            call = head[: head.find(b" HTTP/1.1")].decode()
            message = f"the Runtime API at {transport.address} closed the connection without an answer to {call}"
            raise TransportError(message)
        if response.closes:
            transport.close()
        return response

    def _attempt(self, head: bytes, body: bytes) -> Response | None:
        """Send a request and return the response; None if the connection ended before a byte of it.

        A send that fails is no verdict: the reply to a refused body may be there already (400 and 403 come
        with ``Connection: close`` before the whole body was read), so it is read first.
        """
        transport = self._transport
        try:
            if len(body) > JOINED:
                transport.send_parts(head, body)
            else:
                transport.send(head + body)
        except OSError:
            pass
        parser, recv = self._parser, transport.recv
        try:
            while True:
                room = parser.room() if parser.started else None
                if room is None:
                    data = recv(RECEIVE)
                    if not data:
                        break
                    response = parser.feed(data)
                else:
                    size = transport.receive_into(room)
                    if not size:
                        break
                    response = parser.filled(size)
                if response is not None:
                    return response
        except OSError as exc:
            return self._cut(str(exc), is_post=head.startswith(b"POST"))
        except RemoteProtocolError:
            transport.close()
            raise
        return self._cut("", is_post=head.startswith(b"POST"))

    def _cut(self, reason: str, *, is_post: bool) -> Response | None:
        """Return what is left of a reply that was cut, or raise; None if no byte of it had come."""
        parser = self._parser
        self._transport.close()
        self._parser = ResponseParser()
        if not parser.started:
            return None
        if is_post and parser.head is not None:
            return parser.head
        if reason:
            message = f"lost the connection to the Runtime API at {self._transport.address}: {reason}"
            raise TransportError(message)
        return parser.end()

