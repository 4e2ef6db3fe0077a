"""rapid_client serves a function through the mock and through the real emulator: the caller sees the same."""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import pytest

from rapid_client.local import InvokeOptions
from rapid_client.local.function import FunctionOptions, LocalFunction
from tests.conformance.emulator import Emulator
from tests.conformance.functions.app import LIMIT
from tests.conftest import KEPT, MEASURING, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

FUNCTION: Final = Path(__file__).parent / "functions" / "app.py"
TIMEOUT: Final = 2
#: How an invocation ends for its caller. The emulator tells no response from an error: both are "answer".
End = Literal["answer", "too-large", "crash", "timeout", "init-error"]
Kind = Literal["mock", "rie"]
#: Why a case cannot run on the emulator: it does not offer what the case needs.
NOT_ON_EMULATOR: Final = {
    "wrong-media-type-is-bytes": "it sends application/json with every event",
    "media-type-with-parameters": "it sends application/json with every event",
    "no-media-type": "it sends application/json with every event",
    "trace-id": "it reads X-Amzn-Trace-Id and never delivers it",
    "no-deadline": "it sends the deadline with every event",
    "deadline-in-the-past": "it computes the deadline itself",
    "opaque-request-id": "its router takes a percent-encoded slash for one",
    "event-above-the-limit": "it cuts events at 6,291,556 bytes without a word",
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One invocation and what its caller gets.

    Attributes:
        id: What it is about.
        event: The event as it is.
        end: How it ends.
        end_on_emulator: The same on the emulator, where it says it differently: the same body, but 502 as for
            a failed init, where the process ends after its answer.
        body: The answer as a JSON value; of a dict these members.
        raw: The answer as it is.
        options: What the mock sends with the event.
        headers: What makes the emulator send the same.
        handler: The handler.
    """

    id: str
    event: bytes
    end: End = "answer"
    end_on_emulator: End | None = None
    body: Any = ...
    raw: bytes | None = None
    options: InvokeOptions = field(default_factory=InvokeOptions)
    headers: dict[str, str] = field(default_factory=dict)
    handler: str = "app.handler"


def _do(case_id: str, action: str, body: Any = ..., end: End = "answer", **more: Any) -> Case:
    return Case(id=case_id, event=json.dumps({"do": action, **more}).encode(), body=body, end=end)


def _echo(case_id: str, value: Any, body: bytes | None = None) -> Case:
    event = json.dumps(value, ensure_ascii=False).encode() if body is None else body
    return Case(id=case_id, event=event, body=value)


def _with(case_id: str, options: InvokeOptions, **about: Any) -> Case:
    headers: dict[str, str] = {}
    if options.client_context is not None:
        headers["X-Amz-Client-Context"] = base64.b64encode(options.client_context.encode()).decode()
    if options.cognito_identity is not None:
        headers["X-Amz-Cognito-Identity"] = options.cognito_identity
    if options.tenant_id is not None:
        headers["X-Amz-Tenant-Id"] = options.tenant_id
    if options.request_id is not None:
        headers["X-Amzn-RequestId"] = options.request_id
    return Case(id=case_id, event=b'{"do": "about"}', body=about, options=options, headers=headers)


def _error(error_type: str, message: str | None = None) -> dict[str, Any]:
    return (
        {"errorType": error_type} if message is None else {"errorType": error_type, "errorMessage": message}
    )


IDENTITY: Final = '{"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}'
TOO_DEEP: Final = b"[" * 300_000 + b"]" * 300_000
CASES: Final = [
    _echo("an-object", {"a": [1, 2.5, None, True, "x"]}),
    _echo("null", None),
    _echo("a-number", 7),
    _echo("a-string", "text"),
    _echo("an-empty-list", []),
    _echo("unicode", {"é": "€ \U0001f600 \u2028"}),
    _echo("escapes", "<>&\u2028\x00", b'"<>&\\u2028\\u0000"'),
    _echo("byte-order-mark", {"a": 1}, b'\xef\xbb\xbf{"a": 1}'),
    *(_echo(f"event-of-{size}-bytes", "x" * (size - 2)) for size in (2047, 2048, 4096, 65536, 65537)),
    _echo("event-of-a-megabyte", "é" * 500_000),
    _echo("event-at-the-limit", "x" * (LIMIT - 2)),
    _do("response-at-the-limit", "text", "x" * (LIMIT - 2), size=LIMIT),
    _do(
        "response-above-the-limit",
        "text",
        _error("Function.ResponseSizeTooLarge"),
        "too-large",
        size=LIMIT + 1,
    ),
    Case(id="bytes-as-they-are", event=b'{"do": "raw"}', raw=b"\x00\xff\n raw"),
    _do("a-lot-of-output", "log", "logged"),
    _do("error-of-the-handler", "fail", _error("ValueError", "boom")),
    _do("error-in-unicode", "fail", _error("ValueError", "é € \U0001f600"), message="é € \U0001f600"),
    _do("error-with-line-breaks", "fail", _error("ValueError", "a\r\nb"), message="a\r\nb"),
    _do("error-of-eight-megabytes-is-cut", "fail-at-length", _error("ValueError")),
    _do("result-that-is-not-json", "not-json", _error("Runtime.MarshalError")),
    _do("result-with-a-lone-surrogate", "surrogate", "\ud800"),
    Case(id="event-that-is-not-json", event=b"{bad", body=_error("Runtime.UnmarshalError")),
    Case(id="event-that-is-empty", event=b"", body=_error("Runtime.UnmarshalError")),
    Case(id="event-in-another-encoding", event=b'"\xff"', body=_error("Runtime.UnmarshalError")),
    Case(id="event-that-is-too-deep", event=TOO_DEEP, body=_error("Runtime.UnmarshalError")),
    _with("deadline-and-arn", InvokeOptions(), left=True, arn=True, trace=None),
    _with("request-id", InvokeOptions(request_id="my-own-id"), id="my-own-id"),
    _with("client-context", InvokeOptions(client_context='{"custom": {"a": "b"}}'), client={"a": "b"}),
    _with("client-context-in-unicode", InvokeOptions(client_context='{"custom": "é €"}'), client="é €"),
    _with("cognito-identity", InvokeOptions(cognito_identity=IDENTITY), identity="i"),
    _with("tenant", InvokeOptions(tenant_id="t1"), tenant="t1"),
    Case(
        id="client-context-that-is-no-json",
        event=b"1",
        body=_error("Runtime.LambdaContextUnmarshalError"),
        options=InvokeOptions(client_context="{bad"),
        headers={"X-Amz-Client-Context": base64.b64encode(b"{bad").decode()},
    ),
    _do("crash", "crash", _error("Runtime.ExitError"), "crash", code=1),
    replace(_do("sys-exit", "leave", _error("SystemExit", "3"), code=3), end_on_emulator="init-error"),
    _do("crash-with-exit-code-0", "crash", _error("Runtime.ExitError"), "crash", code=0),
    _do("crash-by-a-signal", "killed", _error("Runtime.ExitError"), "crash"),
    _do("timeout", "sleep", end="timeout"),
    Case(
        id="module-missing",
        event=b"1",
        end="init-error",
        body=_error("Runtime.ImportModuleError", "Unable to import module 'nomod': No module named 'nomod'"),
        handler="nomod.handler",
    ),
    Case(
        id="function-missing",
        event=b"1",
        end="init-error",
        body=_error("Runtime.HandlerNotFound", "Handler 'nothing' missing on module 'app'"),
        handler="app.nothing",
    ),
    # What only the mock can do.
    Case(
        id="wrong-media-type-is-bytes",
        event=b"\xff",
        body=["bytes", "\xff"],
        options=InvokeOptions(content_type="text/plain"),
    ),
    Case(
        id="media-type-with-parameters",
        event=b'{"a": 1}',
        body={"a": 1},
        options=InvokeOptions(content_type="Application/JSON; charset=utf-8"),
    ),
    Case(id="no-media-type", event=b'{"a": 1}', body={"a": 1}, options=InvokeOptions(content_type=None)),
    _with("trace-id", InvokeOptions(trace_id="Root=1-2-3"), trace="Root=1-2-3"),
    _with("no-deadline", InvokeOptions(omit=("Lambda-Runtime-Deadline-Ms",)), left=False),
    _with("deadline-in-the-past", InvokeOptions(deadline_ms=1000), left=False),
    _with("opaque-request-id", InvokeOptions(request_id="a/b?c d"), id="a/b?c d"),
    _do("event-above-the-limit", "log", "logged", padding="x" * LIMIT),
]


def _process(count: int) -> Case:
    return _do(f"process-{count}", "process", count)


FAILS: Final = _do("fails", "fail", _error("ValueError"))
CRASHES: Final = _do("crashes", "crash", _error("Runtime.ExitError"), "crash", code=1)
TIMES_OUT: Final = _do("times-out", "sleep", end="timeout")
IS_TOO_LARGE: Final = _do(
    "is-too-large", "text", _error("Function.ResponseSizeTooLarge"), "too-large", size=LIMIT + 1
)
#: Several invocations in a row, from the start of a process.
STORIES: Final = {
    "one-process-serves-many": [_process(count) for count in range(1, 101)],
    "a-413-is-survived": [_process(1), IS_TOO_LARGE, _process(2), IS_TOO_LARGE, _process(3)],
    "errors-are-survived": [_process(1), FAILS, FAILS, _process(2)],
    "a-crash-is-followed-by-a-new-process": [_process(1), CRASHES, _process(1), _process(2)],
    "a-timeout-is-followed-by-a-new-process": [_process(1), TIMES_OUT, _process(1), _process(2)],
}
ON_EMULATOR: Final = [case for case in CASES if case.id not in NOT_ON_EMULATOR]
#: How many cases and stories run on the emulator: whoever takes one away has to say so here.
RUN_ON_EMULATOR: Final = 48


class Server(Protocol):
    """What serves a function."""

    def run(self, case: Case) -> tuple[End, bytes]:
        """Invoke the function; return how it ended and what the caller got."""

    def close(self) -> None:
        """End it."""


class OnMock:
    """The function in an execution environment around the mock."""

    ENDS: Final[dict[str, End]] = {
        "response": "answer",
        "error": "answer",
        "failed": "too-large",
        "crash": "crash",
        "timeout": "timeout",
        "init-error": "init-error",
    }

    def __init__(self, handler: str, folder: Path, variables: Mapping[str, str]) -> None:
        environ = {"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", **variables}
        options = FunctionOptions(root=folder, timeout=TIMEOUT, env=environ)
        self._function = LocalFunction(handler, options)

    def run(self, case: Case) -> tuple[End, bytes]:
        """Invoke the function."""
        result = self._function.invoke(case.event, case.options)
        return self.ENDS[result.status], result.payload

    def close(self) -> None:
        """End the environment."""
        self._function.stop()


class OnEmulator:
    """The function in the real emulator."""

    def __init__(self, binary: Path, handler: str, folder: Path, variables: Mapping[str, str]) -> None:
        environ = {name: os.environ[name] for name in (*KEPT, *MEASURING) if name in os.environ}
        environ |= {"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "AWS_LAMBDA_FUNCTION_TIMEOUT": str(TIMEOUT)}
        environ |= variables
        self._emulator = Emulator(binary, [sys.executable, "-m", "rapid_client", handler], folder, environ)

    def run(self, case: Case) -> tuple[End, bytes]:
        """Invoke the function."""
        answer = self._emulator.invoke(case.event, case.headers)
        if answer.status == 502:
            return ("crash" if b'"Runtime.ExitError"' in answer.body else "init-error"), answer.body
        assert answer.status == 200
        if answer.body.startswith(b"Task timed out after"):
            return "timeout", answer.body
        too_large = answer.body.startswith(b'{"errorType":"Function.ResponseSizeTooLarge"')
        return ("too-large" if too_large else "answer"), answer.body

    def close(self) -> None:
        """End the emulator."""
        self._emulator.close()


class Servers:
    """One server for each kind and handler, started once.

    Args:
        emulator: What finds the emulator's binary, or skips.
        folder: The task root.
        **variables: More environment variables of the function.
    """

    def __init__(self, emulator: Callable[[], Path], folder: Path, **variables: str) -> None:
        self._emulator, self._folder, self._variables = emulator, folder, variables
        self._servers: dict[tuple[Kind, str], Server] = {}

    def get(self, kind: Kind, handler: str) -> Server:
        """Return the server."""
        if (kind, handler) not in self._servers:
            self._servers[kind, handler] = self.new(kind, handler)
        return self._servers[kind, handler]

    def new(self, kind: Kind, handler: str = "app.handler") -> Server:
        """Return a server of nobody else's."""
        if kind == "mock":
            return OnMock(handler, self._folder, self._variables)
        return OnEmulator(self._emulator(), handler, self._folder, self._variables)

    def close(self) -> None:
        """End them all."""
        for server in self._servers.values():
            server.close()


@pytest.fixture(scope="module")
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Return the servers of this module."""
    folder = tmp_path_factory.mktemp("task")
    shutil.copy(FUNCTION, folder / "app.py")
    found = Servers(lambda: request.getfixturevalue("emulator_path"), folder)
    yield found
    found.close()


def check(server: Server, case: Case) -> None:
    """Run *case* and compare what its caller gets."""
    end, body = server.run(case)
    expected = (isinstance(server, OnEmulator) and case.end_on_emulator) or case.end
    assert end == expected, body[:300]
    if case.raw is not None:
        assert body == case.raw
    if case.body is ...:
        return
    value = json.loads(body)
    if isinstance(case.body, dict) and isinstance(value, dict):
        value = {name: value[name] for name in case.body}
    assert value == case.body


def params(names: Iterable[str], on_emulator: Iterable[str]) -> list[Any]:
    """Return what a test of *names* on the mock, and of *on_emulator* there, is parametrized with."""
    return [
        *(pytest.param("mock", name, id=f"mock-{name}") for name in names),
        *(pytest.param("rie", name, id=f"rie-{name}", marks=pytest.mark.slow) for name in on_emulator),
    ]


BY_ID: Final = {case.id: case for case in CASES}


@pytest.mark.parametrize(("kind", "name"), params(BY_ID, [case.id for case in ON_EMULATOR]))
def test_the_caller_gets_the_same_from_both_servers(servers: Servers, kind: Kind, name: str) -> None:
    """Through the mock and through the real emulator, an invocation ends alike for its caller."""
    case = BY_ID[name]
    check(servers.get(kind, case.handler), case)


@pytest.mark.parametrize(("kind", "name"), params(STORIES, STORIES))
def test_what_a_process_survives_is_the_same_on_both_servers(servers: Servers, kind: Kind, name: str) -> None:
    """Errors and a 413 leave the process as it is; a crash and a time-out bring a new one."""
    server = servers.new(kind)
    try:
        for case in STORIES[name]:
            check(server, case)
    finally:
        server.close()


def test_the_number_of_cases_on_the_emulator_is_known() -> None:
    """What the emulator cannot run is listed with its reason; all else runs there."""
    assert all(name in BY_ID and reason for name, reason in NOT_ON_EMULATOR.items())
    assert len(ON_EMULATOR) + len(STORIES) == RUN_ON_EMULATOR
    assert len(BY_ID) == len(CASES)
