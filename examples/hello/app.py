"""A small HTTP API: it greets whoever is named in the path.

rapid invoke app.handler --root examples/hello --event apigateway-http
"""

import json
import logging
import os
from typing import Any

from rapid_client import LambdaContext

logger = logging.getLogger(__name__)
logger.setLevel(os.environ.get("LOG_LEVEL", "INFO"))


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an event of an HTTP API (payload format 2.0) or of a function URL."""
    request = event["requestContext"]["http"]
    name = (event.get("pathParameters") or {}).get("name") or "world"
    greeting = (event.get("queryStringParameters") or {}).get("greeting") or "Hello"
    logger.info("%s %s for %s", request["method"], request["path"], name)
    body = {
        "message": f"{greeting}, {name}!",
        "function": context.function_name,
        "request_id": context.aws_request_id,
        "remaining_ms": context.get_remaining_time_in_millis(),
    }
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json; charset=utf-8"},
        "body": json.dumps(body, ensure_ascii=False),
    }
