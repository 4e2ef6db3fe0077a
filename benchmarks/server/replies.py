"""What is sent: byte by byte as the real Runtime API sends it, made ahead of the run.

That is Go's header order with ``Date``, and events over 2,048 bytes chunked.
"""

from __future__ import annotations

import random
import time
import uuid
from typing import Final

from benchmarks.payloads import LIMIT

DATE: Final = b"Date: Sat, 21 Nov 2026 09:23:41 GMT\r\n"
ACCEPTED: Final = (
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n" + DATE + b"Content-Length: 16\r\n\r\n"
    b'{"status":"OK"}\n'
)
NEXT: Final = b"GET /2018-06-01/runtime/invocation/next "
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
ARN: Final = "arn:aws:lambda:eu-central-1:123456789012:function:benchmark"
MANY: Final = 10_240
"""Replies, each with a trace id of its own as in Lambda: whatever a client keeps of one, it keeps of all."""

ALL: Final = 8_000_000
"""Bytes of events in all replies together, where that is fewer of them."""


class Reply:
    """A canned reply to ``GET /next``: the bytes to send, and how the path of the answer must begin.

    `behind` is the same with the 202 for the invocation before in front of it.
    """

    __slots__ = ("answer", "behind", "wire")

    def __init__(self, event: bytes, request_id: str, deadline: int, outcome: str = "response") -> None:
        """Format the reply that carries *event*, with *deadline* in milliseconds since 1970.

        *outcome* is where the answer must go to: "response", or "error".
        """
        trace_id = request_id.replace("-", "")
        head = (
            "HTTP/1.1 200 OK\r\n"
            "Content-Type: application/json\r\n"
            f"Lambda-Runtime-Aws-Request-Id: {request_id}\r\n"
            f"Lambda-Runtime-Deadline-Ms: {deadline}\r\n"
            f"Lambda-Runtime-Invoked-Function-Arn: {ARN}\r\n"
            f"Lambda-Runtime-Trace-Id: Root=1-{trace_id[:8]}-{trace_id[8:]};"
            f"Parent={trace_id[:16]};Sampled=0\r\n"
        ).encode() + DATE
        if len(event) <= LIMIT:
            self.wire = head + b"Content-Length: %d\r\n\r\n%b" % (len(event), event)
        else:
            self.wire = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
                len(event),
                event,
            )
        self.behind = ACCEPTED + self.wire
        self.answer = f"POST /2018-06-01/runtime/invocation/{request_id}/{outcome} ".encode()


def replies(event: bytes, outcome: str = "response") -> list[Reply]:
    """Return replies that carry *event* under different request ids: `MANY`, fewer if it is large.

    They must be answered with *outcome*: "response", or "error".
    """
    deadline = int(time.time() * 1000) + 900_000
    source = random.Random(len(event))
    count = max(2, min(MANY, ALL // len(event)))
    ids = [str(uuid.UUID(int=source.getrandbits(128), version=4)) for _ in range(count)]
    return [Reply(event, request_id, deadline, outcome) for request_id in ids]
