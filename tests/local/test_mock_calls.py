"""The mock answers each call, in each state, with the bytes of the real Runtime API."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from rapid_client.local import InvokeOptions, MockRuntimeApi, MockSettings
from tests.local.mock_client import Client, request

if TYPE_CHECKING:
    from collections.abc import Iterator

OK = b'{"status":"OK"}\n'
BAD_ID = b'{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}\n'
BAD_MODE = b'{"errorMessage":"Invalid function response mode","errorType":"InvalidFunctionResponseMode"}\n'
TOO_LARGE = (
    b'{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).",'
    b'"errorType":"RequestEntityTooLarge"}\n'
)
LIMIT = 6291556


def no_transition(state: str, wanted: str) -> bytes:
    """Return the body of a 403."""
    text = f"State transition from {state} to {wanted} failed for runtime."
    return (
        f'{{"errorMessage":"{text} Error: State transition is not allowed",'
        '"errorType":"InvalidStateTransition"}\n'
    ).encode()


@pytest.fixture
def mock() -> Iterator[MockRuntimeApi]:
    """Return a mock that runs."""
    with MockRuntimeApi() as mock:
        yield mock


@pytest.fixture
def client(mock: MockRuntimeApi) -> Iterator[Client]:
    """Return a connection to it."""
    with Client(mock) as client:
        yield client


def test_event_has_the_headers_of_the_service_in_gos_order(mock: MockRuntimeApi, client: Client) -> None:
    """An event comes verbatim, with all header lines, the handler's sorted, then Date and length."""
    options = InvokeOptions(
        request_id="my-own id",
        deadline_ms=1,
        trace_id="Root=1-a;Parent=b;Sampled=1",
        client_context='{"custom":{"ä":1}}',
        cognito_identity='{"cognitoIdentityId":"i"}',
        tenant_id="blue",
        function_arn="arn:x",
    )
    mock.invoke(b'{"a" : 1}', options)
    seen = client.next()
    nonce = seen["Lambda-Runtime-Invocation-Id"]
    assert seen.start == "HTTP/1.1 200 OK"
    assert seen.headers == [
        ("Content-Type", "application/json"),
        ("Lambda-Runtime-Aws-Request-Id", "my-own id"),
        ("Lambda-Runtime-Aws-Tenant-Id", "blue"),
        ("Lambda-Runtime-Client-Context", '{"custom":{"ä":1}}'),
        ("Lambda-Runtime-Cognito-Identity", '{"cognitoIdentityId":"i"}'),
        ("Lambda-Runtime-Deadline-Ms", "1"),
        ("Lambda-Runtime-Invocation-Id", str(nonce)),
        ("Lambda-Runtime-Invoked-Function-Arn", "arn:x"),
        ("Lambda-Runtime-Trace-Id", "Root=1-a;Parent=b;Sampled=1"),
        ("Date", str(seen["Date"])),
        ("Content-Length", "9"),
    ]
    assert seen.body == b'{"a" : 1}'
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", str(seen["Date"]))


def test_plain_event_has_the_required_headers_only(mock: MockRuntimeApi, client: Client) -> None:
    """Without options there are id, deadline, ARN, content type and nonce; the deadline is now + timeout."""
    before = time.time() * 1000
    pending = mock.invoke({"a": "ä"})
    seen = client.next()
    assert [name for name, _ in seen.headers] == [
        "Content-Type",
        "Lambda-Runtime-Aws-Request-Id",
        "Lambda-Runtime-Deadline-Ms",
        "Lambda-Runtime-Invocation-Id",
        "Lambda-Runtime-Invoked-Function-Arn",
        "Date",
        "Content-Length",
    ]
    assert seen.body == '{"a":"ä"}'.encode()
    assert seen["Lambda-Runtime-Aws-Request-Id"] == pending.request_id
    assert before + 2999 <= int(str(seen["Lambda-Runtime-Deadline-Ms"])) <= time.time() * 1000 + 3000


