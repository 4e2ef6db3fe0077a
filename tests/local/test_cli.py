"""The command `rapid`, run as its users run it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from rapid_client.local.samples import load_sample, sample_names
from tests.processes import gone

if TYPE_CHECKING:
    from collections.abc import Callable

    Rapid = Callable[..., subprocess.CompletedProcess[bytes]]

COMMAND: Final = [sys.executable, "-m", "rapid_client.local.cli"]
SAMPLES: Final = [
    "alb", "apigateway-http", "apigateway-rest", "dynamodb", "eventbridge", "function-url", "kinesis", "s3",
    "scheduled", "sns", "sqs",
]  # fmt: skip
APP: Final = """
    import os, subprocess, time

    print("while loading")

    def echo(event, context):
        print("héllo from the function")
        return event

    def raises(event, context):
        raise ValueError("bööm")

    def crashes(event, context):
        os._exit(3)

    def fills(event, context):
        data = bytearray(event)
        os._exit(len(data) % 2 + 3)

    def sleeps(event, context):
        child = subprocess.Popen(["sleep", "60"])
        print("pids", os.getpid(), child.pid, flush=True)
        time.sleep(60)

    def third_fails(event, context, calls=[]):
        calls.append(event)
        print("call", len(calls))
        if len(calls) == 3:
            raise ValueError("third")
        return len(calls)

    def client(event, context):
        return [context.client_context.custom, os.environ["GREETING"], context.memory_limit_in_mb]

    def raw(event, context):
        return b"\\x00\\xffraw"
"""


@pytest.fixture
def code(function_folder: Callable[[str], Path]) -> Path:
    """The folder of the functions above."""
    return function_folder(textwrap.dedent(APP))


@pytest.fixture
def rapid(code: Path, child_environ: dict[str, str]) -> Rapid:
    """Run the command in the folder of the functions."""

    def run(*arguments: str, cwd: Path = code, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [*COMMAND, *arguments]
        return subprocess.run(
            command, cwd=cwd, env=child_environ, input=stdin, capture_output=True, timeout=60, check=False
        )

    return run


def test_response_alone_goes_to_stdout(rapid: Rapid) -> None:
    """The response is on stdout as it is, the log with Lambda's lines on stderr; the exit code is 0."""
    done = rapid("invoke", "app.echo", "--event", '{"name": "Zoë"}')

    assert (done.returncode, json.loads(done.stdout)) == (0, {"name": "Zoë"})
    assert not done.stdout.endswith(b"\n")
    expected = (
        r"while loading\nSTART RequestId: \S+ Version: \$LATEST\nhéllo from the function\n"
        r"END RequestId: \S+\nREPORT RequestId: [^\n]+\tInit Duration: \d+\.\d\d ms\t\n"
    )
    assert re.fullmatch(expected, done.stderr.decode())


def test_bytes_are_printed_as_they_are(rapid: Rapid) -> None:
    """A binary response is not touched."""
    assert rapid("invoke", "app.raw").stdout == b"\x00\xffraw"


def test_event_on_stdin(rapid: Rapid) -> None:
    """`-` is standard input."""
    done = rapid("invoke", "app.echo", "--event", "-", stdin=b'{"from": "stdin"}')

    assert json.loads(done.stdout) == {"from": "stdin"}


def test_event_from_a_file_wins_over_a_sample(rapid: Rapid, code: Path) -> None:
    """An existing file is read, also one that is called like a sample; a byte order mark is accepted."""
    (code / "s3").write_bytes(b'\xef\xbb\xbf{"from": "file"}')

    assert json.loads(rapid("invoke", "app.echo", "--event", "s3").stdout) == {"from": "file"}


def test_event_from_a_sample(rapid: Rapid) -> None:
    """The name of a sample stands for it."""
    assert json.loads(rapid("invoke", "app.echo", "--event", "sqs").stdout) == json.loads(load_sample("sqs"))


