"""Where log text goes: to standard output, or as frames over the descriptor that the platform offers.

A frame is a header of 16 bytes, big-endian, and the message in UTF-8: type (4 bytes), length of the message
in bytes (4), microseconds since the epoch (8). The type is one of two bases, text or JSON, plus a level: none
0, debug 8, info 12, warning 16, error 20, critical 24 (Lambda telemetry framing as awslambdaric 4.2.2 writes
it).
"""

from __future__ import annotations

import posix
import sys
import time

from rapid_client.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Protocol

    class Sink(Protocol):
        """What takes log text; handlers carry one as ``log_sink``, which ``LambdaContext.log`` looks for."""

        def log(self, message: str, frame_type: bytes | None = None) -> None:
            """Write *message* as it is; None means a text frame without level."""

        def log_error(self, lines: list[str], frame_type: bytes | None = None) -> None:
            """Write the *lines* of one error report; None means a text frame of level error."""


_TEXT: Final = 0xA55A0003
_JSON: Final = 0xA55A0002


def text_frame(level: int) -> bytes:
    """Return the frame type of a text message of *level*, a number as `logging` has them (0 to 50)."""
    return (_TEXT + _level_bits(level)).to_bytes(4, "big")


def json_frame(level: int) -> bytes:
    """Return the frame type of a JSON message of *level*, a number as `logging` has them (0 to 50)."""
    return (_JSON + _level_bits(level)).to_bytes(4, "big")


def _level_bits(level: int) -> int:
    """Return 0, 8, 12, 16, 20 or 24: levels between two named ones count as the lower, below 10 as none."""
    tens = min(50, max(0, level)) // 10
    return tens * 4 + 4 if tens else 0


def open_sink(fd: str | None) -> Sink:
    """Return the sink for this process.

    Args:
        fd: What the variable ``_LAMBDA_TELEMETRY_LOG_FD`` said, None if it was not set.

    Raises:
        ConfigError: If it is not the number of an open descriptor.
    """
    if fd is None:
        return StdoutSink()
    try:
        number = int(fd)
        posix.fstat(number)
    except (ValueError, OverflowError, OSError):
        raise ConfigError(
            f"_LAMBDA_TELEMETRY_LOG_FD is {fd!r}, which is not the number of an open file descriptor; "
            "unset it to log to standard output"
        ) from None
    return FrameSink(number)


class StdoutSink:
    """Writes to whatever ``sys.stdout`` is at the time."""

    __slots__ = ()

    def log(self, message: str, frame_type: bytes | None = None) -> None:
        """Write *message*; characters that the stream cannot encode appear as backslash escapes.

        Raises:
            OSError, ValueError: If the stream is broken or closed.
        """
        del frame_type  # plain lines have none
        stream = sys.stdout
        if stream is None:  # the process was started without one
            return
        try:
            stream.write(message)
        except UnicodeEncodeError as exc:
            stream.write(message.encode(exc.encoding, "backslashreplace").decode(exc.encoding))

    def log_error(self, lines: list[str], frame_type: bytes | None = None) -> None:
        r"""Write *lines* joined by ``\r``, so that CloudWatch keeps them one event, and a newline."""
        self.log("\r".join(lines) + "\n", frame_type)


class FrameSink:
    """Writes frames to a descriptor, each of them whole."""

    __slots__ = ("_fd", "_lock")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._unlock()
        posix.register_at_fork(after_in_child=self._unlock)

    def _unlock(self) -> None:
        """Start with a free lock: in a forked child, the thread that held it is gone."""
        import _thread  # deferred: built in and loaded, 1 us; re-entrant because signal handlers log too

        self._lock = _thread.RLock()

    def log(self, message: str, frame_type: bytes | None = None) -> None:
        """Write *message* as one frame; lone surrogates appear as backslash escapes.

        Raises:
            OSError: If the descriptor is broken.
        """
        text = message.encode("utf-8", "backslashreplace")
        stamp = time.time_ns() // 1000
        kind = frame_type or text_frame(0)
        frame = kind + len(text).to_bytes(4, "big") + stamp.to_bytes(8, "big") + text
        with self._lock:  # a frame over 4,096 bytes may be written in pieces
            self._write(frame)

    def log_error(self, lines: list[str], frame_type: bytes | None = None) -> None:
        r"""Write *lines* joined by ``\n`` as one frame."""
        self.log("\n".join(lines), frame_type or text_frame(40))

    def _write(self, frame: bytes) -> None:
        """Write all of *frame*, waiting for a reader where the descriptor does not block."""
        rest = memoryview(frame)
        while rest:
            try:
                rest = rest[posix.write(self._fd, rest) :]
            except BlockingIOError:
                import select  # deferred: 0.3 ms, and Lambda's descriptors block

                poll = select.poll()  # select.select stops at descriptor 1,023
                poll.register(self._fd, select.POLLOUT)
                poll.poll()
