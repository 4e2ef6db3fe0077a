"""The runtime from end to end: a real process, started in both ways, serves a mock Runtime API."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import pytest

from rapid_client import __version__
from rapid_client.local import Fault, MockSettings, Reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Starter

ECHO: Final = "def handler(event, context):\n    return event\n"
#: The event is what is done; None goes well. (Compiled, as CPython remembers a KeyboardInterrupt that leaves
#: source text, and ends by SIGINT then.)
RAISE: Final = """
import asyncio, sys

class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no text")

class Odd(Exception):
    @property
    def trouble(self):
        raise RuntimeError("not for you")
    __traceback__ = __cause__ = __context__ = __suppress_context__ = __notes__ = args = trouble

def chained(event):
    try:
        {}["the key"]
    except KeyError as exc:
        try:
            raise LookupError("in between") from exc
        except LookupError:
            raise ValueError("at last")

def handler(event, context):
    if event is not None:
        exec(compile(event, "<event>", "exec"), {**globals(), "event": event})
    return "fine"
"""


# Going on...


def test_one_event_after_another(start: Starter) -> None:
    """Events of every JSON type go in and come out, over one connection."""
    runtime = start(ECHO)
    events: list[Any] = [None, 1, "é", [1.5, True], {"a": {"b": []}}]

    assert [runtime.call(event) for event in events] == events
    assert {request.connection for request in runtime.mock.requests} == {1}


@pytest.mark.parametrize(
    ("statement", "error_type", "message"),
    [
        ("raise ValueError('boom')", "ValueError", "boom"),
        ("raise KeyError('k')", "KeyError", "'k'"),
        ("raise GeneratorExit('g')", "GeneratorExit", "g"),
        ("raise asyncio.CancelledError('c')", "CancelledError", "c"),
        ("raise Odd('o')", "Odd", "o"),
        ("raise Unprintable", "Unprintable", "<unprintable Unprintable object>"),
        ("raise ExceptionGroup('g', [ValueError('m')])", "ExceptionGroup", "g (1 sub-exception)"),
        ("raise Exception(chr(0xd800))", "Exception", "\ud800"),
        ("def f(): f()\nf()", "RecursionError", None),
    ],
    ids=lambda value: value.split("(")[0] if isinstance(value, str) else None,
)
def test_what_a_handler_raises_is_answered_and_survived(
    start: Starter, statement: str, error_type: str, message: str | None
) -> None:
    """The caller gets type, message, request id and frames; the next event is served."""
    runtime = start(RAISE)

    error = runtime.fail(statement, request_id="r-1")

    assert error["errorType"] == error_type
    assert message is None or error["errorMessage"] == message
    assert error["requestId"] == "r-1"
    assert error["stackTrace"][0].startswith(f'  File "{start.task}/app.py", line 25, in handler\n')
    assert runtime.log[0].startswith(f"[ERROR] {error_type}")
    assert runtime.call() == "fine"


@pytest.mark.parametrize(
    ("statement", "error_type", "message", "code"),
    [
        ("sys.exit(0)", "SystemExit", "0", 1),
        ("sys.exit(3)", "SystemExit", "3", 3),
        ("sys.exit(256)", "SystemExit", "256", 1),
        ("sys.exit(-1)", "SystemExit", "-1", 255),
        ("sys.exit('text')", "SystemExit", "text", 1),
        ("sys.exit(None)", "SystemExit", "", 1),
        ("exit()", "SystemExit", "None", 1),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", "", 130),
    ],
)
def test_who_asks_for_the_end_gets_it_after_the_answer(
    start: Starter, statement: str, error_type: str, message: str, code: int
) -> None:
    """The caller gets an error, the log too, and the process ends with the code, never with 0."""
    runtime = start(RAISE)

    error = runtime.fail(statement)

    assert (error["errorType"], error["errorMessage"]) == (error_type, message)
    assert runtime.exit_code() == code
    assert runtime.log[0].startswith(f"[ERROR] {error_type}")
    assert runtime.stderr == ""
    assert runtime.paths()[2:] == []


def test_an_exit_runs_what_was_registered_for_it(start: Starter) -> None:
    """`atexit` functions run when a handler ends the process."""
    runtime = start(f"import atexit\natexit.register(print, 'the end')\n{RAISE}")

    runtime.fail("sys.exit(3)")

    assert runtime.exit_code() == 3
    assert runtime.log[-1] == "the end"


def test_the_log_has_the_whole_chain(start: Starter) -> None:
    """Causes and contexts, which the caller does not get, are in the log, each with its frames."""
    runtime = start(RAISE)

    error = runtime.fail("chained(event)")
    [report] = runtime.log

    assert error["errorMessage"] == "at last"
    assert "in between" not in json.dumps(error)
    assert report.startswith(
        "[ERROR] ValueError: at last\rTraceback (most recent call last):\r\u00a0\u00a0File"
    )
    for line in ("While handling: LookupError: in between\r", "Caused by: KeyError: 'the key'\r"):
        assert line + "Traceback (most recent call last):\r\u00a0\u00a0File" in report


def test_the_log_has_the_members_of_a_group_and_notes(start: Starter) -> None:
    """What an exception group holds is in the log, and so are notes."""
    runtime = start(RAISE)

    runtime.fail("e = ValueError('m')\ne.add_note('a note')\nraise ExceptionGroup('g', [e, OSError('o')])")
    [report] = runtime.log

    assert "Member 1 of 2: ValueError: m\r" in report
    assert "Note: a note" in report
    assert "Member 2 of 2: OSError: o" in report


def test_lone_surrogates_go_in_come_out_and_are_printed(start: Starter) -> None:
    """Text that is no UTF-8 is escaped in a response, also where JSON is UTF-8, and in the log."""
    for environment in (None, "AWS_Lambda_python3.13"):
        runtime = start(
            "import logging\ndef handler(event, context):\n    logging.error(event)\n    return event\n",
            AWS_EXECUTION_ENV=environment,
        )
        outcome = runtime.invoke(b'"\\ud800"')

        assert outcome.body == b'"\\ud800"'
        assert "\\ud800\n" in runtime.stdout


@pytest.mark.parametrize(
    ("environment", "body"),
    [
        ("AWS_Lambda_python3.11", b'"\\u00e9"'),
        (None, b'"\\u00e9"'),
        ("AWS_Lambda_python3.12", '"é"'.encode()),
    ],
)
def test_json_is_ascii_but_in_the_newer_managed_runtimes(
    start: Starter, environment: str | None, body: bytes
) -> None:
    """`AWS_EXECUTION_ENV` says whether a response is escaped to ASCII."""
    assert start(ECHO, AWS_EXECUTION_ENV=environment).invoke("é").body == body


def test_a_wrong_handler_fails_at_its_first_event_only(start: Starter) -> None:
    """A handler that cannot be called, or not with two arguments, starts and answers with the TypeError."""
    runtime = start("handler = 1")

    assert runtime.fail()["errorMessage"] == "'int' object is not callable"
    assert runtime.fail()["errorType"] == "TypeError"

    assert (
        "takes 1 positional argument but 2 were given" in start("def handler(e): pass").fail()["errorMessage"]
    )


# What goes with an event...

SEE_TRACE: Final = """
{more}
def handler(event, context):
    import os
    return os.environ.get("_X_AMZN_TRACE_ID")
