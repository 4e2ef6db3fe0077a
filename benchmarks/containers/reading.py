"""The files that a start opens and the bytes that it reads, up to its first request, as strace sees them."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.containers.gate import ContainerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.containers.gate import Gated
    from benchmarks.server import Server

READS: Final = ("read", "readv", "pread64", "preadv", "preadv2")
CALLS: Final = (*READS, "execve", "open", "openat", "openat2", "write", "writev", "sendto", "sendmsg")
ASKED: Final = "/runtime/invocation/next"


@dataclass
class Reading:
    """How often each file was opened, and how many bytes of it were read; mapped ones do not count."""

    opened: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)

    def take(self, name: str, rest: str) -> None:
        """Note the system call *name*; *rest* is the line behind its opening bracket."""
        if name.startswith("open"):
            if path := re.search(r"= \d+<(/[^<>]*)>$", rest):
                self.opened[path[1]] += 1
        elif name in READS and (file := re.match(r"\d+<(/[^>]*)>.* = (\d+)$", rest)):
            self.read[file[1]] += int(file[2])


def reading(lines: Iterable[str]) -> Reading:
    """Count what is in strace's *lines* from the first exec to the first request for an event.

    Raises:
        ContainerError: If one of the two is not in them.
    """
    found, executed, unfinished = Reading(), False, dict[str, str]()
    for line in lines:
        match = re.match(r"(\d+) +(.*)", line)
        if match is None:
            continue
        pid, call = match.groups()
        if call.endswith("<unfinished ...>"):
            unfinished[pid] = call.removesuffix("<unfinished ...>")
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", call):
            call = unfinished.pop(pid, "") + resumed[1]
        name, bracket, rest = call.partition("(")
        if not bracket:
            continue
        executed = executed or name == "execve"
        if executed and ASKED in rest and name not in {*READS, "execve"}:
            return found
        if executed:
            found.take(name, rest.rstrip())
    raise ContainerError("the trace has no exec, or no request for an event, in it")


def trace(container: Gated, server: Server) -> Reading:
    """Execute the entry point of *container* under strace and wait until it asks *server* for an event."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace"
        argv = ["strace", "-f", "-qq", "-y", "-s", "256", "-e", f"trace={','.join(CALLS)}", "-o", str(file)]
        tracer = subprocess.Popen([*argv, "-p", str(container.pid)], stderr=subprocess.PIPE)
        try:
            _wait_for(container.pid)
            container.open()
            server.accept(container)
        finally:
            tracer.terminate()
            tracer.communicate()
        with file.open(encoding="utf-8", errors="replace") as lines:
            return reading(lines)


def _wait_for(pid: int) -> None:
    """Wait until somebody traces process *pid*."""
    limit = time.monotonic() + 10
    while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text():
        if time.monotonic() > limit:
            raise ContainerError("strace does not attach: it needs root")
        time.sleep(0.01)
