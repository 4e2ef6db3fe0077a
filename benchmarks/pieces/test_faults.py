"""Pieces: what a failure and a line of the log cost, step by step."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.pieces.canned import codec_with, environment_with, internal

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.pieces.conftest import Piece


def raised() -> KeyError:
    """Return an exception with a trace of four frames."""
    found: dict[str, int] = {}

    def deeper(level: int) -> None:
        if level:
            deeper(level - 1)
        found["missing"]

    try:
        deeper(2)
    except KeyError as exc:
        return exc
    raise AssertionError


def fault() -> tuple[Any, Any]:
    """Return the module and what it makes of `raised`."""
    faults = internal("_faults")
    return faults, faults.describe(raised(), 1)


def test_fault_describe(piece: Piece) -> None:
    """The exception as text, with the lines of the source."""

    def build() -> Callable[[], object]:
        faults, _ = fault()
        error = raised()
        return lambda: faults.describe(error, 1)

    piece(build)


@pytest.mark.parametrize("engine", ["stdlib", "orjson"])
def test_fault_body(piece: Piece, engine: str) -> None:
    """What the caller gets."""

    def build() -> Callable[[], object]:
        faults, what = fault()
        encode = codec_with(engine).encode
        return lambda: faults.body(what, "an id", encode)

    piece(build)


def test_fault_xray(piece: Piece) -> None:
    """The header for X-Ray."""

    def build() -> Callable[[], object]:
        faults, what = fault()
        return lambda: faults.xray(what)

    piece(build)


@pytest.mark.parametrize("log_format", ["TEXT", "JSON"])
def test_fault_log(piece: Piece, log_format: str) -> None:
    """The failure in the log, which is the null device."""

    def build() -> Callable[[], object]:
        faults, what = fault()
        sink = environment_with("stdlib").sink
        return lambda: faults.log(what, "an id", sink, log_format)

    piece(build)


@pytest.mark.parametrize("log_format", ["TEXT", "JSON"])
def test_log_line(piece: Piece, log_format: str) -> None:
    """A line that the function logs, from the call to the null device."""

    def build() -> Callable[[], object]:
        environment = environment_with("stdlib", AWS_LAMBDA_LOG_FORMAT=log_format)
        internal("_logs").configure(logging, environment)
        logger = logging.getLogger(f"function that logs {log_format}")
        logger.addHandler(logging.getLogger().handlers.pop())  # the one that was just put there
        logger.setLevel(logging.INFO)
        logger.propagate = False
        return lambda: logger.info("order %s of %d", "8476a536", 12)

    piece(build)