"""
#: `os` first appears inside the second invocation, so that both ways of setting a variable are seen.
LATE: Final = """
import posix, sys
def handler(event, context):
    if event == "os":
        import os
        return os.environ.get("_X_AMZN_TRACE_ID")
    assert "os" not in sys.modules, "os is loaded"
    if event == "child":
        import subprocess
        return subprocess.run(["printenv", "_X_AMZN_TRACE_ID"], capture_output=True, text=True).stdout
    value = posix.environ.get(b"_X_AMZN_TRACE_ID")
    return value and value.decode()
"""
SEE_CHILD: Final = """
{more}
def handler(event, context):
    import subprocess
    return subprocess.run(["printenv", "_X_AMZN_TRACE_ID"], capture_output=True, text=True).stdout.strip()
"""


@pytest.mark.parametrize("more", ["", "import os"])
def test_the_trace_id_is_a_variable_as_long_as_there_is_one(start: Starter, more: str) -> None:
    """`_X_AMZN_TRACE_ID` is set before each invocation that has one and deleted before one that has none."""
    runtime = start(SEE_TRACE.format(more=more))

    assert runtime.call(trace_id="Root=1-2;Sampled=1") == "Root=1-2;Sampled=1"
    assert runtime.call(trace_id="Root=3") == "Root=3"
    assert runtime.call() is None
    assert runtime.call(trace_id="Root=4") == "Root=4"
    assert runtime.call(trace_id="") is None


@pytest.mark.parametrize("more", ["", "import os"])
def test_child_processes_inherit_the_trace_id(start: Starter, more: str) -> None:
    """The variable is in the real environment, not in a copy of it."""
    runtime = start(SEE_CHILD.format(more=more))

    assert runtime.call(trace_id="Root=1") == "Root=1"
    assert runtime.call() == ""


def test_the_trace_id_without_os(
    tmp_path: Path, unmeasured_environ: dict[str, str], clean_python: Path
) -> None:
    """Where nobody has imported `os` the variable is what `os` starts from once somebody does."""
    from tests.support import Starter, skip_where_site_runs

    skip_where_site_runs()
    with Starter("bootstrap", tmp_path, unmeasured_environ) as start:
        runtime = start(LATE, python=clean_python)

        assert runtime.call(trace_id="Root=1") == "Root=1"
        assert runtime.call() is None
        assert runtime.call("os", trace_id="Root=2") == "Root=2"
        assert runtime.call("os") is None

        for last, seen in ("Root=3", "Root=3\n"), (None, ""):
            runtime = start(LATE, python=clean_python)
            assert runtime.call(trace_id="Root=1") == "Root=1"
            assert runtime.call("child", trace_id=last) == seen


def test_the_context_has_what_came_with_the_event(start: Starter) -> None:
    """ARN, tenant, identity, client context and W3C fields are the event's; the rest is the function's."""
    runtime = start(
        "def handler(event, context):\n"
        "    sent = context.client_context\n"
        "    return [repr(context), context.w3c(), sent and sent.custom]\n"
    )
    full, w3c, custom = runtime.call(
        request_id="r-1",
        function_arn="arn:1",
        tenant_id="t1",
        client_context='{"custom": {"a": "é"}, "w3c": {"traceparent": "00-1"}}',
        cognito_identity='{"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}',
    )

    assert full == (
        "LambdaContext([aws_request_id=r-1,log_group_name=g,log_stream_name=s,function_name=f,"
        "memory_limit_in_mb=128,function_version=$LATEST,invoked_function_arn=arn:1,"
        "client_context=ClientContext([custom={'a': 'é'},env=None,client=None]),"
        "identity=CognitoIdentity([cognito_identity_id=i,cognito_identity_pool_id=p]),tenant_id=t1])"
    )
    assert (w3c, custom) == ({"traceparent": "00-1"}, {"a": "é"})

    plain, w3c, custom = runtime.call(request_id="r-2", function_arn="arn:2")
    assert "aws_request_id=r-2" in plain
    assert plain.endswith("cognito_identity_pool_id=None]),tenant_id=None])")
    assert (w3c, custom) == ({}, None)


def test_a_broken_client_context_is_the_callers_error(start: Starter) -> None:
    """The handler is not called, and the next event is served."""
    runtime = start("def handler(event, context):\n    print('called')\n")

    error = runtime.fail(client_context="{bad")

    assert error["errorType"] == "Runtime.LambdaContextUnmarshalError"
    assert error["errorMessage"].startswith("Unable to parse Client Context JSON: ")
    assert "called" not in runtime.stdout
    assert runtime.call() is None


def test_request_and_tenant_id_are_in_the_logs(start: Starter) -> None:
    """A text record names the request, a JSON record the tenant too, and a later invocation its own."""
    source = "import logging\ndef handler(event, context):\n    logging.error('hello')\n"
    text, as_json = start(source), start(source, AWS_LAMBDA_LOG_FORMAT="JSON")
    for runtime in text, as_json:
        runtime.call(request_id="r-1", tenant_id="t-1")
        runtime.call(request_id="r-2")

    assert [line.split("\t")[2:] for line in text.log] == [["r-1", "hello"], ["r-2", "hello"]]
    first, second = (json.loads(line) for line in as_json.log)
    assert (first["requestId"], first["tenantId"]) == ("r-1", "t-1")
    assert second["requestId"] == "r-2"
    assert "tenantId" not in second


def test_a_request_id_is_opaque(start: Starter) -> None:
    """The handler gets it as it came; in a path it is percent-encoded."""
    runtime = start("def handler(event, context):\n    return context.aws_request_id\n")

    assert runtime.call(request_id="a/b?c d%é") == "a/b?c d%é"
    assert runtime.paths()[1] == "POST invocation/a%2Fb%3Fc%20d%25%C3%A9/response"


def test_the_invocation_id_comes_back(start: Starter) -> None:
    """The answer carries the id of its event, a response as well as an error; without one, none."""
    runtime = start(RAISE, settings=MockSettings(invocation_id="strict"))
    runtime.call()
    runtime.fail("1 / 0")
    sent = [request.header("Lambda-Runtime-Invocation-Id") for request in runtime.mock.requests[1::2]]
    assert None not in sent[:2]

    runtime = start(RAISE, settings=MockSettings(invocation_id="off"))
    runtime.call()
    assert runtime.mock.requests[1].header("Lambda-Runtime-Invocation-Id") is None


def test_every_request_says_who_we_are(start: Starter) -> None:
    """`User-Agent` names package and interpreter, with their versions, in GET and POST."""
    runtime = start(ECHO)
    runtime.call()
    python = ".".join(map(str, sys.version_info[:3]))

    agents = {request.header("User-Agent") for request in runtime.mock.requests}
    assert agents == {f"rapid-client/{__version__} python/{python}"}


@pytest.mark.parametrize(
    ("content_type", "seen"),
    [
        ("application/json", "dict"),
        ("application/json; charset=utf-8", "dict"),
        ("Application/JSON", "dict"),
        ("", "dict"),
        (None, "dict"),
        ("text/plain", "bytes"),
        ("application/jsonl", "bytes"),
        ("application/cloudevents+json", "bytes"),
    ],
)
def test_what_is_no_json_reaches_the_handler_as_bytes(
    start: Starter, content_type: str | None, seen: str
) -> None:
    """JSON is recognised with parameters, in any case, and where no type is given."""
    runtime = start("def handler(event, context):\n    return [type(event).__name__, str(event)]\n")

    assert runtime.call(b'{"a": 1}', content_type=content_type)[0] == seen


@pytest.mark.parametrize("size", [10, 3000, 300_000])
def test_raw_bytes_in_and_out(start: Starter, size: int) -> None:
    """An event of another type, short, chunked or large, is `bytes`, and so may a result be."""
    runtime = start("def handler(event, context):\n    assert type(event) is bytes\n    return event\n")

    outcome = runtime.invoke(b"\xff" * size, content_type="image/png")

    assert outcome.body == b"\xff" * size
    assert outcome.content_type == "application/unknown"


@pytest.mark.parametrize(
    ("deadline", "low", "high"),
    [(60_000, 1, 60_000), (-5, 0, 0), (9_000_000_000_000, 8_000_000_000_000, 9_000_000_000_000)],
)
def test_the_remaining_time(start: Starter, deadline: int, low: int, high: int) -> None:
    """It is counted from the deadline, never negative and not clamped."""
    runtime = start("def handler(event, context):\n    return context.get_remaining_time_in_millis()\n")

    assert low <= runtime.call(deadline_ms=int(time.time() * 1000) + deadline) <= high


@pytest.mark.parametrize("value", ["abc", "", None])
def test_a_deadline_that_cannot_be_read_leaves_no_time(start: Starter, value: str | None) -> None:
    """The remaining time is 0 then."""
    runtime = start("def handler(event, context):\n    return context.get_remaining_time_in_millis()\n")
    name = "Lambda-Runtime-Deadline-Ms"

    assert runtime.call(omit=(name,), headers=() if value is None else ((name, value),)) == 0


def test_no_variable_is_invented(start: Starter) -> None:
    """The function sees the variables that the platform has set; libraries draw conclusions from others."""
    runtime = start("import os\ndef handler(event, context):\n    return sorted(os.environ)\n", GIVEN="1")

    names = set(runtime.call())
    assert {"GIVEN", "LAMBDA_TASK_ROOT"} <= names
    assert (
        names & {"AWS_EXECUTION_ENV", "_X_AMZN_TRACE_ID", "LAMBDA_RUNTIME_DIR", "PYTHONNOUSERSITE"} == set()
    )


# What the Runtime API refuses...


@pytest.mark.parametrize("status", [400, 403, 410, 413])
@pytest.mark.parametrize("call", ["response", "error"])
def test_a_refused_answer_is_logged_and_survived(start: Starter, call: str, status: int) -> None:
    """One line says what was refused; it is not followed by an error, and the next event is served."""
    runtime = start(RAISE, faults=[Fault(call, Reply(status=status, body=b"no!\nnever"))])  # type: ignore[arg-type]

    outcome = runtime.invoke(None if call == "response" else "1 / 0", request_id="r-1")
    assert outcome.kind == "refused"
    assert runtime.call() == "fine"

    assert runtime.paths()[:3] == [
        "GET invocation/next",
        f"POST invocation/r-1/{call}",
        "GET invocation/next",
    ]
    assert runtime.log[-1] == (
        "[ERROR] Runtime.LambdaRuntimeClientError: "
        f"the {call} to r-1 was refused: status {status} 'no!\\nnever'"
    )
    assert len(runtime.log) == (1 if call == "response" else 2)


def test_a_response_that_is_too_large_is_refused_for_real(start: Starter) -> None:
    """The platform has told the caller about 413 already: no error follows, and the next event is served."""
    runtime = start("def handler(event, context):\n    return 'x' * event\n")

    assert runtime.invoke(7_000_000).kind == "too-large"
    assert runtime.call(3) == "xxx"
    calls = [path.rpartition("/")[2] for path in runtime.paths()]
    assert calls[:4] == ["next", "response", "next", "response"]
    assert "was refused: status 413" in runtime.log[0]


def test_a_refusal_in_a_json_log_is_a_record(start: Starter) -> None:
    """With AWS_LAMBDA_LOG_FORMAT=JSON the line is an object of level ERROR."""
    runtime = start(ECHO, faults=[Fault("response", Reply(status=403))], AWS_LAMBDA_LOG_FORMAT="json")
    runtime.invoke(request_id="r-1")
    runtime.call()

    [record] = (json.loads(line) for line in runtime.log)
    assert (record["level"], record["requestId"]) == ("ERROR", "r-1")
    assert record["errorMessage"].startswith("the response to r-1 was refused: status 403")


@pytest.mark.parametrize("call", ["next", "response", "error"])
def test_a_container_error_ends_the_process_in_one_line(start: Starter, call: str) -> None:
    """After a 500 nothing goes on: one line on standard error, exit code 1."""
    runtime = start(RAISE, faults=[Fault(call, Reply(status=500, body=b"broken"))])  # type: ignore[arg-type]
    if call != "next":
        runtime.invoke(None if call == "response" else "1 / 0")

    assert runtime.exit_code() == 1
    assert runtime.stderr.count("\n") == 1
    assert "status 500 'broken'" in runtime.stderr


def test_a_lost_connection_ends_the_process_in_one_line(start: Starter) -> None:
    """A Runtime API that is gone, while the runtime waits for an event, is said in one line."""
    runtime = start(ECHO).ready()

    runtime.mock.close()

    assert runtime.exit_code() == 1
    assert runtime.stderr.count("\n") == 1
    assert runtime.stderr.startswith("rapid_client: ")


# Before the first event...


def test_the_ready_line(start: Starter) -> None:
    """RAPID_DEBUG=1 writes one line to standard error once init is over."""
    runtime = start(ECHO, RAPID_DEBUG="1").ready()

    [line] = runtime.stderr.splitlines()
    assert line.startswith(f"rapid_client {__version__}: Python {sys.version_info.major}.")
    assert "handler app.handler, json " in line
    assert start(ECHO).ready().stderr == ""


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("RAPID_JSON", "auto, orjson, stdlib"),
        ("RAPID_JSON_NAN", "null, literal, error"),
        ("RAPID_INIT_TRACE", "full, user"),
        ("RAPID_BYTES_LIKE", "error, raw"),
        ("RAPID_ERROR_TYPE_HEADER", "0, 1"),
        ("RAPID_DEBUG", "0, 1"),
        ("RAPID_TRUST_PYC", "0, 1"),
        ("RAPID_HINTS", "1, 0"),
        ("RAPID_LAZY_IMPORTS", "package, safe, off"),
    ],
)
def test_a_switch_with_an_unknown_value_is_an_init_error(start: Starter, name: str, choices: str) -> None:
    """The message names the variable, the value and the choices, and the handler is not loaded."""
    runtime = start("print('loaded')", environ={name: "Maybe"})

    error = runtime.init_error()

    assert error["errorType"] == "Runtime.InvalidConfiguration"
    assert error["errorMessage"] == f"{name}='Maybe' is not known: use one of {choices}"
    assert runtime.exit_code() == 1
    assert "loaded" not in runtime.stdout
    assert runtime.paths() == ["POST init/error"]


def test_orjson_that_is_not_there_is_an_init_error(start: Starter, clean_python: Path) -> None:
    """RAPID_JSON=orjson without orjson says so, and what to do."""
    runtime = start(ECHO, python=clean_python, RAPID_JSON="orjson")

    error = runtime.init_error()

    assert error["errorType"] == "Runtime.InvalidConfiguration"
    assert error["errorMessage"].startswith("RAPID_JSON=orjson, but orjson cannot be used")
    assert runtime.exit_code() == 1


def test_orjson_that_is_broken_is_an_init_error(start: Starter) -> None:
    """RAPID_JSON=orjson with one that cannot be imported, built for another platform for one, is reported."""
    start.write("raise ImportError('broken')", "orjson.py")
    runtime = start(ECHO, RAPID_JSON="orjson")

    error = runtime.init_error()

    assert error["errorType"] == "Runtime.InvalidConfiguration"
    assert "(broken)" in error["errorMessage"]
    assert runtime.exit_code() == 1


def test_an_orjson_that_is_broken_is_not_used(start: Starter) -> None:
    """With RAPID_JSON=auto the standard library does the work then."""
    start.write("raise ImportError('broken')", "orjson.py")
    runtime = start(ECHO, AWS_LAMBDA_INITIALIZATION_TYPE="provisioned-concurrency")

    assert runtime.call([1, "a"]) == [1, "a"]


def test_the_engine_that_was_asked_for(start: Starter) -> None:
    """RAPID_JSON=orjson uses it from the start where it is installed, stdlib never."""
    pytest.importorskip("orjson")
    source = "import sys\ndef handler(event, context):\n    return ['orjson' in sys.modules, event]\n"

    assert start(source, RAPID_JSON="orjson").call({"a": 1}) == [True, {"a": 1}]
    assert start(source, RAPID_JSON="stdlib").call({"a": 1}) == [False, {"a": 1}]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2", "AWS_LAMBDA_MAX_CONCURRENCY='2': this version runs one invocation at a time; set it to 1,"),
        ("0", "AWS_LAMBDA_MAX_CONCURRENCY='0' is not a whole number above 0"),
        ("abc", "AWS_LAMBDA_MAX_CONCURRENCY='abc' is not a whole number above 0"),
    ],
)
def test_more_than_one_invocation_at_a_time_is_an_init_error(
    start: Starter, value: str, message: str
) -> None:
    """What this version cannot do is said at init."""
    runtime = start(ECHO, AWS_LAMBDA_MAX_CONCURRENCY=value)

    assert runtime.init_error()["errorMessage"].startswith(message)
    assert runtime.exit_code() == 1


def test_one_invocation_at_a_time_is_what_we_do(start: Starter) -> None:
    """AWS_LAMBDA_MAX_CONCURRENCY=1 is served."""
    assert start(ECHO, AWS_LAMBDA_MAX_CONCURRENCY="1").call(1) == 1


def test_a_coroutine_function_is_an_init_error(start: Starter) -> None:
    """An asynchronous handler is refused in one clear line."""
    runtime = start("async def handler(event, context):\n    pass\n")

    error = runtime.init_error()

    assert error["errorType"] == "Runtime.UnsupportedHandler"
    assert error["errorMessage"] == (
        "Handler 'app.handler' is asynchronous, which this version cannot run: use a plain function"
    )
    assert runtime.exit_code() == 1


@pytest.mark.parametrize(
    ("source", "error_type", "message", "code"),
    [
        ("raise ValueError('boom')", "ValueError", "boom", 1),
        (
            "import nosuchmod",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'nosuchmod'",
            1,
        ),
        ("def x(", "Runtime.UserCodeSyntaxError", None, 1),
        ("x = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'", 1),
        ("import sys\nsys.exit(0)", "SystemExit", "0", 1),
        ("import sys\nsys.exit(7)", "SystemExit", "7", 7),
        ("import sys\nsys.exit(256)", "SystemExit", "256", 1),
        ("import sys\nsys.exit('text')", "SystemExit", "text", 1),
        ("import sys\nsys.exit()", "SystemExit", "", 1),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", "", 130),
        ("raise GeneratorExit", "GeneratorExit", "", 1),
        ("import asyncio\nraise asyncio.CancelledError", "CancelledError", "", 1),
    ],
)
def test_what_a_module_raises_is_reported_before_the_end(
    start: Starter, source: str, error_type: str, message: str | None, code: int
) -> None:
    """The warning and the error are logged, the platform gets the error, and the exit code is never 0."""
    runtime = start(source)

    error = runtime.init_error()

    assert error["errorType"] == error_type
    assert message is None or error["errorMessage"] == message
    assert error["requestId"] == ""
    assert runtime.exit_code() == code
    [request] = runtime.mock.requests
    assert request.call == "init/error"
    assert request.header("Lambda-Runtime-Function-Error-Type") == error_type
    warning, report = runtime.log
    assert "\tLAMBDA_WARNING: Unhandled exception." in warning
    assert report.startswith(f"[ERROR] {error_type}")
    assert runtime.stderr == ""


def test_a_refused_init_error_is_said_and_ends_the_process(start: Starter) -> None:
    """The status and the body of the refusal are in the log."""
    runtime = start("1 / 0", faults=[Fault("init/error", Reply(status=403, body=b"no"))])

    assert runtime.exit_code() == 1
    assert runtime.log[-1].endswith(
        "Request to Lambda Runtime '/2018-06-01/runtime/init/error' endpoint failed."
        " Reason: '403'. Response body: 'b'no''"
    )


def test_an_init_error_that_breaks_the_runtime_api(start: Starter) -> None:
    """After a 500 for it the process ends with one more line, on standard error."""
    runtime = start("1 / 0", faults=[Fault("init/error", Reply(status=500, body=b"broken"))])

    assert runtime.exit_code() == 1
    assert runtime.stderr.count("\n") == 1
    assert "status 500 'broken'" in runtime.stderr


@pytest.mark.parametrize(("choice", "importlib"), [("full", True), ("user", False)])
def test_the_frames_of_an_init_error(start: Starter, choice: str, importlib: bool) -> None:
    """RAPID_INIT_TRACE=user leaves only the function's frames; none of ours is there either way."""
    trace = start("def f():\n    1 / 0\nf()\n", RAPID_INIT_TRACE=choice).init_error()["stackTrace"]

    assert trace[-1].endswith("line 2, in f\n    1 / 0\n")
    assert any("importlib" in frame for frame in trace) == importlib
    assert not any("rapid_client/" in frame for frame in trace)
    assert importlib or len(trace) == 2


