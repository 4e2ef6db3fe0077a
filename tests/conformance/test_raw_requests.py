"""The mock answers raw requests as the real emulator does: status, headers, body, state by state.

The test plays the runtime: what the emulator starts as one only sleeps.
"""

from __future__ import annotations

import os
import re
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import pytest

from rapid_client.local import InvokeOptions, MockRuntimeApi, MockSettings
from tests.conformance.emulator import PATIENCE, Emulator
from tests.conformance.functions.app import LIMIT
from tests.conftest import KEPT
from tests.local.mock_client import NEXT, Client, request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.local.mock_client import Seen

#: What a reply says with these counts; Date and the like do not.
HEADERS: Final = (
    "Content-Type",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "Allow",
    "X-Content-Type-Options",
    "Lambda-Runtime-Aws-Request-Id",
    "Lambda-Runtime-Client-Context",
    "Lambda-Runtime-Cognito-Identity",
    "Lambda-Runtime-Aws-Tenant-Id",
    "Lambda-Runtime-Trace-Id",
    "Lambda-Runtime-Invocation-Id",
)
ID: Final = "my-own-id"


class Asked(Protocol):
    """An invocation on its way."""

    def body(self) -> bytes:
        """Wait for what the caller gets."""


class Api(Protocol):
    """A Runtime API and what makes events come out of it."""

    address: str

    def ask(self, event: bytes, request_id: str) -> Asked:
        """Invoke the function in the background."""

    def close(self) -> None:
        """End it."""


class OnMock:
    """The mock, without what the emulator does not have."""

    def __init__(self) -> None:
        self._mock = MockRuntimeApi(settings=MockSettings(invocation_id="off")).start()
        self.address = self._mock.address

    def ask(self, event: bytes, request_id: str) -> Asked:
        """Queue an event."""
        pending = self._mock.invoke(event, InvokeOptions(request_id=request_id))
        return cast("Asked", SimpleNamespace(body=lambda: pending.result(10).body))

    def close(self) -> None:
        """End the mock."""
        self._mock.close()


class OnEmulator:
    """The emulator, with a runtime that sleeps."""

    def __init__(self, binary: Path, folder: Path) -> None:
        environ = {name: os.environ[name] for name in KEPT if name in os.environ}
        environ["AWS_LAMBDA_FUNCTION_TIMEOUT"] = "20"
        self._started = folder / "started"
        code = f"import time; open({str(self._started)!r}, 'w').close(); time.sleep(100)"
        sleeping = [sys.executable, "-S", "-c", code, "app.handler"]
        self._emulator = Emulator(binary, sleeping, folder, environ)
        self.address = self._emulator.address

    def ask(self, event: bytes, request_id: str) -> Asked:
        """Invoke the function, and wait until there is a runtime: before, its calls end the emulator."""
        asked = self._emulator.ask(event, {"X-Amzn-RequestId": request_id})
        deadline = time.monotonic() + PATIENCE
        while not self._started.exists():
            assert time.monotonic() < deadline, "the emulator starts no runtime"
            time.sleep(0.002)
        return asked

    def close(self) -> None:
        """End the emulator."""
        self._emulator.close()


class Talk:
    """One conversation with a Runtime API, written down.

    Attributes:
        api: Whom it is with.
        client: The connection.
        lines: What was said, comparable.
    """

    def __init__(self, api: Api) -> None:
        self.api = api
        self.lines: list[Any] = []
        self.client = Client(cast("MockRuntimeApi", api))

    def connect(self) -> None:
        """Open a new connection instead of the old one."""
        self.client.__exit__()
        self.client = Client(cast("MockRuntimeApi", self.api))

    def note(self, seen: Seen, *, body: bool = True) -> Seen:
        """Write a reply down; whether the event's deadline and ARN are there, not what they are."""
        names = {name.lower() for name, _ in seen.headers}
        headers = {name: seen[name] for name in HEADERS if seen[name] is not None}
        extra = ("lambda-runtime-deadline-ms" in names, "lambda-runtime-invoked-function-arn" in names)
        self.lines.append((seen.start, headers, extra, seen.body if body else len(seen.body)))
        return seen

    def get(self, path: str, method: str = "GET") -> Seen:
        """Ask for a path."""
        return self.note(self.client.get(path, method))

    def next(self) -> Seen:
        """Ask for an event."""
        return self.note(self.client.next())

    def post(self, path: str, body: bytes = b"{}", *headers: str) -> Seen:
        """Post below the Runtime API's root."""
        return self.note(self.client.post(path, body, *headers))

    def respond(self, body: bytes = b"{}", *headers: str, request_id: str = ID) -> Seen:
        """Answer."""
        return self.post(f"invocation/{request_id}/response", body, *headers)

    def fail(self, body: bytes = b"{}", *headers: str, request_id: str = ID) -> Seen:
        """Answer with an error."""
        return self.post(f"invocation/{request_id}/error", body, *headers)

    def answered(self, asked: Asked) -> None:
        """Write down what the caller got; the next event has to be asked for first."""
        self.lines.append(asked.body())

    def end(self, asked: Asked, second: str = "second") -> None:
        """Ask for one more event, so that *asked* is over, and answer it."""
        self.client.send(NEXT)
        self.answered(asked)
        last = self.api.ask(b"1", second)
        self.note(self.client.read())
        self.respond(b"2", request_id=second)
        self.client.send(NEXT)
        self.answered(last)


