"""What `rapid layer` refuses."""

from __future__ import annotations

import click


class LayerError(click.ClickException):
    """A layer that cannot be built, or must not be: `rapid` prints it as one line and exits with 1."""


class OrderError(LayerError):
    """A layer that nobody can build: the command line is wrong, and `rapid` exits with 2."""

    exit_code = 2
