"""A function that logs one line, as most do."""

from __future__ import annotations

import logging

logger = logging.getLogger()
logger.setLevel(logging.INFO)


def handler(event: dict[str, object], context: object) -> dict[str, bool]:
    """Log a line that names what came, and answer a constant."""
    logger.info("hello, %s", event["name"])
    return {"ok": True}
