"""What the connections and the caller's threads share: machine, script, recorder, counts, behind one lock.

Methods that the connections call run in the server's thread, those of the caller in any; each takes the lock,
none waits for anything but ``wait_for``.
"""

from __future__ import annotations

import io
import time
from collections import Counter
from threading import Condition
from typing import TYPE_CHECKING, Protocol

from rapid_client.local._mock import replies
from rapid_client.local._mock.faults import Close, FaultScript, Reply
from rapid_client.local._mock.machine import Invocation, Machine, Posted
from rapid_client.local._mock.model import Call, Headers, MockClosedError, MockSettings, RecordedRequest
from rapid_client.local._mock.recorder import Recorder
from rapid_client.local._mock.replies import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from rapid_client.local._mock.reader import Head

_BASE = "/2018-06-01/"
_PLAIN: dict[str, tuple[str, Call]] = {
    "ping": ("GET", "ping"),
    "runtime/invocation/next": ("GET", "next"),
    "runtime/init/error": ("POST", "init/error"),
    "runtime/restore/next": ("GET", "restore/next"),
    "runtime/restore/error": ("POST", "restore/error"),
}
_ALLOCATED = 64 * 1024
_INVOCATION = "runtime/invocation/"


class Line(Protocol):
    """A connection, as the hub sees it."""

    number: int

    def answer(self, exchange: Exchange, answer: Answer) -> None:
        """Write the answer to a request that had to wait."""

    def end(self, reset: bool) -> None:
        """End the connection now."""


class Exchange:
    """One request and what is known of its reply.

    Attributes:
        line: The connection.
        head: The head of the request.
        call: Which call it is; None for none.
        fault: What the script wants to happen.
        refusal: The answer that was fixed by the head, the body not needed.
        engaged: Whether the machine has taken the call, so that the body must come.
        size: Bytes of body so far.
    """

    __slots__ = ("_body", "call", "engaged", "fault", "head", "line", "over", "refusal", "size")

    def __init__(self, line: Line, head: Head, call: Call | None, fault: Reply | Close | None) -> None:
        self.line, self.head, self.call, self.fault = line, head, call, fault
        self.refusal: Answer | None = None
        self.engaged = False
        self.size = 0
        self.over = False
        self._body: io.BytesIO | None = None

    def add(self, data: bytes | bytearray, limit: int) -> None:
        """Take a piece of the body; beyond limit bytes none is kept."""
        self.size += len(data)
        if self.refusal is not None:
            return
        if self.size > limit:
            self.over, self._body = True, None
            return
        if self._body is None:
            self._body = io.BytesIO()
            self._allocate(min(self.head.length or 0, limit))
        self._body.write(data)

    def _allocate(self, size: int) -> None:
        """Take the memory of a large body at once: growing leaves holes of its size."""
        if self._body is not None and size > _ALLOCATED:
            self._body.seek(size - 1)
            self._body.write(b"\0")
            self._body.seek(0)

    def take_body(self) -> bytes:
        """Return the body, which BytesIO gives away without a copy, and let it go."""
        body, self._body = self._body, None
        if body is None:
            return b""
        body.truncate()  # where less came than was declared
        return body.getvalue()

    @property
    def carried_out(self) -> bool:
        """Whether the call takes effect as if there were no fault."""
        if isinstance(self.fault, Close):
            return self.fault.carry_out and self.fault.when == "after-request"
        if self.fault is None or self.fault.carry_out is True:
            return True
        if self.fault.carry_out is False:
            return False
        return not self.fault.refuses or self.call in ("init/error", "restore/error")

    @property
    def ends_refused(self) -> bool:
        """Whether the answer of the function is refused by the script, and its invocation ends with that."""
        return (
            isinstance(self.fault, Reply)
            and self.fault.refuses
            and self.fault.carry_out is None
            and self.call in ("response", "error")
        )


