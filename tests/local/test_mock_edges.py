"""The mock and the function's process at their edges: not started, closed early, a program that is none."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from rapid_client.local import InvokeOptions, MockRuntimeApi
from rapid_client.local.process import Program, RuntimeProcess, _peak_in_proc, _peak_of

if TYPE_CHECKING:
    from pathlib import Path


def test_an_unanswered_invocation_ends_with_the_mock() -> None:
    """Who waits for an answer when the mock is closed is told so, with the request's id."""
    with MockRuntimeApi() as mock:
        pending = mock.invoke(b"{}", InvokeOptions(request_id="r-1"))

    with pytest.raises(Exception, match="was closed before request r-1 was answered"):
        pending.result(5)


def test_closing_and_disconnecting_before_the_start_is_nothing() -> None:
    """A mock that was never started can be disconnected and closed."""
    mock = MockRuntimeApi()
    mock.disconnect()
    mock.close()
    mock.close()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux")
def test_the_peak_memory_of_a_process() -> None:
    """A process's own peak is told in bytes; of one that is gone it is 0."""
    first = _peak_of("self")
    assert 1024 * 1024 < first <= _peak_in_proc(str(os.getpid()))
    assert _peak_in_proc("no-such-process") == 0


@pytest.mark.skipif(sys.platform != "linux", reason="it counts in /proc")
def test_a_program_that_is_none_leaves_nothing_open(tmp_path: Path) -> None:
    """A program that cannot be started is an OSError, and every descriptor made for it is closed."""
    before = len(os.listdir("/proc/self/fd"))
    program = Program([str(tmp_path / "none")], {}, tmp_path)

    with pytest.raises(FileNotFoundError):
        RuntimeProcess(program, lambda _: None, lambda _: None)
    assert len(os.listdir("/proc/self/fd")) == before