def test_options_leave_headers_out_and_add_others(mock: MockRuntimeApi, client: Client) -> None:
    """Any header can be left out or come twice, and a line break in a value cannot make another."""
    options = InvokeOptions(
        content_type=None,
        omit=("lambda-runtime-DEADLINE-ms", "Lambda-Runtime-Invocation-Id"),
        headers=(("lambda-runtime-aws-request-id", "twin"), ("X-A", " b\r\nEvil: 1 ")),
    )
    pending = mock.invoke("text", options)
    assert [line for line in client.next().headers if line[0] != "Date"] == [
        ("Lambda-Runtime-Aws-Request-Id", pending.request_id),
        ("Lambda-Runtime-Invoked-Function-Arn", mock.settings.function_arn),
        ("X-A", "b  Evil: 1"),
        ("lambda-runtime-aws-request-id", "twin"),
        ("Content-Length", "4"),
    ]


@pytest.mark.parametrize(
    ("size", "chunks"), [(0, []), (2048, []), (2049, [2049]), (100_000, [100_000]), (LIMIT, [LIMIT])]
)
def test_events_over_2048_bytes_are_chunked(
    mock: MockRuntimeApi, client: Client, size: int, chunks: list[int]
) -> None:
    """An event has Content-Length up to 2,048 bytes and is one chunk beyond, as from Go's net/http."""
    mock.invoke(b"x" * size)
    seen = client.next()
    assert (len(seen.body), seen.chunks) == (size, chunks)
    assert (seen["Content-Length"] is None) == bool(chunks)


def test_chunk_size_is_a_setting() -> None:
    """With chunk_size an event comes in chunks of that size, the last one smaller."""
    with MockRuntimeApi(settings=MockSettings(chunk_size=1000)) as mock, Client(mock) as client:
        mock.invoke(b"x" * 2500)
        assert client.next().chunks == [1000, 1000, 500]


