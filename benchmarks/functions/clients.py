"""A function that imports what many do, and creates its clients at import: that uses no network."""

# mypy: disable-error-code="import-not-found,import-untyped,misc"

from __future__ import annotations

import boto3
import pydantic
import requests


class Order(pydantic.BaseModel):
    """What a function checks its event with: the validator is built at import."""

    name: str
    count: int = 1


TABLE = boto3.resource("dynamodb").Table("orders")
QUEUE = boto3.client("sqs")
BUCKET = boto3.client("s3")
SESSION = requests.Session()


def handler(event: object, context: object) -> dict[str, bool]:
    """Answer a constant, as functions/trivial.py does."""
    return {"ok": True}