def test_event_that_is_nothing_names_all_four(rapid: Rapid) -> None:
    """One line says what an event may be, and the exit code is 2."""
    done = rapid("invoke", "app.echo", "--event", "s33")

    assert (done.returncode, done.stdout) == (2, b"")
    line = done.stderr.decode()
    assert line.count("\n") == 1
    assert line.startswith(
        "rapid: --event 's33' is neither - (standard input), nor an existing file, nor a sample"
    )
    assert line.endswith("sns, sqs), nor JSON\n")


def test_file_that_is_no_json_is_said_so(rapid: Rapid, code: Path) -> None:
    """A file is checked before a process is started."""
    (code / "event.json").write_text("{'a': 1}")
    done = rapid("invoke", "app.echo", "--event", "event.json")

    assert done.returncode == 2
    assert done.stderr.startswith(b"rapid: the file 'event.json' is not JSON in UTF-8: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Usage: rapid "),
        (("invoke",), "rapid: Missing argument 'HANDLER'."),
        (("nope",), "rapid: No such command 'nope'."),
        (("invoke", "app.echo", "--repeat", "0"), "rapid: Invalid value for '-n' / '--repeat'"),
        (("invoke", "app.echo", "--timeout", "0"), "rapid: Invalid value for '-t' / '--timeout'"),
        (("invoke", "app.echo", "--root", "/nonexistent"), "rapid: Invalid value for '--root'"),
        (("invoke", "app.echo", "--env", "NAME"), "rapid: --env 'NAME' is not NAME=VALUE"),
        (("invoke", "app.echo", "--client-context", "{"), "rapid: --client-context is not JSON"),
        (
            ("invoke", "app.echo", "--python", "/nonexistent"),
            "rapid: the interpreter '/nonexistent' cannot be",
        ),
        (
            ("invoke", "app.echo", "--timeout", "abc"),
            "rapid: Invalid value for '-t' / '--timeout': 'abc' is not a number",
        ),
        (
            ("invoke", "app.echo", "--timeout", "nan"),
            "rapid: Invalid value for '-t' / '--timeout': 'nan' is not a number",
        ),
        (
            ("invoke", "app.echo", "--repeat", "x"),
            "rapid: Invalid value for '-n' / '--repeat': 'x' is not a valid whole",
        ),
        (("invoke", "app.echo", "--runtime", ""), "rapid: the runtime '' is no module: "),
        (
            ("invoke", "app.echo", "--event", "{a: 1}"),
            "rapid: --event is not JSON in UTF-8: Expecting property name",
        ),
        (
            ("invoke", "app.echo", "--event", ' "a'),
            "rapid: --event is not JSON in UTF-8: Unterminated string",
        ),
        (("invoke", "app.echo", "--event", "[NaN]"), "rapid: --event is not JSON in UTF-8: it holds NaN"),
        (("invoke", "app.echo", "--event", "evnt.json"), "rapid: --event: there is no file 'evnt.json'"),
        (("invoke", "app.echo", "--event", "events/s3"), "rapid: --event: there is no file 'events/s3'"),
        (
            ("invoke", "app.echo", "--event", "-Infinity"),
            "rapid: --event '-Infinity' is neither - (standard input)",
        ),
        (("event", "nope"), "rapid: there is no sample event 'nope': use one of alb, apigateway-http"),
    ],
)
def test_wrong_command_line_is_exit_2(rapid: Rapid, arguments: tuple[str, ...], message: str) -> None:
    """A mistake is said in a line on stderr, nothing on stdout."""
    done = rapid(*arguments)

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith(message)
    assert b"Traceback" not in done.stderr


def test_mistyped_json_tells_the_position(rapid: Rapid) -> None:
    """What looks like JSON gets the parser's words, and nothing about files and samples."""
    done = rapid("invoke", "app.echo", "--event", '{"a": }')

    assert done.stderr == b"rapid: --event is not JSON in UTF-8: Expecting value: line 1 column 7 (char 6)\n"


