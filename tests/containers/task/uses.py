"""A function that uses what its interpreter has linked in, and says what came of it."""

from __future__ import annotations

import asyncio
import bz2
import ctypes
import datetime as dt
import decimal
import hashlib
import http.client
import lzma
import os
import sqlite3
import ssl
import sys
import unittest
import zlib
import zoneinfo
from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer an event of an HTTP API."""
    return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": event["rawPath"]}


def use(event: Any, context: Any) -> dict[str, Any]:
    """Use each part, and answer with its result."""
    import orjson
    import snapshot_restore_py

    del snapshot_restore_py
    return {
        "user": [os.getuid(), os.getgid()],
        "version": list(sys.version_info[:2]),
        "hash": sys.hash_info.algorithm,
        "sqlite3": sqlite3.connect(":memory:").execute("select 6 * 7").fetchone()[0],
        "ctypes": called_back(),
        "asyncio": asyncio.run(doubled(21)),
        "uvloop": on_uvloop(),
        "decimal": str(decimal.Decimal(1) / decimal.Decimal(7)),
        "orjson": orjson.dumps({"n": 1}).decode(),
        "orjson from": orjson.__file__,
        "zone": offset_in("Europe/Berlin"),
        "packed": [len(pack(bytes(100_000))) < 1000 for pack in (zlib.compress, bz2.compress, lzma.compress)],
        "sha256": hashlib.sha256(b"").hexdigest()[:8],
        "unittest": unittest.TestCase.__name__,
        "argv": sys.orig_argv,
    }


def called_back() -> list[int]:
    """Sort by libc's qsort, which calls back."""
    signature = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    numbers = (ctypes.c_int * 3)(3, 1, 2)
    ctypes.CDLL(None).qsort(numbers, 3, ctypes.sizeof(ctypes.c_int), signature(lambda a, b: a[0] - b[0]))
    return list(numbers)


async def doubled(number: int) -> int:
    """Double, later."""
    await asyncio.sleep(0)
    return 2 * number


def on_uvloop() -> list[Any]:
    """Run on uvloop, whose module is then the loop's."""
    import uvloop

    async def name() -> str:
        await asyncio.sleep(0.001)
        return type(asyncio.get_running_loop()).__module__

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return [runner.run(name())]


def offset_in(zone: str) -> float:
    """Return a summer day's hours from UTC; no data but tzdata's is there."""
    if os.path.exists("/usr/share/zoneinfo"):
        raise RuntimeError("there is /usr/share/zoneinfo, so this would prove nothing")
    moment = dt.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo(zone))
    offset = moment.utcoffset()
    return offset.total_seconds() / 3600 if offset else 0.0


def handshake(event: int, context: Any) -> str:
    """Speak TLS with the server on this port, if who signed its certificate is in the system's file."""
    connection = http.client.HTTPSConnection(
        "127.0.0.1", event, timeout=20, context=ssl.create_default_context()
    )
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    except ssl.SSLCertVerificationError as exc:
        return exc.verify_message
    finally:
        connection.close()


def which_orjson(event: Any, context: Any) -> list[str]:
    """Say which orjson an import finds."""
    import orjson

    return [orjson.__version__, orjson.__file__]


def variable(event: str, context: Any) -> str | None:
    """Answer with the environment variable that the event names."""
    return os.environ.get(event)
