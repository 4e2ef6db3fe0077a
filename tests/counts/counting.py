"""What is counted, and how: system calls by strace, instructions and allocations by valgrind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.counts.laboratory import TRIVIAL, tool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.counts.laboratory import Events, Laboratory

#: Says at the first event what is loaded then.
SHOW: Final = "import sys\n\n\ndef handler(event, context):\n    return sorted(sys.modules)\n"
#: Says what an interpreter has loaded that does nothing; `getsid`, which nobody else calls, ends the count.
NOTHING: Final = "import posix, sys\nprint(*sys.modules)\nposix.getsid(0)\n"
SCRIPT: Final = "nothing.py"
#: It holds the path of the virtual environment, so its length says nothing.
SETTINGS: Final = "venv/pyvenv.cfg"
#: strace says /proc/42/maps, which glibc 2.42 reads: another number at each start.
NUMBER: Final = re.compile(r"^/proc/\d+/")
#: The least that a shell does to start it.
SHELL: Final = ("/bin/sh", "-c", 'exec "$0" "$@"')
READS: Final = ("read", "readv", "pread64", "preadv", "preadv2")
#: A start-up costs as much as thousands of invocations, so two runs are subtracted, of so many and more.
WARM: Final = 128
MORE: Final = 256
#: The events whose instructions are counted: one with a length, one that comes in chunks.
EVENTS: Final = ("16", "apigw")


class Count:
    """One thing that was counted.

    Attributes:
        total: How many.
        parts: What they are: how many of each.
    """

    __slots__ = ("parts", "total")

    def __init__(self, total: float, parts: Mapping[str, int]) -> None:
        self.total, self.parts = total, dict(parts)


def summed(ours: Counter[str], bare: Counter[str]) -> Count:
    """Return what *ours* has more than *bare*; where it has less, that counts against it."""
    more = Counter(ours)
    more.subtract(bare)
    return Count(more.total(), {name: count for name, count in sorted(more.items()) if count})


class Trace:
    """The system calls of a process and its children, up to the first that matches *last*.

    Attributes:
        calls: How often each was called.
        opened: How often each file was opened.
        read: How many bytes were read of each.
    """

    __slots__ = ("calls", "opened", "read")

    def __init__(self, text: str, last: str) -> None:
        self.calls: Counter[str] = Counter()
        self.opened: Counter[str] = Counter()
        self.read: Counter[str] = Counter()
        for line in text.splitlines():
            if re.match(r"\d+ +" + last, line):
                return
            self._take(line)
        raise AssertionError(f"nothing matches {last!r} in the trace, which ends with {text[-300:]!r}")

    def _take(self, line: str) -> None:
        found = re.match(r"\d+ +(\w+)\((.*)", line)
        if found is None:
            return  # a signal, or the second half of a call that was interrupted
        name, rest = found.groups()
        self.calls[name] += 1
        if name.startswith("open"):
            if path := re.search(r"= \d+<(/[^<>]*)>$", rest):
                self.opened[NUMBER.sub("/proc/self/", path[1])] += 1
        elif name in READS and (file := re.match(r"\d+<(/[^>]*)>.* = (\d+)$", rest)):
            self.read[NUMBER.sub("/proc/self/", file[1])] += int(file[2])


def start(laboratory: Laboratory, **variables: str) -> dict[str, Count]:
    """Count what `bootstrap` takes until it asks for its first event, less what Python itself takes.

    Python itself is ``python -S`` with an empty script, since ``-c`` imports `linecache` on 3.13.

    Args:
        laboratory: Where it runs.
        **variables: More environment variables.
    """
    strace = [tool("strace", "-o", os.devnull), "-f", "-qq", "-y", "-s", "512", "-o"]
    laboratory.write(SHOW)
    script, full, bare = (laboratory.folder / name for name in (SCRIPT, "trace", "trace-bare"))
    script.write_text(NOTHING)
    traced = [*strace, str(full), *laboratory.bootstrap]
    modules = json.loads(laboratory.run(traced, [("16", 1)], **variables))
    command = [*strace, str(bare), *SHELL, str(laboratory.python), "-S", str(script)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=laboratory.task, env=laboratory.environ
    )
    ours = Trace(full.read_text("utf-8", "replace"), r"sendto\(.*/invocation/next")
    theirs = Trace(bare.read_text("utf-8", "replace"), r"getsid\(")
    opened = (named(trace.opened, laboratory, SCRIPT) for trace in (ours, theirs))
    read = (named(trace.read, laboratory, SCRIPT, SETTINGS) for trace in (ours, theirs))
    return {
        "modules imported": summed(Counter(modules), Counter(done.stdout.split())),
        "files opened": summed(*opened),
        "bytes read": summed(*read),
        "system calls at start": summed(ours.calls, theirs.calls),
    }


def named(files: Counter[str], laboratory: Laboratory, *left_out: str) -> Counter[str]:
    """Name *files* so that it does not matter where interpreter and laboratory are; drop those *left_out*."""
    base, venv = str(Path(sys.base_prefix).resolve()), str(laboratory.python.parent.parent.resolve())
    short: Counter[str] = Counter()
    for path, count in files.items():
        name = path.replace(str(laboratory.folder), "").replace(venv, "venv").replace(base, "python")
        short[name.lstrip("/")] += count
    for name in left_out:
        del short[name]
    return short


def warm_calls(laboratory: Laboratory, command: Sequence[str], **variables: str) -> list[str]:
    """Return the names of the system calls of twenty warm invocations, from one request to another.

    Args:
        laboratory: Where it runs.
        command: How it is started.
        **variables: More environment variables.
    """
    path = laboratory.folder / "trace-warm"
    # Whole requests are kept, since one for an event may follow a response in the same segment.
    strace = [tool("strace", "-o", os.devnull), "-f", "-qq", "-s", "1024", "-o", str(path)]
    laboratory.run([*strace, *command], [("16", 35)], **variables)
    lines = [
        line for line in path.read_text("utf-8", "replace").splitlines() if re.match(r"\d+ +\w+\(", line)
    ]
    asked = [index for index, line in enumerate(lines) if "invocation/next" in line]
    return [line.split()[1].partition("(")[0] for line in lines[asked[10] : asked[30]]]


def instructions(laboratory: Laboratory) -> dict[str, Count]:
    """Count the instructions of a warm invocation as multiples of the Python floor's."""
    laboratory.write(TRIVIAL)
    ours, floor = executed(laboratory, laboratory.direct), executed(laboratory, laboratory.floor)
    return {
        f"instructions per invocation ({name}), as a multiple of the Python floor's": Count(
            round(ours[name] / floor[name], 3), {"ours": ours[name], "floor": floor[name]}
        )
        for name in EVENTS
    }


