"""boto3, pydantic, requests and Powertools' logger: an order comes, is checked, kept and passed on."""

from decimal import Decimal

import boto3
import loopback
import requests
from aws_lambda_powertools import Logger
from pydantic import BaseModel, Field, ValidationError

API = loopback.start()
logger = Logger(service="orders")
S3 = boto3.client("s3", region_name="eu-west-1", endpoint_url=API)
SESSION = requests.Session()


class Order(BaseModel):
    """An order."""

    id: int
    total: Decimal = Field(gt=0)


def handler(event, context):
    """Keep an order."""
    try:
        order = Order.model_validate(event)
    except ValidationError as exc:
        logger.warning("refused", extra={"errors": exc.error_count()})
        return {"refused": exc.error_count()}
    S3.put_object(Bucket="orders", Key=f"{order.id}.json", Body=order.model_dump_json().encode())
    passed = SESSION.post(f"{API}/json", json={"id": order.id}, timeout=3)
    return {"kept": order.id, "passed on": passed.status_code}