@pytest.mark.parametrize("arguments", [("--help",), ("invoke", "--help"), ("event", "--help")])
def test_help_is_text(rapid: Rapid, arguments: tuple[str, ...]) -> None:
    """Nothing in any help is there for click's eyes: no backslash, no backspace."""
    done = rapid(*arguments)

    assert (done.returncode, done.stderr) == (0, b"")
    assert not {*b"\\\b"} & {*done.stdout}


def test_help_has_a_line_per_exit_code(rapid: Rapid) -> None:
    """Each exit code stands on a line of its own."""
    text = rapid("invoke", "--help").stdout.decode()

    assert re.findall(r"^    (\d+) +\w", text, re.MULTILINE) == ["0", "1", "2", "130"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("event",), ("event", "s3"), ("invoke", "app.echo", "-e", "s3", "--logs", "none")],
)
def test_full_disk_is_one_line(
    code: Path, child_environ: dict[str, str], arguments: tuple[str, ...], unbuffered: str
) -> None:
    """Output that cannot be written is said so once, with exit code 1."""
    environ = child_environ | {"PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("wb") as full:
        command = [*COMMAND, *arguments]
        done = subprocess.run(command, cwd=code, env=environ, stdout=full, stderr=-1, check=False)

    line = b"rapid: cannot write to standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, line)


def test_closed_stdout_is_one_line(code: Path, child_environ: dict[str, str]) -> None:
    """So is a standard output that was closed before the start."""
    command = ["/bin/sh", "-c", 'exec "$0" "$@" >&-', *COMMAND, "event", "s3"]
    done = subprocess.run(command, cwd=code, env=child_environ, stderr=-1, check=False)

    line = b"rapid: cannot write to standard output: it is closed\n"
    assert (done.returncode, done.stderr) == (1, line)


def test_runtime_that_is_not_there_is_exit_2(rapid: Rapid) -> None:
    """A module that the interpreter does not have is the caller's mistake, not the function's."""
    done = rapid("invoke", "app.echo", "--runtime", "no.such", "--logs", "none")

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"\n") == 1
    assert b", without a module 'no.such' that could be the runtime: " in done.stderr


def test_function_error_is_exit_1(rapid: Rapid) -> None:
    """What the caller sees ends stderr, after the readable traceback; stdout stays empty."""
    done = rapid("invoke", "app.raises")
    lines = done.stderr.decode().splitlines()

    assert (done.returncode, done.stdout) == (1, b"")
    assert json.loads(lines[-1])["errorMessage"] == "bööm"
    assert "[ERROR] ValueError: bööm" in lines
    assert "Traceback (most recent call last):" in lines


def test_init_error_is_exit_1_and_reported_once(rapid: Rapid) -> None:
    """A handler that is not there is said once in the log, and once as the caller sees it."""
    done = rapid("invoke", "app.nope")
    text = done.stderr.decode()

    assert (done.returncode, done.stdout) == (1, b"")
    assert text.count("Handler 'nope' missing on module 'app'") == 2
    assert json.loads(text.splitlines()[-1])["errorType"] == "Runtime.HandlerNotFound"


def test_crash_is_exit_1(rapid: Rapid) -> None:
    """A process that ends is reported in Lambda's words."""
    done = rapid("invoke", "app.crashes")

    assert (done.returncode, done.stdout) == (1, b"")
    assert re.search(
        rb"\nRequestId: \S+ Error: Runtime exited with error: exit status 3\nRuntime\.ExitError\n",
        done.stderr,
    )


def test_crash_tells_the_peak_of_memory(rapid: Rapid) -> None:
    """What the process held last counts also where it ended before anybody could ask it."""
    done = rapid("invoke", "app.fills", "--event", "150000000")

    assert re.search(rb"\tMax Memory Used: 1[4-9]\d MB\t", done.stderr)


