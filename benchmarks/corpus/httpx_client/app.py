"""A client of httpx made at import, and one that is asynchronous for each event."""

import asyncio

import httpx
import loopback

API = loopback.start()
CLIENT = httpx.Client(base_url=API, timeout=3)


async def _both():
    async with httpx.AsyncClient(base_url=API, timeout=3) as client:
        answers = await asyncio.gather(client.get("/json"), client.get("/json"))
    return [answer.json() for answer in answers]


def handler(event, context):
    """Ask the API once, or twice at the same time."""
    if event.get("both"):
        return asyncio.run(_both())
    answer = CLIENT.get("/json", params={"q": event["q"]})
    return {"status": answer.status_code, "json": answer.json()}
