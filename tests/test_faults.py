"""What exceptions become: body, X-Ray cause, log lines; exact values, and the same as awslambdaric's."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapid_client import _faults
from rapid_client._faults import LIMIT, body, describe, log, log_lines, log_record, text_of, xray
from rapid_client._sink import StdoutSink
from rapid_client.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HERE = __file__
NBSP = "\u00a0"


def encode(value: Any) -> bytes:
    """Encode as the codec does for the older managed runtimes, the longest form."""
    return json.dumps(value).encode()


def caught(function: Callable[[], object]) -> BaseException:
    """Return what *function* raises; this frame is the one to drop."""
    try:
        function()
    except BaseException as exc:
        return exc
    raise AssertionError("it did not raise")


def raiser(error: BaseException | type[BaseException]) -> Callable[[], object]:
    """Return a function that raises *error*."""

    def fail() -> None:
        raise error

    return fail


def report(error: BaseException, drop: int = 1) -> dict[str, Any]:
    """Return the decoded body for *error*."""
    data: dict[str, Any] = json.loads(body(describe(error, drop), "req-1", encode))
    return data


# ... body


def test_body_of_a_plain_error() -> None:
    """Message, type, request id and the user's frames, in this order, without markers."""

    def handler() -> None:
        value = {"a": 1}
        print(value["a"] + value["b"])

    data = report(caught(handler))
    line = handler.__code__.co_firstlineno + 2

    assert list(data) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert data == {
        "errorMessage": "'b'",
        "errorType": "KeyError",
        "requestId": "req-1",
        "stackTrace": [f'  File "{HERE}", line {line}, in handler\n    print(value["a"] + value["b"])\n'],
    }


def test_body_during_init_has_an_empty_request_id() -> None:
    """Before the first invocation there is no id."""
    assert json.loads(body(describe(ValueError("x")), None, encode))["requestId"] == ""


def test_type_is_the_bare_class_name() -> None:
    """A nested class is named without what it is nested in."""

    class Outer:
        class Inner(Exception):
            pass

    assert report(Outer.Inner("x"))["errorType"] == "Inner"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("boom"), "boom"),
        (ValueError(), ""),
        (ValueError("m", "n"), "('m', 'n')"),
        (KeyError("k"), "'k'"),
        (SystemExit(7), "7"),
        (SystemExit("text"), "text"),
        (SystemExit(), ""),
        (FileNotFoundError(2, "No such file", "x"), "[Errno 2] No such file: 'x'"),
        (KeyboardInterrupt(), ""),
    ],
)
def test_message_is_the_text_of_the_error(error: BaseException, message: str) -> None:
    """The message is what ``str`` gives; for SystemExit that is the code."""
    assert report(error)["errorMessage"] == message


def test_repeated_frames_are_collapsed() -> None:
    """Endless recursion gives a short trace that counts the repetitions."""

    def again() -> None:
        again()

    data = report(caught(again))

    assert data["errorType"] == "RecursionError"
    assert len(data["stackTrace"]) < 10
    assert any(re.search(r"\[Previous line repeated \d+ more times\]", line) for line in data["stackTrace"])


def test_lone_surrogates_are_fine() -> None:
    """Text that UTF-8 cannot express reaches the caller."""
    fault = describe(ValueError("bad \ud800"))

    assert json.loads(body(fault, "r", encode))["errorMessage"] == "bad \ud800"
    assert json.loads(xray(fault))["exceptions"][0]["message"] == "bad \ud800"


@given(st.text(), st.text())
def test_any_message_survives(message: str, request_id: str) -> None:
    """Whatever the text is, body, X-Ray cause and log are rendered from it."""
    fault = describe(ValueError(message))
    data = json.loads(body(fault, request_id, encode))

    assert (data["errorMessage"], data["requestId"]) == (message, request_id)
    assert json.loads(xray(fault))["exceptions"][0]["message"] == message
    assert json.loads(log_record(fault, request_id))["errorMessage"] == message
    assert log_lines(fault)[0] == f"[ERROR] ValueError: {message}" if message else "[ERROR] ValueError"


