"""A copy of the runtime, as a function has it, and the runs in which its work is counted."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import pytest

from benchmarks.payloads import event
from benchmarks.process import Process
from benchmarks.server import Server, replies

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT: Final = Path(__file__).parent.parent.parent
#: Answers a constant, as benchmarks/floor.py does.
TRIVIAL: Final = "def handler(event, context):\n    return {'ok': True}\n"
#: The name of an event (see `benchmarks.payloads.event`), and how often it is sent.
Events: TypeAlias = tuple[str, int]
#: Seconds within which a process ends once the Runtime API is gone; under valgrind it takes one.
PATIENCE: Final = 30


class Laboratory:
    """A folder with `bootstrap`, the package, its bytecode and a function.

    Its environment has nothing of this process, and the names in its bytecode are the same wherever it lies.

    Args:
        folder: An empty folder.
        python: The interpreter, one whose `site` finds no start-up file of a test tool.
    """

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder, self.python = folder.resolve(), python
        self.package, self.task = self.folder / "opt", self.folder / "function"
        self.package.mkdir()
        self.task.mkdir()
        shutil.copy2(ROOT / "bootstrap", self.package)
        ignored = shutil.ignore_patterns("__pycache__", "local")
        shutil.copytree(ROOT / "rapid_client", self.package / "rapid_client", ignore=ignored)
        self.write(TRIVIAL)

    @property
    def bootstrap(self) -> list[str]:
        """The command that Lambda starts."""
        return [str(self.package / "bootstrap")]

    @property
    def direct(self) -> list[str]:
        """What `bootstrap` becomes in the end."""
        return [str(self.python), "-S", *self.bootstrap]

    @property
    def module(self) -> list[str]:
        """The command of those who bring their own image; `run` it with PYTHONPATH."""
        return [str(self.python), "-m", "rapid_client", "app.handler"]

    @property
    def floor(self) -> list[str]:
        """The least that a client can do in Python: with what is counted for it, machines can be compared."""
        return [str(self.python), "-S", str(ROOT / "benchmarks" / "floor.py")]

    @property
    def environ(self) -> dict[str, str]:
        """All that a process gets, but for the address of the Runtime API."""
        return {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "PYTHONHASHSEED": "0",
            "RAPID_PYTHON": str(self.python),
            "LAMBDA_TASK_ROOT": str(self.task),
            "_HANDLER": "app.handler",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "g",
            "AWS_LAMBDA_LOG_STREAM_NAME": "s",
            "AWS_REGION": "us-east-1",
        }

    def write(self, source: str) -> None:
        """Make *source* the function, and compile it and the package: nobody's users pay for that."""
        (self.task / "app.py").write_text(source, encoding="utf-8")
        for folder in self.task, self.package / "rapid_client":
            shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        command = [str(self.python), "-m", "compileall", "-q", "-s", str(self.folder), "-p", "/"]
        command += [str(self.task), str(self.package)]
        subprocess.run(command, check=True, env={"PATH": os.defpath}, stdout=subprocess.DEVNULL)

    def run(self, command: Sequence[str], events: Iterable[Events], **variables: str) -> bytes:
        """Serve *events* to *command*, then take the Runtime API away and wait for its end.

        Args:
            command: The command line; its first item is a path.
            events: What to send, in order.
            **variables: More environment variables.

        Returns:
            The body of the first response.

        Raises:
            PeerError: If it does anything but answer its events.
        """
        with ExitStack() as stack:
            with Server() as server:
                environ = self.environ | {"AWS_LAMBDA_RUNTIME_API": server.address} | variables
                process = stack.enter_context(Process(list(command), environ, self.task))
                server.accept(process)
                for name, count in events:
                    server.serve(count, replies(event(name)))
            wait(process)  # it ends since nobody listens any more
            return server.body


def wait(process: Process) -> None:
    """Wait for the end of *process*: strace and valgrind write what they have counted then."""
    descriptor = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        ended = poll.poll(PATIENCE * 1000)
    finally:
        os.close(descriptor)
    assert ended, f"still there {PATIENCE} s after the Runtime API has gone{process.last_words()}"


def tool(name: str, *options: str) -> str:
    """Return the path of the program *name*, or skip with the reason why it cannot be used.

    Args:
        name: ``strace`` or ``valgrind``.
        *options: With which it runs ``true``, to see that it may.
    """
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    probe = subprocess.run([path, *options, "true"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"{name} does not work here: {(probe.stderr.strip().splitlines() or ['no message'])[-1]}")
    return path
