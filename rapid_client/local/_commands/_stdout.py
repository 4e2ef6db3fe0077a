"""Standard output, which may be full or closed."""

from __future__ import annotations

import os
import sys

import click


def write_stdout(data: bytes) -> None:
    """Write *data* to standard output, all of it.

    Raises:
        BrokenPipeError: If its reader has gone, as ``| head -1`` does: click ends the command quietly.
        click.ClickException: If it cannot be written otherwise.
    """
    if sys.stdout is None:  # Python was started with it closed
        raise click.ClickException(complaint("it is closed"))
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as exc:
        forget_stdout()
        raise click.ClickException(complaint(exc.strerror)) from None


def complaint(reason: str | None) -> str:
    """Return the line that says why nothing could be written."""
    return f"cannot write to standard output: {reason}"


def forget_stdout() -> None:
    """Let what is still in the buffer go nowhere: Python would try once more at its end, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
