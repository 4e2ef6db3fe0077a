"""What is checked."""

from decimal import Decimal

from pydantic import BaseModel, Field


class Order(BaseModel):
    """An order."""

    id: int
    total: Decimal = Field(gt=0)
