"""What a process writes, read as it comes and in order."""

from __future__ import annotations

import fcntl
import os
import select
import sys
import termios
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: A pipe holds 64 KiB by default: one read empties it.
CHUNK: Final = 65536


class OutputPipe:
    """A pipe whose reading end a thread empties into *sink*, so that the writer never waits for a reader.

    Give `writer` to the process as its stdout and stderr, then call `started`; call `close` in the end.

    Args:
        sink: Called with some bytes, from one thread at a time. What it raises as `OSError`, because its own
            reader is gone for one, silences it; the pipe is emptied all the same.
    """

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self._sink: Callable[[bytes], None] | None = sink
        self._reader, self.writer = os.pipe()
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="function output", daemon=True)

    def started(self) -> None:
        """The process has its copy of `writer`: close ours, and start reading."""
        os.close(self.writer)
        self._thread.start()

    def drain(self) -> None:
        """Hand on what was written before this call; what comes meanwhile is left to the thread.

        A process that writes without pause can therefore not keep the caller here.
        """
        with self._lock:
            left = _readable(self._reader)
            while left > 0:
                data = os.read(self._reader, min(left, CHUNK))
                left -= len(data)
                self._hand_on(data)

    def close(self) -> None:
        """Hand on what is there and stop reading, even if some other process still holds the writing end."""
        os.write(self._wake_writer, b"!")
        self._thread.join()
        self.drain()
        for descriptor in (self._reader, self._wake_reader, self._wake_writer):
            os.close(descriptor)

    def discard(self) -> None:
        """Close everything: no process was started."""
        for descriptor in (self._reader, self.writer, self._wake_reader, self._wake_writer):
            os.close(descriptor)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        poll.register(self._wake_reader, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self._wake_reader in ready or not self._read_some():
                return

    def _read_some(self) -> bool:
        """Hand on what is there; say whether more can come."""
        with self._lock:
            try:
                data = os.read(self._reader, CHUNK)
            except BlockingIOError:  # `drain` was faster
                return True
            self._hand_on(data)
            return bool(data)

    def _hand_on(self, data: bytes) -> None:
        if self._sink is None or not data:
            return
        try:
            self._sink(data)
        except OSError:
            self._sink = None


def _readable(descriptor: int) -> int:
    """How many bytes the pipe holds."""
    answer = fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4)
    return int.from_bytes(answer, sys.byteorder)
