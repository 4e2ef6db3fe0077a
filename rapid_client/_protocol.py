"""The Runtime API, version 2018-06-01: which calls are legal when, and what they look like. No I/O.

AWS docs: Using the Lambda runtime API for custom runtimes.
"""

from __future__ import annotations

import sys

import rapid_client
from rapid_client import __version__
from rapid_client._wire import DEADLINE, NONCE, REQUEST_ID, TRACE_ID, quick_event, shape_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Literal, TypeAlias

    from rapid_client._parser import Response
    from rapid_client._refusal import Refusal
    from rapid_client._wire import Headers, Shape, Values

    State: TypeAlias = Literal[0, 1, 2, 3, 4, 5]
    Call: TypeAlias = Literal["next", "response", "error", "init/error", "restore/next", "restore/error"]

STARTED: Final = 0  # before the first call
IDLE: Final = 1  # nothing to answer
POLLING: Final = 2  # an event was asked for
INVOKED: Final = 3  # an event came and is unanswered
FAILED: Final = 4  # an init or restore error was reported: the process has to end
RESTORED: Final = 5  # a snapshot was asked for, and taken unless that was refused

#: Rule: nothing but `RuntimeApi` changes the state, and it knows no more than this table. (The three
#: steps of an invocation are looked up in place, not by `_step`: a call less each, 0.15 us in all.)
#: The asking for an event and its coming are two steps; every other call is one.
NEXT_STATE: Final[dict[str, dict[State, State]]] = {
    "init/error": {STARTED: FAILED, RESTORED: FAILED},  # the latter: the snapshot was refused
    "restore/next": {STARTED: RESTORED},
    "restore/error": {RESTORED: FAILED},
    "next": {STARTED: POLLING, RESTORED: POLLING, IDLE: POLLING},
    "event": {POLLING: INVOKED},
    "response": {INVOKED: IDLE},
    "error": {INVOKED: IDLE},
}
AFTER_NEXT: Final = NEXT_STATE["next"]
AFTER_EVENT: Final = NEXT_STATE["event"]
AFTER_RESPONSE: Final = NEXT_STATE["response"]

ROOT: Final = b"/2018-06-01/runtime/"
#: RFC 3986, section 2.3: what a path segment may hold as it is.
UNRESERVED: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
#: What would end a header's line early if it were echoed.
LINE_BREAKS: Final = b"\x00\n\r"

JSON: Final = b"application/json"


class Common:
    """What an event shares with those before it, as a rule: read once, for as long as it stays the same.

    Attributes:
        arn: The ARN that was invoked, empty if absent.
        is_json: Whether the event is JSON; by its media type, and where none is given.
        tenant_id: The tenant, in tenant isolation mode; None if absent.
        client_context, identity: Header values as they came, None where absent.
    """

    __slots__ = ("arn", "client_context", "identity", "is_json", "tenant_id")

    def __init__(self, headers: Headers) -> None:
        get = headers.get
        self.arn = text(get(b"Lambda-Runtime-Invoked-Function-Arn", b""))
        self.is_json = is_json(get(b"Content-Type"))
        tenant_id = get(b"Lambda-Runtime-Aws-Tenant-Id")
        self.tenant_id = text(tenant_id) if tenant_id else None
        self.client_context = get(b"Lambda-Runtime-Client-Context")
        self.identity = get(b"Lambda-Runtime-Cognito-Identity")


class Invocation:
    """One event and what came with it.

    Args:
        common: What it shares with others.
        values: Its own: request id, deadline, nonce and trace id, empty where absent; and the event.

    Attributes:
        request_id: Opaque; a UUID as a rule.
        body: The event as it came.
        deadline_ms: When the function times out, in milliseconds since the epoch; 0 if unreadable.
        trace_id: A header value as it came, empty if absent.
        path: The request id as a path segment.
        echo: The header line that has to come back with the answer; empty if none has.
    """

    __slots__ = ("body", "common", "deadline_ms", "echo", "path", "request_id", "trace_id")

    def __init__(self, common: Common, values: Values) -> None:
        self.common = common
        request_id, deadline, nonce, self.trace_id, self.body = values
        if request_id.replace(b"-", b"").isalnum():  # a UUID; to look for all that `quote` keeps takes 0.2 us
            self.request_id, self.path = request_id.decode(), request_id
        else:
            self.request_id, self.path = text(request_id), quote(request_id)
        try:
            self.deadline_ms = int(deadline)
        except ValueError:
            self.deadline_ms = 0
        self.echo = header(NONCE, nonce) if nonce else b""

    def __repr__(self) -> str:
        return f"<Invocation {self.request_id!r}, {len(self.body)} bytes>"


