"""redis: a cache that is away, which the function gets along with."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

CACHE = redis.Redis(host="127.0.0.1", port=1, decode_responses=True, retry=Retry(NoBackoff(), 0))


def handler(event, context):
    """Ask the cache, and say how that fails."""
    try:
        CACHE.pipeline().set("a", 1).get("a").execute()
    except redis.exceptions.ConnectionError as exc:
        return type(exc).__name__
    return "there is a cache"
