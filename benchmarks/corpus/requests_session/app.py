"""A session of requests with retries, made at import."""

import loopback
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

API = loopback.start()
SESSION = requests.Session()
SESSION.mount("http://", HTTPAdapter(max_retries=Retry(total=2, backoff_factor=0.1)))


def handler(event, context):
    """Ask the API, and tell it something."""
    asked = SESSION.get(f"{API}/json", params={"q": event["q"]}, timeout=3)
    asked.raise_for_status()
    told = SESSION.post(f"{API}/json", json={"x": 1}, timeout=3)
    return {"asked": asked.json(), "told": told.status_code}