def values_of(headers: Headers, body: bytes | bytearray) -> Values:
    """Return the values of an invocation that came with *headers* and *body*.

    Raises:
        RemoteProtocolError: If it has no request id.
    """
    if REQUEST_ID not in headers:
        message = "the Runtime API sent an event without Lambda-Runtime-Aws-Request-Id"
        raise rapid_client.errors.RemoteProtocolError(message)
    get = headers.get
    return headers[REQUEST_ID], get(DEADLINE, b""), get(NONCE, b""), get(TRACE_ID, b""), body


def text(value: bytes) -> str:
    """Return a header's value as text: UTF-8, as the client context may be; other bytes become surrogates."""
    return value.strip().decode("utf-8", "surrogateescape")


def quote(request_id: bytes) -> bytes:
    """Return *request_id* as a path segment: percent-encoded as far as RFC 3986 asks for it."""
    return b"".join(b"%c" % byte if byte in UNRESERVED else b"%%%02X" % byte for byte in request_id.strip())


def is_json(content_type: bytes | None) -> bool:
    """Say whether a media type is JSON: ``application/json``, with parameters, in any case, or none."""
    return not content_type or content_type.partition(b";")[0].strip().lower() == JSON


def header(name: bytes, value: bytes) -> bytes:
    """Return one header line; what would break it into two is left out of *value*."""
    return b"%b: %b\r\n" % (name, value.translate(None, LINE_BREAKS))


