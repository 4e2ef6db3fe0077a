"""The root logger's set-up, in processes of their own: exact values, and the same as awslambdaric's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., "Output"]

OURS = """
import os, sys
from rapid_client import _import_hook
from rapid_client._sink import open_sink
from rapid_client._stdio import unbuffer
class current:
    request_id = None
    tenant_id = None
class settings:
    log_format = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "")
    log_level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "")
    sink = open_sink(os.environ.pop("_LAMBDA_TELEMETRY_LOG_FD", None))
settings.current = current
def configure(module):
    from rapid_client import _logs
    _logs.configure(module, settings)
def invocation(request_id, tenant_id=None):
    current.request_id, current.tenant_id = request_id, tenant_id
unbuffer()
_import_hook.install("logging", configure)
"""
THEIRS = """
import sys
from awslambdaric import bootstrap
def invocation(request_id, tenant_id=None):
    bootstrap._GLOBAL_AWS_REQUEST_ID, bootstrap._GLOBAL_TENANT_ID = request_id, tenant_id
bootstrap.init_logging()
"""


class Output:
    """What a process wrote: text, frames (type in hexadecimal, message), standard error."""

    def __init__(self, out: bytes, framed: bytes, err: bytes) -> None:
        self.out, self.err = out.decode(), err.decode()
        self.frames: list[tuple[str, str]] = []
        while framed:
            end = 16 + int.from_bytes(framed[4:8], "big")
            self.frames.append((framed[:4].hex(), framed[16:end].decode()))
            framed = framed[end:]


@pytest.fixture
def run(child_environ: dict[str, str], tmp_path: Path) -> Run:
    """Return a function that runs a file: set-up, then code; keywords are environment variables."""

    def run(code: str, *, setup: str = OURS, framed: bool = False, **environ: str) -> Output:
        path = tmp_path / "function.py"
        path.write_text(f"exec(compile({setup!r}, 'setup', 'exec'))\n{code}\n", encoding="utf-8")
        reader, writer = os.pipe()
        environ = child_environ | environ
        if framed:
            environ["_LAMBDA_TELEMETRY_LOG_FD"] = str(writer)
        command = [sys.executable, str(path)]
        done = subprocess.run(command, capture_output=True, env=environ, pass_fds=[writer], timeout=60)
        os.close(writer)
        with os.fdopen(reader, "rb") as file:
            output = Output(done.stdout, file.read(), done.stderr)
        assert done.returncode == 0, output.err
        return output

    return run


def without_times(text: str) -> str:
    """Return *text* with its times replaced."""
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", "TIME", text)


# ... exact values


def test_text_record(run: Run) -> None:
    """A text record is level, time with milliseconds in UTC, request id and message, tabs between."""
    code = "import logging; invocation('req-1'); logging.warning('hello %s', 'you')"
    output = run(code, TZ="America/New_York")

    assert re.fullmatch(
        r"\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\treq-1\thello you\n", output.out
    )
    assert output.err == ""


def test_times_are_utc(run: Run) -> None:
    """The time is UTC whatever TZ says, also for formatters that the function makes."""
    code = """
import logging
record = logging.makeLogRecord({"created": 0.25, "msecs": 250.0, "levelname": "INFO", "msg": "m"})
handler = logging.getLogger().handlers[0]
handler.handle(record)
print(logging.Formatter("%(asctime)s").format(record))
"""
    output = run(code, TZ="Asia/Tokyo")

    assert output.out == "[INFO]\t1970-01-01T00:00:00.250Z\t\tm\n1970-01-01 00:00:00,250\n"


def test_text_record_with_traceback_ends_with_a_newline(run: Run) -> None:
    """The record after a traceback starts on its own line."""
    code = """
import logging
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("failed")
logging.warning("next")
"""
    lines = without_times(run(code).out).splitlines()

    assert (lines[0], lines[1]) == ("[ERROR]\tTIME\t\tfailed", "Traceback (most recent call last):")
    assert lines[-2:] == ["ZeroDivisionError: division by zero", "[WARNING]\tTIME\t\tnext"]


def test_json_record(run: Run) -> None:
    """A JSON record has its fields in order, extras at the end as text if need be, and no None."""
    code = """
