"""A function that answers which modules were loaded just before it was imported."""

from __future__ import annotations

import sys

LOADED = sorted(sys.modules)


def handler(event: object, context: object) -> list[str]:
    """Return the names that were in ``sys.modules`` when this file began to run, its own among them."""
    return LOADED
