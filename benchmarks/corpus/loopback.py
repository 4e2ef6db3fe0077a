"""A server on this machine's loopback that stands for the services a function calls; it imports what they do.

The functions' runs have no network: what they call runs in their own process, on a port that is free.
"""

import socket
import threading

LISTING = (
    '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>'
    "<KeyCount>1</KeyCount><Contents><Key>k1</Key><Size>3</Size>"
    "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>"
)
ITEMS = '{"Items":[{"pk":{"S":"a"},"n":{"N":"1.5"}}],"Count":1}'
COMPLETION = (
    '{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
    '"finish_reason":"stop","message":{"role":"assistant","content":"hello"}}]}'
)
MESSAGE = (
    '{"id":"1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hello"}],'
    '"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}'
)


def start() -> str:
    """Start the server; return its address as a URL. It ends with the process."""
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(server,), daemon=True).start()
    return f"http://127.0.0.1:{server.getsockname()[1]}"


def _accept(server: socket.socket) -> None:
    while True:
        connection, _ = server.accept()
        threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    """Answer the requests of one connection until its other end has gone."""
    with connection, connection.makefile("rb") as stream:
        while line := stream.readline():
            method, path, _ = line.decode().split()
            headers = dict(_headers(stream))
            if "expect" in headers:  # botocore waits for this before it sends a body
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            stream.read(int(headers.get("content-length", 0)))
            status, kind, body = _answer(method, path, headers.get("x-amz-target", ""))
            head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + (b"" if method == "HEAD" else body.encode()))


def _headers(stream):
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        yield name.lower(), value.strip()


def _answer(method, path, target):
    """Return the status, the content type and the body."""
    if method == "HEAD":
        return (404 if "missing" in path else 200), "application/xml", ""
    if method == "PUT":  # S3: what has a body there must be XML
        return 200, "application/xml", ""
    if target:
        return 200, "application/x-amz-json-1.0", ITEMS if target.endswith(("Query", "Scan")) else "{}"
    if "chat/completions" in path:
        return 200, "application/json", COMPLETION
    if path.startswith("/v1/messages"):
        return 200, "application/json", MESSAGE
    if "list-type=2" in path:
        return 200, "application/xml", LISTING
    return 200, "application/json", '{"ok": true}'