import logging
invocation("req-1", "tenant-1")
extra = {"tags": {1}, "none": None, "deep": {"x": [1.5]}}
logging.getLogger("a.b").warning("caf\\u00e9 %d", 1, extra=extra)
logging.error({"key": ["value"]})
logging.error({"key": "%s"}, "arg")
"""
    first, second, third = run(code, AWS_LAMBDA_LOG_FORMAT="json").out.splitlines()

    assert without_times(first) == (
        '{"timestamp": "TIME", "level": "WARNING", "message": "caf\u00e9 1", "logger": "a.b", '
        '"requestId": "req-1", "tenantId": "tenant-1", "tags": "{1}", "deep": {"x": [1.5]}}'
    )
    assert re.search(r'"timestamp": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"', first)
    assert json.loads(second)["message"] == {"key": ["value"]}
    assert json.loads(third)["message"] == "{'key': 'arg'}"


def test_json_record_with_exception(run: Run) -> None:
    """Trace, type, message and place of the call follow the logger's name."""
    code = """
import logging
try:
    {}["k"]
except KeyError:
    logging.exception("failed")
"""
    record = json.loads(run(code, AWS_LAMBDA_LOG_FORMAT="JSON").out)

    assert list(record) == [
        *("timestamp", "level", "message", "logger", "stackTrace", "errorType", "errorMessage"),
        *("requestId", "location"),
    ]
    assert (record["errorType"], record["errorMessage"], record["requestId"]) == ("KeyError", "'k'", "")
    assert record["location"].endswith("function.py:<module>:7")
    assert record["stackTrace"][0].startswith('  File "')


@pytest.mark.parametrize(
    ("environ", "kinds"),
    [
        ({}, ["a55a0003", "a55a0003"]),
        ({"AWS_LAMBDA_LOG_LEVEL": "WARN"}, ["a55a0013", "a55a0017"]),
        ({"AWS_LAMBDA_LOG_LEVEL": "nonsense"}, ["a55a0013", "a55a0017"]),
        ({"AWS_LAMBDA_LOG_FORMAT": "JSON"}, ["a55a0012", "a55a0016"]),
        ({"AWS_LAMBDA_LOG_FORMAT": "Text"}, ["a55a0003", "a55a0003"]),
    ],
)
def test_frames(run: Run, environ: dict[str, str], kinds: list[str]) -> None:
    """Frames tell the level in JSON, or where a level is set; print is never framed."""
    code = "import logging; logging.warning('w'); logging.error('e'); print('p')"
    output = run(code, framed=True, **environ)

    assert [kind for kind, _ in output.frames] == kinds
    assert output.out == "p\n"
    assert all(text.endswith("\n") for _, text in output.frames)


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (None, "WARNING"),
        ("", "WARNING"),
        ("INFO", "INFO"),
        ("info", "INFO"),
        ("WARN", "WARNING"),
        ("FATAL", "CRITICAL"),
        ("TRACE", "DEBUG"),
        ("trace", "DEBUG"),
        ("NOTSET", "NOTSET"),
        ("verbose", "WARNING"),
    ],
)
def test_level(run: Run, value: str | None, level: str) -> None:
    """The root level is the one of the environment, in any case of letters; unknown ones change nothing."""
    environ = {} if value is None else {"AWS_LAMBDA_LOG_LEVEL": value}
    code = "import logging; print(logging.getLevelName(logging.getLogger().level))"

    assert run(code, **environ).out == f"{level}\n"


def test_basic_config_has_no_effect(run: Run) -> None:
    """The root logger has its handler before the function sees `logging`, so lines are never doubled."""
    code = """
import logging
logging.basicConfig(level=logging.DEBUG, format="mine")
logging.debug("hidden")
logging.warning("once")
print(len(logging.getLogger().handlers), [type(h).__name__ for h in logging.getLogger().handlers])
"""
    assert without_times(run(code).out) == "[WARNING]\tTIME\t\tonce\n1 ['LambdaLoggerHandler']\n"


def test_handler_names_its_sink(run: Run) -> None:
    """What LambdaContext.log looks for is there: a handler with a log_sink, which takes text."""
    code = """
import logging
handler = next(h for h in logging.getLogger().handlers if hasattr(h, "log_sink"))
handler.log_sink.log("straight")
"""
    assert run(code).out == "straight"
    assert run(code, framed=True, AWS_LAMBDA_LOG_LEVEL="INFO").frames == [("a55a0003", "straight")]


def test_text_format_imports_no_json(run: Run) -> None:
    """Setting up the text format loads nothing beyond `logging` but our own modules."""
    code = """
import subprocess
plain = subprocess.run([sys.executable, "-c", "import logging, os, sys; print(*sys.modules)"],
                       capture_output=True, text=True).stdout.split()
before = set(sys.modules)
import logging
print(*sorted(set(sys.modules) - before - set(plain)))
"""
    assert set(run(code).out.split()) <= {"rapid_client._logs"}


