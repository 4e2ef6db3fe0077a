"""The server: answers a client's requests for events, in the way that client asks, and takes the times."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Final

from benchmarks.server.connections import Connections, PeerError
from benchmarks.server.replies import ACCEPTED, NEXT

if TYPE_CHECKING:
    from typing import Self

    from benchmarks.server.connections import Watched
    from benchmarks.server.replies import Reply

PATIENCE: Final = 30
"""Seconds that a peer may be silent before it counts as stuck."""

BLOCK: Final = 64
"""Invocations without a look at what the client has written: its pipe holds that."""


class Server:
    """Listen on a free port of 127.0.0.1 and speak with one client process at a time.

    Use it as a context manager: `address` is what ``AWS_LAMBDA_RUNTIME_API`` must be. `accept` a client, then
    call `serve` as often as liked. `arrival` is when the first event was asked for, or the newest response
    had come.

    A client that pipelines sends a response and its next request in one segment. Then the 202 and the next
    event leave in one segment, too: two socket calls per invocation instead of four. Its latency is counted
    as for the others, from before the event is sent until its response has come; the 202 before it belongs to
    the invocation before.
    """

    def __init__(self, patience: int = PATIENCE) -> None:
        """Bind and listen; a client that is silent for *patience* seconds counts as stuck."""
        self._client = Connections(patience)
        self.address = self._client.address
        self.arrival = 0
        self._sizes = -1, -1  # of the newest requests, in bytes; what they are depends on the way of serving
        self._served = 0  # invocations, of this client
        self._owed = False  # whether a client that pipelines waits for its 202 together with its next event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    @property
    def body(self) -> bytes:
        """The newest body that had to be looked at: of the first response, it always is."""
        return self._client.body

    def hang_up(self) -> None:
        """Close the client's connections, and those it has asked for: before the next client starts."""
        self._client.hang_up()

    def accept(self, process: Watched) -> None:
        """Wait for *process* to connect and to ask for its first event; `arrival` is when that came.

        Raises:
            PeerError: If it ends, or stays silent, before it has asked.
        """
        client = self._client
        client.watch(process)
        self._sizes, self._owed, self._served = (-1, -1), False, 0
        data, _ = client.next_request(client.wait())
        self.arrival = time.monotonic_ns()
        if not data.startswith(NEXT):
            raise PeerError(f"the first request was {data[:400]!r}")

    def serve(self, count: int, canned: list[Reply]) -> list[int]:
        """Answer the request for an event that is waiting, and those after it, *count* times.

        The *canned* replies take turns over the client's whole life: none twice before all were sent.
        Return for each invocation the nanoseconds from before the event was sent until the last byte of
        the response had come. When it returns, the client waits for its next event.

        Raises:
            PeerError: If the client ends, is silent for too long, or does anything but answer its event.
        """
        times: list[int] = []
        client = self._client
        collecting = gc.isenabled()
        gc.disable()
        try:
            while len(times) < count:
                serve = self._serve_pipelined if self._owed else self._serve_block
                if client.made > 1:
                    serve = self._serve_several
                before, start = len(times), self._served % len(canned)
                serve(canned[start : start + min(BLOCK, count - before)], times)
                self._served += len(times) - before
                assert client.process is not None, "accept() comes first"
                client.process.drain()
        except BlockingIOError:
            raise PeerError(f"silent for {client.patience} s{client.why()}") from None
        except OSError as exc:
            raise PeerError(f"the connection broke ({exc}){client.why()}") from exc
        finally:
            if collecting:
                gc.enable()
        return times

    def _serve_block(self, canned: list[Reply], times: list[int]) -> None:
        """Answer one invocation per reply; a request as long as the one before needs no scan.

        It ends after the first response that comes in one segment with the next request: then a 202 is owed.
        """
        now, append, client = time.monotonic_ns, times.append, self._client
        sendall, recv = client.current()
        response_size, next_size = self._sizes
        for reply in canned:
            before = now()
            sendall(reply.wire)
            try:
                data = recv(65536)
            except BlockingIOError:
                data = b""
            if len(data) != response_size:
                data = data or client.wait()
                whole, response_size = client.complete(data)
                if client.pending.startswith(NEXT) and whole + client.pending == data:
                    append(now() - before)
                    self._begin_pipelining(whole, reply)
                    return
                data = whole
                sendall, recv = client.current()
            after = now()
            append(after - before)
            if not data.startswith(reply.answer):
                raise PeerError(f"the event was answered with {data[:200]!r}")
            sendall(ACCEPTED)
            try:
                data = client.pending or recv(65536)
            except BlockingIOError:
                data = b""
            if len(data) != next_size or client.pending:
                data, next_size = client.next_request(data or client.wait())
                sendall, recv = client.current()
            if not data.startswith(NEXT):
                raise PeerError(f"an event was not asked for, but: {data[:200]!r}")
        self._sizes = response_size, next_size
        self.arrival = after

    def _begin_pipelining(self, response: bytes, reply: Reply) -> None:
        """Take note that *response* came with the next request behind it, in one segment."""
        self.arrival = time.monotonic_ns()
        _check_answer(response, reply)
        client = self._client
        asked, _ = client.complete(client.pending)
        self._sizes = len(response) + len(asked), len(response)
        self._owed = True

    def _serve_pipelined(self, canned: list[Reply], times: list[int]) -> None:
        """Answer as `_serve_block` does a client that is owed a 202; it ends when a response comes alone."""
        now, append, client = time.monotonic_ns, times.append, self._client
        sendall, recv = client.current()
        size, at = self._sizes
        for reply in canned:
            before = now()
            sendall(reply.behind)
            try:
                data = recv(65536)
            except BlockingIOError:
                data = b""
            if len(data) != size:
                data = data or client.wait()
                whole, _ = client.complete(data)
                if not client.pending:
                    append(now() - before)
                    self._end_pipelining(whole, reply)
                    return
                asked, _ = client.complete(client.pending)
                data, size, at = whole + asked, len(whole) + len(asked), len(whole)
            after = now()
            append(after - before)
            if not (data.startswith(reply.answer) and data.startswith(NEXT, at)):
                raise PeerError(f"the event was answered with {data[:200]!r} ... {data[at : at + 200]!r}")
        self._sizes = size, at
        self.arrival = after

    def _end_pipelining(self, response: bytes, reply: Reply) -> None:
        """Accept a *response* that came alone, and wait for the next request."""
        self.arrival = time.monotonic_ns()
        self._owed, self._sizes = False, (-1, -1)
        _check_answer(response, reply)
        self._accept_response()

    def _accept_response(self) -> None:
        """Send the 202, and wait for the next request."""
        client = self._client
        assert client.sock is not None
        client.sock.sendall(ACCEPTED)
        asked, _ = client.next_request(client.pending or client.wait())
        if not asked.startswith(NEXT):
            raise PeerError(f"an event was not asked for, but: {asked[:200]!r}")

    def _serve_several(self, canned: list[Reply], times: list[int]) -> None:
        """Answer as `_serve_block` does a client that may speak on another connection next.

        Two calls of poll() more per invocation. (The Rust client opens another connection when its first is
        slow to become free: in a quarter of the invocations on one core.)
        """
        client = self._client
        for reply in canned:
            assert client.sock is not None
            before = time.monotonic_ns()
            client.sock.sendall(reply.wire)
            data, _ = client.complete(client.wait())
            self.arrival = time.monotonic_ns()
            times.append(self.arrival - before)
            _check_answer(data, reply)
            self._accept_response()


def _check_answer(response: bytes, reply: Reply) -> None:
    """Make sure that *response* answers the event in *reply*; the fast ways look in place, a call less."""
    if not response.startswith(reply.answer):
        raise PeerError(f"the event was answered with {response[:200]!r}")
