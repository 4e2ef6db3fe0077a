"""What the system knows of a process, by its id."""

from __future__ import annotations

import time
from pathlib import Path


def state(pid: int) -> str | None:
    """Return the letter of a process's state, as proc(5) has it; None without such a process, or /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


def alive(pid: int) -> bool:
    """Whether a process still runs; a zombie does not."""
    return state(pid) not in (None, "Z")


def gone(pid: int) -> bool:
    """Whether a process ends within some seconds; a zombie has ended."""
    for _ in range(500):
        if not alive(pid):
            return True
        time.sleep(0.01)
    return False
