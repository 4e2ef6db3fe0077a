"""What `rapid layer` and `rapid package` refuse."""

from __future__ import annotations

import click


class BuildError(click.ClickException):
    """What cannot be built, or must not be: `rapid` prints it as one line and exits with 1."""


class OrderError(BuildError):
    """What nobody can build: the command line is wrong, and `rapid` exits with 2."""

    exit_code = 2
