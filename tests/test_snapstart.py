"""SnapStart from end to end: hooks around the snapshot, and how it ends when one of them fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from rapid_client.local import Fault, MockSettings, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import Runtime, Starter

#: What `snapshot_restore_py` is: two lists, and functions that put hooks into them.
PACKAGE: Final = """
_before, _after = [], []

def register_before_snapshot(func, *args, **kwargs):
    _before.append((func, args, kwargs))
    return func

def register_after_restore(func, *args, **kwargs):
    _after.append((func, args, kwargs))
    return func

def get_before_snapshot():
    return _before

def get_after_restore():
    return _after
"""
HOOKS: Final = """
import sys
from snapshot_restore_py import register_after_restore, register_before_snapshot

def broken(statement):
    exec(compile(statement, "<hook>", "exec"))

register_before_snapshot(print, "b1")
register_before_snapshot(print, "b", end="2\\n")
register_after_restore(print, "a1")
register_after_restore(print, "a", end="2\\n")
{more}

def handler(event, context):
    print("invoked")
"""

if TYPE_CHECKING:
    Snapstarter = Callable[..., Runtime]


@pytest.fixture(params=["package", "stand-in"])
def snapstart(request: pytest.FixtureRequest, start: Starter) -> Snapstarter:
    """Return a starter with SnapStart on, with the real package of hooks and with its like."""
    if request.param == "package":
        pytest.importorskip("snapshot_restore_py")
    else:
        start.write(PACKAGE, "snapshot_restore_py.py")

    def run(source: str, *, auto_restore: bool = True, **options: Any) -> Runtime:
        settings = MockSettings(snapstart=True, auto_restore=auto_restore)
        return start(source, settings=settings, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start", **options)

    return run


def test_the_order_of_the_hooks(snapstart: Snapstarter) -> None:
    """Before hooks run last registered first, after hooks in order, each on its side of the snapshot."""
    runtime = snapstart(HOOKS.format(more=""), auto_restore=False)

    runtime.until(lambda: runtime.mock.calls("restore/next"), "the snapshot")
    assert runtime.log == ["b2", "b1"]

    runtime.mock.release_restore()
    runtime.call()
    assert runtime.log == ["b2", "b1", "a1", "a2", "invoked"]
    assert runtime.paths()[:2] == ["GET restore/next", "GET invocation/next"]


@pytest.mark.parametrize(
    ("statement", "error_type", "message"),
    [
        ("raise ValueError('bs')", "ValueError", "bs"),
        ("sys.exit(9)", "SystemExit", "9"),
        ("sys.exit(0)", "SystemExit", "0"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
    ],
)
def test_a_before_hook_that_fails(
    snapstart: Snapstarter, statement: str, error_type: str, message: str
) -> None:
    """It is an init error of its own type under a header that tells when, and the exit code is 64."""
    runtime = snapstart(HOOKS.format(more=f"register_before_snapshot(broken, {statement!r})"))

    error = runtime.init_error()

    assert (error["errorType"], error["errorMessage"]) == (error_type, message)
    assert "/app.py" in error["stackTrace"][0]
    assert runtime.exit_code() == 64
    [request] = runtime.mock.requests
    assert request.call == "init/error"
    assert request.header("Lambda-Runtime-Function-Error-Type") == "Runtime.BeforeSnapshotError"
    assert runtime.log[0].startswith(f"[ERROR] {error_type}")
    assert runtime.stderr == ""


@pytest.mark.parametrize(
    ("statement", "error_type", "message"),
    [("raise ValueError('ar')", "ValueError", "ar"), ("sys.exit(9)", "SystemExit", "9")],
)
def test_an_after_hook_that_fails(
    snapstart: Snapstarter, statement: str, error_type: str, message: str
) -> None:
    """It is reported to `restore/error`, hooks behind it do not run, and the exit code is 65."""
    more = f"register_after_restore(broken, {statement!r})\nregister_after_restore(print, 'a4')"
    runtime = snapstart(HOOKS.format(more=more))

    assert runtime.exit_code() == 65
    assert runtime.paths() == ["GET restore/next", "POST restore/error"]
    request = runtime.mock.requests[1]
    assert request.header("Lambda-Runtime-Function-Error-Type") == "Runtime.AfterRestoreError"
    error = json.loads(request.body)
    assert (error["errorType"], error["errorMessage"]) == (error_type, message)
    assert runtime.log[2:4] == ["a1", "a2"]
    assert "a4" not in runtime.log


def test_a_restore_that_is_not_granted(snapstart: Snapstarter) -> None:
    """Any status but 200 counts as a failure before the snapshot, under awslambdaric's name."""
    runtime = snapstart(HOOKS.format(more=""), faults=[Fault("restore/next", Reply(status=204, body=b""))])

    assert runtime.exit_code() == 64
    assert runtime.paths() == ["GET restore/next", "POST init/error"]
    request = runtime.mock.requests[1]
    assert request.header("Lambda-Runtime-Function-Error-Type") == "Runtime.BeforeSnapshotError"
    error = json.loads(request.body)
    assert error["errorType"] == "LambdaRuntimeClientError"
    assert "Reason: '204'" in error["errorMessage"]
    assert "a1" not in runtime.log


def test_a_restore_whose_connection_is_lost(snapstart: Snapstarter) -> None:
    """A process that gets no answer, and cannot say so either, ends with 1 and one line for each."""
    runtime = snapstart("def handler(event, context): pass", auto_restore=False)
    runtime.until(lambda: runtime.mock.calls("restore/next"), "the snapshot")

    runtime.mock.close()

    assert runtime.exit_code() == 1
    assert runtime.log[0].startswith("[ERROR] TransportError: the Runtime API at ")
    assert runtime.stderr.startswith("rapid_client: cannot connect to the Runtime API at ")
    assert runtime.stderr.count("\n") == 1


def test_no_hooks(start: Starter) -> None:
    """A function without hooks takes part in SnapStart, and does not load their package."""
    runtime = start(
        "import sys\ndef handler(event, context):\n    return 'snapshot_restore_py' in sys.modules\n",
        settings=MockSettings(snapstart=True),
        AWS_LAMBDA_INITIALIZATION_TYPE="snap-start",
    )

    assert runtime.call() is False
    assert runtime.paths()[:2] == ["GET restore/next", "GET invocation/next"]


def test_hooks_without_snapstart(start: Starter) -> None:
    """Where no snapshot is taken hooks do not run and nobody asks for one."""
    start.write(PACKAGE, "snapshot_restore_py.py")
    runtime = start(HOOKS.format(more=""))

    runtime.call()
    assert runtime.log == ["invoked"]
    assert runtime.paths()[0] == "GET invocation/next"


def test_an_init_error_before_any_snapshot(snapstart: Snapstarter) -> None:
    """A module that cannot be imported is an ordinary init error: no hook runs, exit code 1."""
    runtime = snapstart(HOOKS.format(more="1 / 0"))

    assert runtime.init_error()["errorType"] == "ZeroDivisionError"
    assert runtime.exit_code() == 1
    assert "b1" not in runtime.log


def test_logging_after_a_restore(snapstart: Snapstarter) -> None:
    """What hooks log goes where all logs go, without a request id."""
    runtime = snapstart(HOOKS.format(more="import logging\nregister_after_restore(logging.error, 'hooked')"))
    runtime.call()

    assert [line.split("\t")[2:] for line in runtime.log if "hooked" in line] == [["", "hooked"]]
