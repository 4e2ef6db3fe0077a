"""The states of the classic Runtime API and the invocations that go through them: no I/O, no locks.

    Started --next--> Ready --event--> Running --response--> InvocationResponse ----> RuntimeResponseSentState
       |                ^                 +------error-----> InvocationErrorResponse --^            |
       |                +---------------------------------next------------------------------------+
       +--init/error--> InitError
       +--restore/next--> RestoreReady --released--> Restoring --next--> Ready
                                                         +--restore/error--> RuntimeRestoreErrorState

Where the real emulator gets stuck (bad mode, body cut short, error over the limit), the invocation fails at
once.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import unquote

from rapid_client.local._mock import replies
from rapid_client.local._mock.model import (
    Call,
    Headers,
    InvokeOptions,
    Kind,
    MockError,
    MockSettings,
    Outcome,
    first,
)
from rapid_client.local._mock.replies import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

_ANSWERING: dict[Call, str] = {"response": "InvocationResponse", "error": "InvocationErrorResponse"}
_NEXT_CALLS: dict[str, tuple[Call, ...]] = {
    "Started": ("next", "init/error", "restore/next"),
    "Running": ("response", "error"),
    "RuntimeResponseSentState": ("next",),
    "Ready": ("next",),
    "Restoring": ("next", "restore/error"),
}
CAUSE_TYPE = "application/vnd.aws.lambda.error.cause+json"


class Invocation:
    """One event and what became of it.

    Args:
        event: The bytes that the runtime gets.
        options: What goes with them.
        done: Called once with the outcome, or with the error that says why there is none.
    """

    __slots__ = (
        "deadline_ms",
        "delivered_at",
        "done",
        "event",
        "nonce",
        "options",
        "queued_at",
        "request_id",
    )

    def __init__(
        self, event: bytes, options: InvokeOptions, done: Callable[[Outcome | MockError], None]
    ) -> None:
        self.event, self.options, self.done = event, options, done
        self.request_id = options.request_id if options.request_id is not None else str(uuid.uuid4())
        self.nonce = str(uuid.uuid4())
        self.queued_at = time.monotonic()
        self.delivered_at: float | None = None
        self.deadline_ms = options.deadline_ms


class Posted:
    """What came with a POST: header lines, body, trailers, and whether the body was over the limit."""

    __slots__ = ("body", "headers", "over", "trailers")

    def __init__(self, headers: Headers, body: bytes, trailers: Headers = (), over: bool = False) -> None:
        self.headers, self.body, self.trailers, self.over = headers, body, trailers, over

    @property
    def error_type(self) -> str | None:
        """``Lambda-Runtime-Function-Error-Type``, as a header or a trailer."""
        name = "Lambda-Runtime-Function-Error-Type"
        return first(self.headers, name) or first(self.trailers, name)


class Machine:
    """The Runtime API of one runtime process.

    Attributes:
        state: The name of the state, as the service's own messages have it.
        open: The invocation that was delivered and has no answer yet.
        init_error: The body of ``/init/error``; None where there was none.
        restore_error: The same of ``/restore/error``.
    """

    def __init__(self, settings: MockSettings) -> None:
        self.settings = settings
        self.state = "Started"
        self.open: Invocation | None = None
        self.init_error: bytes | None = None
        self.restore_error: bytes | None = None
        self._last: Invocation | None = None
        self._queue: deque[Invocation] = deque()
        self._dead: tuple[Kind, Posted, str | None] | None = None

    # events, from the caller

    def queue(self, invocation: Invocation) -> None:
        """Put an event behind the others; a runtime that cannot start any more fails it at once."""
        if self._dead is not None:
            self._end(invocation, *self._dead)
        else:
            self._queue.append(invocation)

    @property
    def pending(self) -> bool:
        """Whether an event waits that a runtime in this state can have now."""
        return self.state == "Ready" and bool(self._queue)

    def expected(self) -> tuple[Call, ...]:
        """Return the calls that may come next."""
        return _NEXT_CALLS.get(self.state, ())

    # calls, from the runtime

    def ready(self) -> Answer | None:
        """``/invocation/next`` came: return the refusal, or None (``deliver`` follows)."""
        if self.state not in ("Started", "Restoring", "Ready", "RuntimeResponseSentState", "Running"):
            return replies.no_transition(self.state, "Ready")
        if self.state != "Running":
            self.state, self._last = "Ready", None
        return None

    def deliver(self) -> Answer | None:
        """Return the event for ``/invocation/next``: the next one, or the open one again; None to wait."""
        if self.state == "Ready" and self._queue:
            self.open = self._last = self._queue.popleft()
            self.open.delivered_at = time.monotonic()
            if self.open.deadline_ms is None:
                self.open.deadline_ms = int((time.time() + self.settings.timeout) * 1000)
            self.state = "Running"
        if self.state != "Running" or self.open is None:
            return None
        return Answer(200, event_headers(self.open, self.settings), self.open.event)

    def lose(self) -> None:
        """Let the next event go to a connection that the runtime has dropped: it fails at once."""
        if self.deliver() is not None:
            text = "the runtime dropped the connection of its GET /next"
            self._answered("lost", Posted((), failure("Runtime.Lost", text)), "Runtime.Lost")

    def begin_answer(self, call: Call, request_id: str, headers: Headers) -> Answer | None:
        """The head of ``/response`` or ``/error`` came: return the refusal, or None and take the body."""
        known = self._last
        if known is None or known.request_id not in (request_id, unquote(request_id)):
            return replies.INVALID_REQUEST_ID
        nonce = first(headers, "Lambda-Runtime-Invocation-Id")
        if self.settings.invocation_id == "strict" and nonce not in (None, known.nonce):
            return replies.INVOKE_TIMEOUT
        wanted = _ANSWERING[call]
        if self.state != "Running":
            return replies.no_transition(self.state, wanted)
        mode = first(headers, "Lambda-Runtime-Function-Response-Mode")
        if call == "response" and mode is not None and mode != "streaming":
            name = "Runtime.InvalidResponseModeHeader"
            self._answered("bad-mode", Posted(headers, type_only(name)), name)
            return replies.INVALID_MODE
        self.state = wanted
        return None

    def finish_answer(self, call: Call, posted: Posted) -> Answer:
        """The body of ``/response`` or ``/error`` is complete: return the answer."""
        if posted.over:
            self._answered(
                "too-large", Posted(posted.headers, self._oversize()), "Function.ResponseSizeTooLarge"
            )
            return replies.too_large(self.settings.max_payload)
        if call == "error" and first(posted.headers, "Content-Type") == CAUSE_TYPE:
            posted.body = without_cause(posted.body)
        self._answered("error" if call == "error" else "response", posted, posted.error_type)
        return replies.ACCEPTED

    def cut_answer(self, headers: Headers) -> None:
        """The connection ended inside the body of ``/response`` or ``/error``."""
        name = "Runtime.TruncatedResponse"
        self._answered("truncated", Posted(headers, type_only(name)), name)

    def refuse_answer(self, posted: Posted) -> None:
        """A scripted fault refused the answer: the invocation ends with it."""
        self._answered("refused", posted, posted.error_type)

    def begin_init_error(self) -> Answer | None:
        """The head of ``/init/error`` came: return the refusal, or None."""
        if self.state in ("Started", "Restoring"):
            return None
        return replies.no_transition(self.state, "InitError")

    def finish_init_error(self, posted: Posted) -> Answer:
        """The body of ``/init/error`` is complete: return the answer; what waits fails with it."""
        if self.state == "Restoring":
            return self.finish_restore_error(posted)
        self.state, self.init_error = "InitError", posted.body
        return self._cannot_start("init-error", posted)

    def begin_restore_next(self) -> Answer | None:
        """``/restore/next`` came: return the refusal, or None (``restore`` follows)."""
        if self.state != "Started":
            return replies.no_transition(self.state, "RestoreReady")
        self.state = "RestoreReady"
        return None

    def restore(self) -> Answer:
        """The snapshot is restored: return the answer to ``/restore/next``."""
        self.state = "Restoring"
        return replies.EMPTY

    def begin_restore_error(self) -> Answer | None:
        """The head of ``/restore/error`` came: return the refusal, or None."""
        return None if self.state == "Restoring" else replies.no_transition(self.state, "RestoreError")

    def finish_restore_error(self, posted: Posted) -> Answer:
        """The body of ``/restore/error`` is complete: return the answer; what waits fails with it."""
        self.state, self.restore_error = "RuntimeRestoreErrorState", posted.body
        return self._cannot_start("restore-error", posted)

    # the process, from the caller

    def exited(self, error_type: str, message: str, queued: bool) -> None:
        """The process is gone: what it had fails, and the next one starts afresh."""
        kind: Kind = "timeout" if error_type == "Sandbox.Timedout" else "crash"
        open_, self.open, self._last, self._dead = self.open, None, None, None
        self.state = "Started"
        waiting = list(self._queue) if queued else []
        if queued:
            self._queue.clear()
        for invocation in ([open_] if open_ else []) + waiting:
            text = f"RequestId: {invocation.request_id} Error: {message}"
            self._end(invocation, kind, Posted((), failure(error_type, text)), error_type)

    def abandon(self) -> list[Invocation]:
        """Return every invocation without an outcome, and forget them."""
        left = ([self.open] if self.open else []) + list(self._queue)
        self.open = None
        self._queue.clear()
        return left

    # outcomes

    def _cannot_start(self, kind: Kind, posted: Posted) -> Answer:
        self._dead = (kind, posted, posted.error_type)
        waiting, self._queue = self._queue, deque()
        for invocation in waiting:
            self._end(invocation, *self._dead)
        return replies.too_large(self.settings.max_payload) if posted.over else replies.ACCEPTED

    def _answered(self, kind: Kind, posted: Posted, error_type: str | None) -> None:
        """End the open invocation; the runtime may ask for the next event."""
        self.state = "RuntimeResponseSentState"
        invocation, self.open = self.open, None
        if invocation is not None:
            self._end(invocation, kind, posted, error_type)

    @staticmethod
    def _end(invocation: Invocation, kind: Kind, posted: Posted, error_type: str | None) -> None:
        headers = posted.headers
        invocation.event = b""  # it may be 6 MB, and nobody needs it any more
        invocation.done(
            Outcome(
                kind=kind,
                request_id=invocation.request_id,
                body=posted.body,
                queued_at=invocation.queued_at,
                delivered_at=invocation.delivered_at,
                completed_at=time.monotonic(),
                content_type=first(headers, "Content-Type"),
                error_type=error_type,
                headers=headers,
                trailers=posted.trailers,
                streamed=first(headers, "Lambda-Runtime-Function-Response-Mode") == "streaming",
            )
        )

    def _oversize(self) -> bytes:
        limit = self.settings.max_payload
        text = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
        return failure("Function.ResponseSizeTooLarge", text)


def event_headers(invocation: Invocation, settings: MockSettings) -> Headers:
    """Return the header lines of an event, those that are None or to be omitted left out."""
    options = invocation.options
    wanted = {
        "Content-Type": options.content_type or None,
        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
        "Lambda-Runtime-Aws-Tenant-Id": options.tenant_id,
        "Lambda-Runtime-Client-Context": options.client_context,
        "Lambda-Runtime-Cognito-Identity": options.cognito_identity,
        "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
        "Lambda-Runtime-Invocation-Id": None if settings.invocation_id == "off" else invocation.nonce,
        "Lambda-Runtime-Invoked-Function-Arn": options.function_arn or settings.function_arn,
        "Lambda-Runtime-Trace-Id": options.trace_id,
    }
    omitted = {name.lower() for name in options.omit}
    lines = [
        (name, replies.clean_value(value))
        for name, value in wanted.items()
        if value is not None and name.lower() not in omitted
    ]
    return (*lines, *[(name, replies.clean_value(value)) for name, value in options.headers])


def failure(error_type: str, message: str) -> bytes:
    """Return the body that the caller sees for an error that the service makes itself."""
    text = json.dumps(
        {"errorType": error_type, "errorMessage": message}, ensure_ascii=False, separators=(",", ":")
    )
    return text.encode("utf-8", "replace")


def type_only(error_type: str) -> bytes:
    """Return the body of an error without a message."""
    return f'{{"errorType":"{error_type}"}}'.encode()


def without_cause(body: bytes) -> bytes:
    """Return an error body with the fields that go to the caller, as ``error.cause+json`` is filtered."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        return b'"Invalid error body"'
    kept = {name: value[name] for name in ("errorMessage", "errorType", "stackTrace") if name in value}
    return replies.go_json(kept)[:-1]
