"""What stays on your machine: a mock Runtime API to test runtimes and functions against.

Needs the extra ``local``. Names are resolved on first use, so that the command line can say so in one line.
"""

from __future__ import annotations

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

__all__ = [
    "Close",
    "Fault",
    "InvokeOptions",
    "MockClosedError",
    "MockError",
    "MockRuntimeApi",
    "MockSettings",
    "Outcome",
    "Pending",
    "RecordedRequest",
    "Reply",
]

_HOMES = {
    "faults": ("Close", "Fault", "Reply"),
    "model": ("InvokeOptions", "MockClosedError", "MockError", "MockSettings", "Outcome", "RecordedRequest"),
    "server": ("MockRuntimeApi", "Pending"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"rapid_client.local._mock.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
