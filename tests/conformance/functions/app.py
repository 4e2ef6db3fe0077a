"""The function of the conformance cases: the event's `do` says what happens."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 6 * 1024 * 1024 + 100
SERVED: list[int] = []


def fail(event: Any, context: Any) -> Any:
    """Raise a ValueError."""
    raise ValueError(event.get("message", "boom"))


def fail_at_length(event: Any, context: Any) -> Any:
    """Raise an error that is too long for anybody."""
    raise ValueError("é" * 4_000_000)


def crash(event: Any, context: Any) -> Any:
    """End the process without a word."""
    os._exit(event["code"])


def killed(event: Any, context: Any) -> Any:
    """End the process by a signal."""
    os.kill(os.getpid(), signal.SIGKILL)


def leave(event: Any, context: Any) -> Any:
    """Leave politely."""
    sys.exit(event["code"])


def sleep(event: Any, context: Any) -> Any:
    """Take too long."""
    time.sleep(60)


def text(event: Any, context: Any) -> Any:
    """Return a string whose JSON has that many bytes."""
    return "x" * (event["size"] - 2)


def raw(event: Any, context: Any) -> Any:
    """Return bytes."""
    return b"\x00\xff\n raw"


def about(event: Any, context: Any) -> Any:
    """Return what is known of the invocation."""
    left = context.get_remaining_time_in_millis()
    return {
        "id": context.aws_request_id,
        "arn": context.invoked_function_arn.startswith("arn:aws:lambda:"),
        "left": 0 < left <= 3000,
        "client": context.client_context and context.client_context.custom,
        "identity": context.identity.cognito_identity_id,
        "tenant": context.tenant_id,
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
    }


def process(event: Any, context: Any) -> Any:
    """Return how often this process has been asked."""
    SERVED.append(1)
    return len(SERVED)


def log(event: Any, context: Any) -> Any:
    """Write a lot, then return."""
    print("line\n" * 20_000)
    return "logged"


def not_json(event: Any, context: Any) -> Any:
    """Return what JSON does not have."""
    return {1, 2}


ACTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "fail": fail,
    "fail-at-length": fail_at_length,
    "crash": crash,
    "killed": killed,
    "leave": leave,
    "sleep": sleep,
    "text": text,
    "raw": raw,
    "about": about,
    "process": process,
    "log": log,
    "not-json": not_json,
    "surrogate": lambda event, context: "\ud800",
}


def handler(event: Any, context: Any) -> Any:
    """Do what the event says; else return it."""
    if isinstance(event, dict) and "do" in event:
        return ACTIONS[event["do"]](event, context)
    if isinstance(event, bytes):
        return ["bytes", event.decode("latin-1")]
    return event
