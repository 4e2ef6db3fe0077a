"""`rapid event`: list and print sample events."""

from __future__ import annotations

import click

from rapid_client.local._commands._stdout import write_stdout
from rapid_client.local.samples import load_sample, sample_names


@click.command()
@click.argument("name", required=False)
def event(name: str | None) -> None:
    """Print the sample event NAME; without a name, list the samples.

    \b
    rapid event s3 > event.json
    rapid invoke app.handler --event s3
    """  # noqa: D301 - click wants the backspace character itself
    if name is None:
        write_stdout("".join(f"{known}\n" for known in sample_names()).encode())
        return
    try:
        text = load_sample(name)
    except KeyError:
        raise click.UsageError(
            f"there is no sample event {name!r}: use one of {', '.join(sample_names())}"
        ) from None
    write_stdout(text)
