"""Scripted faults: what may go wrong between the runtime and the Runtime API, each on request.

Any status for any call, 17 bytes of a reply and then a reset, an idle connection that is gone::

    mock.inject(Fault("response", Reply(status=500)))
    mock.inject(Fault("next", Reply(cut=17, end="reset")))
    mock.inject(Fault("next", Close("before-request")))
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from rapid_client.local._mock.model import CALLS, Call, Headers, MockError

End = Literal["keep", "close", "reset"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply that differs from the right one; what is None or empty stays right.

    A call whose reply has no ``status`` of 400 or more is carried out, and ``/next`` still waits for an
    event. With one: ``/next`` and ``/restore/next`` are answered at once and nothing is delivered; the
    invocation of a ``/response`` or an ``/error`` ends with the outcome ``refused``; ``/init/error`` and
    ``/restore/error`` are carried out. The body is then what the service says with that status.

    Attributes:
        status: The status code.
        reason: The reason phrase; None is the usual one.
        body: The body.
        headers: More header lines, after the right ones: duplicates, huge ones, anything.
        omit: Names of headers to leave out, in any case. With ``headers`` this replaces one.
            ``Content-Length`` and ``Transfer-Encoding`` may be left out too; the body stays as it is then.
        raw: The whole reply, verbatim; only ``cut``, ``writes``, ``delay`` and ``end`` matter then.
        before: Raw bytes in front of the reply, such as those of ``HTTP/1.1 103 Early Hints``.
        extra: Raw bytes behind the reply.
        chunks: Sizes of the chunks of the body, the last one repeated; makes the reply chunked.
        writes: Sizes of the pieces in which the bytes are written, the last one repeated.
        pause: Seconds between two pieces.
        cut: Bytes of the reply to send before the ``end``, which is ``close`` then unless it is given.
        delay: Seconds before the first byte; ``float("inf")`` never answers.
        end: What happens to the connection behind the reply: ``keep``, ``close`` (FIN) or ``reset`` (RST).
        announce: Whether ``Connection: close`` is sent; it makes ``end`` ``close`` unless that is given.
        carry_out: Whether the call takes effect, against the rule above: True as if nothing were wrong, False
            not at all (the same event comes again at the next ``/next``).
    """

    status: int | None = None
    reason: str | None = None
    body: bytes | None = None
    headers: Headers = ()
    omit: tuple[str, ...] = ()
    raw: bytes | None = None
    before: bytes = b""
    extra: bytes = b""
    chunks: tuple[int, ...] = ()
    writes: tuple[int, ...] = ()
    pause: float = 0.002
    cut: int | None = None
    delay: float = 0.0
    end: End | None = None
    announce: bool = False
    carry_out: bool | None = None

    def __post_init__(self) -> None:
        for name in ("chunks", "writes"):
            if any(size < 1 for size in getattr(self, name)):
                raise MockError(f"Reply({name}={getattr(self, name)!r}): sizes start at 1")
        if self.cut is not None and self.cut < 0:
            raise MockError(f"Reply(cut={self.cut}): give 0 or more bytes")

    @property
    def refuses(self) -> bool:
        """Whether the status says that the call failed."""
        return self.status is not None and self.status >= 400

    @property
    def ending(self) -> End:
        """What happens to the connection behind the reply."""
        if self.end is not None:
            return self.end
        return "close" if self.announce or self.cut is not None else "keep"


@dataclass(frozen=True, slots=True)
class Close:
    """The connection ends without a byte of the reply.

    Attributes:
        when: ``before-request``: as soon as this call is one that may come next, on a connection that has
            been answered or was just accepted, so nothing of the request is read. ``in-request``: once
            ``after`` bytes of the request were read. ``after-request``: once all of it was read, and
            ``/next`` does not wait for an event then.
        after: Bytes of the request, head included, for ``in-request``; at least its first line is read.
        reset: Whether the connection is reset (RST) rather than closed (FIN).
        carry_out: Whether a request that was read completely takes effect.
    """

    when: Literal["before-request", "in-request", "after-request"] = "after-request"
    after: int = 0
    reset: bool = False
    carry_out: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of the script.

    Attributes:
        call: The call that it happens to.
        action: What happens.
        times: How many times in a row.
        skip: How many such calls go well before.
    """

    call: Call
    action: Reply | Close
    times: int = 1
    skip: int = 0

    def __post_init__(self) -> None:
        if self.call not in CALLS:
            raise MockError(f"Fault(call={self.call!r}): no such call; one of {', '.join(CALLS)}")
        if self.times < 1 or self.skip < 0:
            raise MockError(f"Fault(times={self.times}, skip={self.skip}): times starts at 1, skip at 0")


class FaultScript:
    """Faults in the order of their injection; each call takes the first that is meant for it."""

    def __init__(self) -> None:
        self._waiting: dict[Call, deque[_Armed]] = {call: deque() for call in CALLS}

    def add(self, fault: Fault) -> None:
        """Put a fault behind those that wait for the same call."""
        self._waiting[fault.call].append(_Armed(fault))

    def __len__(self) -> int:
        return sum(armed.times for queue in self._waiting.values() for armed in queue)

    def take(self, call: Call) -> Reply | Close | None:
        """Return what happens to this call, and count it; None where it goes well."""
        queue = self._waiting[call]
        if not queue:
            return None
        if queue[0].skip:
            queue[0].skip -= 1
            return None
        return self._use(queue)

    def take_before(self, calls: tuple[Call, ...]) -> Close | None:
        """Return a close that has to happen before one of these calls is read; None where there is none."""
        for call in calls:
            queue = self._waiting[call]
            action = queue[0].action if queue and not queue[0].skip else None
            if isinstance(action, Close) and action.when == "before-request":
                self._use(queue)
                return action
        return None

    @staticmethod
    def _use(queue: deque[_Armed]) -> Reply | Close:
        armed = queue[0]
        armed.times -= 1
        if not armed.times:
            queue.popleft()
        return armed.action


class _Armed:
    __slots__ = ("action", "skip", "times")

    def __init__(self, fault: Fault) -> None:
        self.action, self.skip, self.times = fault.action, fault.skip, fault.times
