"""What stops a build, said in one line; and the commands that a build runs."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Problem(Exception):
    """What went wrong, with the value, and what to do: one line for the user."""


def run(command: Sequence[str], environ: Mapping[str, str] | None = None, cwd: str | None = None) -> str:
    """Run a command that is expected to work; return its standard output.

    Raises:
        Problem: If it fails, with the last line that it has printed; or if there is no such command.
    """
    try:
        done = subprocess.run(
            command,
            env=environ,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise Problem(f"{command[0]} is not installed") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "it printed nothing").splitlines()[-1]
        raise Problem(f"{' '.join(command)} failed with status {done.returncode}: {said}")
    return done.stdout
