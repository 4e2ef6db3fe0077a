"""The Python API of local invocation, with real runtime processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from rapid_client.errors import ConfigError
from rapid_client.local import InvokeOptions
from rapid_client.local._platform_log import KEPT, FunctionLog
from rapid_client.local.function import FunctionOptions, InvokeResult, LocalFunction, invoke
from tests.processes import alive, gone

APP = """
    import ctypes, os, signal, subprocess, sys, time

    def echo(event, context):
        return event

    def env(event, context):
        return {name: os.environ.get(name) for name in event} | {"cwd": os.getcwd()}

    def raises(event, context):
        raise ValueError("boom")

    def exits(event, context):
        print("half a line", end="", flush=True)
        os._exit(event["status"])

    def dies(event, context):
        os.kill(os.getpid(), event["signal"])
        time.sleep(60)

    def segfault(event, context):
        ctypes.string_at(0)

    def sleeps(event, context):
        print("before the sleep")
        time.sleep(60)

    def spawns(event, context):
        child = subprocess.Popen(["sleep", "60"])
        if event.get("then_sleep"):
            print("child", child.pid, flush=True)
            time.sleep(60)
        return child.pid

    def leaves(event, context):
        print("child", subprocess.Popen(["sleep", "60"]).pid, flush=True)
        os._exit(1)

    def prints(event, context):
        sys.stdout.write("o" * event["out"] + "\\n")
        sys.stderr.write("e" * event["err"] + "\\n")
        return len(os.environ)

    def fills(event, context):
        data = bytearray(event["bytes"])
        return len(data)

    def where(event, context):
        arn = context.invoked_function_arn
        return [sys.executable, arn, context.function_name, context.memory_limit_in_mb]

    def flaky(event, context):
        return os.getpid()
"""


# What an old Python does with bootstrap's `-S bootstrap` and with the probe's `-c`.
LIE = """
    import sys

    if sys.argv[1] != "-c":
        sys.exit("bootstrap: rapid_client needs Python 3.11 or newer")
    source, sys.version_info = sys.argv[2], (3, 8, 18, "final", 0)
    del sys.argv[1:3]
    exec(source)
"""
INSTALLED = """
import sys

sys.path.insert(0, sys.argv[1])
from rapid_client.errors import ConfigError
from rapid_client.local import FunctionOptions, invoke

try:
    invoke("app.echo", {}, FunctionOptions(python=sys.argv[2], root=sys.argv[3]))
