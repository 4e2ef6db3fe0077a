"""Every exception that rapid_client raises on purpose.

    RapidClientError
    +-- ConfigError            the environment or the command line is wrong
    +-- FaultError             the function is at fault: type and message go to the caller
    +-- TransportError         the connection to the Runtime API was lost
    +-- ApiError               the Runtime API answered with a status that ends the process
    +-- LocalProtocolError     we were asked for a call that is not allowed now (our bug)
    +-- RemoteProtocolError    the Runtime API sent bytes that we cannot understand

Anything else that leaves this package, the function's own exceptions apart, is a bug in it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class RapidClientError(Exception):
    """The base of all."""


class ConfigError(RapidClientError):
    """The environment or the command line is wrong; the text names variable, value and remedy."""


class FaultError(RapidClientError):
    """The function is at fault in a way that has a name in the Runtime API.

    Args:
        error_type: What the caller sees as ``errorType``, ``Runtime.HandlerNotFound`` for one.
        message: What the caller sees as ``errorMessage``.
        trace: What the caller sees as ``stackTrace``.
    """

    def __init__(self, error_type: str, message: str, trace: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.error_type, self.message, self.trace = error_type, message, trace


class TransportError(RapidClientError):
    """The connection to the Runtime API could not be made or was lost."""


class ApiError(RapidClientError):
    """The Runtime API answered with a status after which the process has to end."""


class LocalProtocolError(RapidClientError):
    """We were asked for a call that the Runtime API does not allow in this state."""


class RemoteProtocolError(RapidClientError):
    """The Runtime API sent bytes that we cannot understand."""
