"""How a piece is timed, and what is said of one that the tree under test does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest

import rapid_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    Call = Callable[[], object]

#: Timed calls of a piece that has to be built anew for each: about 50 ms of them, as of the others.
ROUNDS: Final = 100


class Piece(Protocol):
    """Times a piece."""

    def __call__(self, build: Callable[[], Call], calls: int = 0) -> None:
        """Time what *build* returns.

        Args:
            build: Returns what is called without arguments.
            calls: What is built serves for one call only, which does the work so many times; 0 if it serves
                for any number of calls.
        """


@pytest.fixture
def piece(benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch) -> Piece:
    """Return the timer; it builds and calls the piece once before, and skips the test where that fails."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "")  # put back in the end: the runtime sets it

    def measure(build: Callable[[], Call], calls: int = 0) -> None:
        try:
            call = build()
            call()
        except Exception as exc:  # an older tree may lack a name, or have it in another shape
            benchmark.disabled = True
            pytest.skip(f"not there: {type(exc).__name__}: {exc}")
        if calls:
            benchmark.extra_info["calls"] = calls
            benchmark.pedantic(  # type: ignore[no-untyped-call]
                run, setup=lambda: ((build(),), {}), rounds=ROUNDS
            )
        else:
            benchmark(call)

    return measure


def run(call: Call) -> None:
    """Call *call*."""
    call()


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Say whose pieces they are."""
    del config
    machine_info["rapid_client"] = rapid_client.__file__
