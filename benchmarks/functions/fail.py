"""A function that fails."""

from __future__ import annotations


def handler(event: dict[str, object], context: object) -> None:
    """Raise an error that names what came."""
    raise ValueError(f"no order of {event['name']!r}")