def test_response_ends_the_invocation(mock: MockRuntimeApi, client: Client) -> None:
    """A response is answered 202 and is the outcome, byte for byte, with its headers and times."""
    pending = mock.invoke(b"{}")
    client.next()
    assert mock.state == "Running"
    seen = client.respond(pending.request_id, b'{"\xc3\xa4"}', "Content-Type: application/x")
    assert (seen.start, seen.body, seen["Content-Type"]) == ("HTTP/1.1 202 Accepted", OK, "application/json")
    outcome = pending.result(5)
    assert (outcome.kind, outcome.body, outcome.content_type) == (
        "response",
        b'{"\xc3\xa4"}',
        "application/x",
    )
    assert (outcome.request_id, outcome.error_type, outcome.streamed) == (pending.request_id, None, False)
    assert outcome.delivered_at is not None
    assert outcome.queued_at <= outcome.delivered_at <= outcome.completed_at
    assert mock.state == "RuntimeResponseSentState"
    client.send(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: mock\r\n\r\n")
    mock.wait_for("next", 2)
    assert mock.state == "Ready"


def test_response_without_length_or_body_is_an_empty_one(mock: MockRuntimeApi, client: Client) -> None:
    """A POST without Content-Length and body is accepted as empty."""
    pending = mock.invoke(b"{}")
    client.next()
    path = f"/2018-06-01/runtime/invocation/{pending.request_id}/response"
    assert client.get(path, "POST").body == OK
    assert pending.result(5).body == b""


@pytest.mark.parametrize("wanted", ["nonsense", ""])
def test_wrong_or_empty_id_is_400_and_the_right_one_still_works(
    mock: MockRuntimeApi, client: Client, wanted: str
) -> None:
    """A wrong id changes nothing."""
    pending = mock.invoke(b"{}")
    client.next()
    for call in ("response", "error"):
        seen = client.post(f"invocation/{wanted}/{call}")
        assert (seen.start, seen.body) == ("HTTP/1.1 400 Bad Request", BAD_ID)
        assert not pending.done
    assert client.respond(pending.request_id).status == 202


def test_id_is_400_before_any_next_and_when_it_is_old(mock: MockRuntimeApi, client: Client) -> None:
    """No id is right before the first event, and none of an earlier one is after the next /next."""
    assert client.respond("any").body == BAD_ID
    first, second = mock.invoke(b"1"), mock.invoke(b"2")
    client.next()
    client.respond(first.request_id)
    client.next()
    assert client.respond(first.request_id).body == BAD_ID
    assert client.respond(second.request_id).status == 202


def test_id_may_be_percent_encoded(mock: MockRuntimeApi, client: Client) -> None:
    """An id is opaque: one with a slash and a space is answered in its encoded form."""
    pending = mock.invoke(b"1", InvokeOptions(request_id="a/b c"))
    client.next()
    assert client.respond("a%2Fb%20c").status == 202
    assert pending.result(5).request_id == "a/b c"


@pytest.mark.parametrize("first", ["response", "error"])
@pytest.mark.parametrize(
    ("second", "wanted"), [("response", "InvocationResponse"), ("error", "InvocationErrorResponse")]
)
def test_second_answer_is_403_and_the_first_stands(
    mock: MockRuntimeApi, client: Client, first: str, second: str, wanted: str
) -> None:
    """After a response or an error for an id, another is 403 with the text of the service."""
    pending = mock.invoke(b"{}")
    client.next()
    assert client.post(f"invocation/{pending.request_id}/{first}", b"1").body == OK
    seen = client.post(f"invocation/{pending.request_id}/{second}", b"2")
    assert seen.start == "HTTP/1.1 403 Forbidden"
    assert seen.body == no_transition("RuntimeResponseSentState", wanted)
    assert (pending.result(5).kind, pending.result(5).body) == (first, b"1")


def test_error_goes_to_the_caller_verbatim(mock: MockRuntimeApi, client: Client) -> None:
    """The body of an error is the outcome's, and its type header is there as sent and as metrics have it."""
    pending = mock.invoke(b"{}")
    client.next()
    path = f"invocation/{pending.request_id}/error"
    seen = client.post(path, b'{"errorMessage":"x"} ', "Lambda-Runtime-Function-Error-Type: ValueError")
    assert (seen.status, seen.body) == (202, OK)
    outcome = pending.result(5)
    assert (outcome.kind, outcome.body, outcome.error_type, outcome.metric_type) == (
        "error",
        b'{"errorMessage":"x"} ',
        "ValueError",
        "Runtime.Unknown",
    )


@pytest.mark.parametrize(
    ("sent", "metric"),
    [
        ("Runtime.ImportModuleError", "Runtime.ImportModuleError"),
        ("x Function.Bad y", "Function.Bad"),
        ("Function.x", "Function.Unknown"),
        ("Runtime.", "Runtime.Unknown"),
    ],
)
def test_error_type_is_normalised_for_metrics(
    mock: MockRuntimeApi, client: Client, sent: str, metric: str
) -> None:
    """Only Runtime.X and Function.X pass; the rest is Unknown of one or the other."""
    pending = mock.invoke(b"{}")
    client.next()
    client.post(
        f"invocation/{pending.request_id}/error", b"{}", f"Lambda-Runtime-Function-Error-Type: {sent}"
    )
    assert (pending.result(5).error_type, pending.result(5).metric_type) == (sent, metric)


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (
            b'{"errorMessage":"<m>","errorCause":{},"errorType":"t","stackTrace":["s"]}',
            b'{"errorMessage":"\\u003cm\\u003e","errorType":"t","stackTrace":["s"]}',
        ),
        (b"no json", b'"Invalid error body"'),
    ],
)
def test_error_with_cause_is_filtered(mock: MockRuntimeApi, client: Client, body: bytes, seen: bytes) -> None:
    """Of `error.cause+json` only message, type and trace reach the caller; no JSON becomes a string."""
    pending = mock.invoke(b"{}")
    client.next()
    kind = "Content-Type: application/vnd.aws.lambda.error.cause+json"
    assert client.post(f"invocation/{pending.request_id}/error", body, kind).status == 202
    assert pending.result(5).body == seen


