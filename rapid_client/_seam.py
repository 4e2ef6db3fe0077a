"""What libraries reach for in awslambdaric's ``bootstrap`` module, built when one of them asks.

Sentry's integration (sentry-sdk 2.75, ``AwsLambdaIntegration``) takes ``__main__.bootstrap``, replaces its
``handle_event_request`` by a wrapper that wraps the handler, and the three ``post_*`` functions of its
``LambdaRuntimeClient`` by wrappers that send what is queued before they post. Without that seam it warns and
stays off. The loop goes through it only once somebody has asked.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rapid_client._client import Client
    from rapid_client._handler import Handler
    from rapid_client._protocol import Invocation
    from rapid_client._refusal import Refusal


class Seam:
    """The stand-in for awslambdaric's ``bootstrap`` module: its attributes may be replaced.

    Args:
        client: What really posts.

    Attributes:
        LambdaRuntimeClient: A class whose methods may be replaced.
        handle_event_request: Called as ``(lambda_runtime_client, request_handler, *args)``.
    """

    def __init__(self, client: Client) -> None:
        self.LambdaRuntimeClient: Any = runtime_client_class()
        self._poster = self.LambdaRuntimeClient(client)
        self.handle_event_request: Callable[..., None] = self._handle
        self.answer: Callable[[Handler, Invocation], None] | None = None

    def _handle(self, _client: object, handler: Handler, invocation: Invocation) -> None:
        if self.answer is not None:
            self.answer(handler, invocation)

    # What the loop calls; each looks up the possibly replaced function when it is called.

    def handle(self, handler: Handler, invocation: Invocation) -> None:
        """Run *handler* on *invocation*, through whatever wraps that."""
        self.handle_event_request(self._poster, handler, invocation)

    def post_response(self, *args: Any) -> Refusal | None:
        """Post a response, through whatever wraps that."""
        refusal: Refusal | None = self._poster.post_invocation_result(*args)
        return refusal

    def post_error(self, *args: Any) -> Refusal | None:
        """Post an error, through whatever wraps that."""
        refusal: Refusal | None = self._poster.post_invocation_error(*args)
        return refusal

    def post_init_error(self, error_type: str, body: bytes) -> Refusal | None:
        """Post an init error, through whatever wraps that; wrappers get the body as text."""
        refusal: Refusal | None = self._poster.post_init_error(body.decode(), error_type)
        return refusal


def runtime_client_class() -> Any:
    """Return a new class with the methods that are replaced; a new one, so that nothing is shared."""

    class LambdaRuntimeClient:
        """Posts what it is given."""

        def __init__(self, client: Client) -> None:
            self._client = client

        def post_invocation_result(
            self, invocation: Invocation, body: bytes, content_type: bytes
        ) -> Refusal | None:
            return self._client.respond(invocation, body, content_type)

        def post_invocation_error(self, invocation: Invocation, body: bytes, extra: bytes) -> Refusal | None:
            return self._client.fail(invocation, body, extra)

        def post_init_error(self, body: str, error_type: str) -> Refusal | None:
            return self._client.post_init_error(error_type, body.encode())

    return LambdaRuntimeClient
