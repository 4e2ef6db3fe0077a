"""A peer's process: started with little in between, watched through the kernel's own accounts."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Self

_PROCESS_CLOCK = 2
"""The kernel's CPUCLOCK_SCHED of a process: the CPU time of all its threads, the ended ones included."""


class Process:
    """A running child. Use it as a context manager: leaving kills it and waits for its end."""

    def __init__(self, argv: list[str], environ: Mapping[str, str], cwd: Path) -> None:
        """Start *argv* (first item: a path) in *cwd*; `started` is the clock just before, in nanoseconds."""
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        null = os.open(os.devnull, os.O_RDONLY)
        out = self._output.fileno()
        actions = [
            (os.POSIX_SPAWN_DUP2, null, 0),
            (os.POSIX_SPAWN_DUP2, out, 1),
            (os.POSIX_SPAWN_DUP2, out, 2),
        ]
        try:
            with contextlib.chdir(cwd):
                self.started = time.monotonic_ns()
                self.pid = os.posix_spawn(
                    argv[0], argv, environ, file_actions=actions, setsigdef=[signal.SIGPIPE]
                )
        except OSError:
            self._output.close()
            raise
        finally:
            os.close(null)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._output.close()

    def cpu(self) -> float:
        """Return the CPU time it has used since its start, in microseconds."""
        return time.clock_gettime_ns((~self.pid << 3) | _PROCESS_CLOCK) / 1000

    def peak_memory(self) -> float:
        """Return the most memory that it ever had resident, in MB of 1,000,000 bytes."""
        return self._status("VmHWM:") * 1024 / 1e6

    def _status(self, field: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1])
        raise LookupError(f"/proc/{self.pid}/status has no {field}")

    def last_words(self) -> str:
        """Return the last line that it wrote, after a colon, or nothing: for a message about its end."""
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        return f": {lines[-1].strip()}" if lines else ""


def cores() -> list[int]:
    """Return the cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []


@contextlib.contextmanager
def pinned(wanted: Iterable[int]) -> Iterator[bool]:
    """Keep this process, and what it starts, on the *wanted* cores; yield whether that was permitted."""
    if not hasattr(os, "sched_setaffinity"):
        yield False
        return
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, wanted)
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        os.sched_setaffinity(0, before)
