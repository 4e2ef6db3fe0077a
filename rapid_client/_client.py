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
from rapid_client._wire import ResponseParser, quick_accepted, quick_event
from rapid_client.errors import RemoteProtocolError, TransportError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from rapid_client._protocol import Invocation, Refusal, RuntimeApi
    from rapid_client._transport import Transport
    from rapid_client._wire import Response

    Quick = Callable[[bytes], Response | None]

#: Up to this size, copying head and body together is cheaper than a send of two parts.
JOINED: Final = 65536


class Client:
    """Asks for events and answers them.

    Args:
        api: Which calls are legal, and their bytes.
        transport: Where the bytes go.
    """

    __slots__ = ("_api", "_transport")

    def __init__(self, api: RuntimeApi, transport: Transport) -> None:
        self._api, self._transport = api, transport

    def next(self) -> Invocation:
        """Wait for the next event, for as long as it takes.

        Raises:
            ApiError: If the Runtime API has none to give.
            TransportError: If the connection is lost.
            RemoteProtocolError: If what came is no event.
        """
        return self._api.event(self._exchange(self._api.next(), quick_event))

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
        self._api.restored(self._exchange(self._api.restore_next(), quick_event))

    def _post(self, head: bytes, body: bytes) -> Refusal | None:
        return self._api.accepted(self._exchange(head, quick_accepted, body))

    def _exchange(self, head: bytes, quick: Quick, body: bytes = b"") -> Response:
        """Send one request and return its response: one send and one receive, as a rule.

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
            except OSError:
                pass
            try:
                data = transport.recv(RECEIVE)
            except OSError:
                data = b""
            if data:
                response = quick(data)
                if response is None:
                    response = self._receive(data, is_post=quick is quick_accepted)
                    if response.closes:
                        transport.close()
                return response
            if not reused:
                transport.close()
                call = head[: head.find(b" HTTP/1.1")].decode()
                message = f"the Runtime API at {transport.address} gave no answer to {call}"
                raise TransportError(message)
            transport.connect()
            reused = False

    def _receive(self, data: bytes, *, is_post: bool) -> Response:
        """Return the response that begins with *data*.

        Raises:
            TransportError: If the connection is lost.
            RemoteProtocolError: If it is no response, or is cut where that matters.
        """
        transport, parser = self._transport, ResponseParser()
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
            reason = str(exc)
            response = None
        except RemoteProtocolError:
            transport.close()  # what failed can still be reported, on a new connection
            raise
        if response is not None:
            return response
        transport.close()
        if is_post and parser.head is not None:
            return parser.head
        if reason:
            message = f"lost the connection to the Runtime API at {transport.address}: {reason}"
            raise TransportError(message)
        return parser.end()
