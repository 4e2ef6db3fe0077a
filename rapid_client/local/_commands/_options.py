"""Options that several commands have."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rapid_client.local._commands._numbers import Seconds, WholeNumber

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def timeout(default: float) -> Decorator:
    """Return ``--timeout``, so many seconds unless it is given."""
    return click.option(
        "-t",
        "--timeout",
        type=Seconds(min=0, min_open=True, max=900),
        metavar="SECONDS",
        default=default,
        show_default=True,
        help="Seconds that an invocation may take.",
    )


def events(text: str) -> Decorator:
    """Return ``--event`` as `read_events` takes it, with this help."""
    return click.option(
        "-e", "--event", "events", multiple=True, metavar="FILE|FOLDER|-|JSON|SAMPLE", help=text
    )


def runs(default: int, text: str) -> Decorator:
    """Return ``--runs``, so many cold starts unless it is given, with this help."""
    return click.option(
        "--runs", type=WholeNumber(1, 1000), default=default, show_default=True, metavar="TIMES", help=text
    )


def _variables(_context: click.Context, _option: click.Parameter, pairs: Sequence[str]) -> dict[str, str]:
    wrong = next((pair for pair in pairs if not pair.partition("=")[0] or "=" not in pair), None)
    if wrong is not None:
        raise click.UsageError(f"--env {wrong!r} is not NAME=VALUE")
    return dict(pair.split("=", 1) for pair in pairs)


root = click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of the function's code. [default: the current one]",
)
env = click.option(
    "--env",
    multiple=True,
    callback=_variables,
    metavar="NAME=VALUE",
    help="Set an environment variable of the function; may be repeated.",
)
memory = click.option(
    "--memory",
    "memory_mb",
    type=WholeNumber(128, 10240),
    metavar="MB",
    default=128,
    show_default=True,
    help="Megabytes that the function is told to have; not enforced.",
)
python = click.option(
    "--python",
    envvar="RAPID_PYTHON",
    default=sys.executable,
    metavar="PATH",
    help="The interpreter. [default: RAPID_PYTHON, else this one]",
)
aws = click.option("--aws", is_flag=True, help="Let the function have this machine's AWS credentials.")
network = click.option("--network", is_flag=True, help="Let the function reach the network.")
requirements = click.option(
    "--requirements",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A file of packages to add, as pip reads it.",
)
target_python = click.option(
    "--python",
    metavar="X.Y",
    help="The Python of a provided runtime, 3.11 to 3.15. [default: 3.13, or the managed runtime's]",
)
strip = click.option(
    "--strip/--no-strip", default=True, help="Take debugging information out of binaries. [default: yes]"
)
