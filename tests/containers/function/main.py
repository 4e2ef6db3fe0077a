"""What the emulator project's own end-to-end tests ask of an image, in our words; one handler for each."""

from __future__ import annotations

import os
import time
from typing import Any


def succeed(event: Any, context: Any) -> str:
    """Answer a text, and print another."""
    print("a line of the function's")
    return "it went well"


def fail(event: Any, context: Any) -> None:
    """Raise; the test knows the number of this line."""
    raise RuntimeError("this went wrong")


def sleep(event: Any, context: Any) -> str:
    """Take longer than the test allows."""
    time.sleep(30)
    return "too late"


def variable(event: str, context: Any) -> str | None:
    """Answer with the environment variable that the event names."""
    return os.environ.get(event)


def arn(event: Any, context: Any) -> str:
    """Answer with the function's own ARN."""
    return str(context.invoked_function_arn)


def remaining(event: Any, context: Any) -> int:
    """Answer with the milliseconds that are left."""
    return int(context.get_remaining_time_in_millis())


def client_context(event: Any, context: Any) -> Any:
    """Answer with what a mobile application has sent along."""
    return context.client_context.custom


def whoami(event: Any, context: Any) -> list[int]:
    """Answer with user and group."""
    return [os.getuid(), os.getgid()]
