"""`rapid layer`: build and verify Lambda layers.

What builds them needs packages that `rapid invoke` does not: it is imported when a layer is built.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rapid_client.local._commands import _options
from rapid_client.local._commands._stdout import write_stdout
from rapid_client.local._commands._view import console


@click.group()
def layer() -> None:
    """Build and verify Lambda layers that run functions with rapid_client."""


@layer.command()
@click.option(
    "--runtime",
    metavar="NAME",
    help="The Lambda runtime: provided.al2, provided.al2023, or python3.11 to python3.15."
    " [required without --locked]",
)
@click.option("--arch", metavar="ARCH", help="The architecture: x86_64 or arm64. [default: x86_64]")
@_options.target_python
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("dist"),
    show_default=True,
    help="The folder for the results.",
)
@click.option(
    "--interpreter",
    default="own",
    show_default=True,
    metavar="own|uv|DIR|FILE",
    help="Where the interpreter comes from: our own build, uv's newest, a folder, or an archive.",
)
@click.option(
    "--with",
    "extras",
    multiple=True,
    metavar="REQUIREMENT",
    help="A package to add, boto3 for one; may be repeated.",
)
@_options.requirements
@click.option(
    "--without",
    type=click.Choice(["orjson", "tzdata"]),
    multiple=True,
    help="A package of ours to leave out; may be repeated.",
)
@click.option(
    "--locked",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="MANIFEST",
    help="Repeat the layer of this manifest: the same runtime, architecture, interpreter and wheels.",
)
@_options.strip
@click.option("--tree", is_flag=True, help="Write the unpacked layer, too.")
@click.option("--quiet", "-q", is_flag=True, help="Show nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Write what was built to standard output, as JSON.")
def build(quiet: bool, as_json: bool, **settings: Any) -> None:
    """Build a layer: a zip file, its manifest and its bill of materials.

    \b
    rapid layer build --runtime provided.al2023 --arch arm64 --python 3.13 --out dist/
    rapid layer build --runtime python3.13 --arch x86_64
    rapid layer build --runtime provided.al2023 --with boto3 --requirements requirements.txt

    \b
    Exit codes:
      0  it was built
      1  it cannot be built, or would not run
      2  the command line is wrong
    """  # noqa: D301 - click wants the backspace character itself
    from rapid_client.local._layer import commands  # noqa: PLC0415 - it needs the extra's packages

    order = commands.read_order(**settings)
    built, seconds = commands.build(order)
    if as_json:
        write_stdout(commands.summary(built, seconds))
    elif not quiet:
        commands.show(built, seconds, console())
        write_stdout(f"{built.zip}\n".encode())


@layer.command()
@click.argument("path", metavar="ZIP", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--manifest",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The layer's manifest. [default: the one beside it]",
)
def verify(path: Path, manifest: Path | None) -> None:
    """Verify the layer ZIP: every file against its manifest, every binary against the runtime.

    The exit code is 0 if all is as it says, 1 if not, and then one line on standard error says what differs.
    """
    from rapid_client.local._layer import commands  # noqa: PLC0415 - it needs the extra's packages

    write_stdout(commands.verified(path, manifest or path.with_suffix(".manifest.json")))
