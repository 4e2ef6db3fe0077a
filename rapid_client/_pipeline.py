"""``RAPID_PIPELINE=1``: a small response and the request for the next event leave in one segment.

One send per invocation instead of two, and one wait: the reply to the response is read with the next event.
So a refusal is learnt of only then, and logged late; nothing else changes for the function. A response over
64 KB, and an error, are sent alone and their replies awaited, as without the switch.

No event is lost: whatever becomes of the second request when the Runtime API refuses the first, or goes away
between the two, is seen from the replies (docs/design.md has the table, tests/test_pipeline.py each row).
"""

from __future__ import annotations

from rapid_client._client import JOINED, RECEIVE, Client, make_parser, ours
from rapid_client._protocol import JSON
from rapid_client._wire import ACCEPTED_SIZE, is_accepted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from rapid_client._client import Transport
    from rapid_client._protocol import Invocation, RuntimeApi
    from rapid_client._refusal import Refusal

    Report = Callable[[Invocation, Refusal], None]


class Pipeline(Client):
    """A client that asks for the next event along with its response to the last one.

    Args:
        api: Which calls are legal, and their bytes.
        transport: Where the bytes go.
        report: Told of the invocation whose response was refused, and why, when that comes out.
    """

    __slots__ = ("_accepted_size", "_ask", "_report", "_unread")

    def __init__(self, api: RuntimeApi, transport: Transport, report: Report) -> None:
        super().__init__(api, transport)
        self._report = report
        self._accepted_size = ACCEPTED_SIZE
        self._ask = b""
        #: The response whose reply has not been read, and its bytes.
        self._unread: tuple[Invocation, bytes] | None = None

    def respond(self, invocation: Invocation, body: bytes, content_type: bytes = JSON) -> Refusal | None:
        """Answer *invocation* with *body*, and ask for the next event; return None: no reply is waited for.

        Raises:
            ApiError, TransportError: As `Client.respond`, for a large *body*.
        """
        if len(body) > JOINED:
            return super().respond(invocation, body, content_type)
        api = self._api
        request = api.response(invocation, len(body), content_type) + body
        self._ask = api.next()
        self._unread = invocation, request
        try:
            self._transport.send(request + self._ask)
        except OSError as exc:  # why comes out when the reply is read
            ours(exc)
        return None

    def next(self) -> Invocation:
        """Wait for the reply to the last response, then for the next event. Raises as `Client.next`."""
        if self._unread is None:
            return super().next()
        data = self._settle(*self._unread) or self._receive_first() or self._ask_again()
        invocation = self._api.arrived(data)
        return self._api.event(self._receive(data)) if invocation is None else invocation

    def _settle(self, invocation: Invocation, request: bytes) -> bytes:
        """Read the reply to *request*, the response to *invocation*; return what came of the next with it."""
        self._unread = None
        data, size = self._receive_first(), self._accepted_size
        if is_accepted(data[:size]):
            return data[size:]
        if not data:
            return self._send_again(invocation, request)
        parser = make_parser(pipelined=True)
        self._tell(invocation, self._api.accepted(self._complete(parser, data, is_post=True)))
        if not self._transport.connected:  # that was its last reply: nothing behind it counts (RFC 9112, 9.6)
            return b""
        self._accepted_size = len(data) - len(parser.surplus)  # a guess, which `is_accepted` judges
        return bytes(parser.surplus)

    def _send_again(self, invocation: Invocation, request: bytes) -> bytes:
        """Send both requests once more, as ever where no byte of a reply was seen; one after the other."""
        self._transport.close()
        self._tell(invocation, self._post(request, b""))
        return self._exchange(self._ask)

    def _tell(self, invocation: Invocation, refusal: Refusal | None) -> None:
        """Report *refusal*, if it is one: at once, since the next event may take its time."""
        if refusal is not None:
            self._report(invocation, refusal)

    def _receive_first(self) -> bytes:
        """Return the first bytes of a reply; none if the connection is gone, or was closed here."""
        try:
            return self._transport.recv(RECEIVE)
        except OSError as exc:
            ours(exc)
            return b""

    def _ask_again(self) -> bytes:
        """Ask for the next event on a new connection: the old one ended after the reply to the response."""
        self._transport.close()
        return self._exchange(self._ask)
