"""A container whose entry point waits behind a gate: a measure begins with its exec."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

GATE: Final = 'read -r go </gate/open && exec "$@"'
"""A shell that waits until somebody writes a line into the pipe, and becomes the entry point."""

LIMITS: Final = ("--read-only", "--tmpfs=/tmp", "--user=993:990", "--memory=128m", "--pull=never")
SHARES: Final = {"100 ms": ("--cpus=0.07",), "20 ms": ("--cpu-period=20000", "--cpu-quota=1400")}
"""7 % of a CPU, refilled every 100 ms, as the kernel has it, or every 20 ms, as Lambda is seen to do."""

SETTLING: Final = 0.3
"""Seconds from the gate's shell to the entry point: what the shell has used of the share is filled again."""

PATIENCE: Final = 20.0


class ContainerError(Exception):
    """A container did not start, or podman said no; the message says why."""


def podman(*arguments: str) -> str:
    """Run podman and return what it prints.

    Raises:
        ContainerError: If it fails.
    """
    done = subprocess.run(["podman", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ContainerError(f"podman {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def command_of(image: str) -> list[str]:
    """Return the entry point of *image* with its CMD."""
    config = json.loads(podman("image", "inspect", image))[0]["Config"]
    return [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]


class Gated:
    """An image's entry point, ready to be executed; as a context manager it removes its container.

    `open` executes it; `started` is the clock just before, in nanoseconds. `pid` is its process here.

    Args:
        image: The image.
        environ: What is set in the container besides the image's own.
        options: More options of ``podman run``: its share of a CPU, and the network.
    """

    def __init__(self, image: str, environ: Mapping[str, str], options: Sequence[str]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._pipe = Path(self._folder.name) / "open"
        self.started = 0
        variables = [f"--env={name}={value}" for name, value in environ.items()]
        label = f"--label={os.environ['CONTAINER_LABEL']}"
        place = [f"--volume={self._folder.name}:/gate:ro", "--entrypoint=/bin/sh", label]
        gate = ["-c", GATE, "sh", *command_of(image)]
        try:
            Path(self._folder.name).chmod(0o755)
            os.mkfifo(self._pipe)
            self._pipe.chmod(0o644)
            run = ["run", "--detach", "--log-driver=k8s-file", *LIMITS, *place, *options, *variables]
            self._id = podman(*run, image, *gate)
            self.pid = int(podman("inspect", "--format={{.State.Pid}}", self._id))
            self._gate = self._wait()
        except BaseException:
            self._folder.cleanup()
            raise

    def _wait(self) -> int:
        """Return the pipe's writing end, once the shell is reading."""
        limit = time.monotonic() + PATIENCE
        while True:
            try:
                return os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as exc:
                if exc.errno != errno.ENXIO or time.monotonic() > limit:
                    raise ContainerError(f"the container does not come up to its gate: {exc}") from exc
                time.sleep(0.01)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._gate)
        podman("rm", "--force", "--time=0", self._id)
        self._folder.cleanup()

    def open(self) -> None:
        """Execute the entry point, once its share of a CPU is whole."""
        time.sleep(SETTLING)
        self.started = time.monotonic_ns()
        os.write(self._gate, b"\n")

    def drain(self) -> None:
        """Do nothing: podman takes what it writes."""

    def last_words(self) -> str:
        """Return the last line that it wrote, after a colon, or nothing."""
        done = subprocess.run(["podman", "logs", self._id], capture_output=True, text=True, check=False)
        lines = (done.stdout + done.stderr).strip().splitlines()
        return f": {lines[-1].strip()}" if lines else ""
