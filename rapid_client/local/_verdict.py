"""Whether a function has done its work, as far as its answer tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rapid_client.local.function import InvokeResult

#: The first of the HTTP statuses by which a server says that it has failed.
SERVER_ERROR: Final = 500


def failure(answer: InvokeResult) -> str:
    """Return how the function has failed; '' if it has answered.

    A response with a ``statusCode`` of 500 and above is a failure: ``answered 502``. Else it is `status`.
    """
    if not answer.ok:
        return answer.status
    code = str(_status_code(answer))  # API Gateway takes "502" as well
    return f"answered {code}" if code.isdecimal() and int(code) >= SERVER_ERROR else ""


def _status_code(answer: InvokeResult) -> Any:
    """Return the status of a response to API Gateway, a function URL or a load balancer; None for others."""
    try:
        value = answer.json()
    except ValueError:
        return None
    return value.get("statusCode") if isinstance(value, dict) else None
