"""A function that returns its event, so that decoding and encoding are both paid for."""

from __future__ import annotations


def handler(event: object, context: object) -> object:
    """Return the event."""
    return event
