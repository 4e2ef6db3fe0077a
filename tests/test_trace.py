"""The trace id reaches whoever reads it: Python code, C libraries, child processes; early and late."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from rapid_client._loop import MANY
from rapid_client.local import MockSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import Runtime, Starter

#: The event names how to look; every way returns what a process or the interpreter itself sees.
LOOK: Final = """
{imports}

NAME = "_X_AMZN_TRACE_ID"
PRINT = "import os; print(os.environ.get('_X_AMZN_TRACE_ID'))"

def python(event):
    import os
    return os.environ.get(NAME)

def python_bytes(event):
    import os
    return os.environb.get(NAME.encode(), b"None").decode()

def child(event):
    import subprocess, sys
    return subprocess.run([sys.executable, "-S", "-c", PRINT], capture_output=True, text=True).stdout.strip()

def posix_spawn(event):
    import subprocess, sys
    return subprocess.check_output([sys.executable, "-S", "-c", PRINT], close_fds=False, text=True).strip()

def system(event):
    import os, sys, tempfile
    with tempfile.NamedTemporaryFile("r") as file:
        os.system(f'{sys.executable} -S -c "{PRINT}" > {file.name}')
        return file.read().strip()

def c_library(event):
    import ctypes
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    value = getenv(NAME.encode())
    return str(value and value.decode())

def fork_and_exec(event):
    import os, sys
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.dup2(writer, 1)
        os.execv(sys.executable, [sys.executable, "-S", "-c", PRINT])
    os.close(writer)
    os.waitpid(pid, 0)
    with open(reader) as file:
        return file.read().strip()

def removed(event):
    import os
    os.environ.pop(NAME, None)
    return child(event)

def set_by_the_function(event):
    import os
    os.environ[NAME] = "its own"
    return child(event)

def modules(event):
    import sys
    return list(sys.modules)

def handler(event, context):
    return globals()[event](event)
"""
FIRST: Final = "Root=1-2-3;Parent=4;Sampled=1"
SECOND: Final = "Root=5-6-7;Parent=8;Sampled=0"
FOLLOWS: Final = ("python", "python_bytes", "c_library", "child", "posix_spawn", "system", "fork_and_exec")


def sees_its_own(runtime: Runtime) -> None:
    """Each way of looking sees the trace id of its own invocation."""
    for trace_id in (FIRST, SECOND):
        assert [runtime.call(way, trace_id=trace_id) for way in FOLLOWS] == [trace_id] * len(FOLLOWS)


def sees_none(runtime: Runtime) -> None:
    """An invocation that is not traced sees none, after one that was."""
    assert runtime.call("child", trace_id=FIRST) == FIRST
    assert [runtime.call(way) for way in FOLLOWS] == [None, *["None"] * 6]


def sees_what_the_function_did(runtime: Runtime) -> None:
    """A child sees the variable as the function left it; the next invocation has its own again."""
    for way, left in (("removed", "None"), ("set_by_the_function", "its own")):
        assert runtime.call(way, trace_id=FIRST) == left
        assert [runtime.call(way, trace_id=SECOND) for way in FOLLOWS] == [SECOND] * len(FOLLOWS)


def sees_any_length(runtime: Runtime) -> None:
    """A short one after a long one and the other way round: each is seen whole."""
    for size in (1, 995, 996, 5000):
        for trace_id in ("Root=" + "1" * size, FIRST):
            seen = [runtime.call(way, trace_id=trace_id) for way in ("python", "c_library", "child")]
            assert seen == [trace_id] * 3


CHECKS: Final = (sees_its_own, sees_none, sees_what_the_function_did, sees_any_length)


@pytest.mark.parametrize("imports", ["", "import os", "import os, subprocess"])
@pytest.mark.parametrize("check", CHECKS)
def test_the_first_invocations(start: Starter, imports: str, check: Callable[[Runtime], None]) -> None:
    """What is seen is right from the first invocation on, whatever was imported before."""
    check(start(LOOK.replace("{imports}", imports)))


def test_after_many_invocations(start: Starter) -> None:
    """What is seen is right after many invocations as well, when another way of setting it is in use."""
    runtime = start(LOOK.replace("{imports}", ""), settings=MockSettings(record=0))
    for number in range(MANY):
        assert runtime.call("python", trace_id=f"Root={number}") == f"Root={number}"
    modules = runtime.call("modules")
    for check in CHECKS:
        check(runtime)

    assert "rapid_client._trace" in modules


OUTLIVED: Final = """
import gc, subprocess, sys
from rapid_client._trace import Slot

def leave_behind():
    Slot().set(b"Root=1-2-3")

leave_behind()
gc.collect()
spoilt = [b"x" * size for size in range(900, 1200) for _ in range(50)]
print(subprocess.check_output(["printenv", "_X_AMZN_TRACE_ID"], text=True))
"""


def test_the_environment_outlives_the_loop(child_environ: dict[str, str]) -> None:
    """The memory to which the environment points is never freed: what runs at exit may start processes."""
    done = subprocess.run(
        [sys.executable, "-c", OUTLIVED], env=child_environ, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "Root=1-2-3"


def test_multiprocessing(start: Starter) -> None:
    """The processes that multiprocessing forks or spawns have it too."""
    runtime = start(
        """
import os

def look(queue):
    queue.put(os.environ.get("_X_AMZN_TRACE_ID"))

def handler(event, context):
    import multiprocessing
    methods = multiprocessing.get_context(event)
    queue = methods.SimpleQueue()
    process = methods.Process(target=look, args=(queue,))
    process.start()
    try:
        return queue.get()
    finally:
        process.join()
"""
    )

    assert runtime.call("fork", trace_id=FIRST) == FIRST
    assert runtime.call("spawn", trace_id=SECOND) == SECOND
