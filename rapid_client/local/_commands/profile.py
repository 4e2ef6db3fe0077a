"""`rapid profile`: show where a function's cold start goes, and what to do about it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rapid_client.local._commands import _options
from rapid_client.local._commands._events import read_events
from rapid_client.local._commands._stdout import write_stdout
from rapid_client.local._commands._view import console
from rapid_client.local._profile import compare as comparing
from rapid_client.local._profile import page, terminal
from rapid_client.local._profile.advice import advise
from rapid_client.local._profile.measure import Failed, Plan, measure
from rapid_client.local._profile.runs import Side
from rapid_client.local._runs import RunSettings
from rapid_client.local.environment import FunctionOptions

if TYPE_CHECKING:
    from rapid_client.local._profile.advice import Advice
    from rapid_client.local._profile.model import Profile


@click.command()
@click.argument("handler")
@_options.events(
    "An event, as for `rapid invoke`; a folder stands for its .json files. May be repeated; the first that"
    " succeeds is the first call. [default: {}]"
)
@_options.runs(7, "Cold starts with the recorder, and as many without.")
@click.option(
    "--compare",
    "sides",
    nargs=2,
    metavar="A B",
    help="Compare two packages, each a folder or a zip file, or two interpreters; the runs take turns.",
)
@_options.root
@_options.env
@_options.timeout(30.0)
@_options.memory
@_options.python
@_options.aws
@_options.network
@click.option(
    "--html",
    "html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a page, too.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the profile to standard output as JSON.")
def profile(handler: str, html: Path | None, as_json: bool, **settings: Any) -> int:
    """Show where the cold start of HANDLER goes, app.handler for one, and what to do about it.

    The function runs in the real runtime, many times, without AWS credentials unless --aws is given, and
    without network, where it can be cut off, unless --network is.

    \b
    rapid profile app.handler --event event.json --html profile.html
    rapid profile app.handler --event events --compare src function.zip
    rapid profile app.handler --compare python3.12 python3.13

    \b
    Exit codes:
      0    the profile was made
      1    the function does not start, or no event succeeds; or the output could not be written
      2    the command line is wrong, or the interpreter cannot run the runtime
      130  Ctrl-C
    """  # noqa: D301 - click wants the backspace character itself
    names: tuple[str, str] | None = settings.pop("sides")
    with tempfile.TemporaryDirectory(prefix="rapid-compare-") as folder:
        plan = _plan(handler, names, Path(folder), settings)
        console().print(f"{handler} will be started {plan.processes} times", markup=False)
        try:
            found = measure(plan)
        except Failed as exc:
            raise click.ClickException(str(exc)) from None
    if names is not None:
        _write_comparison(comparing.Comparison(names, *found), html, as_json)
    else:
        _write(found[0], html, as_json)
    errors = [result.error for result in found if result.error is not None]
    if errors:
        raise click.ClickException(errors[0])
    return 0


def _plan(handler: str, names: tuple[str, str] | None, folder: Path, settings: dict[str, Any]) -> Plan:
    events = read_events(settings.pop("events")) or {"{}": b"{}"}
    runs, aws, network = (settings.pop(name) for name in ("runs", "aws", "network"))
    # What asks for the next event along with a response would not be seen asking.
    settings["env"] = {**settings["env"], "RAPID_PIPELINE": ""}
    options = FunctionOptions(**settings)
    side = Side(options.folder, options.python)
    sides = [side]
    if names is not None:
        try:
            sides = [
                comparing.read_side(name, side, folder / letter)
                for letter, name in zip("ab", names, strict=True)
            ]
        except Failed as exc:
            raise click.UsageError(str(exc)) from None
    return Plan(RunSettings(handler=handler, options=options, aws=aws, network=network), events, runs, sides)


def _write(result: Profile, html: Path | None, as_json: bool) -> None:
    advice = advise(result)
    if html is not None:
        _write_page(html, page.render(result, advice))
    if as_json:
        _write_json(_document(result, advice))
    else:
        terminal.show(result, advice, console())


def _write_comparison(result: comparing.Comparison, html: Path | None, as_json: bool) -> None:
    if html is not None:
        _write_page(html, comparing.render(result))
    if as_json:
        _write_json(result.to_dict())
    else:
        comparing.show(result, console())


def _write_page(html: Path, text: str) -> None:
    try:
        html.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise click.ClickException(f"--html {str(html)!r} cannot be written: {exc.strerror}") from None


def _write_json(document: dict[str, Any]) -> None:
    write_stdout((json.dumps(document, indent=1) + "\n").encode())


def _document(result: Profile, advice: list[Advice]) -> dict[str, Any]:
    """Return what `--json` writes."""
    listed = [
        {
            "text": item.text,
            "init_ms": item.init_ms,
            "call_ms": {str(size): ms for size, ms in item.call_ms.items()},
            "saves_ms": {str(size): ms for size, ms in item.saves_ms.items()},
        }
        for item in advice
    ]
    return {**result.to_dict(), "advice": listed}
