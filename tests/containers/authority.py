"""A certificate authority made for the test, and a TLS server on loopback whose certificate it has signed."""

from __future__ import annotations

import http.server
import ssl
import subprocess
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

SAID = "over TLS"


class Hello(http.server.BaseHTTPRequestHandler):
    """Answers every GET with the same."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(SAID)))
        self.end_headers()
        self.wfile.write(SAID.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Write nothing."""


class Server(http.server.ThreadingHTTPServer):
    """A server that does not mind a client that refuses its certificate."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Write nothing."""

    def get_request(self) -> tuple[ssl.SSLSocket, object]:
        """Leave the handshake to the request's own thread."""
        connection, address = self.socket.accept()
        assert isinstance(connection, ssl.SSLSocket)
        return connection, address


class Authority:
    """An authority and its server; use it as a context manager.

    Attributes:
        certificates: The file with its certificate.
        port: Where the server listens on 127.0.0.1.
    """

    def __init__(self, folder: Path) -> None:
        self.certificates, key = folder / "authority.pem", folder / "authority.key"
        leaf, leaf_key = folder / "leaf.pem", folder / "leaf.key"
        new = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2"]
        mine = ["-subj", "/CN=test authority", "-keyout", str(key), "-out", str(self.certificates)]
        mine += ["-addext", "keyUsage=critical,keyCertSign"]
        signed = ["-CA", str(self.certificates), "-CAkey", str(key), "-subj", "/CN=127.0.0.1"]
        signed += ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"]
        for options in mine, [*signed, "-keyout", str(leaf_key), "-out", str(leaf)]:
            subprocess.run([*new, *options], check=True, capture_output=True)
        self.certificates.chmod(0o644)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(leaf, leaf_key)
        self._server = Server(("127.0.0.1", 0), Hello)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
