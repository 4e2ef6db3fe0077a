"""boto3, pydantic and requests: an order comes, is checked, kept and passed on. Its package is weighed."""

from decimal import Decimal

import boto3
import loopback
import requests
from pydantic import BaseModel, Field, ValidationError

API = loopback.start()
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
        return {"refused": exc.error_count()}
    S3.put_object(Bucket="orders", Key=f"{order.id}.json", Body=order.model_dump_json().encode())
    passed = SESSION.post(f"{API}/json", json={"id": order.id}, timeout=3)
    return {"kept": order.id, "passed on": passed.status_code}
