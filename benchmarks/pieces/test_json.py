"""Pieces: events in, results out, by size and engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks.pieces.canned import EVENTS, NotThere, body_of, codec_with

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.pieces.conftest import Piece

pytestmark = [
    pytest.mark.parametrize("event", EVENTS),
    pytest.mark.parametrize("engine", ["stdlib", "orjson"]),
]


def test_decode(piece: Piece, engine: str, event: str) -> None:
    """An event, from bytes to values."""

    def build() -> Callable[[], object]:
        codec, body = codec_with(engine), body_of(event)
        if codec.decode(body) != json.loads(body):
            raise NotThere("Codec.decode returns something else")
        return lambda: codec.decode(body)

    piece(build)


def test_encode(piece: Piece, engine: str, event: str) -> None:
    """The same as a result, from values to bytes."""

    def build() -> Callable[[], object]:
        codec, value = codec_with(engine), json.loads(body_of(event))
        if json.loads(codec.encode(value)) != value:
            raise NotThere("Codec.encode returns something else")
        return lambda: codec.encode(value)

    piece(build)
