"""rapid_client: run Python functions on AWS Lambda, and lose no time over it.

`LambdaContext` is for annotations and tests. Everything else is started from outside: ``./bootstrap``,
``python -m rapid_client app.handler`` or, on your own machine, ``rapid invoke``.
"""

__version__ = "0.1.0"
__all__ = ["LambdaContext", "__version__"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rapid_client.context import LambdaContext


def __getattr__(name: str) -> object:
    """Resolve a public name upon its first use (PEP 562): importing this package costs next to nothing."""
    if name == "LambdaContext":
        from rapid_client.context import LambdaContext  # deferred: who runs no function needs none

        return LambdaContext
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
