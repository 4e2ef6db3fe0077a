"""The events that are sent: real ones are read from events/, the smallest and the largest are made here."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

EVENTS = Path(__file__).parent / "events"

LARGE = 5_000_000
"""Bytes of the large event: its echo stays under 6,291,556, even with spaces after separators."""

LIMIT = 2048
"""The most bytes that the Runtime API's server sends with a Content-Length; longer events come chunked."""


def compact(value: object) -> bytes:
    """Write *value* as Lambda's services do: UTF-8, no spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def large_event(size: int) -> bytes:
    """Return an event of about *size* bytes, made of records as a stream or a table scan has them."""
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
    """Return the event called *name*: ``16``, ``apigw-small``, ``apigw``, ``sqs-100`` or ``5mb``."""
    if name == "16":
        return b'{"name":"World"}'
    if name == "5mb":
        return large_event(LARGE)
    return compact(json.loads((EVENTS / f"{name}.json").read_bytes()))
