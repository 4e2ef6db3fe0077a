"""Report what went wrong before the first invocation: to the log and to the platform."""

from __future__ import annotations

from rapid_client import _faults  # noqa: TID253 - it is beyond the boundary itself
from rapid_client._codec import Codec
from rapid_client._refusal import failed  # noqa: TID253 - as above

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from rapid_client._refusal import Refusal
    from rapid_client._runtime import Environment

    Post = Callable[[str, bytes], Refusal | None]

#: Our frames between a failing module and the place where its error is caught: init, load_handler, load,
#: import_module.
INIT_FRAMES: Final = 4
#: Our frame between a failing SnapStart hook and the place where its error is caught.
HOOK_FRAMES: Final = 1


def report_init_error(environment: Environment, error: BaseException) -> None:
    """Log *error*, with the warning that awslambdaric gives, and post it as the reason why init failed.

    Raises:
        RapidClientError: If it cannot be posted.
    """
    fault = _faults.describe(error, INIT_FRAMES, user_only=environment.switches.init_trace == "user")
    _faults.init_warning(environment)
    refusal = _report(environment, fault, environment.post_init_error, fault.error_type)
    if refusal is not None:
        notice(environment, failed("init/error", refusal.status, refusal.body))


def report_hook_error(environment: Environment, error: BaseException, post: Post, error_type: str) -> None:
    """Log *error* and hand it to *post*, as one of *error_type*.

    Raises:
        RapidClientError: If it cannot be posted.
    """
    refusal = _report(environment, _faults.describe(error, HOOK_FRAMES), post, error_type)
    if refusal is not None:
        notice(environment, f"the report of {error_type} was refused: {refusal.reason}")


def _report(environment: Environment, fault: _faults.Fault, post: Post, error_type: str) -> Refusal | None:
    _faults.log(fault, "", environment.sink, environment.config.log_format)
    encode = Codec("stdlib", "null", not environment.config.utf8, False).encode
    return post(error_type, _faults.body(fault, "", encode))


def refused(environment: Environment, what: str, request_id: str, refusal: Refusal) -> None:
    """Say that an answer was not taken; nobody waits for another one.

    Args:
        environment: Where the log is.
        what: ``response`` or ``error``.
        request_id: Whose answer it was.
        refusal: Why.
    """
    notice(environment, f"the {what} to {request_id} was refused: {refusal.reason}")


def notice(environment: Environment, message: str) -> None:
    """Write one line of ours to the log, at level ERROR."""
    fault = _faults.Fault("Runtime.LambdaRuntimeClientError", message, "")
    fault.one_line = True
    _faults.log(fault, environment.current.request_id, environment.sink, environment.config.log_format)
