"""aiohttp: requests at the same time, in a loop of the event's own."""

import asyncio

import aiohttp
import loopback

API = loopback.start()


async def _get(session, number):
    async with session.get(f"{API}/json", params={"n": number}) as answer:
        return await answer.json()


async def _all(count):
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
        return await asyncio.gather(*(_get(session, number) for number in range(count)))


def handler(event, context):
    """Ask the API so many times at once."""
    return asyncio.run(_all(event["count"]))
