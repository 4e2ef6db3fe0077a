"""The process that runs a user's function for `runs`, as `_runs_worker` does, with the recorder in it."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rapid_client
from rapid_client.errors import ConfigError
from rapid_client.local import _runs_worker
from rapid_client.local._scripted import ScriptedEnvironment
from rapid_client.local.function import LocalFunction

if TYPE_CHECKING:
    from rapid_client.local.environment import Environment, FunctionOptions

RECORDER: Final = Path(__file__).with_name("recorder.py")
#: `bootstrap` is started by a shell, too.
SHELL: Final = ("/bin/sh", "-c", 'exec "$0" "$@"')
#: The monotonic clock is one for all processes, on Linux and macOS.
BARE: Final = "import time; print(time.monotonic())"
#: The runs write no bytecode: without this, one of another Python would compile the runtime at each start.
PREPARE: Final = (
    "import compileall, sys; sys.exit(not compileall.compile_dir(sys.argv[1], maxlevels=0, quiet=2))"
)


def main() -> None:
    """Answer until standard input ends, or SIGTERM comes."""
    _runs_worker.main(_answer)


def _answer(handler: str, options: FunctionOptions, asked: dict[str, Any]) -> dict[str, Any]:
    """Do one cold start, with all its events; or time an interpreter that runs nothing."""
    here = _Function(handler, replace(options, python=asked["python"]), (asked["out"], asked["mode"]))
    try:
        with here:
            if asked["mode"] == "bare":
                return {"bare": here.bare()}
            if asked["mode"] == "prepare":
                return {"prepared": here.prepare()}
            results = [here.invoke(base64.b64decode(event)) for event in asked["events"]]
            started, init_ms = here.first
            if results[-1].status in ("response", "error"):
                here.environment()[0].wait_ready(options.timeout)  # it has written the recording by then
    except ConfigError as exc:
        return {"refused": str(exc)}
    described = [_runs_worker.described(result) for result in results]
    return {"started": started, "init_ms": init_ms, "results": described}


class _Function(LocalFunction):
    """A function whose process has the recorder, unless the mode is ``plain``."""

    def __init__(self, handler: str, options: FunctionOptions, recorder: tuple[str, str]) -> None:
        super().__init__(handler, options)
        self._recorder = recorder
        self._first: tuple[float, float | None] = 0.0, None

    @property
    def first(self) -> tuple[float, float | None]:
        """When the first process was started, and its initialisation's milliseconds: as in `Run`."""
        if self._environment is not None:
            self._first = self._environment.process.started_at, self._environment.init_ms
        return self._first

    def stop(self) -> None:
        """End the environment, and keep what is known of its start."""
        _ = self.first
        super().stop()

    def _make(self) -> Environment:
        out, mode = self._recorder
        if mode == "plain":
            return super()._make()
        return _Recorded(self.handler, self.options, self._log.write, (str(RECORDER), out, mode))

    def prepare(self) -> bool:
        """Let the interpreter have bytecode of the runtime; return whether it has all of it.

        Raises:
            ConfigError: If the interpreter cannot be started.
        """
        package = str(Path(rapid_client.__file__).parent)
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        command = [self.options.interpreter, "-c", PREPARE, package]
        try:
            done = subprocess.run(
                command, env=environ, cwd=self.options.folder, capture_output=True, check=False
            )
        except OSError as exc:
            raise ConfigError(
                f"the interpreter {self.options.python!r} cannot be executed: {exc.strerror}"
            ) from None
        return done.returncode == 0

    def bare(self) -> list[float]:
        """Return the milliseconds of a shell that does nothing, and up to the interpreter's first line.

        Raises:
            ConfigError: If the interpreter cannot be started.
        """
        command = _Recorded(self.handler, self.options, self._log.write, ()).interpreter_command()
        try:
            start = time.monotonic()
            subprocess.run([*SHELL[:2], ":"], check=True, stdin=subprocess.DEVNULL)
            shell = time.monotonic()
            done = subprocess.run(
                [*command, "-c", BARE], check=True, capture_output=True, cwd=self.options.folder
            )
            first = float(done.stdout)
        except (OSError, ValueError, subprocess.CalledProcessError) as exc:
            raise ConfigError(f"the interpreter {self.options.python!r} cannot be executed: {exc}") from None
        return [(shell - start) * 1000, (first - shell) * 1000]


class _Recorded(ScriptedEnvironment):
    """Starts the recorder in the runtime's place, by a shell; the recorder starts the runtime."""

    shell = SHELL