except ConfigError as exc:
    print(exc)
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A task root with the functions above."""
    (tmp_path / "app.py").write_text(textwrap.dedent(APP))
    return tmp_path


def run(code: Path, handler: str, event: object = None, **options: Any) -> InvokeResult:
    """Invoke once."""
    return invoke(handler, event, FunctionOptions(root=code, **options))


def test_response_comes_back_with_its_figures(code: Path) -> None:
    """A response has payload, content type, durations and peak memory."""
    result = run(code, "app.echo", {"name": "Zoë"})

    assert result.ok
    assert result.json() == {"name": "Zoë"}
    assert result.content_type == "application/json"
    assert result.error_type is None
    assert result.init_ms is not None
    assert result.init_ms > 0
    assert result.duration_ms > 0
    assert result.billed_ms >= result.init_ms
    assert 5 < result.max_memory_mb < 128


def test_log_lines_are_lambdas_own(code: Path) -> None:
    """START, END and REPORT have the format that tools parse, init duration included when cold only."""
    with LocalFunction("app.echo", FunctionOptions(root=code, memory_mb=256)) as function:
        cold, warm = function.invoke(1), function.invoke(2)

    report = (
        rb"REPORT RequestId: %s\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms"
        rb"\tMemory Size: 256 MB\tMax Memory Used: \d+ MB"
    )
    for result, tail in ((cold, rb"\tInit Duration: \d+\.\d\d ms\t\n"), (warm, rb"\t\n")):
        request_id = result.request_id.encode()
        lines = rb"START RequestId: %s Version: \$LATEST\nEND RequestId: %s\n" % (request_id, request_id)
        assert re.fullmatch(lines + report % request_id + tail, result.log)
    assert warm.init_ms is None


def test_environment_is_kept_between_invocations(code: Path) -> None:
    """Warm invocations meet the same process."""
    with LocalFunction("app.flaky", FunctionOptions(root=code)) as function:
        pids = [function.invoke({}).json() for _ in range(5)]

    assert len(set(pids)) == 1
    assert gone(pids[0])


def test_bytes_are_handed_over_as_they_are(code: Path) -> None:
    """An event given as bytes is not encoded again, and one that is no JSON fails in the runtime."""
    assert run(code, "app.echo", b' {"a":1}').json() == {"a": 1}
    assert run(code, "app.echo", b"{").error_type == "Runtime.UnmarshalError"


def test_event_beyond_json_is_refused(code: Path) -> None:
    """An event that JSON does not have raises where it is given."""
    with LocalFunction("app.echo", FunctionOptions(root=code)) as function, pytest.raises(TypeError):
        function.invoke({1, 2})


def test_variables_of_the_platform_are_set(code: Path) -> None:
    """The function sees Lambda's variables, its own on top, and its folder as working directory."""
    names = ["LAMBDA_TASK_ROOT", "_HANDLER", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
             "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_INITIALIZATION_TYPE", "TABLE",
             "AWS_REGION"]  # fmt: skip
    seen = run(code, "app.env", names, env={"TABLE": "orders", "AWS_REGION": "eu-west-1"}, name="shop").json()

    assert seen == {
        "LAMBDA_TASK_ROOT": str(code),
        "_HANDLER": "app.env",
        "AWS_LAMBDA_FUNCTION_NAME": "shop",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/shop",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "TABLE": "orders",
        "AWS_REGION": "eu-west-1",
        "cwd": str(code),
    }


def test_context_matches_the_options(code: Path) -> None:
    """Interpreter, ARN, name and memory size are those of the options."""
    result = run(code, "app.where", name="shop", memory_mb=512, env={"AWS_REGION": "eu-west-1"})

    executable, *rest = result.json()
    assert Path(executable).resolve() == Path(sys.executable).resolve()
    assert rest == ["arn:aws:lambda:eu-west-1:123456789012:function:shop", "shop", "512"]


def test_request_id_may_be_given(code: Path) -> None:
    """The options of an invocation reach the runtime."""
    with LocalFunction("app.echo", FunctionOptions(root=code)) as function:
        result = function.invoke({}, InvokeOptions(request_id="my-own-id"))

    assert result.request_id == "my-own-id"
    assert b"START RequestId: my-own-id Version" in result.log


def test_exception_is_the_callers_payload(code: Path) -> None:
    """An exception ends the invocation, not the process."""
    with LocalFunction("app.raises", FunctionOptions(root=code)) as function:
        first, second = function.invoke({}), function.invoke({})

    assert (first.status, first.error_type) == ("error", "ValueError")
    assert first.json()["errorMessage"] == "boom"
    assert b"boom" in first.log
    assert second.init_ms is None