def test_no_runtime_api(start: Starter) -> None:
    """Without AWS_LAMBDA_RUNTIME_API one line says what sets it and what to do."""
    for value in (None, ""):
        runtime = start(ECHO, AWS_LAMBDA_RUNTIME_API=value)

        assert runtime.exit_code() == 1
        assert runtime.stderr.startswith("rapid_client: AWS_LAMBDA_RUNTIME_API is not set: ")
        assert runtime.stderr.count("\n") == 1


def test_an_address_that_is_none(start: Starter) -> None:
    """A value that cannot be an address is shown."""
    runtime = start(ECHO, AWS_LAMBDA_RUNTIME_API="http://x:1/")

    assert runtime.exit_code() == 1
    assert runtime.stderr.startswith("rapid_client: AWS_LAMBDA_RUNTIME_API='http://x:1/' is no address:")
    assert runtime.stderr.count("\n") == 1


@pytest.mark.parametrize("source", [ECHO, "1 / 0"])
def test_a_runtime_api_that_does_not_answer(start: Starter, source: str, free_port: int) -> None:
    """A refused connection is one line, also where an init error was to be reported."""
    runtime = start(source, AWS_LAMBDA_RUNTIME_API=f"127.0.0.1:{free_port}")

    assert runtime.exit_code() == 1
    assert runtime.stderr == (
        f"rapid_client: cannot connect to the Runtime API at 127.0.0.1:{free_port}: "
        "[Errno 111] Connection refused\n"
    )


