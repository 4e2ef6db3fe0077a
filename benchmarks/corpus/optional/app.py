"""Packages that are used where they are installed, and are not."""

try:
    import ujson_missing as json
except ImportError:
    import json

try:
    from fast_missing import fast
except ImportError:
    fast = None


def handler(event, context):
    """Say what is there."""
    return [json.dumps(event), fast is None]
