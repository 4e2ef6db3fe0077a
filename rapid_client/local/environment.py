"""One execution environment: a Runtime API of its own and the one process that talks to it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

import rapid_client
from rapid_client.errors import ConfigError
from rapid_client.local import MockRuntimeApi, MockSettings
from rapid_client.local._interpreter import OWN, why_not
from rapid_client.local.process import Program, RuntimeProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from rapid_client.local import InvokeOptions, Pending

    Readiness = Literal["ready", "failed", "ended", "waiting"]

ACCOUNT: Final = "123456789012"
DEFAULT_REGION: Final = "us-east-1"
#: Seconds between two looks at whether a starting process is still there; that it is ready shows at once.
GLANCE: Final = 0.02
#: Seconds that a process may take to end after it has reported that it cannot start.
LAST_WORDS: Final = 1.0
#: Seconds for the Runtime API to read what a process had sent just before its end.
LAST_BYTES: Final = 0.02
#: Requests that are kept: enough to have the first ``/next``; a long run must not fill the memory.
RECORDED: Final = 4
#: What an outer environment may hold that would mislead the runtime about its own.
FOREIGN: Final = (
    "_LAMBDA_TELEMETRY_LOG_FD",
    "_X_AMZN_TRACE_ID",
    "AWS_LAMBDA_METADATA_API",
    "AWS_LAMBDA_METADATA_TOKEN",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionOptions:
    """How a function is run locally; every field has a default.

    The function sees the environment of this process with, on top: ``AWS_LAMBDA_RUNTIME_API``, ``_HANDLER``,
    ``LAMBDA_TASK_ROOT``, ``AWS_LAMBDA_FUNCTION_NAME``, ``..._VERSION``, ``..._MEMORY_SIZE``,
    ``AWS_LAMBDA_LOG_GROUP_NAME``, ``AWS_LAMBDA_LOG_STREAM_NAME``, ``AWS_LAMBDA_INITIALIZATION_TYPE`` and
    ``RAPID_PYTHON``; where they are not set already, ``AWS_REGION``, ``AWS_DEFAULT_REGION`` and
    ``TZ=:UTC``; and last *env*. ``AWS_EXECUTION_ENV`` is not set by us, as in Lambda's OS-only runtimes.

    Attributes:
        root: The folder of the function's code, the working directory too; None is the current directory.
        env: More environment variables; they win.
        timeout: Seconds that an invocation may take.
        init_timeout: Seconds that initialisation may take; Lambda gives 10 (AWS docs: Lambda execution
            environment lifecycle). Beyond, it is stopped and done again as part of the first invocation, in
            its timeout.
        memory_mb: The memory size that the function is told; nothing enforces it.
        name: The function's name.
        python: The interpreter, Python 3.11 or newer, which has *runtime* installed.
        runtime: The module that is the runtime; ``awslambdaric``, the official client.
    """

    root: Path | str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 3.0
    init_timeout: float = 10.0
    memory_mb: int = 128
    name: str = "test_function"
    python: str = sys.executable
    runtime: str = "rapid_client"

    @property
    def interpreter(self) -> str:
        """*python*, absolute where it is a path: the process starts in another folder."""
        return str(Path(self.python).absolute()) if os.sep in self.python else self.python

    @property
    def folder(self) -> Path:
        """The task root as an absolute path."""
        return Path(self.root or Path.cwd()).absolute()


class Environment:
    """An execution environment, from its start to its end; there is no second start.

    Start it by entering it as a context manager, `wait_ready`, then `queue` events; it ends with the block.

    Args:
        handler: The handler, ``app.handler`` for one.
        options: How to run it.
        log: Called with what the process writes, as it comes, from a thread.

    Raises:
        ConfigError: From ``with``, if the process cannot be started.
    """

    def __init__(self, handler: str, options: FunctionOptions, log: Callable[[bytes], None]) -> None:
        self.handler, self.options = handler, options
        self._log = log
        region = _variable(options, "AWS_REGION", DEFAULT_REGION)
        self.api = MockRuntimeApi(
            settings=MockSettings(
                function_arn=f"arn:aws:lambda:{region}:{ACCOUNT}:function:{options.name}",
                timeout=options.timeout,
                snapstart=options.env.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start",
                record=RECORDED,
                record_bytes=0,
            )
        )
        self._asked = 0

    def __enter__(self) -> Self:
        folder = self.options.folder
        if not folder.is_dir():
            raise ConfigError(f"the function's folder {str(folder)!r} does not exist: name another with root")
        if not self.options.runtime:
            raise ConfigError("the runtime '' is no module: name rapid_client, or awslambdaric")
        if shutil.which(self.options.interpreter) is None:
            raise ConfigError(f"the interpreter {self.options.python!r} cannot be executed: name another")
        self.api.__enter__()
        try:
            program = Program(self._command(), self._environ(), folder)
            self.process = RuntimeProcess(program, self._log, self._on_exit)
        except OSError as exc:
            self.api.__exit__(None, None, None)
            raise ConfigError(f"{self._command()[0]!r} cannot be started: {exc.strerror}") from exc
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.process.stop()
        finally:
            self.api.__exit__(None, None, None)

    def wait_ready(self, timeout: float) -> Readiness:
        """Wait until the runtime asks for its next event.

        Args:
            timeout: Seconds to wait.

        Returns:
            ``ready``; ``failed`` where it has reported that it cannot start (see `api.init_error`); ``ended``
            where the process is gone; ``waiting`` where the time is over.
        """
        deadline = time.monotonic() + timeout
        while True:
            ended = self.process.ended
            left = deadline - time.monotonic()
            self.process.peak_memory()
            if self._next_came(0 if ended else max(0.0, min(left, GLANCE))):
                return "ended" if ended else "ready"
            if self.failure is not None:
                self.process.wait(LAST_WORDS)
                return "failed"
            if ended:
                return "ended"
            if left <= 0:
                return "waiting"

    def why_ended(self) -> str | None:
        """Return a line if the process ended because the interpreter cannot run the runtime; else None.

        To be asked of one that ended without having reported anything: it starts the interpreter once more.
        """
        options = self.options
        program = Program([options.interpreter], self._environ(), options.folder)
        return why_not(program, options.runtime, beside=self._bootstrap() is not None)

    @property
    def fresh(self) -> bool:
        """Whether no more than one event was queued here."""
        return self._asked <= 1

    @property
    def init_ms(self) -> float | None:
        """Milliseconds from the start of the process to its asking for an event; None if it was not seen."""
        for request in self.api.requests:
            if request.call == "next":
                return (request.time - self.process.started_at) * 1000
        return None

    @property
    def failure(self) -> bytes | None:
        """The error that the runtime reported instead of asking for an event; None where it did not."""
        return self.api.init_error if self.api.init_error is not None else self.api.restore_error

    def queue(self, event: bytes, options: InvokeOptions) -> Pending:
        """Hand an event to the runtime; call `wait_ready` after its outcome and before the next one."""
        self._asked += 1
        return self.api.invoke(event, options)

    def expire(self, message: str) -> None:
        """Fail whatever is open as timed out; `stop` or leave the environment next."""
        self.api.exited("Sandbox.Timedout", message)

    def _next_came(self, timeout: float) -> bool:
        """Whether the runtime has asked once more often than it was given events."""
        try:
            self.api.wait_for("next", self._asked + 1, timeout)
        except TimeoutError:
            return False
        return True

    def _on_exit(self, reason: str) -> None:
        time.sleep(LAST_BYTES)
        self.api.exited("Runtime.ExitError", reason)

    def _command(self) -> list[str]:
        """`bootstrap` where it is beside the package, as on Lambda; else the module."""
        bootstrap = self._bootstrap()
        if bootstrap is not None:
            return [str(bootstrap), self.handler]
        return [self.options.interpreter, "-m", self.options.runtime, self.handler]

    def _bootstrap(self) -> Path | None:
        bootstrap = Path(rapid_client.__file__).parent.parent / "bootstrap"
        usable = self.options.runtime == OWN and os.access(bootstrap, os.X_OK)
        return bootstrap if usable else None

    def _environ(self) -> dict[str, str]:
        options = self.options
        environ = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        region = _variable(options, "AWS_REGION", DEFAULT_REGION)
        day = time.strftime("%Y/%m/%d", time.gmtime())
        environ |= {
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": _variable(options, "AWS_DEFAULT_REGION", region),
            "TZ": environ.get("TZ", ":UTC"),
            "RAPID_PYTHON": options.interpreter,
            "AWS_LAMBDA_FUNCTION_NAME": options.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(options.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{options.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"{day}/[$LATEST]{os.urandom(16).hex()}",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "LAMBDA_TASK_ROOT": str(options.folder),
            "_HANDLER": self.handler,
        }
        return environ | dict(options.env) | {"AWS_LAMBDA_RUNTIME_API": self.api.address}


def _variable(options: FunctionOptions, name: str, default: str = "") -> str:
    """What the function will see in the environment variable *name*, before our own settings."""
    return options.env.get(name) or os.environ.get(name) or default
