"""A table of DynamoDB as a resource, made at import: it writes and queries."""

from decimal import Decimal

import boto3
import loopback
from boto3.dynamodb.conditions import Key

TABLE = boto3.resource("dynamodb", region_name="eu-west-1", endpoint_url=loopback.start()).Table("orders")


def handler(event, context):
    """Write the event's item, or query its key."""
    if "item" in event:
        TABLE.put_item(Item={"pk": event["item"], "total": Decimal("1.5")})
        return {"written": event["item"]}
    found = TABLE.query(KeyConditionExpression=Key("pk").eq(event["key"]))
    return {"items": [{"pk": each["pk"], "n": str(each["n"])} for each in found["Items"]]}