# ... the runtime's own frames


def test_own_frames_are_dropped_by_position() -> None:
    """Only the given number of frames goes, whatever the files are called."""
    error = caught(raiser(ValueError("x")))

    assert [frame[2] for frame in describe(error, 0).stack] == ["caught", "fail"]
    assert [frame[2] for frame in describe(error, 1).stack] == ["fail"]


def test_last_own_frame_stays_if_there_is_no_other() -> None:
    """Where the call itself fails, the trace has the frame of the call."""
    not_callable: Any = 5
    fault = describe(caught(not_callable), 1)

    assert (fault.error_type, fault.message) == ("TypeError", "'int' object is not callable")
    assert [frame[2] for frame in fault.stack] == ["caught"]
    assert [frame[2] for frame in describe(caught(not_callable), 9).stack] == ["caught"]


def test_error_without_traceback() -> None:
    """An exception that was never raised has an empty trace."""
    fault = describe(ValueError("x"), 1)

    assert (fault.stack, fault.trace) == ([], [])
    assert log_lines(fault) == ["[ERROR] ValueError: x", "Traceback (most recent call last):"]


def test_user_only_leaves_out_importlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The frames of importlib are there on demand only."""
    (tmp_path / "breaks_at_import.py").write_text("def f():\n    raise ValueError('x')\nf()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    error = caught(lambda: __import__("importlib").import_module("breaks_at_import"))
    names = [frame[2] for frame in describe(error, 2).stack]

    assert names[-2:] == ["<module>", "f"]
    assert "_gcd_import" in names
    assert [frame[2] for frame in describe(error, 2, user_only=True).stack] == ["<module>", "f"]


def test_user_only_before_anybody_imports_importlib(child_environ: dict[str, str], tmp_path: Path) -> None:
    """Importlib's modules have other names then."""
    (tmp_path / "breaks.py").write_text("raise ValueError('x')\n")
    code = f"""
import sys, _frozen_importlib
from rapid_client import _faults
sys.path.insert(0, {str(tmp_path)!r})
try:
    _frozen_importlib._gcd_import("breaks")
except ValueError as exc:
    print(_frozen_importlib.__name__, len(_faults.describe(exc, 1).stack) > 1,
          [frame[2] for frame in _faults.describe(exc, 1, user_only=True).stack])
"""
    command = [sys.executable, "-S", "-c", code]
    environ = {name: value for name, value in child_environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60)

    assert (done.stdout, done.stderr) == ("_frozen_importlib True ['<module>']\n", "")


# ... named faults


def test_fault_error_names_itself() -> None:
    """A FaultError's own type, message and trace are reported, and X-Ray sees a validation error."""
    trace = ['  File "/app.py" Line 1\n    def x(:\n']
    fault = describe(caught(raiser(FaultError("Runtime.UserCodeSyntaxError", "bad", trace))), 1)

    assert json.loads(body(fault, None, encode)) == {
        "errorMessage": "bad",
        "errorType": "Runtime.UserCodeSyntaxError",
        "requestId": "",
        "stackTrace": trace,
    }
    assert json.loads(xray(fault))["exceptions"] == [
        {"message": "bad", "type": "LambdaValidationError", "stack": []}
    ]


def import_fault(name: str) -> BaseException:
    """Return the fault of a module that cannot be imported."""
    import importlib

    def load() -> None:
        try:
            importlib.import_module(name)
        except ImportError as exc:
            message = f"Unable to import module '{name}': {exc}"
            raise FaultError("Runtime.ImportModuleError", message) from exc

    return caught(load)


