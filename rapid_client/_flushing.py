"""Standard streams that somebody has replaced by others, written out at each write; see `_stdio`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def flushing(stream: Any) -> Flushing:
    """Return *stream* such that it flushes at each write; itself if it is the result of such a call."""
    return stream if isinstance(stream, Flushing) else Flushing(stream)


class Flushing:
    """A stream of any kind, flushed after each write."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        """Be the stream in everything else."""
        return getattr(self.stream, name)

    def __iter__(self) -> Any:
        """Iterate over the stream."""
        return iter(self.stream)

    def __enter__(self) -> Any:
        """Stay open: the stream belongs to the process."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Stay open: the stream belongs to the process."""

    def write(self, text: str) -> Any:
        """Write *text* out."""
        result = self.stream.write(text)
        self.stream.flush()
        return result

    def writelines(self, lines: Iterable[str]) -> None:
        """Write all *lines*, then flush once."""
        self.stream.writelines(lines)
        self.stream.flush()
