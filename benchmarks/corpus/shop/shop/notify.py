"""Somebody is told."""

import loopback
import requests
from jinja2 import Template

from shop.models import Order


def send(order: Order):
    """Tell about an order."""
    text = Template("order {{ order.id }}").render(order=order)
    return requests.post(f"{loopback.start()}/json", data=text, timeout=3).status_code
