"""Pieces: an invocation as a whole, and what every one of them pays for."""

from __future__ import annotations

import sys
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.pieces.canned import (
    BATCH,
    CALLER,
    Canned,
    Enough,
    NotThere,
    body_of,
    events,
    internal,
    invocation,
    loop_over,
    trace_ids,
    with_replies,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.pieces.conftest import Piece


def succeed(event: Any, context: Any) -> Any:
    """Return the event, as the benchmark's trivial function does."""
    return event


def fail(event: Any, context: Any) -> Any:
    """Fail, as functions do: a lookup that finds nothing."""
    return event["missing"]


def served(
    handler: Callable[[Any, Any], Any], wires: tuple[bytes, ...], answer: bytes
) -> Callable[[], object]:
    """Return what runs *handler* on `BATCH` of *wires*; each has to be answered on a path with *answer*."""
    transport = Canned(with_replies(wires), 2 * BATCH)
    loop = loop_over(transport, handler)

    def serve() -> None:
        try:
            loop.run()
        except Enough:
            pass
        if sum(answer in request for request in transport.sent) != BATCH:
            raise NotThere(f"the events are not answered by {answer.decode()!r}")

    return serve


@pytest.mark.parametrize("event", ["16", "apigw-small", "apigw"])
def test_invocation(piece: Piece, event: str) -> None:
    """`Loop.run` and all that is in it, from the bytes of an event to those of its echo."""
    wires = events(body_of(event))
    piece(lambda: served(succeed, wires, b"/response "), BATCH)


def test_invocation_with_caller(piece: Piece) -> None:
    """The same with a client context, an identity and a tenant."""
    wires = events(body_of("16"), CALLER)
    piece(lambda: served(succeed, wires, b"/response "), BATCH)


def test_invocation_that_fails(piece: Piece) -> None:
    """The same where the function raises: the error is described, logged and posted."""
    wires = events(body_of("16"))
    piece(lambda: served(fail, wires, b"/error "), BATCH)


def test_invocation_pipelined(piece: Piece) -> None:
    """The same where a response and the request for the next event leave together."""
    wires = events(body_of("16"))

    def build() -> Callable[[], object]:
        transport = Canned(with_replies(wires), 2 * BATCH)
        serve = loop_over(transport, succeed, pipelined=True).run

        def served_in_one_send() -> None:
            try:
                serve()
            except Enough:
                pass
            if len(transport.sent) != BATCH + 1:
                raise NotThere("response and request leave apart")

        return served_in_one_send

    piece(build, BATCH)


@pytest.mark.parametrize("headers", ["plain", "caller"])
def test_context(piece: Piece, headers: str) -> None:
    """`Loop.context`, without and with what a mobile caller sends."""

    def build() -> Callable[[], object]:
        loop = loop_over(Canned((), 0), succeed)
        asked = invocation("16", CALLER if headers == "caller" else b"")
        if loop.context(asked).aws_request_id != asked.request_id:
            raise NotThere("Loop.context returns something else")
        return lambda: loop.context(asked)

    piece(build)


@pytest.mark.parametrize("trace", ["set", "absent"])
def test_trace_id(piece: Piece, trace: str) -> None:
    """The variable that the X-Ray SDK reads, where `os` is loaded; no two traces in a row are the same."""

    def build() -> Callable[[], object]:
        set_trace_id = internal("_loop").set_trace_id
        if trace == "absent":
            return lambda: set_trace_id(b"")
        another = cycle(trace_ids()).__next__
        return lambda: set_trace_id(another())

    piece(build)


def test_import_hook(piece: Piece) -> None:
    """What every import of another module pays while nobody has imported `logging`."""

    def build() -> Callable[[], object]:
        internal("_import_hook").install("a.module.that.nobody.imports", lambda _module: None)
        hook: Any = sys.meta_path.pop(0)
        return lambda: hook.find_spec("json.decoder", None)

    piece(build)