@pytest.fixture
def free_port() -> int:
    """Return a port on which nobody listens."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port


def test_no_handler(start: Starter) -> None:
    """A process that knows no handler says how to name one."""
    runtime = start(ECHO, _HANDLER=None, command=[*start.command("", sys.executable)[:3]])

    assert runtime.exit_code() == 1
    assert runtime.stderr == (
        "rapid_client: no handler is named: give one as the argument, app.handler for one, or set _HANDLER\n"
    )


def test_the_argument_wins_over_the_variable(start: Starter) -> None:
    """Of two handlers, the one that the command line names runs."""
    start.write("def handler(event, context):\n    return 'argument'\n", "other.py")
    command = start.command("", sys.executable)[:3]
    runtime = start(
        "def handler(event, context):\n    return 'variable'\n",
        command=[*command, "other.handler"],
        _HANDLER="app.handler",
    )
    assert runtime.call() == "argument"

    runtime = start(
        "def handler(event, context):\n    return 'variable'\n", command=command, _HANDLER="app.handler"
    )
    assert runtime.call() == "variable"


def test_where_the_handler_is_looked_for(start: Starter, tmp_path: Path) -> None:
    """In LAMBDA_TASK_ROOT, wherever the process runs; without it, in the current directory."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "app.py").write_text("def handler(event, context):\n    return 'current directory'\n")
    source = "def handler(event, context):\n    return 'task root'\n"

    assert start(source, cwd=other).call() == "task root"
    assert start(source, cwd=other, LAMBDA_TASK_ROOT=None).call() == "current directory"