def test_timeout_is_exit_1_and_leaves_nothing(rapid: Rapid) -> None:
    """A function over its time is ended with what it has started."""
    done = rapid("invoke", "app.sleeps", "--timeout", "0.5")

    assert (done.returncode, done.stdout) == (1, b"")
    assert b" Task timed out after 0.50 seconds\n" in done.stderr
    assert all(gone(int(pid)) for pid in re.findall(rb"\d+", done.stderr.split(b"pids ")[1].split(b"\n")[0]))


@pytest.mark.parametrize(
    ("number", "code_expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signal_ends_the_function_too(
    code: Path, child_environ: dict[str, str], number: int, code_expected: int
) -> None:
    """Ctrl-C is exit 130; like SIGTERM and a closed terminal it leaves no process and no traceback."""
    command = [*COMMAND, "invoke", "app.sleeps", "--timeout", "60"]
    with subprocess.Popen(command, cwd=code, env=child_environ, stdout=-1, stderr=-1) as process:
        assert process.stderr is not None
        log = b""
        while b"pids" not in log:
            log = process.stderr.readline()
        process.send_signal(number)
        out, rest = process.communicate(timeout=30)

    assert (process.returncode, out) == (code_expected, b"")
    assert b"Traceback" not in rest
    assert all(gone(int(pid)) for pid in log.split()[1:])


def test_options_reach_the_function(rapid: Rapid) -> None:
    """Client context, environment variables and memory size arrive."""
    context = '{"custom": {"é": 1}}'
    done = rapid(
        "invoke", "app.client", "--client-context", context, "--env", "GREETING=a=b", "--memory", "512"
    )  # fmt: skip

    assert json.loads(done.stdout) == [{"é": 1}, "a=b", "512"]


def test_root_names_the_functions_folder(rapid: Rapid, code: Path) -> None:
    """With --root the command runs from anywhere."""
    assert rapid("invoke", "app.echo", "--root", "task", cwd=code.parent).stdout == b"{}"


def test_repeat_shows_cold_against_warm(rapid: Rapid) -> None:
    """The table is on stderr, with one cold invocation; the first two logs are shown, and one response."""
    done = rapid("invoke", "app.echo", "--event", "7", "--repeat", "5")
    text = done.stderr.decode()

    assert (done.returncode, done.stdout) == (0, b"7")
    assert re.search(r"cold │ +1 │ +\d+\.\d\d │ +\d+\.\d\d │", text)
    assert re.search(r"warm │ +4 │ +│ +\d+\.\d\d │", text)
    assert "\n5 invocations\n" in text
    assert text.count("START RequestId") == text.count("REPORT RequestId") == 2
    assert "\x1b" not in text
    assert "invoking" not in text


def test_all_logs_on_request(rapid: Rapid) -> None:
    """--logs all shows each invocation's, --logs none shows none."""
    everything = rapid("invoke", "app.echo", "--repeat", "4", "--logs", "all").stderr
    nothing = rapid("invoke", "app.echo", "--logs", "none")

    assert everything.count(b"START RequestId") == 4
    assert (nothing.stdout, nothing.stderr) == (b"{}", b"")


def test_repeat_ends_with_the_first_failure(rapid: Rapid) -> None:
    """The log of the failed invocation is shown although it would not have been, and the exit code is 1."""
    done = rapid("invoke", "app.third_fails", "--repeat", "9")
    text = done.stderr.decode()

    assert (done.returncode, done.stdout) == (1, b"")
    assert "call 3\n[ERROR] ValueError: third\n" in text
    assert "invocation 3 of 9 failed" in text
    assert "\n3 invocations\n" in text
    assert "call 4" not in text


def test_one_invocation_is_singular(rapid: Rapid) -> None:
    """Where the first of many fails, the table is of 1 invocation."""
    assert b"\n1 invocation\n" in rapid("invoke", "app.raises", "--repeat", "9").stderr


def on_terminal(command: list[str], code: Path, environ: dict[str, str]) -> tuple[int, str]:
    """Run a command whose stdout and stderr are a terminal; return its exit code and what it showed."""
    mine, theirs = pty.openpty()
    process = subprocess.Popen(command, cwd=code, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    poll = select.poll()
    poll.register(mine, select.POLLIN)
    while poll.poll(30_000):
        try:
            data = os.read(mine, 65536)
        except OSError:  # Linux says EIO where the last writer has gone
            break
        if not data:
            break
        shown += data
    os.close(mine)
    return process.wait(30), shown.decode()


def test_terminal_gets_a_bar_and_a_newline(code: Path, child_environ: dict[str, str]) -> None:
    """On a terminal --repeat shows a progress bar, and the response ends with a newline."""
    command = [*COMMAND, "invoke", "app.echo", "--event", '"done"', "--repeat", "30"]
    status, shown = on_terminal(command, code, child_environ | {"TERM": "xterm-256color"})

    assert status == 0
    assert "invoking" in shown
    assert "30/30" in shown
    assert shown.endswith('"done"\r\n')


def test_reader_that_leaves_early_is_no_error(code: Path, child_environ: dict[str, str]) -> None:
    """A closed pipe, as `| head -1` leaves one, ends the command without a traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "event", "s3"], env=child_environ, cwd=code, stdout=writer, stderr=-1, check=False
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (1, b"")


def test_events_are_listed_and_printed(rapid: Rapid) -> None:
    """`rapid event` lists the samples, and with a name prints one."""
    assert rapid("event").stdout.decode().split() == SAMPLES
    assert rapid("event", "s3").stdout == load_sample("s3")


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_is_json_of_the_example_account(name: str) -> None:
    """Each sample is JSON, ends with a newline, and has no account, region or address but examples."""
    text = load_sample(name).decode()

    assert isinstance(json.loads(text), dict)
    assert text.endswith("}\n")
    assert set(re.findall(r"(?<![\w.-])\d{12}(?![\w.])", text)) <= {"123456789012"}
    assert set(re.findall(r"\b[a-z]{2}-[a-z]{4,}-\d", text)) <= {"us-east-1"}
    assert set(re.findall(r"\b\d{1,3}(?:\.\d{1,3}){3}\b", text)) <= {"203.0.113.17"}


def test_samples_are_consistent() -> None:
    """Digests and encoded bodies in the samples are right, so functions that check them work."""
    assert sample_names() == SAMPLES
    for record in json.loads(load_sample("sqs"))["Records"]:
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()
    for record in json.loads(load_sample("kinesis"))["Records"]:
        assert json.loads(base64.b64decode(record["kinesis"]["data"]))["celsius"] > 0
    url = json.loads(load_sample("function-url"))
    assert len(base64.b64decode(url["body"])) == int(url["headers"]["content-length"])


def test_unknown_sample_is_a_key_error() -> None:
    """The Python API raises what a mapping would."""
    with pytest.raises(KeyError):
        load_sample("../../cli")


def test_commands_of_the_readme_work(rapid: Rapid, root: Path, tmp_path: Path) -> None:
    """The README's first command runs from the clone, the second with its own app.py."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    first, second = re.findall(r"^(?:.venv/bin/)?rapid (invoke .*?)(?: {2,}#.*)?$", readme, re.MULTILINE)[:2]
    app = next(
        block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "def handler" in block
    )
    (tmp_path / "app.py").write_text(app, encoding="utf-8")

    assert json.loads(rapid(*shlex.split(first), cwd=root).stdout)["statusCode"] == 200
    assert json.loads(rapid(*shlex.split(second), cwd=tmp_path).stdout) == {"hello": "Ada"}


def test_example_answers_its_sample(rapid: Rapid, root: Path) -> None:
    """The example in examples/hello runs on the sample event that its docstring names."""
    done = rapid("invoke", "app.handler", "--event", "apigateway-http", cwd=root / "examples" / "hello")
    response = json.loads(done.stdout)

    assert response["statusCode"] == 200
    assert json.loads(response["body"])["message"] == "Good morning, Zoë!"
    assert b"GET /hello/Zo\xc3\xab for Zo\xc3\xab" in done.stderr
