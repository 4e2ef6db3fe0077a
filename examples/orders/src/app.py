"""An HTTP API for orders: boto3, pydantic, requests and Powertools, as many functions have them.

rapid profile app.handler --root build --event events
"""

import os
from decimal import Decimal
from typing import Any

import boto3
import requests
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from pydantic import BaseModel, PositiveInt, ValidationError

from rapid_client import LambdaContext

PRICES = {"tea": Decimal("3.50"), "coffee": Decimal("4.20")}

logger = Logger(service="orders")
app = APIGatewayHttpResolver()
s3 = boto3.client("s3", region_name=os.environ.get("AWS_REGION", "eu-central-1"))


class Order(BaseModel):
    """What a customer wants."""

    item: str
    count: PositiveInt = 1


@app.exception_handler(ValidationError)
def refuse(error: ValidationError) -> Response[str]:
    """Say what is wrong with an order."""
    return Response(400, "application/json", error.json(include_url=False))


@app.post("/quotes")
def quote() -> dict[str, Any]:
    """Say what an order would cost."""
    order = Order.model_validate(app.current_event.json_body)
    logger.info("quote", item=order.item, count=order.count)
    return {"item": order.item, "total": str(PRICES[order.item] * order.count)}


@app.get("/orders/<number>/receipt")
def receipt(number: str) -> dict[str, str]:
    """Return a link to an order's receipt, which works for five minutes."""
    place = {"Bucket": "receipts", "Key": f"{number}.pdf"}
    return {"url": s3.generate_presigned_url("get_object", Params=place, ExpiresIn=300)}


@app.post("/orders")
def order() -> dict[str, Any]:
    """Take an order: have it paid."""
    wanted = Order.model_validate(app.current_event.json_body)
    paid = requests.post(os.environ["PAYMENTS_URL"], json=wanted.model_dump(), timeout=3)
    paid.raise_for_status()
    return {"payment": paid.json()["id"]}


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an event of an HTTP API."""
    return app.resolve(event, context)
