"""A function that imports what many do before they serve their first event; it uses none of it."""

# mypy: disable-error-code="import-not-found,import-untyped"

from __future__ import annotations

import boto3
import pydantic
import requests


def handler(event: object, context: object) -> dict[str, bool]:
    """Answer whether all are here, which they are."""
    return {"ok": all((boto3, pydantic, requests))}
