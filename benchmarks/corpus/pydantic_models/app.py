"""Models that check an order, and say what is wrong with it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, TypeAdapter, ValidationError, field_validator


class Status(str, Enum):
    """Where an order is."""

    new = "new"
    done = "done"


class Line(BaseModel):
    """One line of an order."""

    sku: Annotated[str, Field(min_length=1, pattern=r"^[A-Z]+$")]
    qty: int = Field(gt=0)
    price: Decimal


class Order(BaseModel):
    """An order."""

    model_config = ConfigDict(extra="forbid")
    id: UUID
    when: dt.datetime
    status: Status = Status.new
    kind: Literal["a", "b"] = "a"
    url: HttpUrl | None = None
    lines: list[Line]

    @field_validator("lines")
    @classmethod
    def some(cls, lines):
        """Refuse an order of nothing."""
        if not lines:
            raise ValueError("no lines")
        return lines


ORDERS = TypeAdapter(list[Order])


def handler(event, context):
    """Check the event's orders."""
    try:
        orders = ORDERS.validate_python(event["orders"])
    except ValidationError as exc:
        return {"wrong": exc.error_count(), "first": exc.errors()[0]["type"]}
    schema = sorted(Order.model_json_schema()["properties"])
    return {"orders": [order.model_dump_json() for order in orders], "schema": schema}