class Hub:
    """The shared state.

    Args:
        settings: How the mock behaves.
    """

    def __init__(self, settings: MockSettings) -> None:
        self.settings = settings
        self.machine = Machine(settings)
        self.script = FaultScript()
        self.recorder = Recorder(settings.record, settings.record_bytes)
        self.counts: Counter[str] = Counter()
        self.changed = Condition()
        self.closed = False
        self._waiting: list[Exchange] = []
        self._restoring: list[Exchange] = []
        self._released = settings.auto_restore
        self._dropped = False

    # from the connections

    def fault_for(self, method: str, target: str) -> tuple[Call | None, Reply | Close | None]:
        """Return the call of a first line and what the script wants to happen to it, which is used then."""
        found = find_call(method, target, self.settings.snapstart)
        if isinstance(found, Answer):
            return None, None
        with self.changed:
            return found[0], self.script.take(found[0])

    def count(self, call: Call) -> None:
        """Count a call that never becomes a complete request."""
        with self.changed:
            self.counts[call] += 1
            self.changed.notify_all()

    def close_before(self) -> Close | None:
        """Return a close that has to happen before the next request is read; None where there is none."""
        with self.changed:
            return self.script.take_before(self.machine.expected()) if len(self.script) else None

    def begin(self, line: Line, head: Head, fault: Reply | Close | None) -> Exchange:
        """A head came: check id, state and mode, in this order, before the body is read."""
        found = find_call(head.method, head.target, self.settings.snapstart)
        if isinstance(found, Answer):
            exchange = Exchange(line, head, None, None)
            exchange.refusal = found
            return exchange
        call, request_id = found
        exchange = Exchange(line, head, call, fault)
        if not (exchange.carried_out or exchange.ends_refused):
            return exchange
        with self.changed:
            if call in ("response", "error"):
                exchange.refusal = self.machine.begin_answer(call, request_id, head.headers)
                exchange.engaged = exchange.refusal is None
            elif call == "init/error":
                exchange.refusal = self.machine.begin_init_error()
            elif call == "restore/error":
                exchange.refusal = self.machine.begin_restore_error()
        return exchange

    def finish(self, exchange: Exchange, trailers: Headers = ()) -> Answer | None:
        """A request is complete, or refused: return the answer, or None where it has to wait."""
        posted = Posted(exchange.head.headers, exchange.take_body(), trailers, exchange.over)
        with self.changed:
            self._record(exchange, posted)
            if exchange.call is not None:
                self.counts[exchange.call] += 1
            self.changed.notify_all()
            if exchange.refusal is not None:
                answer: Answer | None = exchange.refusal
            elif exchange.ends_refused:
                self.machine.refuse_answer(posted)
                answer = replies.EMPTY
            elif not exchange.carried_out:
                answer = replies.EMPTY
            else:
                answer = self._carry_out(exchange, posted)
        if answer is not None and isinstance(exchange.fault, Reply) and exchange.fault.refuses:
            return replies.refusal(exchange.fault.status or 500)
        return answer

    def cut_short(self, exchange: Exchange) -> None:
        """The connection ended inside a body: the invocation fails at once."""
        posted = Posted(exchange.head.headers, exchange.take_body())
        with self.changed:
            self._record(exchange, posted, truncated=True)
            if exchange.engaged:
                self.machine.cut_answer(exchange.head.headers)
            self.changed.notify_all()

    def gone(self, line: Line) -> bool:
        """A connection ended: nothing can be delivered on it any more; return whether it waited for that."""
        with self.changed:
            before = len(self._waiting) + len(self._restoring)
            left = [exchange for exchange in self._waiting if exchange.line is not line]
            self._dropped = self._dropped or (len(left) < len(self._waiting) and not left)
            self._waiting = left
            self._restoring = [exchange for exchange in self._restoring if exchange.line is not line]
            return len(self._waiting) + len(self._restoring) < before

    def pump(self) -> None:
        """Deliver what can be delivered: runs in the server's thread after every event from the caller."""
        with self.changed:
            served: list[Exchange] = []
            answer: Answer | None = None
            while self.machine.pending:
                if self._waiting:
                    answer = self.machine.deliver()
                    served, self._waiting = self._waiting, []
                elif self._dropped:
                    self._dropped = False
                    self.machine.lose()
                else:
                    break
            restored: list[Exchange] = []
            if self._released and self._restoring:
                restored, self._restoring = self._restoring, []
        for exchange in served:
            if answer is not None:
                exchange.line.answer(exchange, answer)
        for exchange in restored:
            exchange.line.answer(exchange, self.machine.restore())

    def _carry_out(self, exchange: Exchange, posted: Posted) -> Answer | None:
        call, machine = exchange.call, self.machine
        if call == "next":
            return self._next(exchange)
        if call == "restore/next":
            refusal = machine.begin_restore_next()
            if refusal is None and not self._released:
                self._restoring.append(exchange)
                return None
            return refusal or machine.restore()
        if call in ("response", "error"):
            return machine.finish_answer(call, posted)
        if call == "init/error":
            return machine.begin_init_error() or machine.finish_init_error(posted)
        if call == "restore/error":
            return machine.begin_restore_error() or machine.finish_restore_error(posted)
        return replies.PONG

    def _next(self, exchange: Exchange) -> Answer | None:
        refusal = self.machine.ready()
        if refusal is not None:
            return refusal
        self._dropped = False
        answer = self.machine.deliver()
        if answer is None:
            self._waiting.append(exchange)
        return answer

    def _record(self, exchange: Exchange, posted: Posted, truncated: bool = False) -> None:
        head = exchange.head
        self.recorder.add(
            RecordedRequest(
                call=exchange.call,
                method=head.method,
                path=head.target,
                version=head.version,
                headers=head.headers,
                body=posted.body,
                body_size=exchange.size,
                trailers=posted.trailers,
                connection=exchange.line.number,
                raw_head=head.raw,
                time=time.monotonic(),
                truncated=truncated,
                dropped=len(posted.body) != exchange.size,
            )
        )

    # from the caller

    def queue(self, invocation: Invocation) -> None:
        """Put an event behind the others."""
        with self.changed:
            if self.closed:
                raise MockClosedError("the mock Runtime API is closed: start a new one to invoke")
            self.machine.queue(invocation)

    def exited(self, error_type: str, message: str, queued: bool) -> list[Line]:
        """The process is gone; return the connections that still wait for an event."""
        with self.changed:
            self._dropped = False
            waiting, self._waiting, self._restoring = self._waiting + self._restoring, [], []
            self._released = self.settings.auto_restore
            self.machine.exited(error_type, message, queued)
            self.changed.notify_all()
        return [exchange.line for exchange in waiting]

    def release(self) -> None:
        """Let ``/restore/next`` go, now or when it comes."""
        with self.changed:
            self._released = True

    def wait_for(self, ready: Callable[[], bool], timeout: float) -> bool:
        """Wait at most timeout seconds until ready() is true; return whether it is.

        Raises:
            MockClosedError: The mock was closed meanwhile.
        """
        with self.changed:
            self.changed.wait_for(lambda: self.closed or ready(), timeout)
            if ready():
                return True
            if self.closed:
                raise MockClosedError("the mock Runtime API was closed while somebody waited for a call")
            return False

    def close(self) -> list[Invocation]:
        """End every wait; return the invocations that will never end by themselves."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
            return self.machine.abandon()


def find_call(method: str, target: str, snapstart: bool) -> tuple[Call, str] | Answer:
    """Return the call of a first line with the request id of its path; or the answer where there is none."""
    path = target.partition("?")[0]
    if not path.startswith(_BASE):
        return replies.NOT_FOUND
    rest = path[len(_BASE) :]
    wanted, call, request_id = "", None, ""
    if rest in _PLAIN:
        wanted, call = _PLAIN[rest]
        if rest.startswith("runtime/restore/") and not snapstart:
            return replies.NOT_FOUND
    elif rest.startswith(_INVOCATION) and rest.count("/") == 3:
        request_id, _, last = rest[len(_INVOCATION) :].partition("/")
        if last in ("response", "error"):
            wanted, call = "POST", "response" if last == "response" else "error"
    if call is None:
        return replies.NOT_FOUND
    return (call, request_id) if method == wanted else replies.not_allowed(wanted)
