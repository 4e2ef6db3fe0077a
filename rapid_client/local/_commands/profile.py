"""`rapid profile`: show where a function's cold start goes, and what to do about it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rapid_client.local._commands._events import read_event
from rapid_client.local._commands._numbers import Seconds, WholeNumber
from rapid_client.local._commands._stdout import write_stdout
from rapid_client.local._commands._view import console
from rapid_client.local._profile.advice import advise
from rapid_client.local._profile.measure import Failed, Plan, measure
from rapid_client.local._profile.page import render
from rapid_client.local._profile.runs import without_credentials
from rapid_client.local._profile.terminal import show
from rapid_client.local.environment import FunctionOptions

if TYPE_CHECKING:
    from rapid_client.local._profile.advice import Advice
    from rapid_client.local._profile.model import Profile


@click.command()
@click.argument("handler")
@click.option(
    "-e",
    "--event",
    "event_text",
    default="{}",
    metavar="FILE|FOLDER|-|JSON|SAMPLE",
    help="The event, as for `rapid invoke`; or a folder of .json files, sent in the order of their names,"
    " the first of them as the first call. [default: {}]",
)
@click.option(
    "--runs",
    type=WholeNumber(1, 1000),
    default=7,
    show_default=True,
    metavar="TIMES",
    help="Cold starts with the recorder, and as many without.",
)
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of the function's code. [default: the current one]",
)
@click.option(
    "--env", "variables", multiple=True, metavar="NAME=VALUE", help="Set a variable; may be repeated."
)
@click.option(
    "-t",
    "--timeout",
    type=Seconds(min=0, min_open=True, max=900),
    metavar="SECONDS",
    default=30.0,
    show_default=True,
    help="Seconds that an invocation may take.",
)
@click.option(
    "--python",
    envvar="RAPID_PYTHON",
    default=sys.executable,
    metavar="PATH",
    help="The interpreter. [default: RAPID_PYTHON, else this one]",
)
@click.option("--aws", is_flag=True, help="Let the function have this machine's AWS credentials.")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write a page, too.")
@click.option("--json", "as_json", is_flag=True, help="Write the profile to standard output as JSON.")
def profile(handler: str, event_text: str, page: Path | None, as_json: bool, **settings: Any) -> int:
    """Show where the cold start of HANDLER goes, app.handler for one, and what to do about it.

    The function runs in the real runtime, many times, without AWS credentials unless --aws is given.

    \b
    Exit codes:
      0    the profile was made
      1    the function does not start, or no event succeeds; or the output could not be written
      2    the command line is wrong, or the interpreter cannot run the runtime
      130  Ctrl-C
    """  # noqa: D301 - click wants the backspace character itself
    plan = Plan(handler, _options(**settings), _events(event_text), settings["runs"])
    screen = console()
    screen.print(f"{handler} will be started {plan.processes} times", markup=False)
    try:
        result = measure(plan)
    except Failed as exc:
        raise click.ClickException(str(exc)) from None
    return _write(result, page, as_json)


def _write(result: Profile, page: Path | None, as_json: bool) -> int:
    advice = advise(result)
    if page is not None:
        try:
            page.write_text(render(result, advice))
        except OSError as exc:
            raise click.ClickException(f"--html {str(page)!r} cannot be written: {exc.strerror}") from None
    if as_json:
        write_stdout((json.dumps(_document(result, advice), indent=1) + "\n").encode())
    else:
        show(result, advice, console())
    return 0


def _document(result: Profile, advice: list[Advice]) -> dict[str, Any]:
    """Return what `--json` writes."""
    listed = [
        {
            "text": item.text,
            "init_ms": item.init_ms,
            "call_ms": {str(size): ms for size, ms in item.call_ms.items()},
        }
        for item in advice
    ]
    return {**result.to_dict(), "advice": listed}


def _options(variables: tuple[str, ...], aws: bool, **settings: Any) -> FunctionOptions:
    wrong = next((pair for pair in variables if not pair.partition("=")[0] or "=" not in pair), None)
    if wrong is not None:
        raise click.UsageError(f"--env {wrong!r} is not NAME=VALUE")
    del settings["runs"]
    options = FunctionOptions(env=dict(pair.split("=", 1) for pair in variables), **settings)
    return options if aws else without_credentials(options, os.environ)


def _events(text: str) -> dict[str, bytes]:
    """Return the events by name."""
    folder = Path(text)
    if text in ("", "-") or not text.isprintable() or len(text) > 4000 or not folder.is_dir():
        return {"(the only one)": read_event(text)}
    files = sorted(folder.glob("*.json"))
    if not files:
        raise click.UsageError(f"--event: the folder {text!r} has no .json file")
    return {file.name: read_event(str(file)) for file in files}
