"""The context object that a handler gets as its second argument.

Names, fields and texts are awslambdaric 4.2.2's, since handlers and their tests rely on them
(AWS docs: Using the Lambda context object to retrieve Python function information).
"""

from __future__ import annotations

import sys
from time import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rapid_client._caller import ClientContext


def show_fields(record: Any) -> str:
    """Return the ``repr`` of an object with ``__slots__``, as awslambdaric's."""
    fields = ",".join(f"{name}={getattr(record, name)}" for name in record.__slots__)
    return f"{type(record).__name__}([{fields}])"


class CognitoIdentity:
    """Who called, as Amazon Cognito knows it."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")
    __repr__ = show_fields

    cognito_identity_id: str | None
    cognito_identity_pool_id: str | None

    def __init__(self) -> None:
        self.cognito_identity_id = self.cognito_identity_pool_id = None


class LambdaContext:
    """What is known of the invocation and of the function.

    The runtime makes one per invocation; tests may make their own, exactly as with awslambdaric.

    Args:
        invoke_id: The request id.
        client_context: The parsed client context, or None.
        cognito_identity: The parsed Cognito identity, or None.
        epoch_deadline_time_in_ms: When the function times out, in milliseconds since the epoch.
        invoked_function_arn: The ARN that was invoked.
        tenant_id: The tenant, in tenant isolation mode.
    """

    client_context: ClientContext | None

    def __init__(  # noqa: PLR0913, PLR0917 - awslambdaric's signature, which tests rely on
        self,
        invoke_id: str,
        client_context: Any,
        cognito_identity: Any,
        epoch_deadline_time_in_ms: int,
        invoked_function_arn: str | None = None,
        tenant_id: str | None = None,
    ) -> None:
        # deferred: 7 modules, 2 ms, and 6 ms; the runtime has its own way to a context
        import os  # deferred: as above

        from rapid_client._caller import client_context_from, identity_from, take_w3c  # deferred: as above

        fields = function_fields(os.environ)
        self.aws_request_id = invoke_id
        self.log_group_name = fields["log_group_name"]
        self.log_stream_name = fields["log_stream_name"]
        self.function_name = fields["function_name"]
        self.memory_limit_in_mb = fields["memory_limit_in_mb"]
        self.function_version = fields["function_version"]
        self.invoked_function_arn = invoked_function_arn
        self.tenant_id = tenant_id
        self._w3c_fields = take_w3c(client_context)
        self.client_context = client_context_from(client_context)
        self.identity = identity_from(cognito_identity)
        self._epoch_deadline_time_in_ms = epoch_deadline_time_in_ms

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may still run, in milliseconds; never negative."""
        left = self._epoch_deadline_time_in_ms - int(time() * 1000)
        return left if left > 0 else 0

    def w3c(self) -> dict[str, str]:
        """Return the caller's W3C trace context: traceparent, tracestate and baggage, as far as sent."""
        return dict(self._w3c_fields)

    def log(self, msg: object) -> None:
        """Write *msg* to the function's log as it is, without a newline."""
        import logging  # deferred: 9 ms, and only who logs pays; our handler comes with it

        for handler in logging.getLogger().handlers:
            if hasattr(handler, "log_sink"):
                handler.log_sink.log(str(msg))
                return
        sys.stdout.write(str(msg))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(["
            f"aws_request_id={self.aws_request_id},"
            f"log_group_name={self.log_group_name},"
            f"log_stream_name={self.log_stream_name},"
            f"function_name={self.function_name},"
            f"memory_limit_in_mb={self.memory_limit_in_mb},"
            f"function_version={self.function_version},"
            f"invoked_function_arn={self.invoked_function_arn},"
            f"client_context={self.client_context},"
            f"identity={self.identity},"
            f"tenant_id={self.tenant_id}"
            "])"
        )


def function_fields(environ: Any) -> dict[str, str | None]:
    """Return the fields of a context that are the function's, not the invocation's."""
    get = environ.get
    return {
        "log_group_name": get("AWS_LAMBDA_LOG_GROUP_NAME"),
        "log_stream_name": get("AWS_LAMBDA_LOG_STREAM_NAME"),
        "function_name": get("AWS_LAMBDA_FUNCTION_NAME"),
        "memory_limit_in_mb": get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
        "function_version": get("AWS_LAMBDA_FUNCTION_VERSION"),
    }


def __getattr__(name: str) -> object:
    """Return what `_caller` has: it is part of awslambdaric's module (PEP 562)."""
    if name in {"Client", "ClientContext"}:
        from rapid_client import _caller  # deferred: 6 ms, and few ask

        return getattr(_caller, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
