"""The runtime as a process that serves a mock Runtime API: start it, talk to it, read what it wrote."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import pytest

from rapid_client.local import Fault, InvokeOptions, MockRuntimeApi, MockSettings, Outcome, Pending
from tests.processes import state

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping, Sequence

    Way = Literal["bootstrap", "module", "awslambdaric"]

ROOT: Final = Path(__file__).parent.parent
#: No wait is longer: a hang fails a test with what was written until then. Seconds.
BOUND: Final = 30.0
#: What Lambda tells a function about itself.
FUNCTION: Final = {
    "AWS_LAMBDA_FUNCTION_NAME": "f",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_LOG_GROUP_NAME": "g",
    "AWS_LAMBDA_LOG_STREAM_NAME": "s",
    "AWS_REGION": "us-east-1",
}


def skip_where_site_runs() -> None:
    """Skip where bootstrap has `site` run: a Linux distribution's has rules of its own."""
    if sys.base_prefix == "/usr":
        pytest.skip("bootstrap lets `site` run in a distribution's own Python, and that loads `os` and more")


class Runtime:
    """A runtime process and the mock that it talks to.

    Attributes:
        mock: The mock.
        folder: Where `stdout` and `stderr` are kept.
        process: The process.
    """

    def __init__(self, mock: MockRuntimeApi, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.mock, self.process, self.folder = mock, process, folder

    # Invoking...

    def send(self, event: object = None, **options: Any) -> Pending:
        """Queue one event, bytes as they are; *options* are those of `InvokeOptions`."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return self.mock.invoke(body, InvokeOptions(**options))

    def invoke(self, event: object = None, **options: Any) -> Outcome:
        """Send one event and return how the invocation ended; a process that ends first fails the test."""
        pending = self.send(event, **options)
        limit = time.monotonic() + BOUND
        while True:
            ended = self.process.poll() is not None
            try:
                return pending.result(0.2)
            except TimeoutError:
                late = time.monotonic() > limit
                if ended or late:
                    raise AssertionError(f"no answer: {self}") from None

    def call(self, event: object = None, **options: Any) -> Any:
        """Send one event and return the decoded response; anything but a response fails the test."""
        outcome = self.invoke(event, **options)
        assert outcome.kind == "response", f"{outcome}: {self}"
        return json.loads(outcome.body)

    def fail(self, event: object = None, **options: Any) -> dict[str, Any]:
        """Send one event and return the decoded error; anything but an error fails the test."""
        outcome = self.invoke(event, **options)
        assert outcome.kind == "error", f"{outcome}: {self}"
        body: dict[str, Any] = json.loads(outcome.body)
        return body

    # Waiting...

    def ready(self) -> Runtime:
        """Wait until the runtime has asked for its first event."""
        self.until(lambda: self.mock.calls("next") or self.process.poll() is not None, "the first /next")
        assert self.mock.calls("next"), f"no /next: {self}"
        return self

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until *condition* holds; *what* says in a failure for what we waited."""
        limit = time.monotonic() + BOUND
        while not condition():
            assert time.monotonic() < limit, f"waited {BOUND} s for {what}: {self}"
            time.sleep(0.005)

    def exit_code(self) -> int:
        """Wait for the end of the process."""
        self.until(lambda: self.process.poll() is not None, "its end")
        assert self.process.returncode is not None
        return self.process.returncode

    def init_error(self) -> dict[str, Any]:
        """Wait for the end; return the decoded init error."""
        self.exit_code()
        assert self.mock.init_error is not None, f"no init error: {self}"
        body: dict[str, Any] = json.loads(self.mock.init_error)
        return body

    def kill(self, number: signal.Signals) -> None:
        """Send a signal, once the process sleeps or has ended.

        One that comes between the last bytecode and a system call is seen by Python only after that call, and
        one that waits for an event never returns here.
        """
        self.until(lambda: state(self.process.pid) in ("S", "Z", None), "its sleep")
        self.process.send_signal(number)

    # What it wrote...

    @property
    def stdout(self) -> str:
        """All that came on standard output so far."""
        return (self.folder / "stdout").read_bytes().decode("utf-8", "replace")

    @property
    def stderr(self) -> str:
        """All that came on standard error so far."""
        return (self.folder / "stderr").read_bytes().decode("utf-8", "replace")

    @property
    def log(self) -> list[str]:
        """The lines of `stdout`; a report of an error is one of them, as its own lines end with CR."""
        return self.stdout.split("\n")[:-1]

    def paths(self) -> list[str]:
        """The calls in their order, without the part that all have."""
        return [
            f"{request.method} {request.path.replace('/2018-06-01/runtime/', '')}"
            for request in self.mock.requests
        ]

    def __str__(self) -> str:
        return (
            f"exit code {self.process.poll()}, calls {self.paths()}\n"
            f"stdout: {self.stdout}\nstderr: {self.stderr}"
        )

    def close(self) -> None:
        """End the process: it finds the Runtime API gone (and its coverage is kept), or it is killed."""
        self.mock.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.process.wait(BOUND)


class Starter:
    """Starts runtimes in one way; what it started ends with the `with` block.

    Args:
        way: ``bootstrap``, ``module`` (``python -m rapid_client``) or ``awslambdaric``.
        folder: An empty folder of the test's own.
        environ: What every process gets.
    """

    def __init__(self, way: Way, folder: Path, environ: Mapping[str, str]) -> None:
        if not sys.platform.startswith("linux"):
            pytest.skip("the runtime is for Linux")
        self.way, self.folder, self.environ = way, folder, environ
        self.task = folder / "task"
        self._stack = ExitStack()
        self._started = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def write(self, source: str, name: str = "app.py") -> Path:
        """Write a module of the function; return its folder, the task root."""
        self.task.mkdir(exist_ok=True)
        # Bytecode of a module of the same size, written in the same second, would be taken for its own.
        shutil.rmtree(self.task / "__pycache__", ignore_errors=True)
        (self.task / name).write_text(source, encoding="utf-8")
        return self.task

    def __call__(
        self,
        source: str,
        *,
        handler: str = "app.handler",
        settings: MockSettings | None = None,
        faults: Sequence[Fault] = (),
        python: str | Path = sys.executable,
        command: Sequence[str | Path] | None = None,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
        environ: Mapping[str, str | None] | None = None,
        **variables: str | None,
    ) -> Runtime:
        """Write *source* to ``app.py`` and start the runtime on *handler*.

        Args:
            source: The function's module.
            handler: Named as Lambda does it for ``bootstrap``, by ``_HANDLER``; else as the argument.
            settings: The mock's.
            faults: The mock's, from the start.
            python: The interpreter.
            command: The whole command line, in place of the usual one.
            cwd: The working directory; the task root as a rule.
            pass_fds: Descriptors that the process inherits.
            environ: More environment variables; None deletes one.
            **variables: The same.
        """
        task = self.write(source)
        mock = self._stack.enter_context(MockRuntimeApi(settings=settings))
        for fault in faults:
            mock.inject(fault)
        whole: dict[str, str | None] = {
            **self.environ,
            **FUNCTION,
            "AWS_LAMBDA_RUNTIME_API": mock.address,
            "LAMBDA_TASK_ROOT": str(task),
            "RAPID_PYTHON": str(python),
        }
        if self.way == "bootstrap":
            whole["_HANDLER"] = handler
        whole |= {**(environ or {}), **variables}
        self._started += 1
        folder = self.folder / f"run-{self._started}"
        folder.mkdir()
        with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                [str(part) for part in command or self.command(handler, python)],
                env={name: value for name, value in whole.items() if value is not None},
                cwd=cwd or task,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                pass_fds=pass_fds,
            )
        runtime = Runtime(mock, process, folder)
        self._stack.callback(runtime.close)
        return runtime

    def command(self, handler: str, python: str | Path) -> list[str | Path]:
        """Return the command line that starts *handler*."""
        if self.way == "bootstrap":
            return [ROOT / "bootstrap"]
        return [python, "-m", "rapid_client" if self.way == "module" else "awslambdaric", handler]
