"""The runtime over answers that are there already: no server, no socket, no system call of either.

Everything of `rapid_client` is looked up with `internal` by the piece that needs it: a tree that has it
elsewhere, or not at all, lacks that piece and no other.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

from benchmarks.payloads import LIMIT, event, large_event

if TYPE_CHECKING:
    from collections.abc import Callable

ADDRESS: Final = "127.0.0.1:9001"
DATE: Final = b"Date: Sat, 21 Nov 2026 09:23:41 GMT\r\n"
ACCEPTED: Final = (
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n" + DATE + b"Content-Length: 16\r\n\r\n"
    b'{"status":"OK"}\n'
)
#: What an invocation may bring besides: who called from a mobile application, and as whom.
CALLER: Final = (
    b"Lambda-Runtime-Aws-Tenant-Id: tenant-42\r\n"
    b'Lambda-Runtime-Client-Context: {"client":{"app_title":"shop"},"custom":{"k":"v"},"env":{"m":"x"}}\r\n'
    b'Lambda-Runtime-Cognito-Identity: {"cognitoIdentityId":"eu-1:1","cognitoIdentityPoolId":"eu-1:2"}\r\n'
)
EVENTS: Final = ("16", "apigw-small", "apigw", "sqs-100", "100kb", "1mb")
LARGE: Final = {"100kb": 100_000, "1mb": 1_000_000}
#: Invocations per timed call, where one cannot be repeated by itself: the state has to go on.
BATCH: Final = 50
#: Events that differ in their ids and deadline.
VARIANTS: Final = 8


class NotThere(Exception):
    """The tree under test has no such piece; the message says what it has instead."""


class Enough(BaseException):
    """The canned answers are used up; no Exception, since it is neither the network's nor the function's."""


class Canned:
    """What a `Client` sends to and receives from: the answers come in turn, one per request.

    Args:
        answers: The answers' bytes.
        count: How many of them are given, from the first again after the last; then `Enough` is raised.

    Attributes:
        sent: How each request began: method and path.
    """

    def __init__(self, answers: tuple[bytes, ...], count: int) -> None:
        self.address, self.connected = ADDRESS, True
        self.sent: list[bytes] = []
        self._answers, self._left = cycle(answers), count
        self._rest: bytes | memoryview = b""

    def connect(self) -> None:
        """Be connected, as ever."""

    def close(self) -> None:
        """Stay connected."""

    def send(self, data: bytes) -> None:
        """Take a request."""
        self.sent.append(data[:96])

    def send_parts(self, head: bytes, body: bytes | memoryview) -> None:
        """Take a request whose body comes apart from its head."""
        del body
        self.sent.append(head[:96])

    def recv(self, size: int) -> bytes:
        """Return at most *size* bytes of the present answer, or of the next one once that has been read."""
        rest = self._rest or self._next()
        if len(rest) <= size:
            self._rest = b""
            return bytes(rest)
        rest = memoryview(rest)
        self._rest = rest[size:]
        return bytes(rest[:size])

    def receive_into(self, room: memoryview) -> int:
        """Fill *room* with the present answer; return the number of bytes."""
        rest = memoryview(self._rest)[: len(room)]
        room[: len(rest)] = rest
        self._rest = self._rest[len(rest) :]
        return len(rest)

    def _next(self) -> bytes:
        if not self._left:
            raise Enough
        self._left -= 1
        return next(self._answers)


def internal(module: str) -> Any:
    """Return the module *module* of `rapid_client`, unchecked: it has another shape in another tree."""
    return import_module(f"rapid_client.{module}")


@cache
def body_of(name: str) -> bytes:
    """Return the event *name*: one of `EVENTS`."""
    return large_event(LARGE[name]) if name in LARGE else event(name)


def trace_ids() -> list[bytes]:
    """Return as many ids of traces as there are `events`."""
    root, parent = b"Root=1-69202f1d-5e1b4e1a2f7c3d9a0b6e8f%02x", b"Parent=53995c3f42cd8ad8;Sampled=0"
    return [b"%b;%b" % (root % number, parent) for number in range(VARIANTS)]


def events(body: bytes, more: bytes = b"") -> tuple[bytes, ...]:
    """Return answers to ``GET /next`` that bring *body*, under different ids as Lambda's are.

    Args:
        body: The event.
        more: Whole header lines, which Go sorts between request id and deadline.
    """
    return tuple(_event(body, more, number) for number in range(VARIANTS))


def _event(body: bytes, more: bytes, number: int) -> bytes:
    """Return the answer as a Go server writes it, with the ids of event *number*."""
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-41e8-9739-2dfe598c3f%02x\r\n%b"
        b"Lambda-Runtime-Deadline-Ms: %d\r\n"
        b"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:123456789012:function:shop\r\n"
        b"Lambda-Runtime-Trace-Id: %b\r\n" % (number, more, 1795253021000 + number, trace_ids()[number])
    )
    head += DATE
    if len(body) <= LIMIT:
        return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    return head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def client_over(transport: Canned) -> Any:
    """Return a `Client` that talks to *transport*."""
    return internal("_client").Client(internal("_protocol").RuntimeApi(ADDRESS), transport)


def with_replies(wires: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return *wires*, each followed by the reply to its response."""
    return tuple(answer for wire in wires for answer in (wire, ACCEPTED))


def invocation(name: str, more: bytes = b"") -> Any:
    """Return an `Invocation` with the event *name*, as a `Client` makes it."""
    return client_over(Canned(events(body_of(name), more), 1)).next()


@cache
def null_device() -> int:
    """Return a descriptor for the log, which takes everything; open to the end of the process."""
    return os.open(os.devnull, os.O_WRONLY)


def environment_with(engine: str, **environ: str) -> Any:
    """Return an `Environment` whose JSON engine is *engine* and whose log goes nowhere."""
    config = internal("_config")
    environ = {
        "AWS_LAMBDA_RUNTIME_API": ADDRESS,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "_LAMBDA_TELEMETRY_LOG_FD": str(null_device()),
        "RAPID_JSON": engine,
        **environ,
    }
    environment = internal("_runtime").Environment(config.Config(environ, "app.handler"))
    environment.switches = config.Switches(environ)
    return environment


def codec_with(engine: str) -> Any:
    """Return the `Codec` that a function gets that asks for *engine*."""
    codec = internal("_runtime").make_codec(environment_with(engine))
    if codec.engine != engine:
        raise NotThere(f"the engine is {codec.engine}")
    return codec


def loop_over(transport: Canned, handler: Callable[[Any, Any], Any], *, pipelined: bool = False) -> Any:
    """Return a `Loop` that runs *handler* on what *transport* brings; *pipelined* is ``RAPID_PIPELINE=1``."""
    environment = environment_with("stdlib")
    environment.client = client_over(transport)
    if pipelined:
        environment.pipeline()
    return internal("_loop").Loop(environment, handler, internal("_runtime").make_codec(environment))
