"""What stays on your machine: a mock Runtime API, and functions run against it.

`LocalFunction` runs a function in the real runtime, `invoke` runs it once. `MockRuntimeApi` is the server
that both stand on, for tests of runtimes in any language.

Needs the extra ``local``. Names are resolved on first use, so that a missing package is said in one line.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rapid_client.local._mock.faults import Close, Fault, Reply
    from rapid_client.local._mock.model import (
        InvokeOptions,
        MockClosedError,
        MockError,
        MockSettings,
        Outcome,
        RecordedRequest,
    )
    from rapid_client.local._mock.server import MockRuntimeApi, Pending
    from rapid_client.local.environment import FunctionOptions
    from rapid_client.local.function import InvokeResult, LocalFunction, invoke

__all__ = [
    "Close",
    "Fault",
    "FunctionOptions",
    "InvokeOptions",
    "InvokeResult",
    "LocalFunction",
    "MockClosedError",
    "MockError",
    "MockRuntimeApi",
    "MockSettings",
    "Outcome",
    "Pending",
    "RecordedRequest",
    "Reply",
    "invoke",
]

_HOMES = {
    "_mock.faults": ("Close", "Fault", "Reply"),
    "_mock.model": (
        "InvokeOptions",
        "MockClosedError",
        "MockError",
        "MockSettings",
        "Outcome",
        "RecordedRequest",
    ),
    "_mock.server": ("MockRuntimeApi", "Pending"),
    "environment": ("FunctionOptions",),
    "function": ("InvokeResult", "LocalFunction", "invoke"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            try:
                return getattr(import_module(f"rapid_client.local.{home}"), name)
            except ModuleNotFoundError as exc:
                problem = _obstacle()
                if problem is None:
                    raise
                raise ImportError(problem, name=exc.name) from None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _obstacle() -> str | None:
    """Return the line that `rapid` would print, too: the package that is missing, and what brings it."""
    from rapid_client._command import PACKAGES, obstacle  # noqa: PLC0415, the command's, wanted by failures only

    return obstacle(sys.platform, PACKAGES)


def __dir__() -> list[str]:
    return sorted(__all__)
