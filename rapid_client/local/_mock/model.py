"""What callers give to the mock Runtime API and get from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rapid_client.errors import RapidClientError

MAX_PAYLOAD = 6 * 1024 * 1024 + 100
"""Bytes that a response may have: accepted at 6,291,556, refused with 413 at one more."""

Headers = tuple[tuple[str, str], ...]
"""Header lines in their order, as (name, value)."""

Call = Literal["next", "response", "error", "init/error", "restore/next", "restore/error", "ping"]
"""The calls of the Runtime API by the end of their path."""

CALLS: tuple[Call, ...] = ("next", "response", "error", "init/error", "restore/next", "restore/error", "ping")

Kind = Literal[
    "response",
    "error",
    "init-error",
    "restore-error",
    "crash",
    "timeout",
    "too-large",
    "truncated",
    "bad-mode",
    "refused",
    "lost",
]
"""How an invocation ended; see Outcome.kind."""


class MockError(RapidClientError):
    """The mock Runtime API was asked for something that it cannot do; one line that says what and why."""


class MockClosedError(MockError):
    """The mock was closed while somebody waited for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MockSettings:
    """How a mock behaves; every field has a default.

    Attributes:
        port: The port on 127.0.0.1; 0 takes a free one.
        function_arn: ``Lambda-Runtime-Invoked-Function-Arn`` where an invocation names no other.
        timeout: The function's timeout in seconds. Only ``Lambda-Runtime-Deadline-Ms`` follows from it; the
            mock ends nothing by itself.
        snapstart: Whether the restore endpoints exist; without it they are 404.
        auto_restore: Whether ``GET /restore/next`` is answered at once; otherwise ``release_restore()`` does
            it.
        invocation_id: ``on`` sends ``Lambda-Runtime-Invocation-Id`` and ignores what comes back, ``off`` does
            not send it, ``strict`` answers a wrong echo with 410 (a missing one is accepted).
        record: How many requests are kept; 0 keeps none.
        record_bytes: How many bytes of bodies and heads the kept requests may have together; beyond, the
            oldest lose theirs.
        max_payload: Bytes that a response or an error may have before it is answered with 413.
        chunk_size: Bytes per chunk of an event over 2,048 bytes; None sends one chunk, as the real server
            does.
        linger: Seconds between the end of a refusal and the reset of a connection on which the runtime may
            still be sending; Go's net/http takes 0.5.
        event_loop: ``auto`` takes uvloop where it is installed, ``asyncio`` never does.
    """

    port: int = 0
    function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:test_function"
    timeout: float = 3.0
    snapstart: bool = False
    auto_restore: bool = True
    invocation_id: Literal["on", "off", "strict"] = "on"
    record: int = 1000
    record_bytes: int = 16 * 1024 * 1024
    max_payload: int = MAX_PAYLOAD
    chunk_size: int | None = None
    linger: float = 0.5
    event_loop: Literal["auto", "asyncio"] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeOptions:
    """What goes with one event; every field has a default.

    Attributes:
        request_id: The request id; None makes a uuid4.
        deadline_ms: Epoch milliseconds; None is the time of delivery plus the function's timeout.
        content_type: ``Content-Type`` of the event; None leaves the header out.
        trace_id: ``Lambda-Runtime-Trace-Id``; None leaves the header out, so with the next three.
        client_context: ``Lambda-Runtime-Client-Context``, JSON text.
        cognito_identity: ``Lambda-Runtime-Cognito-Identity``, JSON text.
        tenant_id: ``Lambda-Runtime-Aws-Tenant-Id``.
        function_arn: ``Lambda-Runtime-Invoked-Function-Arn``; None is the one of the settings.
        headers: More header lines, sorted in among the others; a name that is there already comes twice.
        omit: Names of headers to leave out, in any case.
    """

    request_id: str | None = None
    deadline_ms: int | None = None
    content_type: str | None = "application/json"
    trace_id: str | None = None
    client_context: str | None = None
    cognito_identity: str | None = None
    tenant_id: str | None = None
    function_arn: str | None = None
    headers: Headers = ()
    omit: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One request as it came.

    Attributes:
        call: Which call it was; None for a path or method that the Runtime API does not have.
        method: The method.
        path: The target as sent, percent-encoding and query included.
        version: ``1.1`` or ``1.0``.
        headers: The header lines as sent, the names' case too (whitespace around values apart).
        body: The body; empty where ``dropped``.
        body_size: Bytes of body that came, also where they were not kept.
        trailers: Header lines after a chunked body.
        connection: The number of the connection, from 1.
        raw_head: The bytes up to and with the empty line; empty where ``dropped``.
        time: ``time.monotonic()`` when the request was complete.
        truncated: Whether the connection ended before the body did.
        dropped: Whether body and raw head were let go: refused unread, over the limit, or to stay within
            ``MockSettings.record_bytes``.
    """

    call: Call | None
    method: str
    path: str
    version: str
    headers: Headers
    body: bytes
    body_size: int
    trailers: Headers
    connection: int
    raw_head: bytes
    time: float
    truncated: bool = False
    dropped: bool = False

    def header(self, name: str) -> str | None:
        """Return the first value of a header, its name in any case; None where there is none."""
        return first(self.headers, name)


_METRIC_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an invocation ended.

    Attributes:
        kind: ``response`` and ``error`` came from the function. ``init-error`` and ``restore-error``: the
            runtime said that it cannot start. ``crash`` and ``timeout``: the caller said so through
            ``exited()``. ``too-large``: the body was over the limit (413). ``truncated``: the connection
            ended before the body did. ``bad-mode``: the response mode was not ``streaming`` (400).
            ``refused``: a scripted fault refused the answer. ``lost``: the runtime had dropped the connection
            on which it waited, so the event went nowhere.
        request_id: The request id.
        body: What the caller of the function sees.
        content_type: ``Content-Type`` of the answer; None where there was none.
        error_type: ``Lambda-Runtime-Function-Error-Type`` as the runtime sent it (also as a trailer), or the
            type of the error that the service makes itself; None where there is none.
        headers: The header lines of the answer as sent; empty where the runtime did not answer.
        trailers: Header lines after a chunked body.
        streamed: Whether the answer was in streaming mode.
        queued_at: ``time.monotonic()`` when the event was queued.
        delivered_at: The same when it went to the runtime first; None where it never did.
        completed_at: The same when the outcome was known: the answer was read completely.
    """

    kind: Kind
    request_id: str
    body: bytes
    queued_at: float
    completed_at: float
    delivered_at: float | None = None
    content_type: str | None = None
    error_type: str | None = None
    headers: Headers = ()
    trailers: Headers = ()
    streamed: bool = False

    @property
    def metric_type(self) -> str | None:
        """The error type as the service's logs and metrics have it: only Runtime.X and Function.X pass."""
        if self.error_type is None:
            return None
        found = _METRIC_TYPE.search(self.error_type)
        if found:
            return found.group()
        return "Function.Unknown" if self.error_type.startswith("Function.") else "Runtime.Unknown"


def first(headers: Headers, name: str) -> str | None:
    """Return the first value of a header, its name in any case; None where there is none."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)
