"""Cold starts in the real runtime, each in a process of its own, with the recorder or without."""

from __future__ import annotations

import marshal
import os
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import rapid_client
from rapid_client.local import InvokeOptions
from rapid_client.local.environment import Environment, FunctionOptions
from rapid_client.local.function import LocalFunction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rapid_client.local.function import InvokeResult

    #: ``plain`` is without the recorder, ``time`` with it, ``use`` also notes which code the events run.
    Mode = Literal["plain", "time", "use"]

RECORDER: Final = Path(__file__).with_name("recorder.py")
#: What leads to AWS credentials: a profile, a role of a container, a web identity.
CREDENTIALS: Final = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_SESSION_TOKEN",
)
#: What stands in their place; empty names count as unset for botocore.
DUMMIES: Final = {
    "AWS_ACCESS_KEY_ID": "rapid-profile",
    "AWS_SECRET_ACCESS_KEY": "rapid-profile",
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One cold start and the events after it.

    Attributes:
        started: When the process was started, seconds of the monotonic clock.
        init_ms: From there to the first ``/next``; None where init failed.
        results: What came of each event.
        recording: What the recorder wrote; None without it, or where it wrote nothing.
    """

    started: float
    init_ms: float | None
    results: list[InvokeResult] = field(default_factory=list)
    recording: dict[str, Any] | None = None


def without_credentials(options: FunctionOptions, environ: Mapping[str, str]) -> FunctionOptions:
    """Return *options* for a run that no AWS credentials reach; *environ* is this process's."""
    hidden = dict.fromkeys((name for name in CREDENTIALS if name in environ or name in options.env), "")
    return replace(options, env={**options.env, **hidden, **DUMMIES})


def repeatable(options: FunctionOptions) -> FunctionOptions:
    """Return *options* for a run that writes no .pyc, as on Lambda, where the folder is read-only."""
    return replace(options, env={**options.env, "PYTHONDONTWRITEBYTECODE": "1", "RAPID_PIPELINE": ""})


def cold_start(handler: str, options: FunctionOptions, mode: Mode, events: Sequence[bytes]) -> Run:
    """Start the function once and send *events* to it, one after the other.

    Raises:
        ConfigError: If the process cannot be started, or the interpreter cannot run the runtime.
    """
    with tempfile.TemporaryDirectory(prefix="rapid-profile-") as folder:
        out = Path(folder, "recording")
        with _Function(handler, options, (str(out), mode)) as function:
            results = [function.invoke(event, InvokeOptions()) for event in events]
            started, init_ms = function.first
            if results[-1].status in ("response", "error"):
                function.environment()[0].wait_ready(options.timeout)  # it has written the recording by then
        recording = marshal.loads(out.read_bytes()) if out.exists() else None  # noqa: S302 - our own file
    return Run(started, init_ms, results, recording)


class _Function(LocalFunction):
    """A function whose process has the recorder, unless the mode is ``plain``."""

    def __init__(self, handler: str, options: FunctionOptions, recorder: tuple[str, str]) -> None:
        super().__init__(handler, options)
        self._recorder = recorder

    @property
    def first(self) -> tuple[float, float | None]:
        """When the process was started, and its initialisation's milliseconds: as in `Run`."""
        environment, _ = self.environment()
        return environment.process.started_at, environment.init_ms

    def environment(self) -> tuple[Environment, bool]:
        """Return the environment and whether it is a new one; an ended one is not replaced."""
        if self._environment is not None:
            return self._environment, False
        out, mode = self._recorder
        environment = Environment(self.handler, self.options, self._log.write)
        if mode != "plain":
            environment = _Recorded(self.handler, self.options, self._log.write)
            environment.recorder = out, mode
        self._environment = environment.__enter__()
        return self._environment, True


class _Recorded(Environment):
    """Starts the recorder in the runtime's place; the recorder starts the runtime."""

    recorder = "", ""

    def _command(self) -> list[str]:
        bootstrap = self._bootstrap()
        root = str(Path(rapid_client.__file__).parent.parent) if bootstrap is not None else ""
        site = ["-S"] if bootstrap is not None and self.options.env.get("RAPID_SITE") != "1" else []
        return [self.options.interpreter, *site, str(RECORDER), *self.recorder, root, self.handler]
