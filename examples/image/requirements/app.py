"""A function with a package from requirements.txt: it checks the event with pydantic.

docker build -t my-function examples/image/requirements
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Order(BaseModel):
    """What the event must be."""

    item: str
    count: int


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer with the order as it was understood."""
    return Order.model_validate(event).model_dump()
