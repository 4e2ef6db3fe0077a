"""One of the two runtimes, as a process that serves case after case and starts anew when it has ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rapid_client.local import MockRuntimeApi, MockSettings
from tests.conftest import KEPT, MEASURING, ROOT
from tests.differential import normal

if TYPE_CHECKING:
    from rapid_client.local import RecordedRequest
    from tests.differential.model import Case, Field, Setting

FUNCTION: Final = Path(__file__).parent / "functions" / "app.py"
NONCE: Final = "Lambda-Runtime-Invocation-Id"
#: Seconds after which a process that neither asks for an event nor ends is killed.
PATIENCE: Final = 20.0
COMMON: Final = {
    "LANG": "C.UTF-8",
    "PYTHONPATH": str(ROOT),
    "PYTHONDONTWRITEBYTECODE": "1",
    "RAPID_HINTS": "0",  # a slow machine may need 50 ms to compile, and the other side says nothing of it
    "AWS_LAMBDA_FUNCTION_NAME": "f",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_LOG_GROUP_NAME": "g",
    "AWS_LAMBDA_LOG_STREAM_NAME": "s",
    "TZ": "UTC",
}


@dataclass(frozen=True)
class Observed:
    """What a runtime did with one case."""

    requests: tuple[RecordedRequest, ...]
    raw_stdout: bytes
    raw_stderr: bytes
    raw_frames: bytes
    exit: int | None
    asked: int

    @property
    def last(self) -> RecordedRequest | None:
        """The last POST."""
        return self.requests[-1] if self.requests else None

    def part(self, name: Field) -> Any:
        """Return one part of it, comparable."""
        if name == "posts":
            return [normal.post(request) for request in self.requests]
        if name == "stdout":
            return normal.text(self.raw_stdout)
        if name == "stderr":
            # A process that ends by an exception says so in words of its own.
            return normal.text(self.raw_stderr) if self.exit is None else ""
        if name == "frames":
            return normal.frames(self.raw_frames)
        return self.exit if name == "exit" else self.asked


class Side:
    """One runtime under one setting.

    Args:
        runtime: ``awslambdaric`` or ``rapid_client``.
        setting: How it is started.
        folder: The task folder, shared by both sides, so that paths are the same.
        python: The interpreter for ``bootstrap``.
    """

    def __init__(self, runtime: str, setting: Setting, folder: Path, python: Path) -> None:
        self.runtime, self.setting, self.folder, self._python = runtime, setting, folder, python
        output = folder.parent / runtime
        output.mkdir()
        self.mock = MockRuntimeApi(settings=MockSettings(snapstart=setting.snapstart, timeout=3.0)).start()
        self._files = [(output / name).open("w+b", buffering=0) for name in ("stdout", "stderr", "frames")]
        self._read = [0, 0, 0]
        self._process: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """End the process and the mock."""
        self._end()
        self.mock.close()
        for file in self._files:
            file.close()

    def run(self, case: Case, number: int) -> Observed:
        """Run *case*; *number* makes its request id one that no other has."""
        mock = self.mock
        if case.fresh or case.started or case.faults or case.event is ... or case.sigterm:
            self._end()
        began, asked = time.monotonic(), mock.calls("next")
        for fault in case.faults:
            mock.inject(fault)
        if self._process is None:
            self._start()
            if case.event is not ... and not case.faults:
                self._wait(asked + 1)
                asked = mock.calls("next") - 1
                if not case.started:
                    self._read_output()  # what initialisation wrote is the business of other cases
        else:
            asked -= 1  # the one that waits for this event
        process = self._process
        assert process is not None
        if case.sigterm:
            process.send_signal(signal.SIGTERM)
            self._wait_for_exit(process, 0.6)
        elif case.event is not ...:
            options = case.options
            if options.request_id is None:
                options = replace(options, request_id=f"{case.action}~{number}")
            if NONCE not in options.omit:  # the mock's own is another one for each side
                headers = (*options.headers, (NONCE, f"nonce-{number}"))
                options = replace(options, headers=headers, omit=(*options.omit, NONCE))
            mock.invoke(case.event if isinstance(case.event, bytes) else json.dumps(case.event), options)
            self._wait(asked + 2)
        else:
            self._wait(-1)
        code = process.poll()
        stdout, stderr, framed = self._read_output()
        if code is not None:
            self._end()
        requests = tuple(r for r in mock.requests if r.time >= began and r.method == "POST")
        return Observed(requests, stdout, stderr, framed, code, mock.calls("next") - asked)

    def _start(self) -> None:
        environ = {name: os.environ[name] for name in KEPT if name in os.environ}
        if self.runtime == "rapid_client":
            environ |= {name: os.environ[name] for name in MEASURING if name in os.environ}
        environ |= {**COMMON, "AWS_LAMBDA_RUNTIME_API": self.mock.address}
        stdout, stderr, framed = self._files
        if self.setting.frames:
            environ["_LAMBDA_TELEMETRY_LOG_FD"] = str(framed.fileno())
        environ |= self.setting.env
        for name in self.setting.unset:
            environ.pop(name, None)
        if self.setting.bootstrap and self.runtime == "rapid_client":
            environ["RAPID_PYTHON"] = str(self._python)
            command = [str(ROOT / "bootstrap")]
        else:
            command = [sys.executable, "-m", self.runtime]
        if self.setting.handler is not None:
            command.append(self.setting.handler)
        self._process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            pass_fds=(framed.fileno(),) if self.setting.frames else (),
        )

    def _wait(self, asked: int) -> None:
        """Wait until the runtime has asked for that many events, or has ended; -1: until it has ended."""
        process = self._process
        assert process is not None
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and (asked < 0 or self.mock.calls("next") < asked):
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise TimeoutError(f"{self.runtime} neither went on nor ended")
            time.sleep(0.001)

    @staticmethod
    def _wait_for_exit(process: subprocess.Popen[bytes], seconds: float) -> None:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _read_output(self) -> tuple[bytes, bytes, bytes]:
        """Return what was written since the last time."""
        parts = []
        for index, file in enumerate(self._files):
            data = os.pread(file.fileno(), 1 << 26, self._read[index])
            self._read[index] += len(data)
            parts.append(data)
        return parts[0], parts[1], parts[2]

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.kill()
        process.wait()
        self._read_output()
        self.mock.exited("Runtime.ExitError", "Runtime exited")