# Switches...


@pytest.mark.parametrize("kind", ["bytearray", "memoryview"])
def test_bytes_like_results(start: Starter, kind: str) -> None:
    """They are no JSON; RAPID_BYTES_LIKE=raw sends them as bytes are sent."""
    source = f"def handler(event, context):\n    return {kind}(b'\\xff')\n"

    error = start(source).fail()
    assert error["errorType"] == "Runtime.MarshalError"
    assert (
        error["errorMessage"] == f"Unable to marshal response: Object of type {kind} is not JSON serializable"
    )

    outcome = start(source, RAPID_BYTES_LIKE="raw").invoke()
    assert (outcome.body, outcome.content_type) == (b"\xff", "application/unknown")


@pytest.mark.parametrize(("value", "header"), [("0", None), ("1", "ZeroDivisionError")])
def test_the_error_type_header(start: Starter, value: str, header: str | None) -> None:
    """RAPID_ERROR_TYPE_HEADER=1 names the type in a header of `/error`."""
    runtime = start(RAISE, RAPID_ERROR_TYPE_HEADER=value)
    runtime.fail("1 / 0")

    assert runtime.mock.requests[1].header("Lambda-Runtime-Function-Error-Type") == header


@pytest.mark.parametrize(
    ("value", "kind", "body"),
    [("null", "response", b"[null,1.5]"), ("literal", "response", b"[NaN,1.5]"), ("error", "error", None)],
)
def test_nan_in_a_result(start: Starter, value: str, kind: str, body: bytes | None) -> None:
    """RAPID_JSON_NAN says what becomes of it."""
    runtime = start("def handler(event, context):\n    return [float('nan'), 1.5]\n", RAPID_JSON_NAN=value)

    outcome = runtime.invoke()

    assert outcome.kind == kind
    assert body is None or outcome.body.replace(b" ", b"") == body
    assert body is not None or json.loads(outcome.body)["errorType"] == "Runtime.MarshalError"


