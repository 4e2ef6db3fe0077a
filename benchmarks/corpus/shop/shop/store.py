"""Orders are kept; the client is made when it is first needed."""

import functools

import boto3
import loopback
from boto3.dynamodb.conditions import Key

from shop.models import Order


@functools.cache
def table():
    """Return the table."""
    resource = boto3.resource("dynamodb", region_name="eu-west-1", endpoint_url=loopback.start())
    return resource.Table("orders")


def save(order: Order):
    """Write an order."""
    table().put_item(Item={"pk": str(order.id), "total": order.total})


def read(key):
    """Return the keys of what is found."""
    return [each["pk"] for each in table().query(KeyConditionExpression=Key("pk").eq(key))["Items"]]