# ... the conversations


def routes(talk: Talk) -> None:
    """Ask for what is there and what is not."""
    talk.get("/2018-06-01/ping")
    for path in ("/", "/2018-06-01/runtime/nothing", "/2018-06-01/runtime/invocation/", "/other/ping"):
        talk.get(path)
    for path in ("restore/next", "restore/error"):
        talk.get(f"/2018-06-01/runtime/{path}")
    talk.post("restore/error")
    talk.get("/2018-06-01/runtime/invocation/x/response")
    talk.get("/2018-06-01/runtime/init/error")
    talk.get("/2018-06-01/runtime/invocation/next", "POST")
    talk.get("/2018-06-01/runtime/invocation/next", "DELETE")


def before_any_event(talk: Talk) -> None:
    """Answer what was never asked."""
    asked = talk.api.ask(b"{}", ID)
    talk.respond(request_id="unknown")
    talk.fail(request_id="unknown")
    talk.next()
    talk.respond()
    talk.end(asked)


def a_response(talk: Talk) -> None:
    """Take an event and answer it."""
    asked = talk.api.ask(b'{"a": 1}', ID)
    talk.next()
    talk.respond(b'{"b": 2}', "Content-Type: application/json")
    talk.end(asked)


def the_same_event_again(talk: Talk) -> None:
    """Ask twice without an answer in between."""
    asked = talk.api.ask(b'{"a": 1}', ID)
    talk.next()
    talk.next()
    talk.respond()
    talk.end(asked)


def wrong_ids(talk: Talk) -> None:
    """Answer somebody else's event first."""
    asked = talk.api.ask(b"{}", ID)
    talk.next()
    talk.respond(request_id="other")
    talk.fail(request_id="other")
    talk.respond(b"1")
    talk.end(asked)


def two_responses(talk: Talk) -> None:
    """Answer twice: the first one counts."""
    asked = talk.api.ask(b"{}", ID)
    talk.next()
    talk.respond(b"1")
    talk.respond(b"2")
    talk.fail(b"3")
    talk.end(asked)


def an_error(talk: Talk) -> None:
    """Answer with an error, then with a response, which is refused."""
    asked = talk.api.ask(b"{}", ID)
    talk.next()
    talk.fail(b'{"errorType": "T", "errorMessage": "<m>"}', "Lambda-Runtime-Function-Error-Type: T")
    talk.respond(b"2")
    talk.fail(b"3")
    talk.end(asked)


def init_error_too_late(talk: Talk) -> None:
    """Report a failed init while an event runs."""
    asked = talk.api.ask(b"{}", ID)
    talk.next()
    talk.post("init/error")
    talk.respond()
    talk.end(asked)


def init_error_twice(talk: Talk) -> None:
    """Report a failed init twice, then ask for an event all the same."""
    talk.api.ask(b"{}", ID)
    talk.post("init/error", b'{"errorType": "T"}')
    talk.post("init/error", b'{"errorType": "T"}')
    talk.next()


def too_large(talk: Talk) -> None:
    """Send one byte more than is allowed, then the right amount for the next event."""
    asked = talk.api.ask(b"{}", ID)
    talk.next()
    talk.respond(b"x" * (LIMIT + 1))
    talk.respond(b"1")
    talk.end(asked)


def at_the_limit(talk: Talk) -> None:
    """Send all that is allowed."""
    asked = talk.api.ask(b"{}", ID)
    talk.next()
    talk.respond(b"x" * LIMIT)
    talk.end(asked)


def refusal_of_a_large_body(talk: Talk) -> None:
    """Have 300 KB refused: the connection ends then."""
    asked = talk.api.ask(b"{}", ID)
    talk.next()
    talk.respond(b"x" * 300_000, request_id="other")
    talk.connect()
    talk.respond(b"1")
    talk.end(asked)


def refusal_of_a_small_body(talk: Talk) -> None:
    """Have 100 KB refused: the connection lives."""
    asked = talk.api.ask(b"{}", ID)
    talk.next()
    talk.respond(b"x" * 100_000, request_id="other")
    talk.respond(b"1")
    talk.end(asked)


def sizes_of_events(talk: Talk) -> None:
    """Get events on both sides of the limit from which they are chunked."""
    for number, size in enumerate((0, 1, 2047, 2048, 2049, 100_000)):
        asked = talk.api.ask(b"x" * size, f"id-{number}")
        if number:
            talk.note(talk.client.read())
        else:
            talk.next()
        talk.respond(request_id=f"id-{number}")
        talk.client.send(NEXT)
        talk.answered(asked)