@pytest.mark.parametrize("call", ["response", "error"])
def test_body_limit_is_6291556_bytes(mock: MockRuntimeApi, client: Client, call: str) -> None:
    """Exactly 6,291,556 bytes are accepted, one more is 413, counts as answered and keeps the connection."""
    fits, over = mock.invoke(b"1"), mock.invoke(b"2")
    client.next()
    assert client.post(f"invocation/{fits.request_id}/{call}", b"x" * LIMIT).status == 202
    assert len(fits.result(5).body) == LIMIT
    client.next()
    seen = client.post(f"invocation/{over.request_id}/{call}", b"x" * (LIMIT + 1))
    assert seen.start == "HTTP/1.1 413 Request Entity Too Large"
    assert (seen.body, seen["Connection"]) == (TOO_LARGE, None)
    outcome = over.result(5)
    assert (outcome.kind, outcome.error_type) == ("too-large", "Function.ResponseSizeTooLarge")
    assert json.loads(outcome.body) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    }
    assert client.respond(over.request_id).body == no_transition(
        "RuntimeResponseSentState", "InvocationResponse"
    )
    third = mock.invoke(b"3")
    assert client.next()["Lambda-Runtime-Aws-Request-Id"] == third.request_id


@pytest.mark.parametrize("mode", ["buffered", "Streaming", ""])
def test_bad_response_mode_is_400_and_fails_the_invocation_at_once(
    mock: MockRuntimeApi, client: Client, mode: str
) -> None:
    """Only exactly `streaming` is a mode; where the emulator gets stuck, the mock ends the invocation."""
    pending = mock.invoke(b"{}")
    client.next()
    seen = client.respond(pending.request_id, b"1", f"Lambda-Runtime-Function-Response-Mode: {mode}")
    assert (seen.status, seen.body) == (400, BAD_MODE)
    outcome = pending.result(5)
    assert (outcome.kind, outcome.body) == ("bad-mode", b'{"errorType":"Runtime.InvalidResponseModeHeader"}')
    following = mock.invoke(b"{}")
    assert client.next()["Lambda-Runtime-Aws-Request-Id"] == following.request_id


def test_streamed_response_is_collected_with_its_trailers(mock: MockRuntimeApi, client: Client) -> None:
    """A chunked response in streaming mode is put together; a type in the trailers is the outcome's."""
    pending = mock.invoke(b"{}")
    client.next()
    client.send(
        f"POST /2018-06-01/runtime/invocation/{pending.request_id}/response HTTP/1.1\r\nHost: mock\r\n"
        "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n"
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n"
        "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n"
        "Lambda-Runtime-Function-Error-Type: Function.MidStream\r\n"
        "Lambda-Runtime-Function-Error-Body: e30=\r\n\r\n".encode()
    )
    assert client.read().body == OK
    outcome = pending.result(5)
    assert (outcome.kind, outcome.body, outcome.streamed) == ("response", b"hello world", True)
    assert outcome.error_type == "Function.MidStream"
    assert outcome.trailers[1] == ("Lambda-Runtime-Function-Error-Body", "e30=")


@pytest.mark.parametrize("call", ["response", "error"])
def test_body_cut_short_fails_the_invocation_at_once(mock: MockRuntimeApi, client: Client, call: str) -> None:
    """A connection that ends inside a body gets no answer; the invocation fails as truncated."""
    pending = mock.invoke(b"{}")
    client.next()
    client.send(request(f"invocation/{pending.request_id}/{call}", b"12345")[:-1])
    client.socket.shutdown(1)
    assert client.rest() == b""
    outcome = pending.result(5)
    assert (outcome.kind, outcome.body) == ("truncated", b'{"errorType":"Runtime.TruncatedResponse"}')
    assert mock.requests[-1].truncated
    assert mock.requests[-1].body == b"1234"
    with Client(mock) as again:
        following = mock.invoke(b"{}")
        assert again.next()["Lambda-Runtime-Aws-Request-Id"] == following.request_id


def test_next_while_running_replays_the_same_event(mock: MockRuntimeApi, client: Client) -> None:
    """A second /next during an invocation gets the same event, id, deadline and nonce."""
    mock.invoke(b"first")
    mock.invoke(b"second")
    once, again = client.next(), client.next()
    assert (once.headers[:5], once.body) == (again.headers[:5], again.body)
    assert once.body == b"first"


def test_invocation_id_on_ignores_the_echo(mock: MockRuntimeApi, client: Client) -> None:
    """By default the id of the invocation is sent, and a wrong echo is accepted."""
    pending = mock.invoke(b"{}")
    assert client.next()["Lambda-Runtime-Invocation-Id"]
    assert client.respond(pending.request_id, b"1", "Lambda-Runtime-Invocation-Id: wrong").status == 202


