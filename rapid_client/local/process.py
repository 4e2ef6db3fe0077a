"""The runtime as a process: start it, read its output, know how it ended, leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rapid_client.local._output import OutputPipe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Seconds between SIGTERM and SIGKILL; Lambda gives 300 to 500 ms where an extension is registered
#: (AWS docs: Lambda execution environment lifecycle, Shutdown phase).
GRACE: Final = 0.5
#: How Go, in which Lambda's own supervisor is written, names the signals that end a process.
SIGNAL_NAMES: Final = {
    signal.SIGABRT: "aborted",
    signal.SIGALRM: "alarm clock",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGHUP: "hangup",
    signal.SIGILL: "illegal instruction",
    signal.SIGINT: "interrupt",
    signal.SIGKILL: "killed",
    signal.SIGPIPE: "broken pipe",
    signal.SIGQUIT: "quit",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGTERM: "terminated",
    signal.SIGTRAP: "trace/breakpoint trap",
}


@dataclass(frozen=True, slots=True)
class Program:
    """What to start: the program and its arguments, the whole environment, the working directory."""

    command: Sequence[str]
    environ: Mapping[str, str]
    folder: Path


class RuntimeProcess:
    """A process with a session and process group of its own; its stdout and stderr are one stream.

    The group ends with the process: what a function started in the background does not outlive it.

    Args:
        program: What to start.
        log: Called with what the process writes, as it comes, from one thread at a time.
        on_exit: Called once, from a thread, when the process has ended, by itself or by us; all that it wrote
            was handed on by then. It gets `exit_reason`.

    Raises:
        OSError: If the program cannot be started.
    """

    def __init__(
        self, program: Program, log: Callable[[bytes], None], on_exit: Callable[[str], None]
    ) -> None:
        self._own_peak = _peak_of("self")
        self._peak = 0
        self._on_exit = on_exit
        self._output = OutputPipe(log)
        self._ended = threading.Event()
        self._closing = threading.Lock()
        self._closed = False
        self.started_at = self.ended_at = time.monotonic()
        try:
            self._popen = subprocess.Popen(
                program.command,
                env=program.environ,
                cwd=program.folder,
                stdin=subprocess.DEVNULL,
                stdout=self._output.writer,
                stderr=self._output.writer,
                start_new_session=True,
            )
        except BaseException:
            self._output.discard()
            raise
        self.pid = self._popen.pid
        self._output.started()
        self._waiter = threading.Thread(target=self._wait, name="function process", daemon=True)
        self._waiter.start()

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._ended.is_set()

    @property
    def exit_reason(self) -> str:
        """How the process ended, in Lambda's words: ``Runtime exited with error: exit status 1``."""
        code = self._popen.returncode
        if code is None or code == 0:
            return "Runtime exited without providing a reason"
        if code > 0:
            return f"Runtime exited with error: exit status {code}"
        return (
            f"Runtime exited with error: signal: {SIGNAL_NAMES.get(signal.Signals(-code), f'signal {-code}')}"
        )

    def drain(self) -> None:
        """Hand on to *log* whatever was written up to now."""
        with self._closing:
            if not self._closed:
                self._output.drain()

    def peak_memory(self) -> int:
        """Return the most memory that the process itself has held so far, in bytes.

        Linux tells the peak; on macOS, as long as the process lives, the most that was seen.
        """
        if not self.ended:
            self._peak = max(self._peak, _peak_of(str(self.pid)))
        return self._peak

    def wait(self, timeout: float) -> bool:
        """Wait at most *timeout* seconds for the end; say whether it came."""
        return self._ended.wait(timeout)

    def kill(self) -> None:
        """End the process and its group at once, and wait until it is gone."""
        self._signal(signal.SIGKILL)
        self._ended.wait()

    def stop(self) -> None:
        """End the process and its group: SIGTERM, then SIGKILL after `GRACE` seconds; idempotent."""
        self._signal(signal.SIGTERM)
        try:
            self._ended.wait(GRACE)
        finally:  # also where an impatient Ctrl-C ends the waiting
            self._signal(signal.SIGKILL)
        self._waiter.join()
        with self._closing:
            if not self._closed:
                self._closed = True
                self._output.close()

    def _signal(self, number: int) -> None:
        if not self.ended:
            _signal_group(self.pid, number)

    def _wait(self) -> None:
        """Wait for the end, kill what is left of the group, and only then reap: until then the id is ours."""
        if hasattr(os, "waitid"):  # macOS has it since CPython 3.13
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            _signal_group(self.pid, signal.SIGKILL)
        _, status, usage = os.wait4(self.pid, 0)
        self.ended_at = time.monotonic()
        self._popen.returncode = os.waitstatus_to_exitcode(status)
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        if (
            peak > self._own_peak
        ):  # Linux counts what we held when we started the process; above that, it is its own
            self._peak = max(self._peak, peak)
        self.drain()
        self._ended.set()
        self._on_exit(self.exit_reason)


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS says EPERM of a group of zombies
        pass


def _peak_of(process: str) -> int:
    """The peak of the resident memory of a process, in bytes; 0 if it is unknown."""
    platform: str = sys.platform  # the type checker would call the other half unreachable
    if platform == "linux":
        return _peak_in_proc(process)
    answer = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(os.getpid()) if process == "self" else process],
        capture_output=True,
        text=True,
        check=False,
    )
    return int(answer.stdout.strip() or 0) * 1024


def _peak_in_proc(process: str) -> int:
    try:
        text = Path("/proc", process, "status").read_text("utf-8", "replace")
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
