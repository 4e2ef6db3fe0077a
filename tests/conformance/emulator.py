"""The real Runtime Interface Emulator as a process on loopback, asked one thing at a time."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INVOKE: Final = "/2015-03-31/functions/function/invocations"
#: Seconds within which it answers; its own time limit for a function is shorter.
PATIENCE: Final = 30.0


@dataclass(frozen=True)
class Answer:
    """What the caller of the function gets."""

    status: int
    body: bytes


class Asked(threading.Thread):
    """An invocation on its way, for those who play the runtime themselves."""

    def __init__(self, emulator: Emulator, event: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(daemon=True)
        self._emulator, self._event, self._headers = emulator, event, headers
        self._answer: Answer | None = None
        self.start()

    def run(self) -> None:
        """Ask; an emulator that ends first has no answer."""
        try:
            self._answer = self._emulator.invoke(self._event, self._headers)
        except (OSError, http.client.HTTPException):
            pass

    def body(self) -> bytes:
        """Wait for the answer's body."""
        self.join(PATIENCE)
        assert self._answer is not None, "the emulator gave no answer"
        return self._answer.body


class Emulator:
    """One emulator with one runtime.

    Args:
        binary: The emulator.
        command: What it starts as the runtime.
        folder: The runtime's working directory.
        environ: The whole environment of both.
    """

    def __init__(
        self, binary: Path, command: Sequence[str], folder: Path, environ: Mapping[str, str]
    ) -> None:
        self.address, self._front = (f"127.0.0.1:{port}" for port in _free_ports())
        options = ["--runtime-api-address", self.address]
        options += ["--runtime-interface-emulator-address", self._front, "--log-level", "error"]
        # Its own session: Ctrl-C in the terminal is ours to handle.
        self._process = subprocess.Popen(
            [str(binary), *options, *command],
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it and its runtime, which is in a process group of its own."""
        runtimes = _children(self._process.pid)
        self._process.kill()
        self._process.wait()
        for child in runtimes:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def invoke(self, event: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Invoke the function; never twice at the same time, which ends the emulator."""
        connection = http.client.HTTPConnection(self._front, timeout=PATIENCE)
        try:
            connection.request("POST", INVOKE, event, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.read())
        finally:
            connection.close()

    def ask(self, event: bytes, headers: Mapping[str, str] | None = None) -> Asked:
        """Invoke the function in the background."""
        return Asked(self, event, headers or {})

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        for address in (self.address, self._front):
            host, port = address.split(":")
            while True:
                try:
                    socket.create_connection((host, int(port)), 1).close()
                    break
                except ConnectionRefusedError:
                    if self._process.poll() is not None or time.monotonic() > deadline:
                        raise TimeoutError(f"the emulator does not listen on {address}") from None
                    time.sleep(0.005)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def _children(pid: int) -> set[int]:
    """Return the children of a process, whichever of its threads has started them."""
    found: set[int] = set()
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found.update(map(int, children.read_text("ascii").split()))
        except OSError:  # that thread has ended
            pass
    return found