def test_invocation_id_can_be_off() -> None:
    """Switched off, the header is not there."""
    with MockRuntimeApi(settings=MockSettings(invocation_id="off")) as mock, Client(mock) as client:
        mock.invoke(b"{}")
        assert client.next()["Lambda-Runtime-Invocation-Id"] is None


@pytest.mark.parametrize("echo", ["right", "none"])
def test_invocation_id_strict_answers_a_wrong_echo_with_410(echo: str) -> None:
    """In strict mode a wrong echo is 410 without effect; the right one and none at all are accepted."""
    with MockRuntimeApi(settings=MockSettings(invocation_id="strict")) as mock, Client(mock) as client:
        pending = mock.invoke(b"{}")
        nonce = client.next()["Lambda-Runtime-Invocation-Id"]
        seen = client.respond(pending.request_id, b"1", "Lambda-Runtime-Invocation-Id: wrong")
        assert seen.start == "HTTP/1.1 410 Gone"
        assert seen.body == b'{"errorMessage":"Invoke timeout","errorType":"InvokeTimeout"}\n'
        lines = [f"lambda-runtime-invocation-id: {nonce}"] if echo == "right" else []
        assert client.respond(pending.request_id, b"2", *lines).status == 202
        assert pending.result(5).body == b"2"


def test_init_error_ends_what_waits_and_what_comes(mock: MockRuntimeApi, client: Client) -> None:
    """`/init/error` is 202 once; its body goes to every caller; then nothing is allowed but a new process."""
    before = mock.invoke(b"{}")
    seen = client.post("init/error", b'{"e":1}', "Lambda-Runtime-Function-Error-Type: Runtime.X")
    assert (seen.status, seen.body) == (202, OK)
    after = mock.invoke(b"{}")
    for pending in (before, after):
        outcome = pending.result(5)
        assert (outcome.kind, outcome.body, outcome.error_type) == ("init-error", b'{"e":1}', "Runtime.X")
    assert (mock.init_error, mock.state) == (b'{"e":1}', "InitError")
    assert client.post("init/error").body == no_transition("InitError", "InitError")
    assert client.next().body == no_transition("InitError", "Ready")
    mock.exited("Runtime.ExitError", "Runtime exited with error: exit status 1")
    assert mock.state == "Started"
    again = mock.invoke(b"new")
    assert client.next().body == b"new"
    assert client.respond(again.request_id).status == 202


def test_init_error_is_403_after_init(mock: MockRuntimeApi, client: Client) -> None:
    """During an invocation `/init/error` is 403 and changes nothing."""
    pending = mock.invoke(b"{}")
    client.next()
    seen = client.post("init/error")
    assert (seen.status, seen.body) == (403, no_transition("Running", "InitError"))
    assert mock.init_error is None
    assert client.respond(pending.request_id).status == 202
    assert client.post("init/error").body == no_transition("RuntimeResponseSentState", "InitError")


def test_next_on_another_connection_is_403_inside_a_response(mock: MockRuntimeApi, client: Client) -> None:
    """Between the head and the end of a response the state is InvocationResponse."""
    pending = mock.invoke(b"{}")
    client.next()
    whole = request(f"invocation/{pending.request_id}/response", b"12")
    client.send(whole[:-1])
    with Client(mock) as other:
        deadline = time.monotonic() + 10
        while mock.state != "InvocationResponse" and time.monotonic() < deadline:
            time.sleep(0.005)
        assert other.next().body == no_transition("InvocationResponse", "Ready")
        assert other.respond(pending.request_id).body == no_transition(
            "InvocationResponse", "InvocationResponse"
        )
    assert client.send(whole[-1:]).read().status == 202


def test_restore_endpoints_are_404_without_snapstart(mock: MockRuntimeApi, client: Client) -> None:
    """Without SnapStart the routes do not exist."""
    assert client.get("/2018-06-01/runtime/restore/next").body == b"404 page not found\n"
    assert client.post("restore/error").body == b"404 page not found\n"


