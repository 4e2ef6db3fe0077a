"""The Python floor: the least that a client of the Lambda Runtime API can do in Python, in one file.

``_socket`` and ``_json`` (the C halves of ``socket`` and ``json``), the head into a dictionary, the body
through the scanner, the handler called, its result through the encoder. No context, no errors, no logging,
nothing of what makes a runtime usable: it exists to be compared with. Run it as ``python -S floor.py``.
"""

from __future__ import annotations

from _json import encode_basestring, make_encoder, make_scanner
from _socket import AF_INET, SOCK_STREAM, socket
from posix import environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SIZE = 65536  # above malloc's mmap threshold (128 KB) each recv would be an mmap and an munmap


class Rules:
    """What the C scanner wants to know, each as ``json.JSONDecoder`` has it by default."""

    strict = True
    object_hook = object_pairs_hook = array_hook = None
    parse_float, parse_int, parse_constant = float, int, float


def handler(event: object, context: object) -> dict[str, bool]:
    """Answer a constant, as functions/trivial.py does."""
    return {"ok": True}


def receive_more(sock: socket, headers: dict[str, str], body: bytes) -> bytes:
    """Return the whole body of a reply whose head and first bytes have come."""
    length = headers.get("content-length")
    if length is not None:
        while len(body) < int(length):
            body += sock.recv(SIZE)
        return body
    while not body.endswith(b"0\r\n\r\n"):
        body += sock.recv(SIZE)
    at, parts = 0, list[bytes]()
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end], 16)
        if not size:
            return b"".join(parts)
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 4 + size


def main() -> None:
    """Serve invocations until the Runtime API closes the connection."""
    api = environ[b"AWS_LAMBDA_RUNTIME_API"]
    host, _, port = api.decode().partition(":")
    sock = socket(AF_INET, SOCK_STREAM)
    sock.connect((host, int(port)))
    rules: Any = Rules()
    scan = make_scanner(rules)
    encode: Any = make_encoder(None, repr, encode_basestring, None, ":", ",", False, False, True)
    next_request = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %b\r\n\r\n" % api
    response = (
        b"POST /2018-06-01/runtime/invocation/%b/response HTTP/1.1\r\nHost: " + api + b"\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    )
    while True:
        sock.sendall(next_request)
        data = sock.recv(SIZE)
        if not data:
            return
        head, _, body = data.partition(b"\r\n\r\n")
        headers = {}
        for line in head.decode("latin-1").split("\r\n")[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        event = scan(receive_more(sock, headers, body).decode(), 0)[0]
        result = "".join(encode(handler(event, None), 0)).encode()
        request_id = headers["lambda-runtime-aws-request-id"].encode()
        sock.sendall(response % (request_id, len(result), result))
        if not sock.recv(SIZE).startswith(b"HTTP/1.1 202"):
            return


main()
