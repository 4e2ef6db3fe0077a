"""What the caller sent along: the client context and the Cognito identity. Few do.

Names, fields and texts are awslambdaric 4.2.2's (AWS docs: Using the Lambda context object to retrieve Python
function information).
"""

from __future__ import annotations

from rapid_client._protocol import text
from rapid_client.context import CognitoIdentity, show_fields
from rapid_client.errors import FaultError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

#: The fields of the client context's ``w3c`` object that reach `LambdaContext.w3c`.
W3C_FIELDS: Final = ("traceparent", "tracestate", "baggage")


class Client:
    """The mobile application that called."""

    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
    __repr__ = show_fields


class ClientContext:
    """What the caller sent along in ``X-Amz-Client-Context``."""

    __slots__ = ("custom", "env", "client")
    __repr__ = show_fields

    custom: Any
    env: Any
    client: Any


def add_caller(fields: dict[str, Any], client_context: bytes | None, identity: bytes | None) -> None:
    """Add to the *fields* of a context what two headers say, None where one is absent.

    Raises:
        FaultError: If one is no JSON.
    """
    if client_context:
        parsed = parse("Client Context", text(client_context))
        fields["_w3c_fields"] = take_w3c(parsed)
        fields["client_context"] = client_context_from(parsed)
    fields["identity"] = identity_from(parse("Cognito Identity", text(identity)) if identity else None)


def parse(name: str, value: str) -> Any:
    """Parse the JSON of a header.

    Args:
        name: What the header is called in an error's text: ``Client Context`` or ``Cognito Identity``.
        value: Its text.

    Raises:
        FaultError: If it is no JSON.
    """
    import json  # deferred: 5.8 ms; tests make contexts without a header

    try:
        return json.loads(value)
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
