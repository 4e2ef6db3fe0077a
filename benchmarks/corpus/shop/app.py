"""Six routes over most of what people install; a cold call mostly takes one of them, which is `save`."""

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from shop import models, notify, page, report, sign, store

logger = Logger(service="shop")


def save(event):
    """Write an order."""
    order = models.Order(id=event["id"], total=event["total"])
    store.save(order)
    return {"saved": order.id}


def read(event):
    """Read orders."""
    return {"items": store.read(event["id"])}


ROUTES = {
    "save": save,
    "read": read,
    "report": lambda event: report.monthly(event["rows"]),
    "notify": lambda event: notify.send(models.Order(id=event["id"], total="1")),
    "page": lambda event: page.render(event["name"]),
    "sign": lambda event: sign.sign(event["user"]),
}


def handler(event: dict, context: LambdaContext):
    """Take the event's route."""
    logger.info("called", extra={"route": event["route"]})
    return ROUTES[event["route"]](event)
