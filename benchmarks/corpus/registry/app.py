"""Routes that register themselves when their module is imported."""

import routes.greet
import routes.part  # registers its route, too
from routes.table import ROUTES


def handler(event, context):
    """Call the event's route."""
    return ROUTES[event["route"]](event)
