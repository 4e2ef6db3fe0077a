"""Another route."""

from routes.table import route


@route("part")
def part(event):
    """Say goodbye."""
    return f"goodbye {event['name']}"
