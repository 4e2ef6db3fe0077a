"""The loop: ask for an event, run the handler, answer. Everything here is on the hot path.

The user's function is called in exactly one place, `Loop.answer`; what it raises becomes an error body.
"""

from __future__ import annotations

import posix

from rapid_client._config import read_environ
from rapid_client._protocol import JSON, header
from rapid_client.context import CognitoIdentity, LambdaContext, function_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, NoReturn

    from rapid_client._codec import Codec
    from rapid_client._handler import Handler
    from rapid_client._protocol import Common, Invocation
    from rapid_client._refusal import Refusal
    from rapid_client._runtime import Environment
    from rapid_client._seam import Seam

TRACE_ID: Final = b"_X_AMZN_TRACE_ID"
#: After so many invocations `_trace` sets it: by then ``putenv`` has lost 1 ms, which `_trace` takes to load.
MANY: Final = 500
#: What awslambdaric calls a result that is bytes.
UNKNOWN: Final = b"application/unknown"
XRAY_HEADER: Final = b"Lambda-Runtime-Function-XRay-Error-Cause"
ERROR_TYPE_HEADER: Final = b"Lambda-Runtime-Function-Error-Type"


class Loop:
    """Runs one handler, invocation by invocation.

    Args:
        environment: What the process was told and what it talks to.
        handler: The user's function.
        codec: JSON in and out.

    Attributes:
        handle: Called with handler and invocation; `answer`, unless a library has wrapped it.
        post_response, post_error: The client's, unless a library has wrapped them.
    """

    __slots__ = (
        "_codec",
        "_common",
        "_current",
        "_environment",
        "_fields",
        "_raw_types",
        "_set_trace_id",
        "handle",
        "handler",
        "post_error",
        "post_response",
    )

    def __init__(self, environment: Environment, handler: Handler, codec: Codec) -> None:
        self._environment, self._current, self._codec = environment, environment.current, codec
        self._common: Common | None = None
        self._set_trace_id = set_trace_id
        self.handler = handler
        self.handle = self.answer
        self.post_response: Callable[[Invocation, bytes, bytes], Refusal | None] = environment.client.respond
        self.post_error: Callable[[Invocation, bytes, bytes], Refusal | None] = environment.client.fail
        raw = environment.switches.bytes_like == "raw"
        self._raw_types = (bytes, bytearray, memoryview) if raw else (bytes,)
        # Copying a dict and setting six values takes 0.3 us less than the constructor; the order is what
        # `vars(context)` shows.
        self._fields: dict[str, Any] = {
            "aws_request_id": "",
            **function_fields(read_environ()),  # now, since the function's module may have changed them
            "invoked_function_arn": "",
            "tenant_id": None,
            "_w3c_fields": {},
            "client_context": None,
            "identity": None,
            "_epoch_deadline_time_in_ms": 0,
        }

    @property
    def engine(self) -> str:
        """The JSON engine in use."""
        return self._codec.engine

    def go_through(self, seam: Seam) -> None:
        """Hand each invocation and each answer to *seam*, which a library has wrapped."""
        seam.answer = self.answer
        self.handle, self.post_response, self.post_error = seam.handle, seam.post_response, seam.post_error

    def run(self) -> NoReturn:
        """Serve invocations until something ends the process.

        Raises:
            RapidClientError: If there is no going on.
            SystemExit: If the function, or a signal handler of its, asked for it.
        """
        self._serve(bytes(MANY))
        self._keep_trace_ids_in_place()
        while True:
            self._serve(bytes(MANY))

    def _serve(self, times: bytes) -> None:
        """Serve an invocation for each byte in *times*: to count on would allocate an integer each."""
        client, codec = self._environment.client, self._codec
        for _ in times:
            self.handle(self.handler, client.next())
            if codec.due:
                codec.upgrade()

    def _keep_trace_ids_in_place(self) -> None:
        try:
            from rapid_client._trace import Slot  # deferred: 0.9 ms; a few invocations cost less than that

            self._set_trace_id = Slot().set
        except Exception:  # no _ctypes, or another one, or no C library that it can call: as before, then
            pass

    def answer(self, handler: Handler, invocation: Invocation) -> None:
        """Run *handler* on *invocation* and post what came of it."""
        current = self._current
        current.request_id = invocation.request_id
        current.tenant_id = invocation.common.tenant_id
        self._set_trace_id(invocation.trace_id)
        content_type = JSON
        try:
            context = self.context(invocation)
            body, invocation.body = invocation.body, b""  # it may be large, and nobody else needs it
            event = self._codec.decode(body) if invocation.common.is_json else bytes(body)
            body = b""
            result = handler(event, context)
            if isinstance(result, self._raw_types):
                body, content_type = bytes(result), UNKNOWN
            else:
                body = self._codec.encode(result)
        except BaseException as exc:
            self.fail(invocation, exc)
            return
        refusal = self.post_response(invocation, body, content_type)
        if refusal is not None:
            self._refused("response", invocation, refusal)

    def context(self, invocation: Invocation) -> LambdaContext:
        """Return the context as the handler gets it."""
        common = invocation.common
        if common is not self._common:
            self._fields["invoked_function_arn"], self._fields["tenant_id"] = common.arn, common.tenant_id
            self._common = common
        fields = self._fields.copy()
        fields["aws_request_id"] = invocation.request_id
        fields["_epoch_deadline_time_in_ms"] = invocation.deadline_ms
        if common.client_context or common.identity:
            from rapid_client._caller import add_caller  # deferred: 6 ms, and few callers send such headers

            add_caller(fields, common.client_context, common.identity)
        else:
            fields["identity"] = CognitoIdentity()
        context = LambdaContext.__new__(LambdaContext)
        context.__dict__ = fields
        return context

    def fail(self, invocation: Invocation, error: BaseException) -> None:
        """Log *error* and post it; end the process only if it asks for that.

        Raises:
            SystemExit: If *error* is one (with its code, 1 for 0), or is KeyboardInterrupt (130).
        """
        if self._environment.forked():
            raise error  # only the parent answers
        from rapid_client import _faults  # deferred: 0.3 ms, and only failures need it

        environment, request_id = self._environment, invocation.request_id
        fault = _faults.describe(error, 1)
        _faults.log(fault, request_id, environment.sink, environment.config.log_format)
        extra = b""
        cause = _faults.xray(fault)
        if cause:
            extra = header(XRAY_HEADER, cause)
        if environment.switches.error_type_header:
            extra += header(ERROR_TYPE_HEADER, fault.error_type.encode("utf-8", "replace"))
        refusal = self.post_error(invocation, _faults.body(fault, request_id, self._codec.encode), extra)
        if refusal is not None:
            self._refused("error", invocation, refusal)
        if isinstance(error, SystemExit | KeyboardInterrupt):
            raise SystemExit(exit_code(error)) from None

    def _refused(self, what: str, invocation: Invocation, refusal: Refusal) -> None:
        from rapid_client._report import refused  # deferred: refusals are rare

        refused(self._environment, what, invocation.request_id, refusal)


def exit_code(error: BaseException) -> int:
    """Return the code to end the process with: never 0, since an invocation or init failed."""
    if isinstance(error, KeyboardInterrupt):
        return 130  # 128 + SIGINT, as shells have it
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return error.code & 0xFF or 1
    return 1


def set_trace_id(trace_id: bytes) -> None:
    """Set the environment variable that the X-Ray SDK reads, or delete it where there is no trace.

    ``posix.environ`` is the dict under ``os.environ``, whether `os` (7 modules, 2 ms) is imported or not.
    """
    if trace_id:
        try:
            posix.putenv(TRACE_ID, trace_id)
            posix.environ[TRACE_ID] = trace_id
            return
        except ValueError:  # a NUL in it: as good as none
            pass
    if TRACE_ID in posix.environ:
        posix.unsetenv(TRACE_ID)
        del posix.environ[TRACE_ID]
