"""The Runtime API without I/O: which call is legal when, its exact bytes, and what an event holds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapid_client import __version__
from rapid_client._parser import Response, ResponseParser
from rapid_client._protocol import (
    FAILED,
    IDLE,
    INVOKED,
    POLLING,
    RESTORED,
    STARTED,
    Invocation,
    RuntimeApi,
    header,
    is_json,
    quote,
)
from rapid_client._refusal import Refusal
from rapid_client.errors import ApiError, FaultError, LocalProtocolError, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rapid_client._protocol import State

STATES: Final[tuple[State, ...]] = (STARTED, IDLE, POLLING, INVOKED, FAILED, RESTORED)
ID: Final = "Lambda-Runtime-Aws-Request-Id"


def respond(status: int, body: bytes = b"", *headers: str) -> Response:
    """Return a response as the parser makes it."""
    lines = [f"HTTP/1.1 {status} x", *headers, f"Content-Length: {len(body)}"]
    raw = "\r\n".join(lines).encode("utf-8", "surrogateescape")
    response = ResponseParser().feed(raw + b"\r\n\r\n" + body)
    assert response is not None
    return response


def made(response: Response) -> Invocation:
    """Return the invocation that *response* brings."""
    return api_in(POLLING).event(response)


def invocation(*headers: str, body: bytes = b"{}", request_id: str = "r1") -> Invocation:
    """Return an invocation as the Runtime API sends it."""
    return made(respond(200, body, f"{ID}: {request_id}", *headers))


ACTIONS: Final[dict[str, Callable[[RuntimeApi], object]]] = {
    "next": lambda api: api.next(),
    "event": lambda api: api.event(respond(200, b"{}", f"{ID}: r1")),
    "response": lambda api: api.response(invocation(), 0),
    "error": lambda api: api.error(invocation(), 0),
    "init/error": lambda api: api.init_error("E", 0),
    "restore/next": lambda api: api.restore_next(),
    "restore/error": lambda api: api.restore_error("E", 0),
}
# Where each action leads; what is missing is not allowed.
LEGAL: Final[dict[tuple[State, str], State]] = {
    (STARTED, "next"): POLLING,
    (STARTED, "init/error"): FAILED,
    (STARTED, "restore/next"): RESTORED,
    (RESTORED, "next"): POLLING,
    (RESTORED, "init/error"): FAILED,
    (RESTORED, "restore/error"): FAILED,
    (IDLE, "next"): POLLING,
    (POLLING, "event"): INVOKED,
    (INVOKED, "response"): IDLE,
    (INVOKED, "error"): IDLE,
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("state", STATES, ids=["started", "idle", "polling", "invoked", "failed", "restored"])
def test_every_action_in_every_state(state: State, action: str) -> None:
    """An action leads where the table says, or is refused and leaves the state as it was."""
    api = RuntimeApi("h:1")
    api.state = state
    if (state, action) in LEGAL:
        ACTIONS[action](api)
        assert api.state == LEGAL[state, action]
    else:
        with pytest.raises(LocalProtocolError, match=f"'{action}' is not allowed in state {state}"):
            ACTIONS[action](api)
        assert api.state == state


def test_a_runtime_begins_as_started() -> None:
    """Nothing has been asked for at first."""
    assert RuntimeApi("h:1").state == STARTED


AGENT: Final = "rapid-client/{} python/{}.{}.{}".format(__version__, *sys.version_info)
COMMON: Final = f" HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nUser-Agent: {AGENT}\r\n"
ROOT: Final = "/2018-06-01/runtime/"
KIND: Final = "Content-Type: application/json\r\n"


def api_in(state: State, address: str = "127.0.0.1:9001") -> RuntimeApi:
    """Return the protocol in *state*."""
    api = RuntimeApi(address)
    api.state = state
    return api


REQUESTS: Final = {
    "next": (lambda: api_in(IDLE).next(), f"GET {ROOT}invocation/next{COMMON}\r\n"),
    "restore/next": (lambda: api_in(STARTED).restore_next(), f"GET {ROOT}restore/next{COMMON}\r\n"),
    "response": (
        lambda: api_in(INVOKED).response(invocation(), 12),
        f"POST {ROOT}invocation/r1/response{COMMON}{KIND}Content-Length: 12\r\n\r\n",
    ),
    "response-of-bytes": (
        lambda: api_in(INVOKED).response(invocation(), 3, b"application/unknown"),
        f"POST {ROOT}invocation/r1/response{COMMON}Content-Type: application/unknown\r\n"
        "Content-Length: 3\r\n\r\n",
    ),
    "response-with-nonce": (
        lambda: api_in(INVOKED).response(invocation("Lambda-Runtime-Invocation-Id: INV-9"), 0),
        f"POST {ROOT}invocation/r1/response{COMMON}{KIND}Content-Length: 0\r\n"
        "Lambda-Runtime-Invocation-Id: INV-9\r\n\r\n",
    ),
    "error": (
        lambda: api_in(INVOKED).error(invocation(), 7),
        f"POST {ROOT}invocation/r1/error{COMMON}{KIND}Content-Length: 7\r\n\r\n",
    ),
    "error-with-nonce-and-more": (
        lambda: api_in(INVOKED).error(invocation("Lambda-Runtime-Invocation-Id: n"), 7, header(b"A", b"b%d")),
        f"POST {ROOT}invocation/r1/error{COMMON}{KIND}Content-Length: 7\r\n"
        "Lambda-Runtime-Invocation-Id: n\r\nA: b%d\r\n\r\n",
    ),
    "init/error": (
        lambda: api_in(STARTED).init_error("Runtime.X", 5),
        f"POST {ROOT}init/error{COMMON}Lambda-Runtime-Function-Error-Type: Runtime.X\r\n"
        f"{KIND}Content-Length: 5\r\n\r\n",
    ),
    "restore/error": (
        lambda: api_in(RESTORED).restore_error("Runtime.Y", 5),
        f"POST {ROOT}restore/error{COMMON}Lambda-Runtime-Function-Error-Type: Runtime.Y\r\n"
        f"{KIND}Content-Length: 5\r\n\r\n",
    ),
}


@pytest.mark.parametrize(("make", "expected"), REQUESTS.values(), ids=REQUESTS)
def test_the_bytes_of_each_request(make: Callable[[], bytes], expected: str) -> None:
    """Each request is exactly these bytes."""
    assert make().decode() == expected


def test_a_percent_sign_in_the_address_is_no_format() -> None:
    """An address with a percent sign, as of an IPv6 zone, goes into the Host header as it is."""
    assert b"\r\nHost: [fe80::1%eth0]:80\r\n" in api_in(INVOKED, "[fe80::1%eth0]:80").response(
        invocation(), 1
    )


@pytest.mark.parametrize(
    ("request_id", "path"),
    [
        ("8f5d2f0c-7c1e-4f0b-9d4e-3a1f2b3c4d5e", "8f5d2f0c-7c1e-4f0b-9d4e-3a1f2b3c4d5e"),
        ("a/b?c d", "a%2Fb%3Fc%20d"),
        ("a%20b#", "a%2520b%23"),
        ("A-Z.a_z~09", "A-Z.a_z~09"),
        ("é", "%C3%A9"),
        ("\udcff", "%FF"),
        ("", ""),
    ],
)
def test_a_request_id_is_a_path_segment(request_id: str, path: str) -> None:
    """An opaque request id is percent-encoded as RFC 3986 says."""
    assert quote(request_id.encode("utf-8", "surrogateescape")).decode() == path


EVIL: Final = st.text(st.sampled_from("\r\n\0: ab/%é\udcff"), min_size=1, max_size=12)


@given(text=EVIL)
def test_no_value_adds_a_header_line(text: str) -> None:
    """Whatever a request id, a nonce or an error type holds, a request has the lines that it should have."""
    event = invocation()
    # Past the parser, which would never hand out a line break.
    raw = text.encode("utf-8", "surrogateescape")
    event.path, event.echo = quote(raw), header(b"Lambda-Runtime-Invocation-Id", raw)
    report = api_in(STARTED).init_error(text, 0)
    for request, count in (
        (api_in(INVOKED).response(event, 0), 6),
        (api_in(INVOKED).error(event, 0, header(b"A", raw)), 7),
        (report, 6),
    ):
        assert request.endswith(b"\r\n\r\n")
        lines = request[:-4].split(b"\r\n")
        assert len(lines) == count
        assert not any(byte in line for line in lines for byte in b"\r\n\0")
        assert lines[0].count(b" ") == 2


@pytest.mark.parametrize("name", ["\r", "\n", "\0", "\r\n"])
def test_line_breaks_are_left_out_of_a_header(name: str) -> None:
    """CR, LF and NUL are left out, the rest stays."""
    assert header(b"A", f"x{name}Evil: y".encode()) == b"A: xEvil: y\r\n"


def test_an_invocation_has_what_the_headers_say() -> None:
    """Each field comes from its header, in whatever case the name is."""
    got = made(
        respond(
            200,
            b'{"k": 1}',
            "LAMBDA-RUNTIME-AWS-REQUEST-ID: id/1",
            "lambda-runtime-deadline-ms: 1763631152000",
            "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:1:function:f:live",
            "Lambda-Runtime-Trace-Id: Root=1-2-3;Sampled=1",
            "Lambda-Runtime-Aws-Tenant-Id: t1",
            'Lambda-Runtime-Client-Context: {"custom": {"é": 1}}',
            'Lambda-Runtime-Cognito-Identity: {"cognitoIdentityId": "i"}',
            "Lambda-Runtime-Invocation-Id: INV-9",
            "Content-Type: application/json",
        )
    )

    assert (got.request_id, got.path, got.body, got.common.is_json) == ("id/1", b"id%2F1", b'{"k": 1}', True)
    assert got.deadline_ms == 1763631152000
    assert got.common.arn == "arn:aws:lambda:eu-west-1:1:function:f:live"
    assert got.trace_id == b"Root=1-2-3;Sampled=1"
    assert got.common.tenant_id == "t1"
    assert got.common.client_context == '{"custom": {"é": 1}}'.encode()
    assert got.common.identity == b'{"cognitoIdentityId": "i"}'
    assert got.echo == b"Lambda-Runtime-Invocation-Id: INV-9\r\n"


def test_an_invocation_without_headers() -> None:
    """All but the request id may be missing."""
    got = invocation()

    assert (got.deadline_ms, got.common.arn, got.common.is_json, got.echo) == (0, "", True, b"")
    assert (got.trace_id, got.common.tenant_id, got.common.client_context, got.common.identity) == (
        b"",
        None,
        None,
        None,
    )


def test_an_invocation_needs_a_request_id() -> None:
    """Without a request id there is nothing to answer to."""
    with pytest.raises(RemoteProtocolError, match="without Lambda-Runtime-Aws-Request-Id"):
        made(respond(200, b"{}"))


@pytest.mark.parametrize(
    ("value", "deadline"),
    [
        ("9999999999999", 9999999999999),
        ("0", 0),
        ("abc", 0),
        ("", 0),
        ("1e3", 0),
        ("9" * 5000, 0),
        ("1.5", 0),
    ],
)
def test_deadlines(value: str, deadline: int) -> None:
    """A deadline is a plain int, not clamped; 0 where it is unreadable."""
    assert invocation(f"Lambda-Runtime-Deadline-Ms: {value}").deadline_ms == deadline


@pytest.mark.parametrize(
    ("content_type", "json"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("Application/JSON", True),
        ("application/json ;x=y", True),
        ("", True),
        (None, True),
        ("text/plain", False),
        ("application/jsonlines", False),
        ("application/vnd.api+json", False),
        ("application/x-www-form-urlencoded", False),
        ("application/octet-stream", False),
    ],
)
def test_which_events_are_json(content_type: str | None, json: bool) -> None:
    """An event is JSON by its media type, in any case and with parameters, and where none is given."""
    lines = [] if content_type is None else [f"Content-Type: {content_type}"]

    assert is_json(None if content_type is None else content_type.encode()) is json
    assert invocation(*lines).common.is_json is json


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_taken(status: int) -> None:
    """A post answered by any 2xx was taken."""
    assert RuntimeApi("h:1").accepted(respond(status)) is None


@pytest.mark.parametrize("status", [400, 403, 404, 410, 413, 499])
def test_4xx_is_a_refusal(status: int) -> None:
    """A post answered by 4xx was refused, and why is told with its text, shortened."""
    refusal = RuntimeApi("h:1").accepted(respond(status, b'{"errorType":"X"}\n' + b" " * 10_000 + b"end"))

    assert isinstance(refusal, Refusal)
    assert refusal.status == status
    assert refusal.reason == f"""status {status} '{{"errorType":"X"}}'"""
    assert refusal.body.endswith(b"end")


@pytest.mark.parametrize("status", [300, 302, 304, 500, 502, 503, 599, 600])
def test_any_other_status_ends_the_process(status: int) -> None:
    """A post answered by 3xx, 5xx or beyond is an ApiError that shows the answer."""
    body = b"" if status == 304 else b"oops \xff"
    with pytest.raises(ApiError, match=f"the Runtime API failed: status {status}"):
        RuntimeApi("h:1").accepted(respond(status, body))


@pytest.mark.parametrize("status", [202, 204, 304, 400, 403, 500])
def test_only_200_is_an_event(status: int) -> None:
    """Any other status to `next` is an ApiError, and no invocation is open."""
    api = api_in(POLLING)
    with pytest.raises(ApiError, match=f"gave no event: status {status}"):
        api.event(respond(status))
    assert api.state == POLLING


@pytest.mark.parametrize("status", [202, 204, 403, 404, 500])
def test_only_200_is_a_restore(status: int) -> None:
    """Any other status to `restore/next` is a fault, with awslambdaric's name and text."""
    body = b"" if status == 204 else b"no"
    with pytest.raises(FaultError) as caught:
        RuntimeApi("h:1").restored(respond(status, body))
    assert caught.value.error_type == "LambdaRuntimeClientError"
    assert caught.value.message == (
        "Request to Lambda Runtime '/2018-06-01/runtime/restore/next' endpoint failed. "
        f"Reason: '{status}'. Response body: '{body!r}'"
    )


def test_a_restore_is_200() -> None:
    """A 200 to `restore/next` is all that is needed."""
    RuntimeApi("h:1").restored(respond(200))


def test_an_invocation_shows_what_it_is() -> None:
    """The representation has the request id and the size."""
    assert repr(invocation(body=b"1234")) == "<Invocation 'r1', 4 bytes>"
