"""Standard output and error flush at each write, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, bytes, bytes]]

SET_UP = "import sys\nfrom rapid_client import _stdio\n_stdio.unbuffer()\n"


@pytest.fixture
def run(child_environ: dict[str, str]) -> Run:
    """Return a function that runs code after `unbuffer`: it returns exit code, standard output and error."""

    def run(code: str, **environ: str) -> tuple[int, bytes, bytes]:
        command = [sys.executable, "-c", SET_UP + code]
        done = subprocess.run(command, capture_output=True, env=child_environ | environ, timeout=60)
        return done.returncode, done.stdout, done.stderr

    return run


# Killed by a signal that nobody can catch: what was not written by then is lost.
KILL = "\nimport os, signal; os.kill(os.getpid(), signal.SIGKILL)"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("sys.{0}.write('no newline')", b"no newline"),
        ("print('text', end='', file=sys.{0})", b"text"),
        ("sys.{0}.writelines(['a', 'b'])", b"ab"),
        ("sys.{0}.writelines(x for x in 'xyz')", b"xyz"),
        ("sys.__{0}__.write('old way\\n')", b"old way\n"),
        ("sys.__{0}__.write('1 '); sys.{0}.write('2')", b"1 2"),
        ("sys.{0}.buffer.write(b'bytes '); sys.{0}.write('text')", b"bytes text"),
    ],
)
def test_written_text_survives_a_kill(run: Run, stream: str, call: str, expected: bytes) -> None:
    """All that was written is out, in order, before the next statement."""
    _, out, err = run(call.format(stream) + KILL)

    assert expected == (out if stream == "stdout" else err)


def test_plain_python_would_lose_it(child_environ: dict[str, str]) -> None:
    """Without the replacement the same kill loses the text: the test above tests something."""
    code = "import sys; sys.stdout.write('no newline')" + KILL
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=child_environ, timeout=60)

    assert done.stdout == b""


def test_streams_are_what_they_were(run: Run) -> None:
    """Type, encoding, errors, descriptor, name and mode stay; write returns the length."""
    code = """
import io
old = sys.__stdout__
assert isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout is not old
for stream, number, name in (sys.stdout, 1, "<stdout>"), (sys.stderr, 2, "<stderr>"):
    assert (stream.fileno(), stream.name, stream.mode) == (number, name, "w"), stream
    assert stream.writable() and not stream.readable() and not stream.closed
assert sys.stdout.buffer is old.buffer
assert (sys.stdout.encoding, sys.stdout.errors) == (old.encoding, old.errors)
assert sys.stderr.errors == "backslashreplace"
assert sys.stdout.write("four") == 4
sys.stdout.reconfigure(encoding="ascii", errors="replace")
print("\\u00e9")
"""
    assert run(code) == (0, b"four?\n", b"")


def test_encoding_of_the_environment_is_kept(run: Run) -> None:
    """PYTHONIOENCODING is honoured."""
    code = "print(sys.stdout.encoding, sys.stdout.errors, '\\u00e9')"

    assert run(code, PYTHONIOENCODING="latin-1:ignore") == (0, b"iso8859-1 ignore \xe9\n", b"")


def test_unbuffered_interpreter_is_left_alone(run: Run) -> None:
    """PYTHONUNBUFFERED does the same without us."""
    code = "print(sys.stdout is sys.__stdout__, end='')"

    assert run(code + KILL, PYTHONUNBUFFERED="1") == (-9, b"True", b"")


def test_newlines_are_not_translated(run: Run) -> None:
    r"""``\r`` and ``\n`` go out as they are."""
    assert run(r"sys.stdout.write('a\rb\r\nc\n')") == (0, b"a\rb\r\nc\n", b"")


def test_old_wrapper_does_not_close_the_buffer(run: Run) -> None:
    """The replaced stream may be forgotten by everybody."""
    code = "import gc\nsys.__stdout__ = sys.__stderr__ = None; gc.collect(); print('alive')"

    assert run(code) == (0, b"alive\n", b"")


def test_it_may_be_called_twice(run: Run) -> None:
    """The second call changes nothing."""
    code = "once = sys.stdout, sys.stderr; _stdio.unbuffer(); print(once == (sys.stdout, sys.stderr))"

    assert run(code) == (0, b"True\n", b"")


def test_closed_descriptors(child_environ: dict[str, str]) -> None:
    """A process without standard streams has None there, before and after."""
    code = SET_UP + "sys.exit(40 + (sys.stdout is None) + (sys.stderr is None))"
    command = 'exec "$0" -c "$1" >&- 2>&-'

    command_line = ["/bin/sh", "-c", command, sys.executable, code]

    assert subprocess.run(command_line, env=child_environ, timeout=60).returncode == 42


def test_foreign_stream_is_wrapped(run: Run) -> None:
    """A stream of another kind, put there before us, is flushed, too, and keeps its own attributes."""
    code = """
class Odd:
    colour = "red"
    def __init__(self): self.calls = []
    def write(self, text): self.calls.append(text); return 7
    def writelines(self, lines): self.calls.extend(lines)
    def flush(self): self.calls.append("flush")
odd = sys.stdout = Odd()
_stdio.unbuffer()
assert sys.stdout.write("a") == 7
sys.stdout.writelines(["b", "c"])
assert sys.stdout.colour == "red"
with sys.stdout as stream:
    pass
sys.stderr.write(repr(odd.calls))
"""
    assert run(code) == (0, b"", b"['a', 'flush', 'b', 'c', 'flush']")


def test_foreign_stream_can_be_read(run: Run) -> None:
    """A wrapped stream is iterable if it was."""
    code = "import io\nsys.stdout = io.StringIO('a\\nb'); _stdio.unbuffer()\n"
    code += "sys.stderr.write(repr(list(sys.stdout)))"

    assert run(code) == (0, b"", b"['a\\n', 'b']")


def test_detached_stream_is_left_alone(run: Run) -> None:
    """A wrapper without its buffer cannot be replaced, and is not."""
    code = """
import io
broken = io.TextIOWrapper(io.BytesIO()); broken.detach()
sys.stdout = broken
_stdio.unbuffer()
sys.stderr.write(str(sys.stdout is broken))
sys.stdout = None
"""
    assert run(code) == (0, b"", b"True")


def test_importing_it_imports_nothing(root: Path, unmeasured_environ: dict[str, str]) -> None:
    """The module needs nothing that the interpreter has not loaded."""
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r}); import rapid_client; before = set(sys.modules)\n"
        "import rapid_client._stdio; print(*sorted(set(sys.modules) - before))"
    )
    command = [sys.executable, "-S", "-E", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=unmeasured_environ, timeout=60)

    assert {"__future__", "rapid_client._stdio"} >= set(done.stdout.split())


def test_lines_are_written_up_to_one_that_is_no_text(child_environ: dict[str, str]) -> None:
    """`writelines` has everything out when it returns, and the lines before a bad one when it raises."""
    code = (
        "import os; from rapid_client._stdio import unbuffer; unbuffer(); import sys\n"
        "sys.stdout.writelines(['a\\n', 'b\\n'])\n"
        "os.write(1, b'between\\n')\n"
        "try:\n    sys.stdout.writelines(['c\\n', 4, 'd\\n'])\n"
        "except TypeError:\n    os.write(1, b'after\\n')\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=child_environ, capture_output=True, check=False)

    assert (done.stdout, done.stderr) == (b"a\nb\nbetween\nc\nafter\n", b"")
