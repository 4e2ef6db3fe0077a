"""Run a function on this machine as Lambda does: initialise once, invoke often, start again after a crash.

with LocalFunction("app.handler", FunctionOptions(root="src", timeout=5)) as function:
    result = function.invoke({"name": "Ada"})
    print(result.json(), result.duration_ms, result.max_memory_mb)
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from rapid_client.errors import ConfigError
from rapid_client.local import InvokeOptions
from rapid_client.local import _platform_log as lines
from rapid_client.local.environment import LAST_WORDS, Environment, FunctionOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    Sink = Callable[[bytes], None]

__all__ = ["FunctionOptions", "InvokeResult", "LocalFunction", "Status", "invoke"]

#: How an invocation ended: ``error`` came from the handler, ``init-error`` from before it, ``failed`` is an
#: answer that Lambda would not take, too large for one.
Status = Literal["response", "error", "init-error", "crash", "timeout", "failed"]
STATUSES: Final[dict[str, Status]] = {
    "response": "response",
    "error": "error",
    "init-error": "init-error",
    "restore-error": "init-error",
    "crash": "crash",
    "timeout": "timeout",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeResult:
    """What came of an invocation.

    Attributes:
        status: How it ended; only ``response`` is a success.
        request_id: The request id.
        payload: The function's response, or the error that its caller sees, as it is.
        content_type: The type of *payload* as the runtime sent it; None where it did not.
        error_type: The type of the error, ``Runtime.ExitError`` for one; None for a success.
        duration_ms: Milliseconds from the sending of the event to the receipt of the whole answer.
        init_ms: Milliseconds from the start of the process to its asking for an event; None where the
            environment was there already, or initialisation failed.
        memory_size_mb: The memory size that the function was told.
        max_memory: The most memory that the process has held up to then, in bytes.
        log: What the function wrote, Lambda's own lines included; the last megabyte.
    """

    status: Status
    request_id: str
    payload: bytes
    content_type: str | None = None
    error_type: str | None = None
    duration_ms: float = 0.0
    init_ms: float | None = None
    memory_size_mb: int = 128
    max_memory: int = 0
    log: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the function has responded."""
        return self.status == "response"

    @property
    def billed_ms(self) -> int:
        """What Lambda would bill for, in milliseconds."""
        return lines.billed_ms(self.duration_ms, self.init_ms)

    @property
    def max_memory_mb(self) -> int:
        """`max_memory` in megabytes, as Lambda's log has it."""
        return lines.megabytes(self.max_memory)

    def json(self) -> Any:
        """Return *payload* parsed.

        Raises:
            ValueError: If it is not JSON.
        """
        return json.loads(self.payload)

    def report(self) -> str:
        """Return the REPORT line."""
        fields = [
            f"REPORT RequestId: {self.request_id}",
            f"Duration: {self.duration_ms:.2f} ms",
            f"Billed Duration: {self.billed_ms} ms",
            f"Memory Size: {self.memory_size_mb} MB",
            f"Max Memory Used: {self.max_memory_mb} MB",
        ]
        if self.init_ms is not None:
            fields.append(f"Init Duration: {self.init_ms:.2f} ms")
        if self.status == "timeout":
            fields.append("Status: timeout")
        elif self.status in ("init-error", "crash"):
            fields += ["Status: error", f"Error Type: {self.error_type}"]
        return "\t".join([*fields, ""])


