"""The requests that were seen: the last N of them, with bounded bytes."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rapid_client.local._mock.model import RecordedRequest


class Recorder:
    """Keeps requests.

    A body is kept as the same object that the outcome has, never a copy. When bodies and heads together pass
    the bound, the oldest requests lose theirs.

    Args:
        count: How many requests are kept; 0 keeps none.
        size: How many bytes of bodies and raw heads they may have together.
    """

    def __init__(self, count: int, size: int) -> None:
        self._kept: deque[RecordedRequest] = deque()
        self._count, self._size = count, size
        self._bytes = 0
        self._stripped = 0

    def add(self, request: RecordedRequest) -> None:
        """Keep one more, at the cost of the oldest."""
        if self._count == 0:
            return
        if len(self._kept) == self._count:
            self._bytes -= _weight(self._kept.popleft())
            self._stripped = max(0, self._stripped - 1)
        self._kept.append(request)
        self._bytes += _weight(request)
        while self._bytes > self._size:
            oldest = self._kept[self._stripped]
            self._bytes -= _weight(oldest)
            self._kept[self._stripped] = replace(oldest, body=b"", raw_head=b"", dropped=True)
            self._stripped += 1

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """The kept requests, oldest first."""
        return tuple(self._kept)


def _weight(request: RecordedRequest) -> int:
    return len(request.body) + len(request.raw_head)