def test_cause_of_an_import_fault_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller gets an empty trace; the log tells which line of which file could not import what."""
    (tmp_path / "needs_more.py").write_text("import no_such_thing\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    fault = describe(import_fault("needs_more"), 1)

    assert fault.message == "Unable to import module 'needs_more': No module named 'no_such_thing'"
    assert json.loads(body(fault, None, encode))["stackTrace"] == []
    assert log_lines(fault) == [
        f"[ERROR] Runtime.ImportModuleError: {fault.message}",
        "Traceback (most recent call last):",
        "Caused by: ModuleNotFoundError: No module named 'no_such_thing'",
        "Traceback (most recent call last):",
        f'{NBSP * 2}File "{tmp_path}/needs_more.py", line 1, in <module>',
        f"{NBSP * 4}import no_such_thing",
    ]


def test_cause_that_says_nothing_new_is_left_out() -> None:
    """A module that simply is not there is logged as awslambdaric logs it."""
    fault = describe(import_fault("nomod_at_all"), 1)

    assert fault.message == "Unable to import module 'nomod_at_all': No module named 'nomod_at_all'"
    assert log_lines(fault) == [
        f"[ERROR] Runtime.ImportModuleError: {fault.message}",
        "Traceback (most recent call last):",
    ]


def test_context_of_a_fault_is_no_news() -> None:
    """Only an explicit cause counts: the runtime's own handling of errors does not show."""

    def fail() -> None:
        try:
            raise KeyError("inner")
        except KeyError:
            raise FaultError("Runtime.MarshalError", "Unable to marshal response: x")  # noqa: B904

    assert describe(caught(fail), 1).chain == []


# ... X-Ray


def test_xray_cause() -> None:
    """Working directory, the exception with its frames, and each path once, in order."""
    error = caught(raiser(ValueError("boom")))
    fault = describe(error, 0)
    lines = [frame[1] for frame in fault.stack]
    data = xray(fault)

    assert json.loads(data) == {
        "working_directory": os.getcwd(),
        "exceptions": [
            {
                "message": "boom",
                "type": "ValueError",
                "stack": [
                    {"label": "caught", "path": HERE, "line": lines[0]},
                    {"label": "fail", "path": HERE, "line": lines[1]},
                ],
            }
        ],
        "paths": [HERE],
    }
    assert list(json.loads(data)) == ["working_directory", "exceptions", "paths"]


@given(st.text())
def test_xray_cause_is_safe_in_a_header(message: str) -> None:
    """All bytes are printable ASCII, whatever the message is."""
    data = xray(describe(ValueError(message)))

    assert set(data) <= set(range(0x20, 0x7F))


def test_xray_cause_escapes_delete() -> None:
    r"""0x7f is ASCII, but not printable: ``\u007f``, as awslambdaric has it."""
    assert rb'"message": "a\u007f\r\n\u00e9"' in xray(describe(ValueError("a\x7f\r\n\u00e9")))


def test_xray_cause_that_is_too_large_is_left_out() -> None:
    """From 1 MiB on there is none."""
    room = LIMIT - len(xray(describe(ValueError(""))))

    assert len(xray(describe(ValueError("x" * (room - 1))))) == LIMIT - 1
    assert xray(describe(ValueError("x" * room))) == b""


