"""A peer's process: started with little in between, watched through the kernel's own accounts."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Self

    from benchmarks.cgroup import Group

_PROCESS_CLOCK: Final = 2
"""The kernel's CPUCLOCK_SCHED of a process: the CPU time of all its threads, the ended ones included."""

_PIPE_SIZE: Final = 1_048_576
"""Bytes that a pipe may hold without privileges (/proc/sys/fs/pipe-max-size as the kernel has it)."""

_WORDS: Final = 65_536
"""Bytes kept of what a process wrote, for a message about its end."""

_IN_GROUP: Final = 'echo $$ >"$0" && read -r go <&3 && exec "$@" 3<&-'
"""A shell that joins a group, waits for a line, and becomes the command: it is exec that is measured from."""

_changing_folder: Final = threading.Lock()
"""A process has one current folder, and those who start several children at once share it."""


class Process:
    """A running child, in a process group of its own. Use it as a context manager: leaving kills the group.

    What it writes goes into a pipe, as in Lambda, so that a log line costs it what it costs there. `drain`
    empties the pipe; nobody waits at its other end, since a reader that wakes up for each line would add its
    own work, and two switches, to the latency of those that share its core. The pipe holds 1 MB, 5,000 lines.
    """

    def __init__(
        self, argv: list[str], environ: Mapping[str, str], cwd: Path, group: Group | None = None
    ) -> None:
        """Start *argv* (first item: a path) in *cwd*, with *group*'s share of a CPU from its exec on.

        `started` is the clock just before, in nanoseconds.

        Raises:
            OSError: If it cannot be started.
        """
        self._words, self._cwd = b"", cwd
        self._output, out = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._output, False)
        with contextlib.suppress(OSError):  # one user may have 64 MB of pipes; then it holds 64 KB
            fcntl.fcntl(out, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        files = {0: null, 1: out, 2: out}
        try:
            if group is None:
                self._spawn(argv, environ, files)
            else:
                self._spawn_in(group, argv, environ, files)
        except BaseException:
            os.close(self._output)
            raise
        finally:
            os.close(null)
            os.close(out)

    def _spawn(self, argv: list[str], environ: Mapping[str, str], files: Mapping[int, int]) -> None:
        actions = [(os.POSIX_SPAWN_DUP2, ours, its) for its, ours in files.items()]
        with _changing_folder, contextlib.chdir(self._cwd):
            self.started = time.monotonic_ns()
            self.pid = os.posix_spawn(
                argv[0], argv, environ, file_actions=actions, setpgroup=0, setsigdef=[signal.SIGPIPE]
            )

    def _spawn_in(
        self, group: Group, argv: list[str], environ: Mapping[str, str], files: Mapping[int, int]
    ) -> None:
        waits, go = os.pipe2(os.O_CLOEXEC)
        try:
            shell = ["/bin/sh", "-c", _IN_GROUP, str(group.members), *argv]
            self._spawn(shell, environ, {**files, 3: waits})
            try:
                group.settle(self.pid)
                self.started = time.monotonic_ns()
                os.write(go, b"\n")
            except BaseException as exc:
                self._end()
                if isinstance(exc, TimeoutError):
                    raise OSError(f"{exc}{self.last_words()}") from exc
                raise
        finally:
            os.close(waits)
            os.close(go)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._end()
        os.close(self._output)

    def _end(self) -> None:
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def wait(self, seconds: float) -> bool:
        """Wait at most *seconds* for its end, without taking note of it; return whether it has ended."""
        watched = os.pidfd_open(self.pid)
        try:
            poll = select.poll()
            poll.register(watched, select.POLLIN)
            limit = time.monotonic() + seconds
            while not poll.poll(20):
                self.drain()
                if time.monotonic() > limit:
                    return False
            return True
        finally:
            os.close(watched)

    def cpu(self) -> float:
        """Return the CPU time it has used since its start, in microseconds."""
        return time.clock_gettime_ns((~self.pid << 3) | _PROCESS_CLOCK) / 1000

    def peak_memory(self) -> float:
        """Return the most memory that it ever had resident, in MB of 1,000,000 bytes."""
        return self._status("VmHWM:") * 1024 / 1e6

    def memory(self) -> float:
        """Return the memory that it has resident now, in MB of 1,000,000 bytes."""
        return self._status("VmRSS:") * 1024 / 1e6

    def _status(self, field: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1])
        raise LookupError(f"/proc/{self.pid}/status has no {field}")

    def drain(self) -> None:
        """Take what it has written out of the pipe: often enough that it never has to wait for room."""
        try:
            while data := os.read(self._output, _PIPE_SIZE):
                self._words = (self._words + data)[-_WORDS:]
                if len(data) < _PIPE_SIZE:
                    break
        except BlockingIOError:
            pass  # nothing there

    def last_words(self) -> str:
        """Return the last line that it wrote, after a colon, or nothing: for a message about its end."""
        self.drain()
        lines = self._words.decode(errors="replace").strip().splitlines()
        return f": {lines[-1].strip()}" if lines else ""


def cores() -> list[int]:
    """Return the cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []


@contextlib.contextmanager
def pinned(wanted: Iterable[int]) -> Iterator[bool]:
    """Keep this thread, and what it starts, on the *wanted* cores; yield whether that was permitted."""
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
