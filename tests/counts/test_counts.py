"""What the runtime takes has not grown: an invocation's system calls exactly, the rest as it was recorded.

A count that has changed by more than 5 % fails and says what has changed. If it is meant, or if it is
progress: ``python -m tests.counts.record``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.counts import counting, records
from tests.counts.laboratory import TRIVIAL, Laboratory

if TYPE_CHECKING:
    from tests.counts.counting import Count

MEMORY: Final = ("brk", "mmap", "munmap")
FOUR: Final = ["sendto", "recvfrom", "sendto", "recvfrom"]


@pytest.fixture
def recorded() -> records.Record:
    """Return what was recorded with this very interpreter; else skip."""
    record = records.load().get(records.VERSION)
    if record is None:
        pytest.skip(
            f"nothing is recorded for Python {records.VERSION}: only what holds for every version is tested"
        )
    if record.where != records.here():
        pytest.skip(f"it was recorded with another interpreter: {record.where}; this is {records.here()}")
    return record


# For every version...


def test_an_invocation_takes_four_system_calls(laboratory: Laboratory) -> None:
    """Send, receive, send, receive; no clock, no allocation, no poll."""
    assert counting.warm_calls(laboratory, laboratory.bootstrap) == FOUR * 20


def test_an_invocation_takes_four_system_calls_by_python_m(laboratory: Laboratory) -> None:
    """The same where the runtime is a module of an image."""
    calls = counting.warm_calls(laboratory, laboratory.module, PYTHONPATH=str(laboratory.package))

    assert calls == FOUR * 20


def test_pipelined_it_takes_two(laboratory: Laboratory) -> None:
    """With RAPID_PIPELINE=1 a response and the next request are one send, their answers one receive."""
    calls = counting.warm_calls(laboratory, laboratory.bootstrap, RAPID_PIPELINE="1")

    assert calls == ["sendto", "recvfrom"] * 20


def test_another_system_call_is_seen(laboratory: Laboratory) -> None:
    """What a handler calls stands in the list, at its place."""
    laboratory.write("import posix\n" + TRIVIAL.replace("return", "posix.getpid()\n    return"))

    calls = counting.warm_calls(laboratory, laboratory.bootstrap)

    assert calls == ["sendto", "recvfrom", "getpid", "sendto", "recvfrom"] * 20


def test_modules_more_are_named(laboratory: Laboratory) -> None:
    """With them come their files and the system calls that they make."""
    before = records.Record("", counting.start(laboratory))
    for name in "_more", "_most":
        module = laboratory.package / "rapid_client" / f"{name}.py"
        module.write_text("import posix\n" + "posix.getpgid(0)\n" * 40)
    with (laboratory.package / "rapid_client" / "__init__.py").open("a") as file:
        file.write("\nimport rapid_client._more, rapid_client._most\n")

    found = records.verdict(before, counting.start(laboratory))

    assert "\n    rapid_client._more: 0 -> 1\n    rapid_client._most: 0 -> 1\n" in found
    assert f"\n    opt/rapid_client/__pycache__/_more.{sys.implementation.cache_tag}.pyc: 0 -> 1\n" in found
    assert "\n    getpgid: 0 -> 80\n" in found


def test_hints_cost_nothing_where_nothing_is_compiled(laboratory: Laboratory) -> None:
    """They take no module, file, byte or system call, but for those that ask the kernel for memory."""
    counted = [counting.start(laboratory), counting.start(laboratory, RAPID_HINTS="0")]

    with_hints, without = (
        {
            what: {name: n for name, n in count.parts.items() if name not in MEMORY}
            for what, count in each.items()
        }
        for each in counted
    )
    assert with_hints == without


# Against what was recorded...


def compare(recorded: records.Record, counted: dict[str, Count]) -> None:
    """Fail with what has changed, and with nothing else around it."""
    if text := records.verdict(recorded, counted):
        pytest.fail(text, pytrace=False)


def test_a_start_takes_what_was_recorded(laboratory: Laboratory, recorded: records.Record) -> None:
    """Modules, files opened, bytes read and system calls until the first `/next`."""
    compare(recorded, counting.start(laboratory))


def test_an_invocation_takes_the_recorded_instructions(
    laboratory: Laboratory, recorded: records.Record
) -> None:
    """As multiples of what the Python floor takes, which is counted here and now, too."""
    compare(recorded, counting.instructions(laboratory))


def test_an_invocation_takes_the_recorded_allocations(
    laboratory: Laboratory, recorded: records.Record
) -> None:
    """What could be made once is not made once per invocation."""
    compare(recorded, counting.allocations(laboratory))
