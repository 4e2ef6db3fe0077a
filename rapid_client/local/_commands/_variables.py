"""What `--env` may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence


def read_variables(pairs: Sequence[str]) -> dict[str, str]:
    """Return environment variables, given as ``NAME=VALUE``.

    Raises:
        click.UsageError: If one is not of this form.
    """
    wrong = next((pair for pair in pairs if not pair.partition("=")[0] or "=" not in pair), None)
    if wrong is not None:
        raise click.UsageError(f"--env {wrong!r} is not NAME=VALUE")
    return dict(pair.split("=", 1) for pair in pairs)