def test_xray_without_working_directory(child_environ: dict[str, str], tmp_path: Path) -> None:
    """A deleted working directory does not matter."""
    gone = tmp_path / "gone"
    gone.mkdir()
    code = f"""
import os; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r})
from rapid_client import _faults
print(_faults.xray(_faults.describe(ValueError("x"))).decode())
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=child_environ, timeout=60, check=True)

    assert json.loads(done.stdout)["working_directory"] == ""


# ... size


def test_large_body_is_cut_below_the_limit() -> None:
    """A message of several MB is cut, and the text says how much is missing."""
    data = body(describe(caught(raiser(ValueError("x" * 5_000_000))), 1), "r", encode)
    message = json.loads(data)["errorMessage"]

    assert len(data) < LIMIT
    assert message.endswith(" ... [4737856 more characters cut by the runtime]")
    assert message.startswith("x" * 262_144 + " ")
    assert len(json.loads(data)["stackTrace"]) == 1


def test_body_just_below_the_limit_is_whole() -> None:
    """What fits is not cut."""
    room = LIMIT - len(body(describe(ValueError("")), "r", encode)) - 1
    data = body(describe(ValueError("x" * room)), "r", encode)

    assert len(data) == LIMIT - 1
    assert json.loads(data)["errorMessage"] == "x" * room
    assert len(body(describe(ValueError("x" * (room + 1))), "r", encode)) < LIMIT // 2


def test_long_trace_keeps_its_end() -> None:
    """Of a long trace the innermost frames stay, and the number of the others is said."""
    fault = describe(ValueError("x"))
    fault.trace = [f'  File "f", line {number}, in f\n    {"y" * 100}\n' for number in range(20_000)]
    data = body(fault, "r", encode)
    trace = json.loads(data)["stackTrace"]

    assert len(data) < LIMIT
    assert trace[0] == f"  [{20_001 - len(trace)} more frames cut by the runtime]\n"
    assert trace[-1] == fault.trace[-1]
    assert len(trace) > 1000


@pytest.mark.parametrize("character", ["x", "\u00e9", "\U0001f600", "\x00", "\\"])
def test_worst_cases_stay_below_the_limit(character: str) -> None:
    """Escapes may take 12 bytes a character: type, message and trace are cut accordingly."""
    name = character.replace("\x00", "n") * 2_000_000
    fault = describe(ValueError(character * 2_000_000))
    fault.error_type, fault.trace = name, [character * 10] * 300_000

    assert len(body(fault, "r", encode)) < LIMIT
    fault.trace = [character * 2_000_000, ""]
    assert len(body(fault, "r", encode)) < LIMIT
    fault.trace = [""] * 2_000_000
    assert len(body(fault, "r", encode)) < LIMIT


# ... weird exceptions


class Hostile(type):
    """A class of classes whose names cannot be asked for."""

    def __getattribute__(cls, name: str) -> Any:
        if name == "__name__":
            raise RuntimeError("no name")
        return super().__getattribute__(name)


class Silent(Exception, metaclass=Hostile):
    """An exception that raises whenever it is looked at."""

    def __str__(self) -> str:
        raise SystemExit("not this way")

    __repr__ = __str__

    def __getattribute__(self, name: str) -> Any:
        if name == "__notes__":
            raise KeyboardInterrupt
        return super().__getattribute__(name)


def test_unprintable_error() -> None:
    """An exception whose text, name and notes raise is reported with a placeholder."""
    fault = describe(caught(raiser(Silent())), 1)

    assert (fault.error_type, fault.message) == ("Silent", "<unprintable Silent object>")
    assert json.loads(xray(fault))["exceptions"][0]["message"] == "<unprintable Silent object>"
    assert log_lines(fault)[0] == "[ERROR] Silent: <unprintable Silent object>"


def test_text_is_an_exact_str() -> None:
    """A __str__ that returns a str of its own kind cannot interfere with the encoder."""

    class Text(str):
        __slots__ = ()

    class Odd(Exception):
        def __str__(self) -> str:
            return Text("text")

    assert type(text_of(Odd())) is str
    assert text_of(Odd()) == "text"


def test_source_that_cannot_be_read() -> None:
    """Without source there are no source lines; a loader that raises does no harm."""

    class Loader:
        def get_source(self, name: str) -> str:
            raise RuntimeError("no source")

    scope = {"__name__": "odd", "__loader__": Loader()}
    exec(compile("def fail():\n    raise ValueError('x')\n", "/no/such/odd.py", "exec"), scope)
    fail: Any = scope["fail"]

    assert report(caught(fail))["stackTrace"] == ['  File "/no/such/odd.py", line 2, in fail\n']


@pytest.mark.parametrize("notes", [None, 5, "text", ["a", 5], ("a",), {"a": 1}])
def test_odd_notes(notes: object) -> None:
    """``__notes__`` may be anything."""
    error: Any = ValueError("x")
    error.__notes__ = notes

    assert all(isinstance(note, str) for note in describe(error).notes)


# ... the log


def test_text_log_of_a_plain_error(capsys: pytest.CaptureFixture[str]) -> None:
    r"""Lines are joined by ``\r`` and indented by no-break spaces."""
    error = caught(raiser(ValueError("boom")))
    fault = describe(error, 1)
    log(fault, "req-1", StdoutSink(), "")

    assert capsys.readouterr().out == (
        "[ERROR] ValueError: boom\rTraceback (most recent call last):\r"
        f'{NBSP * 2}File "{HERE}", line {fault.stack[0][1]}, in fail\r{NBSP * 4}raise error\n'
    )


def test_json_log_of_a_plain_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Time and level come first, then the body's fields, and nothing else."""
    fault = describe(caught(raiser(ValueError("caf\u00e9"))), 1)
    log(fault, "req-1", StdoutSink(), "json")
    out = capsys.readouterr().out
    record = json.loads(out)

    assert out.endswith("}\n")
    assert list(record) == ["timestamp", "level", "errorMessage", "errorType", "requestId", "stackTrace"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record.pop("timestamp"))
    assert record == {"level": "ERROR", **json.loads(body(fault, "req-1", encode))}