def executed(laboratory: Laboratory, command: Sequence[str]) -> dict[str, int]:
    """Return the instructions that *command* takes for one event, by the name of the event."""
    callgrind = [tool("valgrind", "--tool=none"), "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    log = laboratory.folder / "callgrind"

    def collected(*events: Events) -> int:
        laboratory.run([*callgrind, f"--log-file={log}", *command], [("16", WARM), *events])
        found = re.search(r"Collected : (\d+)", log.read_text())
        assert found, f"callgrind has counted nothing: {log.read_text()[-300:]}"
        return int(found[1])

    before = collected()
    return {name: round((collected((name, MORE)) - before) / MORE) for name in EVENTS}


def allocations(laboratory: Laboratory) -> dict[str, Count]:
    """Count the blocks of memory that a warm invocation of 16 bytes allocates.

    Every object is a block of its own then, but for those that the interpreter keeps for another use.
    """
    dhat = [tool("valgrind", "--tool=none"), "--tool=dhat", "--dhat-out-file=/dev/null"]
    log = laboratory.folder / "dhat"
    laboratory.write(TRIVIAL)

    def allocated(count: int) -> int:
        command = [*dhat, f"--log-file={log}", *laboratory.direct]
        laboratory.run(command, [("16", count)], PYTHONMALLOC="malloc")
        found = re.search(r"Total: .* in ([\d,]+) blocks", log.read_text())
        assert found, f"dhat has counted nothing: {log.read_text()[-300:]}"
        return int(found[1].replace(",", ""))

    before = allocated(WARM)
    return {"allocations per invocation": Count(round((allocated(WARM + MORE) - before) / MORE), {})}
