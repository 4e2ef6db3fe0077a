"""MockRuntimeApi: the thread, the socket and the public face of the mock Runtime API."""

from __future__ import annotations

import asyncio
import json
import socket
from threading import Event, Thread
from typing import TYPE_CHECKING, Self, cast

from rapid_client.local._mock.connection import Connection
from rapid_client.local._mock.hub import Hub
from rapid_client.local._mock.machine import Invocation
from rapid_client.local._mock.model import (
    CALLS,
    Call,
    InvokeOptions,
    MockClosedError,
    MockError,
    MockSettings,
    Outcome,
    RecordedRequest,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rapid_client.local._mock.faults import Fault

_HOST = "127.0.0.1"
_CLOSE_TIMEOUT = 5.0


class Pending:
    """An invocation on its way.

    Attributes:
        request_id: The request id that the runtime sees.
    """

    __slots__ = ("_end", "_event", "_explain", "request_id")

    def __init__(self, explain: Callable[[], str]) -> None:
        self.request_id = ""
        self._explain = explain
        self._event = Event()
        self._end: Outcome | MockError | None = None

    @property
    def done(self) -> bool:
        """Whether ``result()`` returns or raises at once."""
        return self._event.is_set()

    def result(self, timeout: float | None = None) -> Outcome:
        """Wait for the end of the invocation.

        Args:
            timeout: Seconds to wait at most; None waits for ever.

        Raises:
            TimeoutError: There was none in time; the text has the state of the runtime.
            MockClosedError: The mock was closed first.
        """
        if not self._event.wait(timeout):
            text = f"no answer to request {self.request_id} within {timeout} s: {self._explain()}"
            raise TimeoutError(text)
        if isinstance(self._end, MockError):
            raise self._end
        return cast("Outcome", self._end)

    def finish(self, end: Outcome | MockError) -> None:
        """Let every ``result()`` return this, or raise it: for the mock itself."""
        self._end = end
        self._event.set()


class MockRuntimeApi:
    """A Runtime API on 127.0.0.1 that answers as the real one, records its requests, and fails on request.

    As a runtime's test has it::

        with MockRuntimeApi() as mock:
            process = subprocess.Popen(command, env={"AWS_LAMBDA_RUNTIME_API": mock.address, ...})
            outcome = mock.invoke({"key": "value"}).result(timeout=10)

    It has a thread and an event loop of its own; every method may be called from any thread. One mock is for
    one runtime process at a time, as the real one is.

    Args:
        settings: How it behaves.
    """

    def __init__(self, *, settings: MockSettings | None = None) -> None:
        self.settings = settings or MockSettings()
        self._hub = Hub(self.settings)
        self._connections: set[Connection] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._port = 0
        self._accepted = 0

    # life

    def start(self) -> Self:
        """Bind the port and serve.

        Raises:
            MockError: The port is taken, or the mock was started before.
        """
        if self._thread is not None or self._hub.closed:
            raise MockError("this mock Runtime API was started before: make a new one")
        listener = _listen(self.settings.port)
        self._port = listener.getsockname()[1]
        self._loop = _new_event_loop(self.settings.event_loop)
        serving = Event()
        self._thread = Thread(
            target=self._serve, args=(self._loop, listener, serving), name="mock-runtime-api", daemon=True
        )
        self._thread.start()
        serving.wait(_CLOSE_TIMEOUT)
        return self

    def close(self) -> None:
        """End every connection and every wait, and stop; a second time does nothing.

        Raises:
            MockError: The server's thread did not end in 5 seconds.
        """
        for invocation in self._hub.close():
            text = f"the mock Runtime API was closed before request {invocation.request_id} was answered"
            invocation.done(MockClosedError(text))
        thread, loop = self._thread, self._loop
        if thread is None or loop is None:
            return
        if thread.is_alive() and not loop.is_closed():
            self._in_loop(loop.stop)
        thread.join(_CLOSE_TIMEOUT)
        if thread.is_alive():
            raise MockError(f"the thread of the mock Runtime API did not end within {_CLOSE_TIMEOUT:.0f} s")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def address(self) -> str:
        """``127.0.0.1:port``, for ``AWS_LAMBDA_RUNTIME_API``.

        Raises:
            MockError: The mock was not started.
        """
        if not self._port:
            raise MockError("the mock Runtime API has no address before start()")
        return f"{_HOST}:{self._port}"

    # invocations

    def invoke(self, event: object, options: InvokeOptions | None = None) -> Pending:
        """Queue an event.

        Args:
            event: bytes go as they are, str as UTF-8, anything else as JSON.
            options: What goes with it.

        Raises:
            MockClosedError: The mock is closed.
        """
        pending = Pending(self._explain)
        invocation = Invocation(_encode(event), options or InvokeOptions(), pending.finish)
        pending.request_id = invocation.request_id
        self._hub.queue(invocation)
        self._in_loop(self._hub.pump)
        return pending

    def exited(self, error_type: str, message: str, *, queued: bool = True) -> None:
        """Say that the runtime process ended, so that its invocation fails and a new process may start.

        Args:
            error_type: ``Runtime.ExitError``, or ``Sandbox.Timedout`` for one that was killed for its time.
            message: The end of the message, such as ``Runtime exited with error: exit status 1``.
            queued: Whether invocations that were never delivered fail too, rather than wait for the next
                process.
        """
        for line in self._hub.exited(error_type, message, queued):
            self._in_loop(line.end, False)

    def release_restore(self) -> None:
        """Answer ``GET /restore/next``, now or when it comes (with ``auto_restore=False``)."""
        self._hub.release()
        self._in_loop(self._hub.pump)

    # faults

    def inject(self, fault: Fault) -> None:
        """Put a fault into the script, behind those for the same call."""
        with self._hub.changed:
            self._hub.script.add(fault)

    @property
    def faults_left(self) -> int:
        """How many faults of the script have not happened."""
        with self._hub.changed:
            return len(self._hub.script)

    def disconnect(self, *, reset: bool = False) -> None:
        """End every connection now, whatever it waits for; returns when it is done."""
        loop, done = self._loop, Event()
        if loop is None or self._hub.closed:
            return

        def end_all() -> None:
            for connection in list(self._connections):
                connection.end(reset)
            done.set()

        self._in_loop(end_all)
        done.wait(_CLOSE_TIMEOUT)

    # what was seen

    def wait_for(self, call: Call, count: int = 1, timeout: float = 10) -> None:
        """Wait until a call has come count times since the start; ``next`` once means that init is done.

        Raises:
            TimeoutError: It had not, after timeout seconds.
            MockClosedError: The mock was closed first.
        """
        if call not in CALLS:
            raise MockError(f"wait_for({call!r}): no such call; one of {', '.join(CALLS)}")
        if not self._hub.wait_for(lambda: self._hub.counts[call] >= count, timeout):
            raise TimeoutError(f"no {count} call(s) to {call} within {timeout} s: {self._explain()}")

    def calls(self, call: Call) -> int:
        """Return how many times a call has come."""
        with self._hub.changed:
            return self._hub.counts[call]

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """The last requests, oldest first; see ``MockSettings.record``."""
        with self._hub.changed:
            return self._hub.recorder.requests

    @property
    def state(self) -> str:
        """The state of the runtime, by the name that the service's messages have for it."""
        with self._hub.changed:
            return self._hub.machine.state

    @property
    def init_error(self) -> bytes | None:
        """The body of ``/init/error``; None where there was none."""
        with self._hub.changed:
            return self._hub.machine.init_error

    @property
    def restore_error(self) -> bytes | None:
        """The body of ``/restore/error``; None where there was none."""
        with self._hub.changed:
            return self._hub.machine.restore_error

    # inside

    def _explain(self) -> str:
        with self._hub.changed:
            counts = ", ".join(f"{call} {count}" for call, count in self._hub.counts.items()) or "none"
            return f"the runtime is in state {self._hub.machine.state}, calls so far: {counts}"

    def _in_loop(self, function: Callable[..., object], *args: object) -> None:
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # the loop was closed between the question and the call
            if not self._hub.closed:
                raise

    def _serve(self, loop: asyncio.AbstractEventLoop, listener: socket.socket, serving: Event) -> None:
        asyncio.set_event_loop(loop)
        try:
            server = loop.run_until_complete(loop.create_server(self._connect, sock=listener))
            serving.set()
            loop.run_forever()
            server.close()
            for connection in list(self._connections):
                connection.drop()
            loop.run_until_complete(asyncio.sleep(0))
        finally:
            asyncio.set_event_loop(None)
            loop.close()
            listener.close()

    def _connect(self) -> Connection:
        self._accepted += 1
        return Connection(self._hub, self._accepted, self._connections)


def _listen(port: int) -> socket.socket:
    # With the protocol named, asyncio turns Nagle's algorithm off on what it accepts, as Go does.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise MockError(
            f"cannot listen on {_HOST}:{port} ({getattr(error, 'strerror', None) or error}): "
            "choose another port, or 0 for a free one"
        ) from None
    listener.setblocking(False)
    return listener


def _new_event_loop(wanted: str) -> asyncio.AbstractEventLoop:
    if wanted == "auto":
        try:
            import uvloop  # noqa: PLC0415, no wheel for the newest Python: asyncio has a loop too
        except ImportError:
            pass
        else:
            return cast("asyncio.AbstractEventLoop", uvloop.new_event_loop())
    return asyncio.new_event_loop()


def _encode(event: object) -> bytes:
    if isinstance(event, bytes | bytearray | memoryview):
        return bytes(event)
    if isinstance(event, str):
        return event.encode()
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
