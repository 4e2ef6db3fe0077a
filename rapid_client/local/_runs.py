"""Cold starts of users' functions that can do no harm: no AWS credentials, no network, a read-only folder.

    with Runs(RunSettings(handler="app.handler", options=FunctionOptions(root="src"))) as runs:
        first, second = runs.cold_starts([b"{}"], times=2)[0]

A worker does the runs, in a process of its own (`_runs_worker`): only a whole process, with the Runtime API
that the function talks to, can be put where there is no network.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import rapid_client
from rapid_client.errors import ConfigError
from rapid_client.local.environment import FunctionOptions
from rapid_client.local.function import InvokeResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

#: What leads to AWS credentials, or is one: keys, a profile, a container's role, a web identity.
CREDENTIALS: Final = frozenset(
    {
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
        *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"),
        *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        *("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
        *(
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_ROLE_ARN",
            "AWS_ROLE_SESSION_NAME",
            "AWS_CREDENTIAL_EXPIRATION",
        ),
        *("AWS_EC2_METADATA_DISABLED", "BOTO_CONFIG", "AWS_CREDENTIAL_FILE", "AWS_BEARER_TOKEN_BEDROCK"),
    }
)
#: What stands in their place: clients can be made, and requests are signed with a key that nobody has.
DUMMIES: Final = {
    "AWS_ACCESS_KEY_ID": "AKIDRAPIDNOTAKEY0000",
    "AWS_SECRET_ACCESS_KEY": "not-a-key",
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "BOTO_CONFIG": os.devnull,
}
#: On Lambda the function's folder is read-only: no run may leave bytecode there for the next one. And no
#: log line of ours may tell the runs of two packages apart.
LIKE_LAMBDA: Final = {"PYTHONDONTWRITEBYTECODE": "1", "RAPID_HINTS": "0"}
#: -P: no file beside which we are started is taken for a module of ours.
START: Final = (
    "import importlib, sys; sys.path.insert(0, sys.argv[1]); importlib.import_module(sys.argv[2]).main()"
)
#: Seconds for the worker to end its function after SIGTERM; half a second is what a stubborn function takes.
GRACE: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What is run, and what it may reach.

    Attributes:
        handler: The handler, ``app.handler`` for one.
        options: How it is run.
        aws: Whether it gets the AWS credentials of this process.
        network: Whether it may reach the network.
    """

    handler: str
    options: FunctionOptions = field(default_factory=FunctionOptions)
    aws: bool = False
    network: bool = False


class Runs:
    """Fresh cold starts of one function, as a context manager; use it from one thread.

    Args:
        settings: What is run, and what it may reach.

    Attributes:
        worker_module: The module whose ``main`` does the runs, in a process of its own.
        notices: After ``with``: what could not be done, a line each: that the runs could reach
            the network, or write to the function's folder.

    Raises:
        ConfigError: From ``with``, if no worker can be started.
    """

    worker_module: ClassVar = "rapid_client.local._runs_worker"

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self.notices: list[str] = []

    def __enter__(self) -> Self:
        could: dict[str, str] = {}
        said = self._start(network=self._settings.network)
        if "failed" in said:
            self.__exit__(None, None, None)
            could["reach the network"] = said["failed"]
            said = self._start(network=True)
        if said.get("writable"):
            could["write to the function's folder"] = said["writable"]
        if could:
            reasons = ", ".join(dict.fromkeys(could.values()))
            self.notices.append(
                f"the runs can {' and '.join(could)}: that cannot be prevented here ({reasons})"
            )
        if "ready" not in said:
            self.__exit__(None, None, None)
            raise ConfigError(f"{sys.executable} cannot run functions: its process ended at once")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        worker = self._worker
        worker.terminate()
        try:
            worker.wait(GRACE)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        finally:
            for stream in (worker.stdin, worker.stdout):
                _close(stream)

    def cold_start(self, event: bytes, root: Path | None = None, script: Sequence[str] = ()) -> InvokeResult:
        """Start the function in a new process, invoke it once, and end it.

        Args:
            event: The event, JSON.
            root: Another folder than that of the settings.
            script: A script that is started in the runtime's place, and its arguments, as `ScriptedFunction`
                takes them; none if empty.

        Raises:
            ConfigError: If it cannot be started, or the interpreter cannot run the runtime.
        """
        folder = (root or self._settings.options.folder).absolute()
        question = {"root": str(folder), "event": base64.b64encode(event).decode(), "script": list(script)}
        return read_result(self._said(question)["result"])

    def cold_starts(self, events: Sequence[bytes], times: int) -> list[list[InvokeResult]]:
        """Return, for each event, the results of so many cold starts; the events take turns."""
        results: list[list[InvokeResult]] = [[] for _ in events]
        for _ in range(times):
            for event, found in zip(events, results, strict=True):
                found.append(self.cold_start(event))
        return results

    def _start(self, *, network: bool) -> dict[str, Any]:
        """Start the worker; return the first that it says."""
        settings = self._settings
        options = replace(settings.options, env=_allowed(settings.options.env, aws=settings.aws))
        self._worker = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-c",
                START,
                str(Path(rapid_client.__file__).parent.parent),
                self.worker_module,
            ],
            env=run_environ(os.environ, aws=settings.aws),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        said = {**asdict(options), "root": None, "env": dict(options.env)}
        return self._ask({"handler": settings.handler, "options": said, "network": network})

    def _said(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return the worker's answer.

        Raises:
            ConfigError: If the function cannot be started, or the worker has ended.
        """
        said = self._ask(question)
        if not said or "refused" in said:
            raise ConfigError(said.get("refused") or "the process that runs the function has ended")
        return said

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Send one line to the worker; return its answer, nothing if it has ended."""
        stdin, stdout = self._worker.stdin, self._worker.stdout
        if stdin is None or stdout is None:  # both are pipes
            return {}
        try:
            stdin.write(json.dumps(question) + "\n")
            stdin.flush()
        except BrokenPipeError:
            return {}
        answer: dict[str, Any] = json.loads(stdout.readline() or "{}")
        return answer


def run_environ(environ: Mapping[str, str], *, aws: bool) -> dict[str, str]:
    """Return the environment of a run: *environ* without AWS credentials, unless *aws* lets them pass."""
    if aws:
        return {**environ, **LIKE_LAMBDA}
    return {**_allowed(environ, aws=False), **DUMMIES, **LIKE_LAMBDA}


def _allowed(environ: Mapping[str, str], *, aws: bool) -> dict[str, str]:
    return {name: value for name, value in environ.items() if aws or name not in CREDENTIALS}


def read_result(fields: dict[str, Any]) -> InvokeResult:
    """Return the result that the worker has described."""
    binary = {name: base64.b64decode(fields[name]) for name in ("payload", "log")}
    return InvokeResult(**{**fields, **binary})


def _close(stream: Any) -> None:
    try:
        stream.close()
    except BrokenPipeError:  # it was still to be flushed, and nobody reads it
        pass