# Logs...


@pytest.mark.parametrize("more", ["", "import logging"])
def test_context_log(start: Starter, more: str) -> None:
    """`context.log` writes text as it is, with and without `logging`."""
    runtime = start(f"{more}\ndef handler(event, context):\n    context.log('a')\n    context.log(1)\n")
    runtime.call()

    assert runtime.stdout == "a1"


def test_what_is_printed_can_be_read_at_once(start: Starter, tmp_path: Path) -> None:
    """Half a line is out before the invocation ends, on both streams."""
    runtime = start(
        "import pathlib, sys, time\n"
        "def handler(event, context):\n"
        "    print('half', end='')\n"
        "    sys.stderr.write('other half')\n"
        "    while not pathlib.Path(event).exists(): time.sleep(0.01)\n"
        "    print(' a line')\n"
    )
    pending = runtime.send(str(tmp_path / "go on"))

    runtime.until(lambda: (runtime.stdout, runtime.stderr) == ("half", "other half"), "half a line")
    (tmp_path / "go on").touch()
    runtime.until(lambda: pending.done, "the answer")
    assert runtime.stdout == "half a line\n"


def test_logging_is_set_up_before_the_function_can(start: Starter) -> None:
    """`basicConfig` changes nothing, the level is WARNING, and each record comes once."""
    runtime = start(
        "import logging\nlogging.basicConfig(level='DEBUG')\n"
        "def handler(event, context):\n    logging.info('no')\n    logging.warning('yes')\n"
    )
    runtime.call(request_id="r-1")

    [line] = runtime.log
    assert line.startswith("[WARNING]\t")
    assert line.endswith("Z\tr-1\tyes")
    assert runtime.stderr == ""


