"""Signals from end to end: what the function has registered runs, at once, whatever the runtime waits for."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Starter

#: `{action}` is what the function's handler of SIGTERM does. An event is a file to wait for. What it says
#: when it waits is no print: a signal's handler that interrupts one may not print itself (CPython's rule).
SOURCE: Final = """
import atexit, os, signal, sys, time

atexit.register(print, "atexit")

def terminate(number, frame):
    print("signal", number)
    {action}

signal.signal(signal.SIGTERM, terminate)

def handler(event, context):
    if event:
        os.write(1, b"waiting\\n")
        while not os.path.exists(event):
            time.sleep(0.01)
    return "answered"
"""
PLAIN: Final = """
import atexit, os, time
atexit.register(print, "atexit")

def handler(event, context):
    if event:
        print("waiting")
        while not os.path.exists(event):
            time.sleep(0.01)
    return "answered"
"""


@pytest.mark.parametrize("environment", [None, "AWS_Lambda_python3.13"])
@pytest.mark.parametrize("code", [0, 5])
def test_sigterm_while_waiting(start: Starter, environment: str | None, code: int) -> None:
    """The function's handler runs while no event comes, then `atexit`, and its code is the process's."""
    runtime = start(SOURCE.format(action=f"sys.exit({code})"), AWS_EXECUTION_ENV=environment).ready()
    runtime.kill(signal.SIGTERM)

    assert runtime.exit_code() == code
    assert runtime.log == ["signal 15", "atexit"]
    assert runtime.stderr == ""
    assert runtime.paths() == ["GET invocation/next"]


def test_sigterm_between_two_events(start: Starter) -> None:
    """A handler that returns changes nothing: the next event is served over the same connection."""
    runtime = start(SOURCE.format(action="pass"))
    assert runtime.call() == "answered"
    runtime.until(lambda: runtime.mock.calls("next") == 2, "the next question")

    runtime.kill(signal.SIGTERM)
    runtime.until(lambda: runtime.log == ["signal 15"], "the handler")

    assert runtime.call() == "answered"
    assert {request.connection for request in runtime.mock.requests} == {1}


def test_sigterm_during_an_invocation(start: Starter, tmp_path: Path) -> None:
    """A handler that returns lets the invocation go on to its answer."""
    runtime = start(SOURCE.format(action="pass"))
    pending = runtime.send(str(tmp_path / "go on"))
    runtime.until(lambda: "waiting" in runtime.log, "the invocation")

    runtime.kill(signal.SIGTERM)
    runtime.until(lambda: "signal 15" in runtime.log, "the handler")
    (tmp_path / "go on").touch()
    runtime.until(lambda: pending.done, "the answer")

    assert pending.result().body == b'"answered"'


def test_an_exit_during_an_invocation(start: Starter) -> None:
    """A handler that exits fails the invocation, which is told so, and ends the process with its code."""
    runtime = start(SOURCE.format(action="sys.exit(5)"))
    pending = runtime.send("/no/such/file")
    runtime.until(lambda: "waiting" in runtime.log, "the invocation")

    runtime.kill(signal.SIGTERM)

    assert runtime.exit_code() == 5
    assert pending.result(1).kind == "error"
    assert json.loads(pending.result(1).body)["errorType"] == "SystemExit"
    assert runtime.log[-1] == "atexit"


def test_an_exception_during_an_invocation(start: Starter) -> None:
    """What the handler raises is the invocation's error, and the next event is served."""
    runtime = start(SOURCE.format(action="raise ValueError('terminated')"))
    pending = runtime.send("/no/such/file")
    runtime.until(lambda: "waiting" in runtime.log, "the invocation")

    runtime.kill(signal.SIGTERM)
    runtime.until(lambda: pending.done, "the answer")

    assert json.loads(pending.result().body)["errorMessage"] == "terminated"
    assert runtime.call() == "answered"


@pytest.mark.parametrize("kind", ["ValueError", "TimeoutError", "ConnectionResetError"])
def test_an_exception_while_waiting(start: Starter, kind: str) -> None:
    """What the handler raises while no event comes ends the process: it is no lost connection."""
    runtime = start(SOURCE.format(action=f"raise {kind}('terminated')")).ready()
    runtime.kill(signal.SIGTERM)

    assert runtime.exit_code() == 1
    assert runtime.stderr.endswith(f"{kind}: terminated\n")
    assert runtime.log == ["signal 15", "atexit"]
    assert runtime.mock.calls("next") == 1


@pytest.mark.parametrize("busy", [False, True])
def test_without_a_handler(start: Starter, busy: bool) -> None:
    """Who has registered nothing gets the default: the process ends at once, by the signal."""
    runtime = start(PLAIN).ready()
    if busy:
        runtime.send("/no/such/file")
        runtime.until(lambda: "waiting" in runtime.log, "the invocation")

    runtime.kill(signal.SIGTERM)

    assert runtime.exit_code() == -signal.SIGTERM
    assert "atexit" not in runtime.log
    assert runtime.stderr == ""


def test_ctrl_c_while_waiting(start: Starter) -> None:
    """Ctrl-C ends the process quietly with 130, and `atexit` runs."""
    runtime = start("import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)" + PLAIN).ready()
    runtime.kill(signal.SIGINT)

    assert runtime.exit_code() == 130
    assert runtime.log == ["atexit"]
    assert runtime.stderr == ""


def test_ctrl_c_during_an_invocation(start: Starter) -> None:
    """Ctrl-C is the invocation's error, and then the end: 130."""
    runtime = start("import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)" + PLAIN)
    pending = runtime.send("/no/such/file")
    runtime.until(lambda: "waiting" in runtime.log, "the invocation")

    runtime.kill(signal.SIGINT)

    assert runtime.exit_code() == 130
    assert json.loads(pending.result(1).body)["errorType"] == "KeyboardInterrupt"
    assert runtime.stderr == ""


def test_a_handler_registered_by_an_invocation(start: Starter) -> None:
    """A function may register its handler as late as in an invocation."""
    runtime = start(
        "def handler(event, context):\n"
        "    import signal, sys\n"
        "    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(7))\n"
    )
    runtime.call()
    runtime.until(lambda: runtime.mock.calls("next") == 2, "the next question")
    runtime.kill(signal.SIGTERM)

    assert runtime.exit_code() == 7


def test_a_signal_while_a_large_response_is_sent(start: Starter) -> None:
    """A timer that fires all the time does not harm what is sent and received."""
    runtime = start(
        "import signal\n"
        "signal.signal(signal.SIGALRM, lambda number, frame: None)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\n"
        "def handler(event, context):\n    return event\n"
    )
    event = "x" * 2_000_000
    for _ in range(3):
        assert runtime.call(event) == event
