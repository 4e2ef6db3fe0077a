"""The smallest function in an image.

docker build -t my-function examples/image/plain
"""

from __future__ import annotations


def handler(event: dict[str, str], context: object) -> dict[str, str]:
    """Greet whoever is named in the event."""
    return {"message": f"Hello, {event.get('name', 'world')}!"}
