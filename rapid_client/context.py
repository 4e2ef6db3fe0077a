"""The context object that a handler gets as its second argument.

Names, fields and texts are awslambdaric 4.2.2's, since handlers and their tests rely on them
(AWS docs: Using the Lambda context object to retrieve Python function information).
"""

from __future__ import annotations

import sys
from time import time

from rapid_client.errors import FaultError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

#: The fields of the client context's ``w3c`` object that reach `LambdaContext.w3c`.
W3C_FIELDS: Final = ("traceparent", "tracestate", "baggage")


class _Record:
    """An object with a fixed set of fields, made from a dict: unknown keys are dropped, missing ones None."""

    __slots__: tuple[str, ...] = ()

    def __repr__(self) -> str:
        fields = ",".join(f"{name}={getattr(self, name)}" for name in self.__slots__)
        return f"{type(self).__name__}([{fields}])"


class CognitoIdentity(_Record):
    """Who called, as Amazon Cognito knows it."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    cognito_identity_id: str | None
    cognito_identity_pool_id: str | None

    def __init__(self) -> None:
        self.cognito_identity_id = self.cognito_identity_pool_id = None


class Client(_Record):
    """The mobile application that called."""

    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


class ClientContext(_Record):
    """What the caller sent along in ``X-Amz-Client-Context``."""

    __slots__ = ("custom", "env", "client")

    custom: Any
    env: Any
    client: Any


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
        import os  # deferred: 7 modules, 2 ms; the runtime's own way to a context reads the variables once

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


def parse(name: str, text: str) -> Any:
    """Parse the JSON of a header.

    Args:
        name: What the header is called in an error's text: ``Client Context`` or ``Cognito Identity``.
        text: Its value.

    Raises:
        FaultError: If it is no JSON.
    """
    import json  # deferred: 5.8 ms, and few callers send such a header

    try:
        return json.loads(text)
    except Exception as exc:
        message = f"Unable to parse {name} JSON: {exc}"
        raise FaultError("Runtime.LambdaContextUnmarshalError", message) from None


def take_w3c(client_context: Any) -> dict[str, str]:
    """Take ``w3c`` out of a parsed client context; return those of its known fields that are text."""
    w3c = client_context.pop("w3c", None) if isinstance(client_context, dict) else None
    if not isinstance(w3c, dict):
        return {}
    return {name: w3c[name] for name in W3C_FIELDS if isinstance(w3c.get(name), str)}


def client_context_from(parsed: Any) -> ClientContext | None:
    """Return the client context as an object; None for None."""
    if parsed is None:
        return None
    context: ClientContext = _fill(ClientContext(), parsed)
    if context.client is not None:
        context.client = _fill(Client(), context.client)
    return context


def identity_from(parsed: Any) -> CognitoIdentity:
    """Return the caller's identity; both fields are None for None."""
    identity = CognitoIdentity()
    if parsed is not None:
        identity.cognito_identity_id = parsed.get("cognitoIdentityId")
        identity.cognito_identity_pool_id = parsed.get("cognitoIdentityPoolId")
    return identity


def _fill(record: Any, fields: Any) -> Any:
    """Set each field of *record* from the dict *fields*."""
    for name in record.__slots__:
        setattr(record, name, fields.get(name))
    return record