def test_restore_goes_through_its_states() -> None:
    """`/restore/next` blocks until the snapshot is restored, is 200 and empty, and leads to /next."""
    settings = MockSettings(snapstart=True, auto_restore=False)
    with MockRuntimeApi(settings=settings) as mock, Client(mock) as client:
        client.send(b"GET /2018-06-01/runtime/restore/next HTTP/1.1\r\nHost: mock\r\n\r\n")
        mock.wait_for("restore/next")
        assert mock.state == "RestoreReady"
        with Client(mock) as other:
            assert other.get("/2018-06-01/runtime/restore/next").body == no_transition(
                "RestoreReady", "RestoreReady"
            )
            assert other.next().body == no_transition("RestoreReady", "Ready")
        mock.release_restore()
        seen = client.read()
        assert (seen.status, seen.body, seen["Content-Length"]) == (200, b"", "0")
        assert mock.state == "Restoring"
        mock.invoke(b"event")
        assert client.next().body == b"event"
        assert client.post("restore/error").body == no_transition("Running", "RestoreError")


@pytest.mark.parametrize("path", ["restore/error", "init/error"])
def test_restore_error_ends_what_waits(path: str) -> None:
    """After a restore, `/restore/error` and `/init/error` mean the same; callers get the body."""
    with MockRuntimeApi(settings=MockSettings(snapstart=True)) as mock, Client(mock) as client:
        assert client.post("restore/error").body == no_transition("Started", "RestoreError")
        pending = mock.invoke(b"{}")
        assert client.get("/2018-06-01/runtime/restore/next").status == 200
        assert client.post(path, b"hook").body == OK
        assert (pending.result(5).kind, pending.result(5).body) == ("restore-error", b"hook")
        assert (mock.restore_error, mock.state) == (b"hook", "RuntimeRestoreErrorState")
        assert client.next().body == no_transition("RuntimeRestoreErrorState", "Ready")


def test_exit_fails_the_open_invocation(mock: MockRuntimeApi, client: Client) -> None:
    """When the caller says that the process is gone, its invocation and those that wait fail at once."""
    running, waiting = mock.invoke(b"{}"), mock.invoke(b"{}")
    client.next()
    mock.exited("Runtime.ExitError", "Runtime exited with error: exit status 1")
    for pending in (running, waiting):
        outcome = pending.result(5)
        text = f"RequestId: {pending.request_id} Error: Runtime exited with error: exit status 1"
        assert (outcome.kind, outcome.error_type) == ("crash", "Runtime.ExitError")
        assert outcome.body == f'{{"errorType":"Runtime.ExitError","errorMessage":"{text}"}}'.encode()
    assert client.respond(running.request_id).body == BAD_ID


def test_exit_can_leave_the_queue_to_the_next_process(mock: MockRuntimeApi, client: Client) -> None:
    """With queued=False only the delivered invocation fails; a timeout has its own kind."""
    running, waiting = mock.invoke(b"1"), mock.invoke(b"2")
    client.next()
    mock.exited("Sandbox.Timedout", "Task timed out after 3.00 seconds", queued=False)
    assert running.result(5).kind == "timeout"
    assert not waiting.done
    assert client.next().body == b"2"


