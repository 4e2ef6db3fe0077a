"""Answers of the Runtime API that are not what was asked for."""

from __future__ import annotations

from rapid_client.errors import ApiError, FaultError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rapid_client._parser import Response
    from rapid_client._protocol import Call


class Refusal:
    """The Runtime API did not take a response or an error; the invocation is over all the same."""

    __slots__ = ("body", "reason", "status")

    def __init__(self, status: int, reason: str, body: bytes) -> None:
        self.status, self.reason, self.body = status, reason, body


def refusal_or_error(response: Response) -> Refusal:
    """Return a `Refusal` for 4xx.

    Raises:
        ApiError: For any other status: "container error", the process should exit.
    """
    if 400 <= response.status < 500:
        return Refusal(response.status, describe(response), bytes(response.body))
    message = f"the Runtime API failed: {describe(response)}"
    raise ApiError(message)


def no_event(response: Response) -> ApiError:
    """Return the error for an answer to ``next`` that is no event."""
    return ApiError(f"the Runtime API gave no event: {describe(response)}")


def not_restored(response: Response) -> FaultError:
    """Return the error for an answer to ``restore/next`` that is none; named as awslambdaric names it."""
    text = failed("restore/next", response.status, response.body)
    return FaultError("LambdaRuntimeClientError", text)


def failed(call: Call, status: int, body: bytes | bytearray) -> str:
    """Return awslambdaric's text for a call that was not answered as it should be."""
    endpoint = f"/2018-06-01/runtime/{call}"
    return (
        f"Request to Lambda Runtime '{endpoint}' endpoint failed."
        f" Reason: '{status}'. Response body: '{bytes(body)!r}'"
    )


def describe(response: Response) -> str:
    """Return a response in one short line of text, for a log."""
    text = bytes(response.body[:300]).decode("utf-8", "replace").strip()
    return f"status {response.status} {text!r}"
