"""A container that is an execution environment, and the processes on the host that talk to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Lambda's user, its read-only root, and about what a function of 128 MB has.
LIMITS: Final = (
    *("--read-only", "--tmpfs", "/tmp", "--user", "993:990"),
    *("--memory=128m", "--cpus=0.07", "--pull=never", "--log-driver=k8s-file"),
)
EMULATOR: Final = "/usr/local/bin/aws-lambda-rie"
CALLER: Final = Path(__file__).with_name("caller.py")
#: No wait is longer. Seconds; on 7 % of a CPU everything takes fourteen times as long.
BOUND: Final = 60.0


@dataclass(frozen=True)
class Answer:
    """What the caller of the function gets."""

    status: int
    body: str

    def json(self) -> Any:
        """Decode the body; anything but a response fails the test."""
        assert self.status == 200, self
        return json.loads(self.body)


def podman(*arguments: str, check: bool = True) -> str:
    """Run podman and return what it prints; a failure says what it said."""
    done = subprocess.run(["podman", *arguments], capture_output=True, text=True, timeout=BOUND, check=False)
    assert not check or done.returncode == 0, f"podman {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def command(image: str, arguments: Sequence[str], options: Sequence[str]) -> list[str]:
    """Return the command that runs *image* within the limits, in the foreground."""
    label = f"--label={os.environ['CONTAINER_LABEL']}"
    return ["podman", "run", "--rm", label, *LIMITS, *options, image, *arguments]


def ending(image: str, *arguments: str, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run a container that ends by itself."""
    run = command(image, arguments, ["--network=none", *options])
    return subprocess.run(run, capture_output=True, text=True, timeout=BOUND, check=False)


class Emulated:
    """An image started without a Runtime API, so that its entry point starts the emulator in the container.

    Use it as a context manager; `invoke` speaks to the emulator's port 8080 on the container's own loopback.

    Args:
        image: The image.
        arguments: What comes behind its name on the command line.
        options: More options of ``podman run``.
        port: Where the emulator is to be asked.
    """

    def __init__(self, image: str, *arguments: str, options: Sequence[str] = (), port: int = 8080) -> None:
        self._port = port
        detached = ["--detach", "--network=none", *options]
        run = command(image, arguments, detached)
        run.remove("--rm")  # or its log would go with it
        self._id = podman(*run[1:]).strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        podman("rm", "--force", "--time=0", self._id, check=False)

    def invoke(self, event: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Invoke the function, never twice at the same time."""
        pid = podman("inspect", "--format={{.State.Pid}}", self._id).strip()
        assert pid != "0", f"the container has ended: {self.log()}"
        caller = [sys.executable, str(CALLER), str(self._port), json.dumps(dict(headers or {}))]
        done = subprocess.run(
            ["nsenter", f"--net=/proc/{pid}/ns/net", "--", *caller],
            input=json.dumps(event),
            capture_output=True,
            text=True,
            timeout=BOUND,
            check=False,
        )
        assert done.returncode == 0, f"{done.stderr}\n{self.log()}"
        return Answer(**json.loads(done.stdout))

    def log(self) -> str:
        """Return what the emulator and the function have written."""
        done = subprocess.run(
            ["podman", "logs", self._id], capture_output=True, text=True, timeout=BOUND, check=False
        )
        return done.stdout + done.stderr


class Runtime:
    """A container whose process talks to a Runtime API outside. Use it as a context manager.

    Args:
        run: The command, as `command` makes it; it stays in the foreground.
        name: What the container is called.
    """

    def __init__(self, run: Sequence[str], name: str) -> None:
        self._name = name
        self._words: str | None = None
        self._process = subprocess.Popen(
            run, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.words()

    def ended(self) -> bool:
        """Tell whether it has ended by itself."""
        return self._process.poll() is not None

    def words(self) -> str:
        """End it; return what it has written."""
        remove(self._name)
        if self._words is None:
            out, _ = self._process.communicate(timeout=BOUND)
            self._words = out.decode(errors="replace")
        return self._words


def remove(name: str) -> None:
    """Remove a container, whatever it does; one that is not there is none."""
    podman("rm", "--force", "--ignore", "--time=0", name, check=False)