def test_logging_that_is_first_imported_in_an_invocation(start: Starter) -> None:
    """The level of AWS_LAMBDA_LOG_LEVEL and the request id hold for it, too."""
    runtime = start(
        "def handler(event, context):\n    import logging\n    logging.info('yes')\n",
        AWS_LAMBDA_LOG_LEVEL="INFO",
    )
    runtime.call(request_id="r-1")

    assert runtime.log[0].startswith("[INFO]\t")
    assert runtime.log[0].endswith("\tr-1\tyes")


def frames(data: bytes) -> list[tuple[str, bytes]]:
    """Split what came over the telemetry descriptor: the type in hex, and the text."""
    found = []
    while data:
        size = int.from_bytes(data[4:8], "big")
        found.append((data[:4].hex(), data[16 : 16 + size]))
        data = data[16 + size :]
    return found


def test_the_telemetry_descriptor(start: Starter, tmp_path: Path) -> None:
    """Log records, errors and `context.log` go there as frames, prints do not; the variable is gone."""
    descriptor = os.open(tmp_path / "frames", os.O_WRONLY | os.O_CREAT)
    try:
        runtime = start(
            "import logging, os\n"
            "def handler(event, context):\n"
            "    assert '_LAMBDA_TELEMETRY_LOG_FD' not in os.environ\n"
            "    assert b'_LAMBDA_TELEMETRY_LOG_FD' not in os.environb\n"
            "    assert not os.popen('printenv _LAMBDA_TELEMETRY_LOG_FD').read()\n"
            "    logging.error('logged')\n    context.log('x')\n    print('printed')\n    1 / 0\n",
            pass_fds=[descriptor],
            _LAMBDA_TELEMETRY_LOG_FD=str(descriptor),
        )
        assert runtime.fail(request_id="r-1")["errorType"] == "ZeroDivisionError"
    finally:
        os.close(descriptor)

    assert runtime.stdout == "printed\n"
    logged, plain, error = frames((tmp_path / "frames").read_bytes())
    assert logged[0] == plain[0] == "a55a0003"
    assert logged[1].endswith(b"\tr-1\tlogged\n")
    assert plain[1] == b"x"
    assert error[0] == "a55a0017"
    assert error[1].startswith(
        b"[ERROR] ZeroDivisionError: division by zero\nTraceback (most recent call last):\n"
    )
    assert not error[1].endswith(b"\n")


def test_the_descriptor_is_forgotten_where_os_is_imported_later(start: Starter, tmp_path: Path) -> None:
    """Also a function that imports `os` inside an invocation does not see the variable."""
    descriptor = os.open(tmp_path / "frames", os.O_WRONLY | os.O_CREAT)
    try:
        runtime = start(
            "def handler(event, context):\n"
            "    import os\n"
            "    return '_LAMBDA_TELEMETRY_LOG_FD' in os.environ\n",
            pass_fds=[descriptor],
            _LAMBDA_TELEMETRY_LOG_FD=str(descriptor),
        )
        assert runtime.call() is False
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("value", ["abc", "999", "-1", ""])
def test_a_telemetry_descriptor_that_is_none(start: Starter, value: str) -> None:
    """One line shows the value and what to do; exit code 1."""
    runtime = start(ECHO, _LAMBDA_TELEMETRY_LOG_FD=value)

    assert runtime.exit_code() == 1
    assert runtime.stderr == (
        f"rapid_client: _LAMBDA_TELEMETRY_LOG_FD is {value!r}, which is not the number of an open file"
        " descriptor; unset it to log to standard output\n"
    )