def test_event_for_a_dropped_next_is_lost_at_once(mock: MockRuntimeApi, client: Client) -> None:
    """The event after a dropped /next goes to the dead connection; its invocation fails at once."""
    client.send(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: mock\r\n\r\n")
    mock.wait_for("next")
    client.socket.shutdown(1)
    assert client.rest() == b""
    outcome = mock.invoke(b"1").result(5)
    assert (outcome.kind, outcome.error_type) == ("lost", "Runtime.Lost")
    with Client(mock) as again:
        mock.invoke(b"2")
        assert again.next().body == b"2"


def test_new_next_after_a_dropped_one_gets_the_event(mock: MockRuntimeApi, client: Client) -> None:
    """A runtime that has come back before the event loses nothing."""
    client.send(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: mock\r\n\r\n")
    mock.wait_for("next")
    client.socket.shutdown(1)
    assert client.rest() == b""
    with Client(mock) as again:
        again.send(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: mock\r\n\r\n")
        mock.wait_for("next", 2)
        mock.invoke(b"event")
        assert again.read().body == b"event"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/2018-06-01",
        "/2018-06-01/runtime/invocation",
        "/2018-06-01/runtime/invocation/x/other",
        "/2018-06-02/ping",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_unknown_path_is_404_text(mock: MockRuntimeApi, client: Client, method: str, path: str) -> None:
    """An unknown path is 404 with Go's text; HEAD gets its headers only."""
    seen = client.get(path, method)
    assert seen.start == "HTTP/1.1 404 Not Found"
    assert [line for line in seen.headers if line[0] != "Date"] == [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Length", "19"),
    ]
    assert seen.body == (b"" if method == "HEAD" else b"404 page not found\n")
    assert client.get("/2018-06-01/ping").body == b"pong"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "invocation/next", "GET"),
        ("HEAD", "invocation/next", "GET"),
        ("GET", "invocation/x/response", "POST"),
        ("PUT", "invocation/x/error", "POST"),
        ("DELETE", "init/error", "POST"),
    ],
)
def test_wrong_method_is_405_and_empty(client: Client, method: str, path: str, allow: str) -> None:
    """A wrong method on a known path is 405 with Allow and no body."""
    seen = client.get(f"/2018-06-01/runtime/{path}", method)
    assert (seen.start, seen["Allow"], seen.body) == ("HTTP/1.1 405 Method Not Allowed", allow, b"")
    assert seen["Content-Length"] == "0"


def test_ping_is_pong(client: Client) -> None:
    """The ping is answered, with the content type that Go guesses behind the length."""
    seen = client.get("/2018-06-01/ping")
    assert (seen.status, seen.body) == (200, b"pong")
    assert seen.headers[1:] == [("Content-Length", "4"), ("Content-Type", "text/plain; charset=utf-8")]


def test_foreign_client_understands_it(mock: MockRuntimeApi) -> None:
    """A client of httpx goes through a whole invocation with a chunked event and a chunked response."""
    pending = mock.invoke(b"e" * 50_000)
    with httpx.Client(base_url=f"http://{mock.address}/2018-06-01/runtime", trust_env=False) as client:
        event = client.get("invocation/next")
        request_id = event.headers["lambda-runtime-aws-request-id"]
        assert event.content == b"e" * 50_000
        answer = client.post(f"invocation/{request_id}/response", content=iter([b"one", b"two"]))
    assert (answer.status_code, answer.json()) == (202, {"status": "OK"})
    assert pending.result(5).body == b"onetwo"


def test_invocations_come_in_order(mock: MockRuntimeApi, client: Client) -> None:
    """Events are delivered in the order of their queueing, each once."""
    pendings = [mock.invoke(str(number)) for number in range(50)]
    for number, pending in enumerate(pendings):
        assert client.next().body == str(number).encode()
        client.respond(pending.request_id, b"r%d" % number)
    assert [pending.result(5).body for pending in pendings] == [b"r%d" % number for number in range(50)]


def test_id_is_400_while_the_runtime_waits(mock: MockRuntimeApi, client: Client) -> None:
    """With the next /next the invocation is over: its id is unknown, not in a wrong state."""
    pending = mock.invoke(b"{}")
    client.next()
    client.respond(pending.request_id)
    with Client(mock) as other:
        other.send(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: mock\r\n\r\n")
        mock.wait_for("next", 2)
        assert client.respond(pending.request_id).body == BAD_ID


def test_exit_ends_a_waiting_next(mock: MockRuntimeApi, client: Client) -> None:
    """A /next of the old process gets no event of the new one: its connection ends."""
    client.send(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: mock\r\n\r\n")
    mock.wait_for("next")
    mock.exited("Runtime.ExitError", "Runtime exited without providing a reason")
    assert client.rest() == b""
    mock.invoke(b"new")
    with Client(mock) as other:
        assert other.next().body == b"new"


def test_large_body_cut_short_is_recorded_as_far_as_it_came(mock: MockRuntimeApi, client: Client) -> None:
    """Of a declared large body only the bytes that came are kept."""
    pending = mock.invoke(b"{}")
    client.next()
    client.send(request(f"invocation/{pending.request_id}/response", b"x" * 200_000)[:-100_000])
    client.socket.shutdown(1)
    assert client.rest() == b""
    assert pending.result(5).kind == "truncated"
    assert mock.requests[-1].body == b"x" * 100_000
