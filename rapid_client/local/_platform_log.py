"""The lines that Lambda itself writes into a function's log (AWS docs: Lambda function logs)."""

from __future__ import annotations

import math
import threading
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes of log that are kept for each invocation; beyond, the oldest go. Each chunk has at most 64 KiB.
KEPT: Final = 1024 * 1024


class FunctionLog:
    """What a function and its platform write, handed on at once and kept for the invocation's result.

    Args:
        sink: Called with some bytes, from one thread at a time; None only keeps.
    """

    def __init__(self, sink: Callable[[bytes], None] | None = None) -> None:
        self._sink = sink
        self._lock = threading.Lock()
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._mid_line = False

    def write(self, data: bytes) -> None:
        """Hand *data* on."""
        with self._lock:
            self._write(data)

    def line(self, text: str) -> None:
        """Write a line of the platform's, on a line of its own."""
        with self._lock:
            start = "\n" if self._mid_line else ""
            self._write(f"{start}{text}\n".encode("utf-8", "backslashreplace"))

    def take(self) -> bytes:
        """Return what was written since the last call, at most the last `KEPT` bytes or so, and forget it."""
        with self._lock:
            data = b"".join(self._kept)
            self._kept.clear()
            self._size = 0
            return data

    def _write(self, data: bytes) -> None:
        self._mid_line = not data.endswith(b"\n")
        self._kept.append(data)
        self._size += len(data)
        while self._size > KEPT:
            self._size -= len(self._kept.popleft())
        if self._sink is not None:
            self._sink(data)


def start_line(request_id: str) -> str:
    """The line before a function's own."""
    return f"START RequestId: {request_id} Version: $LATEST"


def end_line(request_id: str) -> str:
    """The line after them."""
    return f"END RequestId: {request_id}"


def timeout_line(request_id: str, timeout: float) -> str:
    """The lines where a function was stopped after *timeout* seconds."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{now} {request_id} {timeout_text(timeout)}\n"


def timeout_text(timeout: float) -> str:
    """What happened to a function that ran for *timeout* seconds."""
    return f"Task timed out after {timeout:.2f} seconds"


def exit_lines(request_id: str, reason: str) -> str:
    """The lines where the runtime ended by itself."""
    return f"RequestId: {request_id} Error: {reason}\nRuntime.ExitError"


def init_report_line(duration_ms: float, phase: str, status: str) -> str:
    """The line where initialisation failed; *status* is ``timeout``, or ``error`` with its type."""
    return f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: {phase}\tStatus: {status}"


def billed_ms(duration_ms: float, init_ms: float | None) -> int:
    """What Lambda bills for, in milliseconds: since August 2025 initialisation counts everywhere."""
    return max(1, math.ceil(duration_ms + (init_ms or 0.0)))


def megabytes(size: int) -> int:
    """Return *size* bytes as Lambda's log has it."""
    return math.ceil(size / (1024 * 1024))