class LocalFunction:
    """A function with one execution environment at a time, made when it is needed.

    Invocations go one after the other: use it from one thread at a time. Leaving the context ends the
    process and whatever it has started.

    Args:
        handler: The handler, ``app.handler`` for one.
        options: How to run it.
        log: Called with what the function and Lambda's platform write, as it comes, from one thread at a
            time.
    """

    def __init__(self, handler: str, options: FunctionOptions | None = None, log: Sink | None = None) -> None:
        self.handler = handler
        self.options = options or FunctionOptions()
        self._log = lines.FunctionLog(log)
        self._environment: Environment | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the execution environment, if there is one; the next invocation makes a new one."""
        environment, self._environment = self._environment, None
        if environment is not None:
            environment.__exit__(None, None, None)

    def invoke(self, event: object, options: InvokeOptions | None = None) -> InvokeResult:
        """Invoke the function once, starting it first where there is no environment.

        Args:
            event: What the handler gets: `bytes` as they are, anything else as JSON.
            options: What goes with the event.

        Returns:
            The result, also of a function that failed, crashed or took too long.

        Raises:
            ConfigError: If the process cannot be started, or the interpreter cannot run the runtime.
            TypeError: If the event cannot be made JSON.
        """
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        options = options or InvokeOptions()
        if options.request_id is None:
            options = replace(options, request_id=str(uuid.uuid4()))
        return _Invocation(self, options).run(body)

    def environment(self) -> tuple[Environment, bool]:
        """Return the environment and whether it is a new one; an ended one is replaced."""
        if self._environment is not None and self._environment.process.ended:
            self.stop()
        if self._environment is not None:
            return self._environment, False
        self._environment = self._make().__enter__()
        return self._environment, True

    def _make(self) -> Environment:
        """Return an environment that is not started yet; a subclass may start another program in it."""
        return Environment(self.handler, self.options, self._log.write)

    @property
    def log(self) -> lines.FunctionLog:
        """Where the function and its platform write."""
        return self._log


def invoke(handler: str, event: object, options: FunctionOptions | None = None) -> InvokeResult:
    """Invoke a function once, in an environment of its own; see `LocalFunction` for more than once.

    Args:
        handler: The handler, ``app.handler`` for one.
        event: What it gets: `bytes` as they are, anything else as JSON.
        options: How to run it.

    Raises:
        ConfigError: If the process cannot be started, or the interpreter cannot run the runtime.
        TypeError: If the event cannot be made JSON.
    """
    with LocalFunction(handler, options) as function:
        return function.invoke(event)


class _Invocation:
    """One invocation: its steps share the request id, the environment and what is known so far."""

    def __init__(self, function: LocalFunction, options: InvokeOptions) -> None:
        self.function, self.options = function, options
        self.request_id = options.request_id or ""
        self.log = function.log
        self.result = InvokeResult(
            status="crash", request_id=self.request_id, payload=b"", memory_size_mb=function.options.memory_mb
        )

    def run(self, body: bytes) -> InvokeResult:
        """Do all of it; interrupted, leave nothing behind."""
        try:
            ready = self._initialise()
            self.log.line(lines.start_line(self.request_id))
            self.result = self._execute(body) if ready else self._failed_init()
            self._settle()
        except BaseException:
            self.function.stop()
            raise
        self.log.line(lines.end_line(self.request_id))
        self.log.line(self.result.report())
        return replace(self.result, log=self.log.take())

    def _initialise(self) -> bool:
        """Get an environment that is ready, or will be; False where it cannot start."""
        self.environment, cold = self.function.environment()
        if not cold:
            return True
        readiness = self.environment.wait_ready(self.function.options.init_timeout)
        elapsed = (time.monotonic() - self.environment.process.started_at) * 1000
        self.environment.process.drain()
        if readiness == "ready":
            self.result = replace(self.result, init_ms=self.environment.init_ms)
        elif readiness == "waiting":  # as Lambda does it: stopped, and done again within the first invocation
            self.log.line(lines.init_report_line(elapsed, "init", "timeout"))
            self.function.stop()
            self.environment, _ = self.function.environment()
        else:
            problem = self.environment.why_ended() if readiness == "ended" else None
            if problem is not None:
                raise ConfigError(problem)
            status = f"error\tError Type: {_error_type(self._init_payload())}"
            self.log.line(lines.init_report_line(elapsed, "init", status))
            return False
        return True

    def _init_payload(self) -> bytes:
        """The error that the caller sees where initialisation failed."""
        body = self.environment.failure
        if body is not None:
            return body
        message = f"RequestId: {self.request_id} Error: {self.environment.process.exit_reason}"
        return json.dumps(
            {"errorType": "Runtime.ExitError", "errorMessage": message}, separators=(",", ":")
        ).encode()

    def _failed_init(self) -> InvokeResult:
        payload = self._init_payload()
        status: Status = "crash" if self.environment.failure is None else "init-error"
        return replace(self.result, status=status, payload=payload, error_type=_error_type(payload))

    def _execute(self, body: bytes) -> InvokeResult:
        timeout = self.function.options.timeout
        self.deadline = time.monotonic() + timeout
        pending = self.environment.queue(body, self.options)
        try:
            outcome = pending.result(timeout)
        except TimeoutError:
            self.environment.expire(lines.timeout_text(timeout))
            outcome = pending.result()
        ended = self.environment.process.ended_at if outcome.kind == "crash" else outcome.completed_at
        begun = outcome.delivered_at
        if begun is None or outcome.kind == "timeout" or self._suppressed:  # from where the time-out counts
            begun = outcome.queued_at
        return replace(
            self.result,
            status=STATUSES.get(outcome.kind, "failed"),
            payload=outcome.body,
            content_type=outcome.content_type,
            error_type=None
            if outcome.kind == "response"
            else outcome.error_type or _error_type(outcome.body),
            duration_ms=(ended - begun) * 1000,
        )

    @property
    def _suppressed(self) -> bool:
        """Whether initialisation is part of this invocation."""
        return self.environment.fresh and self.result.init_ms is None

    def _settle(self) -> None:
        """Let the runtime come back for its next event, or end it; hand on all that was written."""
        process, status = self.environment.process, self.result.status
        if status in ("response", "error", "failed"):
            readiness = self.environment.wait_ready(max(0.0, self.deadline - time.monotonic()))
        else:
            readiness = "ended"
        memory = process.peak_memory()
        if status == "timeout":
            process.kill()
        process.drain()
        if status == "timeout":
            self.log.line(lines.timeout_line(self.request_id, self.function.options.timeout))
        elif status == "crash":
            process.wait(LAST_WORDS)
            self.log.line(lines.exit_lines(self.request_id, process.exit_reason))
        if readiness != "ready":
            self.function.stop()
        self.result = replace(self.result, max_memory=max(memory, process.peak_memory()))


def _error_type(payload: bytes) -> str:
    """The ``errorType`` of an error's body."""
    try:
        return str(json.loads(payload)["errorType"])
    except (ValueError, KeyError, TypeError):
        return "Runtime.Unknown"
