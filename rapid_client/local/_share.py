"""What work takes within a call, where a function has its memory's share of a CPU; init has a whole one."""

from __future__ import annotations

from typing import Final

#: Memory sizes that are named to users, in MB.
SIZES: Final = (128, 512, 1769)
#: Megabytes of memory at which a function has a whole CPU (AWS docs: Configure Lambda function memory).
WHOLE_CPU: Final = 1769


def in_call(ms: float, size: int) -> float:
    """Return the milliseconds that *ms* of work take in a call with *size* MB of memory."""
    return ms * WHOLE_CPU / min(size, WHOLE_CPU)