@pytest.mark.parametrize(
    ("error_type", "message", "head"),
    [("T", "m", "[ERROR] T: m"), ("T", "", "[ERROR] T"), ("", "m", "[ERROR] m"), ("", "", "[ERROR]")],
)
def test_head_of_the_text_log(error_type: str, message: str, head: str) -> None:
    """What is empty leaves no punctuation behind."""
    assert log_lines(_faults.Fault(error_type, message, ""))[0] == head


def chained() -> None:
    """Raise an error with notes, a cause, and a context of the cause."""
    try:
        try:
            raise KeyError("first")
        except KeyError:
            raise TypeError("second")  # noqa: B904 - the context is what counts
    except TypeError as exc:
        error = ValueError("third")
        error.add_note("look here\nand there")
        raise error from exc


def test_notes_and_causes_are_logged_as_text() -> None:
    """Notes, causes and contexts follow the trace, each with its own."""
    lines = log_lines(describe(caught(chained), 1))
    titles = [line for line in lines if not line.startswith((NBSP, "Traceback"))]

    assert titles == [
        "[ERROR] ValueError: third",
        "Note: look here",
        "and there",
        "Caused by: TypeError: second",
        "While handling: KeyError: 'first'",
    ]
    assert lines.count("Traceback (most recent call last):") == 3
    assert lines[-1] == f'{NBSP * 4}raise KeyError("first")'


def test_notes_and_causes_are_logged_as_json() -> None:
    """They are keys of their own, after the others; the body does not have them."""
    fault = describe(caught(chained), 1)
    record = json.loads(log_record(fault, "r"))

    assert list(record)[-2:] == ["notes", "causes"]
    assert record["notes"] == ["look here\nand there"]
    assert [(cause["relation"], cause["errorType"], cause["errorMessage"]) for cause in record["causes"]] == [
        ("Caused by", "TypeError", "second"),
        ("While handling", "KeyError", "'first'"),
    ]
    assert all(cause["stackTrace"] for cause in record["causes"])
    assert len(json.loads(body(fault, "r", encode))) == 4


def test_suppressed_context_is_not_logged() -> None:
    """``from None`` is respected."""

    def fail() -> None:
        try:
            raise KeyError("hidden")
        except KeyError:
            raise ValueError("shown") from None

    assert describe(caught(fail), 1).chain == []


def test_group_members_are_logged() -> None:
    """Members of exception groups are logged, those of groups within groups, too."""
    inner = ExceptionGroup("inner", [OSError("c")])
    noted = ValueError("a")
    noted.add_note("why")
    group = ExceptionGroup("outer", [noted, inner, KeyError("d")])
    lines = log_lines(describe(group))

    assert lines == [
        "[ERROR] ExceptionGroup: outer (3 sub-exceptions)",
        "Traceback (most recent call last):",
        "Member 1 of 3: ValueError: a",
        "Note: why",
        "Member 2 of 3: ExceptionGroup: inner (1 sub-exception)",
        "Member 1 of 1: OSError: c",
        "Member 3 of 3: KeyError: 'd'",
    ]