class RuntimeApi:
    """The requests of a runtime, in the order that the Runtime API allows.

    Send the bytes that a method returns, read one response, and hand it to `event`, `accepted` or
    `restored`, as the method says.

    Args:
        address: ``host:port``, for the Host header.
    """

    __slots__ = (
        "_common",
        "_fail",
        "_lines",
        "_next",
        "_respond",
        "_respond_other",
        "_shape",
        "_strange",
        "state",
    )

    def __init__(self, address: str) -> None:
        self.state: State = STARTED
        self._shape: Shape | None = None
        self._common = Common({})
        self._strange = 0  # events that did not have the shape
        version = "{}.{}.{}".format(*sys.version_info)
        agent = f"rapid-client/{__version__} python/{version}"
        self._lines = b"".join(
            (b" HTTP/1.1\r\n", header(b"Host", address.encode()), header(b"User-Agent", agent.encode()))
        )
        self._next = b"".join((b"GET ", ROOT, b"invocation/next", self._lines, b"\r\n"))
        common = self._lines.replace(b"%", b"%%")
        start, length = b"POST " + ROOT + b"invocation/%b/", b"Content-Length: %d\r\n%b"
        # One formatting makes a head: 0.2 us, where joining its parts takes 0.4.
        self._respond = start + b"response" + common + b"Content-Type: " + JSON + b"\r\n" + length + b"\r\n"
        self._respond_other = start + b"response" + common + b"Content-Type: %b\r\n" + length + b"\r\n"
        self._fail = start + b"error" + common + b"Content-Type: " + JSON + b"\r\n" + length + b"%b\r\n"

    def _step(self, action: str) -> None:
        """Take the step *action*, or raise LocalProtocolError where it is not allowed."""
        try:
            self.state = NEXT_STATE[action][self.state]
        except KeyError:
            raise self._illegal(action) from None

    def _illegal(self, action: str) -> rapid_client.errors.LocalProtocolError:
        return rapid_client.errors.LocalProtocolError(f"{action!r} is not allowed in state {self.state}")

    def next(self) -> bytes:
        """Ask for the next event; its response goes to `event`."""
        try:
            self.state = AFTER_NEXT[self.state]
        except KeyError:
            raise self._illegal("next") from None
        return self._next

    def arrived(self, data: bytes) -> Invocation | None:
        """Return the invocation that *data* is; None if it is not all of an event as they nearly always are.

        Raises:
            RemoteProtocolError: If it has no request id.
        """
        shape = self._shape
        values = None if shape is None else shape.read(data)
        if values is None:
            event = quick_event(data)
            if event is None:
                return None
            values, common = values_of(*event), Common(event[0])
            # To learn a shape takes 4 us, for nothing where each event has another: so not each time.
            self._strange += 1
            if not self._strange & (self._strange - 1):
                self._shape, self._common = shape_of(data, event[0]), common
        else:
            common = self._common
        try:
            self.state = AFTER_EVENT[self.state]
        except KeyError:
            raise self._illegal("event") from None
        return Invocation(common, values)

    def event(self, response: Response) -> Invocation:
        """Return the invocation that *response* holds.

        Raises:
            ApiError: If it has another status than 200: there is no going on after that.
            RemoteProtocolError: If it has no request id.
        """
        if response.status != 200:
            from rapid_client._refusal import no_event  # deferred: as in `accepted`

            raise no_event(response)
        headers = response.headers()
        values = values_of(headers, response.body)
        self._step("event")
        return Invocation(Common(headers), values)

    def response(self, invocation: Invocation, size: int, content_type: bytes = JSON) -> bytes:
        """Answer *invocation* with a body of *size* bytes, which follow; the reply goes to `accepted`."""
        try:
            self.state = AFTER_RESPONSE[self.state]
        except KeyError:
            raise self._illegal("response") from None
        if content_type is JSON:
            return self._respond % (invocation.path, size, invocation.echo)
        return self._respond_other % (invocation.path, content_type, size, invocation.echo)

    def error(self, invocation: Invocation, size: int, extra: bytes = b"") -> bytes:
        """Answer *invocation* with an error body of *size* bytes; the reply goes to `accepted`.

        *extra* holds whole header lines: see `header`.
        """
        self._step("error")
        return self._fail % (invocation.path, size, invocation.echo, extra)

    def init_error(self, error_type: str, size: int) -> bytes:
        """Report that init failed; the reply goes to `accepted`, then the process has to end."""
        return self._report("init/error", error_type, size)

    def restore_error(self, error_type: str, size: int) -> bytes:
        """Report that an after-restore hook failed; as `init_error`."""
        return self._report("restore/error", error_type, size)

    def _report(self, call: Call, error_type: str, size: int) -> bytes:
        self._step(call)
        kind = header(b"Lambda-Runtime-Function-Error-Type", error_type.encode("utf-8", "replace"))
        length = b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n" % (JSON, size)
        return b"".join((b"POST ", ROOT, call.encode(), self._lines, kind, length))

    def restore_next(self) -> bytes:
        """Say that the snapshot may be taken; the response, which goes to `restored`, comes after it."""
        self._step("restore/next")
        return b"".join((b"GET ", ROOT, b"restore/next", self._lines, b"\r\n"))

    def restored(self, response: Response) -> None:
        """Check the response to `restore_next`.

        Raises:
            FaultError: If its status is not 200; named as awslambdaric names it.
        """
        if response.status != 200:
            from rapid_client._refusal import not_restored  # deferred: as in `accepted`

            raise not_restored(response)

    def accepted(self, response: Response) -> Refusal | None:
        """Return None if a POST was taken, a `Refusal` if it was not.

        Any 2xx is success. After 4xx the loop goes on: the caller has an answer already (413), or waits
        for nothing any more (400, 403, 410).

        Raises:
            ApiError: For any other status: "container error", the process should exit.
        """
        if 200 <= response.status < 300:
            return None
        from rapid_client._refusal import refusal_or_error  # deferred: 0.1 ms, and most answers are taken

        return refusal_or_error(response)
