"""The function that every template here deploys, whichever way: it says who runs it.

It imports nothing of the runtime's, so it can be switched over, and back, as it is.
"""

import os
import platform
import sys
from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    """Greet whoever the event names, and name the client, the Python and the architecture."""
    return {
        "message": f"{os.environ.get('GREETING', 'Hello')}, {event.get('name', 'world')}!",
        "client": "rapid_client" if "rapid_client" in sys.modules else "awslambdaric",
        "python": platform.python_version(),
        "architecture": platform.machine(),
        "request_id": context.aws_request_id,
    }
