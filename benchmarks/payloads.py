"""The events that are sent: real ones are read from events/, the others are made here."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final

EVENTS: Final = Path(__file__).parent / "events"

MADE: Final = {"100kb": 100_000, "1mb": 1_000_000, "5mb": 5_000_000}
"""Bytes of the large events: an echo of the largest, with spaces after separators, is under 6,291,556."""

LIMIT: Final = 2048
"""The most bytes that the Runtime API's server sends with a Content-Length; longer events come chunked."""


def compact(value: object) -> bytes:
    """Write *value* as Lambda's services do: UTF-8, no spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def large_event(size: int) -> bytes:
    """Return an event of *size* bytes or up to 600 more, of records as a stream or a table scan has them."""
    record = {
        "id": "5f6c2d7e-0b1a-4c3d-8e9f-a0b1c2d3e4f5",
        "name": "Zoë Müller",
        "total": 129.95,
        "count": 42,
        "paid": True,
        "note": None,
        "tags": ["new", "priority", "eu-central-1"],
        "text": "the quick brown fox jumps over the lazy dog " * 8,
    }
    return compact({"records": [record] * (size // (len(compact(record)) + 1) + 1)})


@cache
def event(name: str) -> bytes:
    """Return the event called *name*: ``16``, one of `MADE`, or a file in events/ without its ending."""
    if name == "16":
        return b'{"name":"World"}'
    if name in MADE:
        return large_event(MADE[name])
    return compact(json.loads((EVENTS / f"{name}.json").read_bytes()))
