"""Text that must fit into a message."""

from __future__ import annotations


def shorten(text: str, most: int) -> str:
    """Return *text*, cut off with ``...`` where it has more than *most* characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."
