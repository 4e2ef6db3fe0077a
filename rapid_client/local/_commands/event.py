"""`rapid event`: list and print sample events."""

from __future__ import annotations

import sys

import click

from rapid_client.local.samples import load_sample, sample_names


@click.command()
@click.argument("name", required=False)
def event(name: str | None) -> None:
    r"""Print the sample event NAME; without a name, list the samples.

    \b
    rapid event s3 > event.json
    rapid invoke app.handler --event s3
    """
    if name is None:
        print("\n".join(sample_names()))
        return
    try:
        text = load_sample(name)
    except KeyError:
        raise click.UsageError(
            f"there is no sample event {name!r}: use one of {', '.join(sample_names())}"
        ) from None
    sys.stdout.buffer.write(text)
    sys.stdout.flush()
