"""What is counted once: modules, files, bytes and system calls until the first ``GET /next``."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from benchmarks.measures.figures import NotMeasured
from benchmarks.measures.start import canned, start

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.measures.figures import Sample, Subject

FIRST_REQUEST: Final = "GET /2018-06-01/runtime/invocation/next"

_CALL: Final = re.compile(r"\d+ +(?:<\.\.\. )?(\w+)( resumed>|\()")
"""How a line of strace's begins: ``17 read(`` or ``17 <... read resumed>``."""

_RESULT: Final = re.compile(r"\) += (-?\d+)")
"""How a line of a call that has returned ends, but for the name of an error."""

OPENING: Final = frozenset({"open", "openat", "openat2"})
READING: Final = frozenset({"read", "pread64", "readv", "preadv", "preadv2"})


@dataclass
class Calls:
    """System calls of a process and all its threads and children."""

    syscalls: int = 0
    files: int = 0
    """Calls that opened a file or a folder; those that found nothing are system calls only."""
    bytes: int = 0
    """Bytes that were read from files and pipes; what is mapped into memory is not read."""

    @classmethod
    def until_first_request(cls, lines: Iterable[str]) -> Self:
        """Count what strace -f has written in *lines*, up to the call that asks for the first event.

        Raises:
            NotMeasured: If it does not ask in a way that strace shows.
        """
        calls = cls()
        for line in lines:
            call = _CALL.match(line)
            if call is None:  # a signal, the end of a process
                continue
            calls.syscalls += call[2] == "("
            results = _RESULT.findall(line)
            result = int(results[-1]) if results else -1
            calls.files += call[1] in OPENING and result >= 0
            calls.bytes += max(result, 0) if call[1] in READING else 0
            if FIRST_REQUEST in line:
                return calls
        raise NotMeasured("strace shows no call that asks for the first event")


def system_calls(subject: Subject) -> Sample:
    """Count files opened, bytes read and system calls from exec to the first ``GET /next``, by strace."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace"
        # 128 bytes of each string: Node.js and Go send a request as the first of several pieces.
        prefix = [str(shutil.which("strace")), "-f", "-qq", "-s", "128", "-o", str(trace)]
        with start(subject, "trivial", prefix=prefix):
            subject.server.serve(1, canned("16"))
        lines = trace.read_text(errors="replace").splitlines()
    return vars(Calls.until_first_request(lines))


@cache
def no_strace() -> str:
    """Return why nothing can be traced on this machine, or an empty string."""
    path = shutil.which("strace")
    if path is None:
        return "strace is not installed"
    probe = subprocess.run(
        [path, "-qq", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False
    )
    return f"strace may not trace here: {probe.stderr.strip()[:200]}" if probe.returncode else ""


def modules(subject: Subject) -> list[str]:
    """Return the modules that the peer loads before the handler, beyond those of ``python -S -c pass``."""
    with start(subject, "modules"):
        subject.server.serve(1, canned("16"))
        loaded = set(json.loads(subject.server.body))
    return sorted(loaded - _bare(subject.machine.python) - {"modules"})


def modules_counted(subject: Subject) -> Sample:
    """Count the modules that the peer loads before the handler."""
    return {"modules": len(modules(subject))}


@cache
def _bare(python: str) -> frozenset[str]:
    probe = [python, "-S", "-c", "import sys; print(*sys.modules)"]
    return frozenset(subprocess.run(probe, capture_output=True, text=True, check=True).stdout.split())