def many_headers(talk: Talk) -> None:
    """Send a header line that is too long."""
    asked = talk.api.ask(b"{}", ID)
    talk.next()
    talk.respond(b"1", "X-Long: " + "x" * 1_100_000)
    talk.connect()
    talk.respond(b"1")
    talk.end(asked)


def chunked_response(talk: Talk) -> None:
    """Answer in chunks."""
    asked = talk.api.ask(b"{}", ID)
    talk.next()
    head = f"POST /2018-06-01/runtime/invocation/{ID}/response HTTP/1.1\r\nHost: mock\r\n"
    talk.client.send(f"{head}Transfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n".encode())
    talk.note(talk.client.read())
    talk.end(asked)


def pipelined(talk: Talk) -> None:
    """Answer and ask for the next event in one go."""
    asked = talk.api.ask(b"{}", ID)
    talk.next()
    talk.client.send(request(f"invocation/{ID}/response", b"1") + NEXT)
    talk.note(talk.client.read())
    talk.answered(asked)
    last = talk.api.ask(b"5", "second")
    talk.note(talk.client.read())
    talk.respond(request_id="second")
    talk.client.send(NEXT)
    talk.answered(last)


def expect_continue(talk: Talk) -> None:
    """Ask for leave to send the body."""
    asked = talk.api.ask(b"{}", ID)
    talk.next()
    head = f"POST /2018-06-01/runtime/invocation/{ID}/response HTTP/1.1\r\nHost: mock\r\n"
    talk.client.send(f"{head}Expect: 100-continue\r\nContent-Length: 1\r\n\r\n".encode())
    talk.lines.append((talk.client.line(), talk.client.line()))
    talk.client.send(b"1")
    talk.note(talk.client.read())
    talk.end(asked)


def old_version(talk: Talk) -> None:
    """Speak HTTP/1.0."""
    talk.client.send(b"GET /2018-06-01/ping HTTP/1.0\r\n\r\n")
    talk.note(talk.client.read())


def error_cause(talk: Talk) -> None:
    """Send an error with a cause: only some members reach the caller."""
    asked = talk.api.ask(b"{}", ID)
    talk.next()
    body = b'{"errorMessage": "m", "errorType": "t", "stackTrace": ["s"], "other": 1}'
    talk.fail(body, "Content-Type: application/vnd.aws.lambda.error.cause+json")
    talk.end(asked)


def error_cause_that_is_no_json(talk: Talk) -> None:
    """Send an error with a cause that is no JSON."""
    asked = talk.api.ask(b"{}", ID)
    talk.next()
    talk.fail(b"nothing", "Content-Type: application/vnd.aws.lambda.error.cause+json")
    talk.end(asked)


def wrong_mode(talk: Talk) -> None:
    """Send a response mode that there is not; the emulator is wedged then, so it ends here."""
    talk.api.ask(b"{}", ID)
    talk.next()
    talk.respond(b"1", "Lambda-Runtime-Function-Response-Mode: Streaming")


def streaming_mode(talk: Talk) -> None:
    """Send a response in streaming mode, which is collected."""
    asked = talk.api.ask(b"{}", ID)
    talk.next()
    talk.respond(b"text", "Lambda-Runtime-Function-Response-Mode: streaming")
    talk.end(asked)


def empty_response(talk: Talk) -> None:
    """Answer with nothing."""
    asked = talk.api.ask(b"{}", ID)
    talk.next()
    talk.respond(b"")
    talk.end(asked)


CONVERSATIONS: Final = [
    routes,
    before_any_event,
    a_response,
    the_same_event_again,
    wrong_ids,
    two_responses,
    an_error,
    init_error_too_late,
    init_error_twice,
    too_large,
    at_the_limit,
    refusal_of_a_large_body,
    refusal_of_a_small_body,
    sizes_of_events,
    many_headers,
    chunked_response,
    pipelined,
    expect_continue,
    old_version,
    error_cause,
    error_cause_that_is_no_json,
    wrong_mode,
    streaming_mode,
    empty_response,
]


def hold(api: Api, conversation: Callable[[Talk], None]) -> list[Any]:
    """Hold a conversation; return what was said."""
    talk = Talk(api)
    try:
        conversation(talk)
    finally:
        talk.client.__exit__()
        api.close()
    return talk.lines


@pytest.mark.slow
@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda each: re.sub("_", "-", each.__name__))
def test_the_mock_answers_as_the_emulator(
    emulator_path: Path, tmp_path: Path, conversation: Callable[[Talk], None]
) -> None:
    """Raw requests get the same status, headers and body from both, and the caller the same answer."""
    expected = hold(OnEmulator(emulator_path, tmp_path), conversation)
    assert hold(OnMock(), conversation) == expected