@pytest.mark.parametrize("as_json", [False, True])
def test_wrong_log_call_does_not_raise(run: Run, as_json: bool) -> None:
    """A log call with a wrong argument is reported on standard error, and the function goes on."""
    code = "import logging; logging.warning('%d', 'x'); print('survived')"
    output = run(code, AWS_LAMBDA_LOG_FORMAT="JSON" if as_json else "Text")

    assert output.out == "survived\n"
    assert output.err.startswith("--- Logging error ---")


def test_json_keeps_what_cannot_be_encoded(run: Run) -> None:
    """Keys that JSON lacks, circles and a __str__ that raises cost the shape of a value, not the record."""
    code = """
import logging
class Mute:
    def __str__(self): raise ValueError("no")
circle = []; circle.append(circle)
logging.warning({(1, 2): 3}, extra={"n": 1, "names": ["a"]})
logging.warning("m", extra={"circle": circle})
logging.warning("m", extra={"mute": Mute()})
logging.error("none active", exc_info=True)
try:
    raise type("Odd", (Exception,), {"__str__": Mute.__str__})
except Exception:
    logging.exception("m")
"""
    output = run(code, AWS_LAMBDA_LOG_FORMAT="JSON")
    records = [json.loads(line) for line in output.out.splitlines()]

    assert output.err == ""
    assert (records[0]["message"], records[0]["n"], records[0]["names"]) == ("{(1, 2): 3}", 1, ["a"])
    assert records[1]["circle"] == "[[...]]"
    assert records[2]["mute"] == "<unprintable Mute object>"
    assert "errorType" not in records[3]
    assert records[4]["errorMessage"] == "<unprintable Odd object>"


@pytest.mark.parametrize("framed", [False, True])
def test_lone_surrogates(run: Run, framed: bool) -> None:
    """Text that UTF-8 cannot express is escaped, in JSON as JSON."""
    code = "import logging; logging.warning('bad \\ud800')"
    output = run(code, framed=framed, AWS_LAMBDA_LOG_FORMAT="JSON")
    text = output.frames[0][1] if framed else output.out

    assert json.loads(text)["message"] == "bad \ud800"


def test_logging_loaded_before_us(run: Run) -> None:
    """Where somebody has imported `logging` already, it is set up at once."""
    output = run("import logging; logging.warning('m')", setup="import logging\n" + OURS)

    assert without_times(output.out) == "[WARNING]\tTIME\t\tm\n"


# ... the same as awslambdaric

SCENARIO = """
import logging
print(logging.getLogger().level, len(logging.getLogger().handlers))
logging.warning("before any invocation")
invocation("req-1", "tenant")
log = logging.getLogger("some.name")
log.debug("debug"); log.info("info"); log.warning("warning %s", "arg"); log.error("error"); log.critical("!")
log.log(35, "between"); log.log(60, "above")
log.log(35, "own", extra={"_frame_type": b"\\x01\\x02\\x03\\x04"})
log.warning("multi\\nline", extra={"extra": "value", "none": None, "s": {1}, "f": float("nan")})
log.warning({"a": "dict"}); log.warning(["a", "list"]); log.warning(5); log.warning("")
log.warning("unicode caf\\u00e9 \\u2028 \\x7f"); log.warning("percent %% s")
def fail():
    raise KeyError("k", 2)
try:
    fail()
except KeyError:
    log.error("no exc_info"); log.exception(EXCEPTION)
formatter = logging.Formatter("%(levelname)s %(aws_request_id)s %(tenant_id)s")
logging.getLogger().handlers[0].setFormatter(formatter)
log.warning("own formatter")
logging.getLogger().handlers[0].log_sink.log("direct")
print(logging.Formatter.converter.__name__)
"""


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("level", ["", "DEBUG", "error", "TRACE", "WARN", "bogus"])
@pytest.mark.parametrize("log_format", ["", "JSON", "json", "Text"])
@pytest.mark.usefixtures("official")
def test_same_as_awslambdaric(run: Run, log_format: str, level: str, framed: bool) -> None:
    """The same calls give the same text and the same frames, in each format and at each level."""
    environ = {"AWS_LAMBDA_LOG_FORMAT": log_format, "AWS_LAMBDA_LOG_LEVEL": level}
    # A traceback in the text format is where we add a newline.
    message = "'exception'" if log_format.upper() == "JSON" else "'', exc_info=None"
    scenario = SCENARIO.replace("EXCEPTION", message)
    ours = run(scenario, framed=framed, **environ)
    theirs = run(scenario, setup=THEIRS, framed=framed, **environ)

    assert without_times(ours.out) == without_times(theirs.out)
    assert [(kind, without_times(text)) for kind, text in ours.frames] == [
        (kind, without_times(text)) for kind, text in theirs.frames
    ]
    assert bool(ours.frames) == framed
