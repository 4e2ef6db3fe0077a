"""How a trace is read: by examples that strace 6 wrote."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest

from tests.counts.counting import Trace, summed

TRACE: Final = """\
721   execve("/opt/bootstrap", ["/opt/bootstrap"], 0x7ffc6d3b6968 /* 13 vars */) = 0
721   open("/dev/null", O_RDWR|O_CLOEXEC) = 3</dev/null<char 1:3>>
721   openat(AT_FDCWD</t>, "/opt/a.pyc", O_RDONLY|O_CLOEXEC) = 3</opt/a.pyc>
721   read(3</opt/a.pyc>, "\\363 = 9\\r\\r\\n"..., 463) = 462
721   read(3</opt/a.pyc>, "", 1)                = 0
721   openat(AT_FDCWD</t>, "/opt/none", O_RDONLY) = -1 ENOENT (No such file or directory)
721   openat(AT_FDCWD</t>, "/opt/b.pyc", O_RDONLY|O_CLOEXEC) = 3</opt/b.pyc>
721   readv(3</opt/b.pyc>, [{iov_base="\\363\\r"..., iov_len=100}, {iov_base="", iov_len=9}], 2) = 100
721   pread64(3</opt/b.pyc>, "\\6\\0"..., 784, 64) = 11
721   clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>
722   getsid(0 <unfinished ...>
721   <... clone resumed>)              = 722
722   <... getsid resumed>)             = 1
722   +++ exited with 0 +++
721   --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=722} ---
721   read(4<pipe:[1151891]>, "x", 1)   = 1
721   sendto(3<socket:[1151891]>, "GET /2018-06-01/runtime/invocation/next HTTP/1.1"..., 121, 0) = 121
721   getpid()                          = 721
"""


@pytest.fixture
def trace() -> Trace:
    """Return what is seen of the example until it asks for an event."""
    return Trace(TRACE, r"sendto\(.*/invocation/next")


def test_each_call_counts_once(trace: Trace) -> None:
    """Also one of a child, one that fails and one that is interrupted; none from the last one on."""
    assert trace.calls == {
        "execve": 1,
        "open": 1,
        "openat": 3,
        "read": 3,
        "readv": 1,
        "pread64": 1,
        "clone": 1,
        "getsid": 1,
    }


def test_a_file_counts_if_it_was_opened(trace: Trace) -> None:
    """One that is not there does not, nor does a device."""
    assert trace.opened == {"/opt/a.pyc": 1, "/opt/b.pyc": 1}


def test_bytes_count_however_they_are_read(trace: Trace) -> None:
    """By the file that they come from; what comes from pipes and sockets does not count."""
    assert {name: count for name, count in trace.read.items() if count} == {
        "/opt/a.pyc": 462,
        "/opt/b.pyc": 111,
    }


def test_a_trace_without_its_end_is_an_error() -> None:
    """Or a process that died early would be the fastest of all."""
    with pytest.raises(AssertionError, match="nothing matches"):
        Trace(TRACE, r"connect\(")


def test_what_the_interpreter_takes_drops_out() -> None:
    """What both have is not counted, and what only the interpreter has counts against us."""
    count = summed(Counter(a=3, b=1), Counter(a=1, b=1, c=4))

    assert (count.total, count.parts) == (-2, {"a": 2, "c": -4})