def test_broken_standard_output_does_not_cost_the_answer(start: Starter) -> None:
    """A function that has closed its standard output still gets its errors posted."""
    runtime = start("import os\ndef handler(event, context):\n    os.close(1)\n    1 / 0\n")

    assert runtime.fail()["errorType"] == "ZeroDivisionError"
    assert runtime.process.poll() is None


def test_the_xray_cause(start: Starter) -> None:
    """An error carries its cause for X-Ray: where it happened, in printable ASCII."""
    runtime = start(RAISE)
    runtime.fail("raise ValueError('é')")

    header = runtime.mock.requests[1].header("Lambda-Runtime-Function-XRay-Error-Cause")
    assert header is not None
    assert header.isascii()
    cause = json.loads(header)
    assert cause["working_directory"] == str(start.task)
    assert cause["exceptions"][0]["message"] == "é"
    assert cause["paths"][0] == str(start.task / "app.py")


def test_nothing_is_left_of_a_large_event(start: Starter) -> None:
    """An event of some megabytes goes round, and the next one is served."""
    runtime = start(ECHO)
    event = {"text": "x" * 3_000_000}

    assert runtime.call(event) == event
    assert runtime.call(1) == 1


def test_a_child_process_of_the_function_does_not_disturb(start: Starter) -> None:
    """A function that forks goes on serving."""
    runtime = start(
        "import os\n"
        "def handler(event, context):\n"
        "    child = os.fork()\n"
        "    if not child:\n        os._exit(0)\n"
        "    return os.waitpid(child, 0)[1]\n"
    )
    assert [runtime.call(), runtime.call()] == [0, 0]


FORK: Final = """
import os, sys

def handler(event, context):
    child = os.fork()
    if not child:
        {statement}
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


@pytest.mark.parametrize(("statement", "code"), [("sys.exit(3)", 3), ("sys.exit(0)", 0), ("1 / 0", 1)])
def test_a_forked_child_does_not_answer(start: Starter, statement: str, code: int) -> None:
    """What a child of `os.fork` raises ends the child, with its code; only the parent answers."""
    runtime = start(FORK.format(statement=statement))

    assert runtime.call() == code
    assert runtime.call() == code


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_multiprocessing(start: Starter, method: str) -> None:
    """Each way to start a process works from a handler, also where it imports `__main__` anew."""
    runtime = start(
        "import multiprocessing\n"
        "def work(pipe):\n    pipe.send('from the child')\n"
        "def handler(event, context):\n"
        f"    how = multiprocessing.get_context({method!r})\n"
        "    ours, theirs = how.Pipe()\n"
        "    process = how.Process(target=work, args=(theirs,))\n"
        "    process.start()\n"
        "    try:\n        return ours.recv()\n"
        "    finally:\n        process.join()\n"
    )

    assert runtime.call() == "from the child"
    assert runtime.call() == "from the child"


def test_killed_is_killed(start: Starter) -> None:
    """The process is the interpreter itself: no shell stays in between."""
    runtime = start(ECHO).ready()
    runtime.kill(signal.SIGKILL)

    assert runtime.exit_code() == -signal.SIGKILL


# What functions do to the process they run in...


def test_a_code_is_an_exit_code_only_of_sys_exit(start: Starter) -> None:
    """An exception at import that happens to have a `code`, as HTTP errors do, ends the process with 1."""
    runtime = start("class Missing(Exception):\n    code = 404\nraise Missing('gone')\n")

    assert runtime.init_error()["errorType"] == "Missing"
    assert runtime.exit_code() == 1


def test_a_fork_at_import_does_not_report(start: Starter) -> None:
    """A child that is forked while the module is imported ends by itself; its parent serves."""
    runtime = start(
        "import os, sys\n"
        "child = os.fork()\n"
        "if not child:\n    sys.exit(0)\n"
        "os.waitpid(child, 0)\n"
        "def handler(event, context):\n    return 'parent'\n"
    )

    assert runtime.call() == "parent"
    assert "POST init/error" not in runtime.paths()


def test_descriptors_that_the_function_closes(start: Starter) -> None:
    """Our connection among them: the answer goes out on a new one."""
    runtime = start("import os\ndef handler(event, context):\n    os.closerange(3, 100)\n    return event\n")

    assert [runtime.call(1), runtime.call(2)] == [1, 2]


def test_a_refusal_with_nowhere_to_log(start: Starter) -> None:
    """A function that has closed standard output survives a refused answer all the same."""
    runtime = start(
        "import sys\ndef handler(event, context):\n    sys.stdout.close()\n    return event\n",
        faults=[Fault("response", Reply(status=413))],
    )

    assert runtime.invoke(1).kind == "refused"
    assert runtime.call(2) == 2


def test_debug_with_nowhere_to_say_it(start: Starter) -> None:
    """RAPID_DEBUG=1 in a process whose standard error is closed costs the line, not the process."""
    runtime = start(f"import sys\nsys.stderr.close()\n{ECHO}", RAPID_DEBUG="1")

    assert runtime.call("served") == "served"


def test_the_context_sees_what_the_module_has_set(start: Starter) -> None:
    """Variables that the function's module changes while it is imported reach the context."""
    runtime = start(
        "import os\nos.environ['AWS_LAMBDA_FUNCTION_NAME'] = 'changed'\n"
        "def handler(event, context):\n    return context.function_name\n"
    )

    assert runtime.call() == "changed"
