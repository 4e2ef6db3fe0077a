"""With RAPID_PIPELINE=1 the caller gets the same, through the mock and through the real emulator."""

from __future__ import annotations

import json
import random
import shutil
from typing import TYPE_CHECKING, Any, Final

import pytest

from rapid_client.local import InvokeOptions
from tests.conformance.test_protocol_cases import (
    BY_ID,
    FUNCTION,
    ON_EMULATOR,
    STORIES,
    Case,
    Servers,
    check,
    params,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conformance.test_protocol_cases import End, Kind

    Started = Callable[..., Servers]

#: Sizes of events and responses around which something changes: what comes in chunks, what is pipelined.
SIZES: Final = (2, 2047, 2048, 2049, 16_000, 65_535, 65_536, 65_537, 200_000)
ROUNDS: Final = 300


@pytest.fixture(scope="module")
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Return a maker of servers with environment variables; they end with this module."""
    folder: Path = tmp_path_factory.mktemp("task")
    shutil.copy(FUNCTION, folder / "app.py")
    made: list[Servers] = []

    def start(**variables: str) -> Servers:
        made.append(Servers(lambda: request.getfixturevalue("emulator_path"), folder, **variables))
        return made[-1]

    yield start
    for servers in made:
        servers.close()


@pytest.fixture(scope="module")
def pipelined(started: Started) -> Servers:
    """Return servers with the switch on."""
    return started(RAPID_PIPELINE="1")


@pytest.mark.parametrize(("kind", "name"), params(BY_ID, [case.id for case in ON_EMULATOR]))
def test_each_case_ends_as_without_the_switch(pipelined: Servers, kind: Kind, name: str) -> None:
    """What holds without the switch holds with it."""
    case = BY_ID[name]
    check(pipelined.get(kind, case.handler), case)


@pytest.mark.parametrize(("kind", "name"), params(STORIES, STORIES))
def test_what_a_process_survives_is_the_same(pipelined: Servers, kind: Kind, name: str) -> None:
    """Errors and a 413 between pipelined responses leave the process as it is."""
    server = pipelined.new(kind)
    try:
        for case in STORIES[name]:
            check(server, case)
    finally:
        server.close()


@pytest.mark.parametrize("kind", ["mock", pytest.param("rie", marks=pytest.mark.slow)])
def test_the_switch_reaches_the_function(started: Started, kind: Kind) -> None:
    """What these tests set is what the runtime sees: a value that is none is an init error."""
    refused = {"errorType": "Runtime.InvalidConfiguration"}
    server = started(RAPID_PIPELINE="2").new(kind)
    try:
        check(server, Case(id="refused", event=b"1", end="init-error", body=refused))
    finally:
        server.close()


def some_event(source: random.Random) -> Any:
    """Return an event for the function: to return it, or to do something."""
    size = source.choice(SIZES)
    return source.choice(
        (
            "x" * size,
            {"é": source.random()},
            {"do": "text", "size": size},
            {"do": "raw"},
            {"do": "fail", "message": "m" * source.choice((1, 5000))},
            {"do": "not-json"},
            {"do": "process", "padding": "x" * size},
        )
    )


def answers(servers: Servers, kind: Kind) -> list[tuple[End, Any]]:
    """Return how each of some hundred invocations ended, the same ones every time."""
    source, server = random.Random(1), servers.new(kind)
    got: list[tuple[End, Any]] = []
    try:
        for number in range(ROUNDS):
            name = f"id-{number}"
            case = Case(
                id=name,
                event=json.dumps(some_event(source)).encode(),
                options=InvokeOptions(request_id=name),
                headers={"X-Amzn-RequestId": name},
            )
            got.append(server.run(case))
    finally:
        server.close()
    return got


@pytest.mark.parametrize("kind", ["mock", pytest.param("rie", marks=pytest.mark.slow)])
def test_some_hundred_answers_are_the_same(started: Started, pipelined: Servers, kind: Kind) -> None:
    """Events and responses of all sizes, errors and bytes in any order: byte by byte what came without."""
    without, with_it = answers(started(), kind), answers(pipelined, kind)

    assert len(without) == ROUNDS
    assert {end for end, _ in without} == {"answer"}
    assert with_it == without