def test_endless_chains_end() -> None:
    """Circles are cut, and long chains are bounded."""
    one, two = ValueError("1"), ValueError("2")
    one.__cause__, two.__cause__ = two, one
    assert [related.message for related in describe(one).chain] == ["2"]

    group = ExceptionGroup("many", [ValueError(str(number)) for number in range(1000)])
    chain = describe(group).chain
    assert len(chain) == 21
    assert chain[-1].relation == "And more exceptions that are not shown"
    assert log_lines(describe(group))[-1] == "And more exceptions that are not shown"

    error = ValueError("0")
    for number in range(1, 5000):
        outer = ValueError(str(number))
        outer.__context__ = error
        error = outer
    assert len(describe(error).chain) == 21


class Recorder(StdoutSink):
    """A sink that keeps what it gets."""

    __slots__ = ("seen",)

    def __init__(self) -> None:
        self.seen: list[tuple[str, str | None]] = []

    def log(self, message: str, frame_type: bytes | None = None) -> None:
        """Keep the message and the type of its frame in hexadecimal."""
        self.seen.append((message[:1], frame_type.hex() if frame_type else None))


@pytest.mark.parametrize(
    ("log_format", "kind"), [("", "a55a0017"), ("Text", "a55a0017"), ("JSON", "a55a0016")]
)
def test_error_log_has_the_frame_type_of_errors(log_format: str, kind: str) -> None:
    """Over the telemetry descriptor an error has its level, in text and JSON."""
    sink = Recorder()
    log(describe(ValueError("x")), "r", sink, log_format)

    assert [frame_type for _, frame_type in sink.seen] == [kind]


def test_log_over_a_broken_sink_is_lost() -> None:
    """Nothing that happens to the log keeps the error from its caller."""

    class Broken(StdoutSink):
        __slots__ = ()

        def log(self, message: str, frame_type: bytes | None = None) -> None:
            raise BrokenPipeError(message)

    log(describe(ValueError("x")), "r", Broken(), "")
    log(describe(ValueError("x")), "r", Broken(), "JSON")


# ... the warning before an init error


class Settings:
    """What `init_warning` asks for."""

    def __init__(self, sink: StdoutSink, log_format: str = "", log_level: str = "") -> None:
        self.sink, self.log_format, self.log_level = sink, log_format, log_level


def warning(child_environ: dict[str, str], setup: str = "", **settings: str) -> str:
    """Return what a fresh process writes as the warning."""
    code = f"""
import sys
from rapid_client import _faults, _sink
class settings:
    log_format = {settings.get("log_format", "")!r}
    log_level = {settings.get("log_level", "")!r}
    sink = _sink.open_sink(None)
{setup}
_faults.init_warning(settings)
assert {setup!r} or "logging" not in sys.modules
"""
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, env=child_environ, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def test_init_warning_as_text(child_environ: dict[str, str]) -> None:
    """It is the record of ``logging.warning``, without `logging`."""
    assert re.fullmatch(
        r"\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t\t" + re.escape(_faults.INIT_WARNING) + r"\n",
        warning(child_environ),
    )


def test_init_warning_as_json(child_environ: dict[str, str]) -> None:
    """The same in JSON."""
    record = json.loads(warning(child_environ, log_format="json"))

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record.pop("timestamp"))
    assert record == {"level": "WARNING", "message": _faults.INIT_WARNING, "logger": "root", "requestId": ""}


@pytest.mark.parametrize(
    ("level", "shown"),
    [("", True), ("debug", True), ("WARN", True), ("bogus", True), ("error", False), ("FATAL", False)],
)
def test_init_warning_honours_the_level(child_environ: dict[str, str], level: str, shown: bool) -> None:
    """It is shown where `logging` would show it."""
    assert bool(warning(child_environ, log_level=level)) == shown


