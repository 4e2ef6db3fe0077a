"""`rapid package`: make a function's zip file that starts as fast as it can.

What makes it needs packages that `rapid invoke` does not: it is imported when a function is packaged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rapid_client.local._commands import _options
from rapid_client.local._commands._events import read_events
from rapid_client.local._commands._stdout import write_stdout
from rapid_client.local._commands._view import console


@click.command()
@click.argument("source", metavar="SRC", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="The zip file to write.",
)
@click.option(
    "--runtime",
    default="provided.al2023",
    show_default=True,
    metavar="NAME",
    help="The Lambda runtime: provided.al2, provided.al2023, or python3.11 to python3.15.",
)
@click.option(
    "--arch", default="x86_64", show_default=True, metavar="ARCH", help="The architecture: x86_64 or arm64."
)
@_options.target_python
@_options.requirements
@click.option(
    "--boto3-services",
    "services",
    metavar="NAMES",
    help="Keep the models of these services only, s3,dynamodb for one, and of those that credentials need.",
)
@click.option(
    "--sources/--no-sources",
    default=True,
    help="Ship the sources beside their bytecode; without them tracebacks have no lines, and what reads its"
    " own source breaks. [default: yes]",
)
@_options.strip
@click.option("--handler", metavar="NAME", help="The handler, app.handler for one: what --event is sent to.")
@_options.events(
    "Run the packaged function beside the original with this event, and compare the answers; a folder stands"
    " for its .json files. May be repeated."
)
@click.option(
    "--lazy",
    is_flag=True,
    help="Make imports lazy that no --event uses, where every answer, error and log stays the same; needs"
    " Python 3.15.",
)
@_options.runs(5, "With --event: cold starts of each step's tree that are measured.")
@_options.env
@_options.timeout(30.0)
@_options.memory
@_options.aws
@_options.network
@click.option("--json", "as_json", is_flag=True, help="Write the report to standard output, as JSON.")
def package(as_json: bool, **settings: Any) -> None:
    """Package the function in SRC, a folder or a zip file, for one runtime, architecture and Python.

    \b
    rapid package src --requirements requirements.txt --out function.zip
    rapid package src --boto3-services s3 --handler app.handler --event event.json --out function.zip

    Nothing of your own code is left out but caches, version control and virtual environments. With --event
    the function is run, without AWS credentials and network, and is packaged only if it answers as the
    original does.

    \b
    Exit codes:
      0    it was packaged
      1    it cannot be packaged, would not run, or answers otherwise than the original
      2    the command line is wrong
      130  Ctrl-C
    """  # noqa: D301 - click wants the backspace character itself
    from rapid_client.local._package import commands  # noqa: PLC0415 - it needs the extra's packages

    events = read_events(settings.pop("events"))
    order = commands.read_order(events=events, **settings)
    screen = console()
    report = commands.build(order, lambda line: screen.print(line, markup=False, soft_wrap=True))
    if as_json:
        write_stdout(commands.summary(report))
    else:
        commands.show(report, screen)
        write_stdout(f"{report.out}\n".encode())
