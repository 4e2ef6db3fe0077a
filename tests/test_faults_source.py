"""Stack traces without `traceback`: the same lines as it gives, or left to it where that is not certain."""

from __future__ import annotations

import linecache
import subprocess
import sys
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from rapid_client import _faults
from rapid_client._faults import describe

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

PLAIN = "def outer():\n    inner()\n\n\ndef inner():\n    raise ValueError('plain')  # söme text\n"


def chain(path: str, source: bytes) -> list[TracebackType]:
    """Return the traceback entries below this frame of what `outer` of *source* raises."""
    names: dict[str, Any] = {"__name__": "app"}
    exec(compile(source, path, "exec"), names)
    try:
        names["outer"]()
    except ValueError as exc:
        entries = []
        trace = exc.__traceback__ and exc.__traceback__.tb_next
        while trace is not None:
            entries.append(trace)
            trace = trace.tb_next
        return entries
    raise AssertionError("it did not raise")


def test_plain_source_gives_what_traceback_gives(tmp_path: Path) -> None:
    """Path, line, name and source line of each frame are those of `traceback`."""
    path = tmp_path / "app.py"
    path.write_text(PLAIN, encoding="utf-8")
    entries = chain(str(path), PLAIN.encode())
    linecache.checkcache()
    summary = traceback.StackSummary.extract((entry.tb_frame, entry.tb_lineno) for entry in entries)

    found = _faults._plain_frames(entries)
    assert found == [(each.filename, each.lineno, each.name, each.line) for each in summary]
    assert found == [
        (str(path), 2, "outer", "inner()"),
        (str(path), 6, "inner", "raise ValueError('plain')  # söme text"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"# coding: latin-1\n" + PLAIN.encode("latin-1"),
        b"#\n# -*- coding: utf-8 -*-\n" + PLAIN.encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.encode("latin-1"),
        b"one line\n",
        None,
    ],
    ids=["latin-1", "declared", "byte order mark", "CR LF", "not UTF-8", "changed since", "gone"],
)
def test_what_is_not_plain_is_left_to_traceback(tmp_path: Path, content: bytes | None) -> None:
    """A file that is not plain UTF-8, has changed or is gone gets no line from us."""
    path = tmp_path / "app.py"
    entries = chain(str(path), PLAIN.encode())
    if content is not None:
        path.write_bytes(content)

    assert _faults._plain_frames(entries) is None


def test_code_without_an_absolute_file_is_left_to_traceback() -> None:
    """Code from `exec` has no file whose lines could be read."""
    assert _faults._plain_frames(chain("<string>", PLAIN.encode())) is None


def test_without_traceback_a_fresh_process_reports_the_same(
    child_environ: dict[str, str], tmp_path: Path
) -> None:
    """A process that has not loaded `traceback` describes a failure without it, in the same words."""
    (tmp_path / "app.py").write_text(PLAIN, encoding="utf-8")
    code = """
import sys
sys.path.insert(0, sys.argv[1])
import app
from rapid_client._faults import describe
def trace():
    try:
        app.outer()
    except ValueError as exc:
        return describe(exc, 1).trace
sys.modules.pop("traceback", None)
alone = trace()
loaded = "traceback" in sys.modules
import traceback
print(loaded, alone == trace(), len(alone), "raise ValueError('plain')" in alone[-1])
sys.modules.pop("traceback", None)
sys.tracebacklimit = 1
trace()
print("traceback" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env=child_environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("False True 2 True\nTrue\n", "")


def test_a_loader_that_raises_leaves_frames_without_lines(tmp_path: Path) -> None:
    """Where a module's loader fails to give its source, the report has the places and no source lines."""

    class Loader:
        def get_source(self, name: str) -> str:
            raise LookupError(name)

    path = str(tmp_path / "never_written.py")
    names: dict[str, Any] = {"__name__": "app", "__loader__": Loader()}
    exec(compile(PLAIN, path, "exec"), names)
    try:
        names["outer"]()
    except ValueError as exc:
        trace = describe(exc, 1).trace
    assert trace == [f'  File "{path}", line 2, in outer\n', f'  File "{path}", line 6, in inner\n']


class _Opaque(Exception):
    """Refuses to say anything about itself."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def test_notes_that_cannot_be_asked_for_are_none() -> None:
    """An exception whose `__getattr__` raises has no notes."""
    assert _faults._notes(_Opaque("x")) == []


def test_notes_may_be_one_text_or_several() -> None:
    """`__notes__` set by hand to a tuple or a single text is taken as such."""
    several, one = ValueError("x"), ValueError("x")
    several.__notes__ = ("a", "b")  # type: ignore[assignment]  # what a function may do
    one.__notes__ = "alone"  # type: ignore[assignment]

    assert (_faults._notes(several), _faults._notes(one)) == (["a", "b"], ["alone"])


def test_cut_trace_says_how_many_frames_are_missing() -> None:
    """Of a long trace the last frames are kept, and one line tells how many are not."""
    assert _faults._cut_trace(["a" * 10, "b" * 10, "c" * 10], 20) == [
        "  [1 more frames cut by the runtime]\n",
        "b" * 7 + " ... [3 more characters cut by the runtime]",
        "c" * 10,
    ]


def test_type_name_survives_a_lying_metaclass() -> None:
    """A metaclass whose `__name__` raises, or is no text, cannot hide the real name of the class."""

    class Raising(type):
        @property
        def __name__(cls) -> str:  # type: ignore[override]
            raise RuntimeError

    class Hidden(metaclass=Raising):
        pass

    assert _faults._type_name(Hidden()) == "Hidden"