def test_init_warning_goes_through_logging_if_loaded(child_environ: dict[str, str]) -> None:
    """What the function has set up for its log holds for the warning, too."""
    setup = 'import logging; logging.basicConfig(format="mine %(message).14s", stream=sys.stdout)'

    assert warning(child_environ, setup) == "mine LAMBDA_WARNING\n"
    assert warning(child_environ, setup + "; logging.disable()") == ""


def test_init_warning_over_a_broken_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that cannot be written does not hide the init error."""
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.delitem(sys.modules, "logging")
    settings: Any = Settings(StdoutSink())
    _faults.init_warning(settings)


@pytest.mark.parametrize(
    ("log_format", "log_level", "frame"),
    [("", "", ("[", None)), ("", "INFO", ("[", "a55a0013")), ("JSON", "", ("{", "a55a0012"))],
)
def test_init_warning_has_the_frame_type_of_its_record(
    monkeypatch: pytest.MonkeyPatch, log_format: str, log_level: str, frame: tuple[str, str | None]
) -> None:
    """Over the telemetry descriptor it is framed as a record of `logging` is."""
    monkeypatch.delitem(sys.modules, "logging")
    sink = Recorder()
    settings: Any = Settings(sink, log_format, log_level)
    _faults.init_warning(settings)

    assert sink.seen == [frame]


def test_importing_it_imports_little(unmeasured_environ: dict[str, str]) -> None:
    """The module itself loads neither traceback nor logging nor json."""
    code = (
        "import sys, time, rapid_client.errors, rapid_client._site; before = set(sys.modules)\n"
        "import rapid_client._faults; print(*sorted(set(sys.modules) - before))"
    )
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=unmeasured_environ, timeout=60)

    assert done.stdout.split() == ["rapid_client._faults"]


# ... frames without the traceback module

PLAIN = """
import sys
sys.path.insert(0, FOLDER)
import plain
from rapid_client import _faults
def reports():
    for name in sorted(vars(plain)):
        if name.startswith("fail"):
            try:
                getattr(plain, name)()
            except Exception as exc:
                fault = _faults.describe(exc, 1)
                yield fault.stack, fault.trace, [related.trace for related in fault.chain]
without = list(reports())
loaded = "traceback" in sys.modules
import traceback
assert without == list(reports())
for stack, trace, _ in without:
    assert trace == traceback.format_list(stack)
print(loaded, len(without), sum(len(report[1]) for report in without) > len(without))
"""
SOURCE = """# first line, with separators that end none: \u2028 \x0c
def fail_multi_line():
    return (1 +
        {}["caf\u00e9"] +
        2)

def deeper(n):
    if n:
        deeper(n - 1)
    raise ValueError(n)
def fail_recursive():
    def again(): again()
    again()
def fail_three(): deeper(2)
def fail_four(): deeper(3)
def fail_five(): deeper(4)
def fail_six(): deeper(5)
def fail_chained():
    try:
        deeper(1)
    except ValueError:
