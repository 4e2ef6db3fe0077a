"""Cold starts in the real runtime, each in a process of its own, with the recorder or without."""

from __future__ import annotations

import base64
import marshal
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from rapid_client.local._runs import Runs, read_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rapid_client.local.function import InvokeResult

    #: ``plain`` is without the recorder, ``time`` with it, ``use`` also notes which code the events run, and
    #: ``lines`` what the lines of module bodies take.
    Mode = Literal["plain", "time", "use", "lines"]


@dataclass(frozen=True, slots=True)
class Side:
    """What is started: the function's folder and the interpreter."""

    root: Path
    python: str


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


class ProfileRuns(Runs):
    """Runs of which some have the recorder; a context manager."""

    worker_module: ClassVar = "rapid_client.local._profile.worker"

    def start(self, side: Side, mode: Mode, events: Sequence[bytes]) -> Run:
        """Start the function once and send *events* to it, one after the other.

        Raises:
            ConfigError: If the process cannot be started, or the interpreter cannot run the runtime.
        """
        with tempfile.TemporaryDirectory(prefix="rapid-profile-") as folder:
            out = Path(folder, "recording")
            encoded = [base64.b64encode(event).decode() for event in events]
            said = self._of(side, {"mode": mode, "out": str(out), "events": encoded})
            recording = marshal.loads(out.read_bytes()) if out.exists() else None  # noqa: S302 - our own file
        results = [read_result(result) for result in said["results"]]
        return Run(said["started"], said["init_ms"], results, recording)

    def prepare(self, side: Side) -> bool:
        """Let the interpreter have bytecode of the runtime, and return whether it has: no run writes any.

        Raises:
            ConfigError: If the interpreter cannot be started.
        """
        prepared: bool = self._of(side, {"mode": "prepare", "out": "", "events": []})["prepared"]
        return prepared

    def bare(self, side: Side) -> tuple[float, float]:
        """Return the milliseconds of a shell that does nothing, and up to the interpreter's first line.

        Raises:
            ConfigError: If the interpreter cannot be started.
        """
        process, interpreter = self._of(side, {"mode": "bare", "out": "", "events": []})["bare"]
        return process, interpreter

    def _of(self, side: Side, question: dict[str, Any]) -> dict[str, Any]:
        return self._said({"root": str(side.root.absolute()), "python": side.python, **question})
