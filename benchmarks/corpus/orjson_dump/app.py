"""orjson: what json does not know, written and read."""

import datetime as dt
import uuid
from dataclasses import dataclass

import orjson


@dataclass
class Reading:
    """A reading."""

    id: uuid.UUID
    at: dt.datetime
    value: float


def handler(event, context):
    """Write the event's value as a reading, and read it again."""
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    text = orjson.dumps(Reading(uuid.UUID(int=1), at, event["value"]), option=orjson.OPT_SORT_KEYS)
    return {"text": text.decode(), "again": orjson.loads(text)["value"]}
