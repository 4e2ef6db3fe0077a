"""Invoke a function once through the emulator on this network namespace's loopback; print what it answered.

``caller.py PORT HEADERS <EVENT``, run on its own in a container's network namespace.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
import time

PATH = "/2015-03-31/functions/function/invocations"
PATIENCE = 30


def main(port: int, headers: dict[str, str], event: bytes) -> None:
    """Wait until the emulator listens, then ask it once."""
    limit = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
            break
        except ConnectionRefusedError:
            if time.monotonic() > limit:
                sys.exit(f"nobody listens on port {port}")
            time.sleep(0.02)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("POST", PATH, event, headers)
    answer = connection.getresponse()
    print(json.dumps({"status": answer.status, "body": answer.read().decode()}))


main(int(sys.argv[1]), json.loads(sys.argv[2]), sys.stdin.buffer.read())
