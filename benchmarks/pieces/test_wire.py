"""Pieces: answers of the Runtime API, from bytes to what they say."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from benchmarks.pieces.canned import (
    ACCEPTED,
    BATCH,
    CALLER,
    EVENTS,
    Canned,
    NotThere,
    body_of,
    client_over,
    events,
    internal,
    with_replies,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.pieces.conftest import Piece

SMALL = ("16", "apigw-small", "apigw")


@pytest.mark.parametrize("event", SMALL)
def test_quick_event(piece: Piece, event: str) -> None:
    """An event that came in one receive: its headers and its body."""

    def build() -> Callable[[], object]:
        quick_event = internal("_wire").quick_event
        wires, body = events(body_of(event)), body_of(event)
        found = quick_event(wires[0])
        if type(found) is not tuple or len(found) != 2 or found[1] != body:
            raise NotThere("quick_event returns something else than headers and body")
        another = cycle(wires).__next__
        return lambda: quick_event(another())

    piece(build)


def test_quick_accepted(piece: Piece) -> None:
    """The reply to a response that was taken."""

    def build() -> Callable[[], object]:
        wire = internal("_wire")
        taken = getattr(wire, "is_accepted", None) or wire.quick_accepted  # what it was called up to 0.1
        if not taken(ACCEPTED):
            raise NotThere(f"{taken.__name__} does not know the reply")
        return lambda: taken(ACCEPTED)

    piece(build)


@pytest.mark.parametrize("event", SMALL)
def test_parse_event(piece: Piece, event: str) -> None:
    """The same event, by the parser that knows all of HTTP, with its headers."""

    def build() -> Callable[[], object]:
        ResponseParser = internal("_parser").ResponseParser  # noqa: N806 - it is a class
        another, body = cycle(events(body_of(event))).__next__, body_of(event)

        def parse() -> tuple[object, object]:
            response = ResponseParser().feed(another())
            return response.headers(), response.body

        if parse()[1] != body:
            raise NotThere("ResponseParser.feed returns something else")
        return parse

    piece(build)


def test_parse_accepted(piece: Piece) -> None:
    """The reply to a response, by the parser."""

    def build() -> Callable[[], object]:
        ResponseParser = internal("_parser").ResponseParser  # noqa: N806 - it is a class
        return lambda: ResponseParser().feed(ACCEPTED)

    piece(build)


def test_parse_headers(piece: Piece) -> None:
    """The headers of an event, with all that may come, in any spelling."""

    def build() -> Callable[[], object]:
        parse_headers = internal("_parser").parse_headers
        head = events(b"{}", CALLER)[0].partition(b"\r\n\r\n")[0]
        return lambda: parse_headers(head)

    piece(build)


@pytest.mark.parametrize("event", EVENTS)
def test_next(piece: Piece, event: str) -> None:
    """`Client.next`, from the bytes of an event to the invocation; no client's first one."""
    answers = with_replies(events(body_of(event)))
    calls = BATCH if len(answers[0]) < 100_000 else 1

    def build() -> Callable[[], object]:
        clients = [client_over(Canned(answers, 3)) for _ in range(calls)]
        for client in clients:
            client.respond(client.next(), b"{}")

        def receive() -> None:
            for client in clients:
                client.next()

        return receive

    piece(build, calls=calls)
