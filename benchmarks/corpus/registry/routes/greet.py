"""A route."""

from routes.table import route


@route("greet")
def greet(event):
    """Greet."""
    return f"hello {event['name']}"