@pytest.mark.parametrize(
    ("handler", "event", "reason"),
    [
        ("app.exits", {"status": 3}, "Runtime exited with error: exit status 3"),
        ("app.exits", {"status": 0}, "Runtime exited without providing a reason"),
        ("app.dies", {"signal": 9}, "Runtime exited with error: signal: killed"),
        ("app.segfault", {}, "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_crash_has_lambdas_words(code: Path, handler: str, event: object, reason: str) -> None:
    """A process that ends fails its invocation with Runtime.ExitError, and the next one starts afresh."""
    with LocalFunction(handler, FunctionOptions(root=code)) as function:
        crashed, again = function.invoke(event), function.invoke(event)

    text = f"RequestId: {crashed.request_id} Error: {reason}"
    assert (crashed.status, crashed.error_type) == ("crash", "Runtime.ExitError")
    assert crashed.json() == {"errorType": "Runtime.ExitError", "errorMessage": text}
    assert f"\n{text}\nRuntime.ExitError\nEND RequestId: {crashed.request_id}\n".encode() in crashed.log
    assert crashed.log.endswith(b"\tStatus: error\tError Type: Runtime.ExitError\t\n")
    assert crashed.max_memory_mb > 0
    assert again.init_ms is not None


def test_timeout_kills_and_starts_again(code: Path) -> None:
    """A function over its time is killed; log and payload are Lambda's."""
    with LocalFunction("app.sleeps", FunctionOptions(root=code, timeout=0.3)) as function:
        result, again = function.invoke({}), function.invoke({})

    request_id = result.request_id.encode()
    assert (result.status, result.error_type) == ("timeout", "Sandbox.Timedout")
    assert (
        result.json()["errorMessage"]
        == f"RequestId: {result.request_id} Error: Task timed out after 0.30 seconds"
    )
    expected = (
        rb"START RequestId: %s Version: \$LATEST\nbefore the sleep\n"
        rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z %s Task timed out after 0\.30 seconds\n\n"
        rb"END RequestId: %s\nREPORT .*"
    )
    assert re.fullmatch(expected % (request_id, request_id, request_id), result.log, re.DOTALL)
    assert result.log.endswith(b"\tStatus: timeout\t\n")
    assert again.init_ms is not None


def test_init_error_is_the_payload(code: Path) -> None:
    """What the runtime reports instead of starting is the payload, and it is logged once."""
    result = run(code, "missing.handler")

    assert (result.status, result.error_type) == ("init-error", "Runtime.ImportModuleError")
    assert result.json()["errorMessage"] == "Unable to import module 'missing': No module named 'missing'"
    assert result.log.count(b"[ERROR] Runtime.ImportModuleError") == 1
    assert b"\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError\nSTART " in result.log
    assert b"Init Duration" not in result.log.splitlines()[-1]


def test_exit_during_init_is_a_crash(code: Path) -> None:
    """A module that ends the process upon import fails the invocation."""
    (code / "quits.py").write_text("import os\nos._exit(4)\n")
    result = run(code, "quits.handler")

    assert result.status == "crash"
    assert result.json()["errorMessage"].endswith("Error: Runtime exited with error: exit status 4")


def test_slow_init_is_done_again_in_the_invocation(code: Path) -> None:
    """Init over its limit is stopped and repeated under the function's timeout, as on Lambda."""
    (code / "slow.py").write_text("import time\ntime.sleep(0.7)\ndef handler(event, context): return event\n")
    enough = run(code, "slow.handler", 5, init_timeout=0.2, timeout=30)
    short = run(code, "slow.handler", 5, init_timeout=0.2, timeout=0.3)

    assert enough.ok
    assert re.match(
        rb"INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\tStatus: timeout\nSTART ", enough.log
    )
    assert enough.init_ms is None
    assert short.status == "timeout"


def test_child_of_the_function_is_ended(code: Path) -> None:
    """A process that the function has started does not outlive the environment."""
    with LocalFunction("app.spawns", FunctionOptions(root=code)) as function:
        pid = function.invoke({}).json()
        assert alive(pid)
    assert gone(pid)


def test_child_is_ended_by_a_timeout(code: Path) -> None:
    """A time-out kills the whole group."""
    result = run(code, "app.spawns", {"then_sleep": True}, timeout=0.4)

    found = re.search(rb"child (\d+)", result.log)
    assert found is not None
    assert gone(int(found[1]))


def test_child_is_ended_by_a_crash(code: Path) -> None:
    """A process that ends takes with it what it has started."""
    result = run(code, "app.leaves")

    found = re.search(rb"child (\d+)", result.log)
    assert result.status == "crash"
    assert found is not None
    assert gone(int(found[1]))


def test_big_output_blocks_nobody(code: Path) -> None:
    """Output far over a pipe's size arrives whole and in order; the result keeps the end of it."""
    chunks: list[bytes] = []
    size = 3_000_000
    with LocalFunction("app.prints", FunctionOptions(root=code, timeout=30), chunks.append) as function:
        result = function.invoke({"out": size, "err": size})
    output = b"".join(chunks)

    assert result.ok
    assert b"o" * size + b"\n" + b"e" * size + b"\nEND RequestId" in output
    assert len(result.log) <= KEPT
    assert output.endswith(result.log)


def test_sink_that_fails_does_not_stop_the_function(code: Path) -> None:
    """A log whose reader is gone costs the log, not the response."""

    def sink(data: bytes) -> None:
        if data.startswith(b"ooo"):
            raise BrokenPipeError

    with LocalFunction("app.prints", FunctionOptions(root=code), sink) as function:
        assert function.invoke({"out": 200_000, "err": 10}).ok


def test_peak_memory_is_the_functions(code: Path) -> None:
    """Peak memory counts what was held during the invocation and is gone after it."""
    small, big = run(code, "app.fills", {"bytes": 1}), run(code, "app.fills", {"bytes": 50_000_000})

    assert 40_000_000 < big.max_memory - small.max_memory < 60_000_000


def test_missing_folder_is_said_so() -> None:
    """A root that does not exist is a mistake of the caller's, named."""
    with pytest.raises(ConfigError, match=r"'/nonexistent/x' does not exist"):
        run(Path("/nonexistent/x"), "app.echo")


def test_missing_interpreter_is_said_so(code: Path) -> None:
    """So is an interpreter that cannot be executed."""
    with pytest.raises(ConfigError, match=r"'/nonexistent/python' cannot be executed"):
        run(code, "app.echo", python="/nonexistent/python")


def test_interpreter_that_cannot_run_the_runtime_is_said_so(code: Path, tmp_path: Path) -> None:
    """An old Python, and what is no Python at all, are mistakes of the caller's: named, with what to use."""
    old, other = tmp_path / "old", tmp_path / "other"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path}/lie.py "$@"\n')
    (tmp_path / "lie.py").write_text(textwrap.dedent(LIE))
    other.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    other.chmod(0o755)

    with pytest.raises(ConfigError, match=r"old' is Python 3\.8\.18, which is too old: name Python 3\.11 or"):
        run(code, "app.echo", python=str(old))
    with pytest.raises(ConfigError, match=r"other' does not run as Python does: name Python 3\.11 or newer"):
        run(code, "app.echo", python=str(other))


def test_interpreter_without_the_runtime_is_said_so(
    code: Path, tmp_path: Path, clean_python: Path, child_environ: dict[str, str]
) -> None:
    """Where we are installed, and not beside `bootstrap`, the interpreter has to have us, too."""
    installed = tmp_path / "installed"
    shutil.copytree(
        ROOT / "rapid_client", installed / "rapid_client", ignore=shutil.ignore_patterns("__pycache__")
    )
    command = [sys.executable, "-c", INSTALLED, str(installed), str(clean_python), str(code)]
    environ = {name: value for name, value in child_environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert "without rapid_client: install it there, or name Python 3.11 or newer" in done.stdout, done.stderr
    assert repr(str(clean_python)) in done.stdout


@pytest.mark.usefixtures("official")
def test_other_runtime_module(code: Path) -> None:
    """The same function runs on the official client."""
    assert run(code, "app.echo", [1], runtime="awslambdaric").json() == [1]


def test_nothing_is_left_of_many_environments(code: Path) -> None:
    """Neither descriptors nor threads stay behind."""
    run(code, "app.echo")
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(3):
        run(code, "app.echo")

    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before


def test_platform_lines_start_on_their_own_line() -> None:
    """A function's unfinished line is finished before a line of the platform's."""
    log = FunctionLog()
    log.write(b"half")
    log.line("END")
    log.line("REPORT")

    assert log.take() == b"half\nEND\nREPORT\n"
    assert log.take() == b""


def test_kept_log_is_bounded() -> None:
    """Only the end of a long log is kept."""
    log = FunctionLog()
    for number in range(40):
        log.write(bytes([number]) * 65536)

    kept = log.take()
    assert len(kept) <= KEPT
    assert kept.endswith(bytes([39]) * 65536)