\t    raise KeyError("tabs")
def fail_last(): raise ValueError"""


@pytest.mark.parametrize(
    ("source", "encoding", "loaded"),
    [
        (SOURCE, "utf-8", False),
        (SOURCE + "\n", "utf-8", False),
        ("# coding: latin-1\n" + SOURCE.replace("\u2028", ""), "latin-1", True),
        ("\n# -*- coding: utf-8 -*-\n" + SOURCE, "utf-8", True),
        (SOURCE, "utf-8-sig", True),
        (SOURCE.replace("\n", "\r\n"), "utf-8", True),
        (SOURCE + "\nimport os, sys; sys.tracebacklimit = 2", "utf-8", True),
        (SOURCE + "\ndef fail_exec(): exec('1 / 0', {})", "utf-8", True),
        (SOURCE + "\nimport os; os.unlink(__file__)", "utf-8", True),
        (SOURCE + "\nwith open(__file__, 'w') as file: file.write('# shorter now')", "utf-8", True),
    ],
)
def test_plain_source_needs_no_traceback_module(
    unmeasured_environ: dict[str, str], tmp_path: Path, source: str, encoding: str, loaded: bool
) -> None:
    """Frames in plain source files are rendered as `traceback` does, without loading it; others by it."""
    (tmp_path / "plain.py").write_bytes(source.encode(encoding))
    command = [sys.executable, "-S", "-c", PLAIN.replace("FOLDER", repr(str(tmp_path)))]
    done = subprocess.run(command, capture_output=True, text=True, env=unmeasured_environ, timeout=60)

    assert done.stderr == ""
    assert done.stdout.split()[0] == str(loaded)
    assert done.stdout.split()[2] == "True"


# ... the same as awslambdaric

COMPARE = """
import json, os, re, sys
from awslambdaric import bootstrap
from awslambdaric.lambda_literals import lambda_unhandled_exception_warning_message as official_warning
from rapid_client import _faults, _sink
from rapid_client.errors import FaultError

def nested(depth):
    if depth:
        nested(depth - 1)
    raise OSError(2, "caf\\u00e9\\n two lines", "file")
def recursive(): recursive()
def lines():
    return (1 +
        {}["multi-line"] +
        2)
class Outer:
    class Inner(Exception): pass
def inner(): raise Outer.Inner("a", 2)
def empty(): raise ValueError
def evaluated(): exec("def f():\\n  raise KeyError('no source')\\nf()", {})
def late(): json.loads("{bad")
def surrogate(): raise ValueError("\\ud800 \\x7f \\u2028")

sink = _sink.open_sink(None)
theirs_sink = bootstrap.StandardLogSink()
for function in (lambda: nested(3)), recursive, lines, inner, empty, evaluated, late, surrogate:
    try:
        function()
    except Exception as exc:
        kind, value, tb = sys.exc_info()
        tuples = bootstrap.extract_traceback(tb)
        trace = bootstrap.traceback.format_list(tuples)
        theirs = bootstrap.make_error(str(value), kind.__name__, trace, "req")
        cause = bootstrap.make_xray_fault(kind.__name__, str(value), os.getcwd(), tuples)
        cause["paths"].sort()
        exc.__context__ = None
        fault = _faults.describe(exc)
        ours = json.loads(_faults.body(fault, "req", lambda value: json.dumps(value).encode()))
        assert list(ours.items()) == list(theirs.items()), (ours, theirs)
        our_cause = json.loads(_faults.xray(fault))
        our_cause["paths"].sort()
        assert our_cause == cause, (our_cause, cause)
        from io import StringIO
        real, sys.stdout = sys.stdout, StringIO()
        bootstrap.log_error(theirs, theirs_sink)
        their_log, sys.stdout = sys.stdout.getvalue(), StringIO()
        _faults.log(fault, "req", sink, os.environ.get("AWS_LAMBDA_LOG_FORMAT", ""))
        our_log, sys.stdout = sys.stdout.getvalue(), real
        if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
            our_log, their_log = json.loads(our_log), json.loads(their_log)
            assert list(our_log) == list(their_log)
            assert len(our_log.pop("timestamp")) == len(their_log.pop("timestamp"))
        assert our_log == their_log, (our_log, their_log)
assert _faults.INIT_WARNING == official_warning
print("same")
"""


@pytest.mark.parametrize("log_format", ["", "JSON"])
@pytest.mark.usefixtures("official")
def test_same_as_awslambdaric(child_environ: dict[str, str], tmp_path: Path, log_format: str) -> None:
    """Body, X-Ray cause, log and warning are those of awslambdaric for the same exceptions."""
    script = tmp_path / "compare.py"
    script.write_text(COMPARE, encoding="utf-8")
    environ = child_environ | {"AWS_LAMBDA_LOG_FORMAT": log_format}
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env=environ, timeout=60
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "same\n", "")
