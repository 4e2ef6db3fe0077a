"""`rapid invoke`: run a function once or many times in the real runtime."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from rapid_client.local import InvokeOptions
from rapid_client.local._commands import _options
from rapid_client.local._commands._events import read_event
from rapid_client.local._commands._numbers import WholeNumber
from rapid_client.local._commands._stdout import write_stdout
from rapid_client.local._commands._view import LogView, ProgressBar, console, show_table
from rapid_client.local.environment import FunctionOptions
from rapid_client.local.function import LocalFunction

if TYPE_CHECKING:
    from collections.abc import Callable

    from rapid_client.local.function import InvokeResult

#: Of many invocations, these are shown with their log: a cold one and a warm one.
SHOWN: Final = 2
NEWLINE: Final = b"\n"


@click.command()
@click.argument("handler")
@click.option(
    "-e",
    "--event",
    "event_text",
    default="{}",
    metavar="FILE|-|JSON|SAMPLE",
    help="The event: '-' for standard input, a file, the name of a sample event (`rapid event` lists them),"
    " or JSON. [default: {}]",
)
@_options.timeout(3.0)
@click.option(
    "-n",
    "--repeat",
    type=WholeNumber(min=1),
    metavar="TIMES",
    default=1,
    show_default=True,
    help="Invoke so many times, one after the other, and show cold against warm.",
)
@_options.root
@_options.env
@_options.memory
@click.option("--client-context", metavar="JSON", help="What the handler gets as context.client_context.")
@click.option(
    "--logs",
    type=click.Choice(["auto", "all", "none"]),
    default="auto",
    show_default=True,
    help="Whose log to show; auto: of the first two and of those that fail.",
)
@_options.python
@click.option(
    "--runtime",
    default="rapid_client",
    metavar="MODULE",
    show_default=True,
    help="The runtime; awslambdaric for the official one.",
)
def invoke(
    handler: str, event_text: str, repeat: int, client_context: str | None, logs: str, **settings: Any
) -> int:
    """Invoke HANDLER, app.handler for one, as AWS Lambda does.

    The response goes to standard output, and nothing else; the log, Lambda's START, END and REPORT lines
    and what the caller of a failed function sees go to standard error.

    \b
    Exit codes:
      0    the function responded
      1    it failed, could not start, crashed or took too long; or the response could not be written
      2    the command line is wrong, or the interpreter cannot run the runtime
      130  Ctrl-C
    """  # noqa: D301 - click wants the backspace character itself
    options = FunctionOptions(**settings)
    call = InvokeOptions(client_context=_client_context(client_context))
    event = read_event(event_text)
    view = LogView(visible=logs != "none")
    with LocalFunction(handler, options, view.write) as function:
        results = _repeat(lambda: function.invoke(event, call), repeat, view, logs)
    if repeat > 1:
        show_table(results, console())
    return _print(results[-1], view)


def _client_context(text: str | None) -> str | None:
    """Return the client context, checked; on one line, as it goes into a header."""
    if text is None:
        return None
    try:
        return json.dumps(json.loads(text))
    except ValueError as exc:
        raise click.UsageError(f"--client-context is not JSON: {exc}") from None


def _repeat(
    invoke_once: Callable[[], InvokeResult], repeat: int, view: LogView, logs: str
) -> list[InvokeResult]:
    """Invoke so many times, or up to the first failure."""
    screen = console()
    hides = logs == "auto" and repeat > SHOWN
    results: list[InvokeResult] = []
    with ProgressBar(screen, repeat) as bar:
        for number in range(repeat):
            if hides and number == SHOWN:
                view.visible = False
                bar.start()
            results.append(invoke_once())
            bar.advance(len(results))
            if not results[-1].ok:
                break
    failed = not results[-1].ok
    if failed and hides and not view.visible:
        view.show(results[-1].log)
    elif hides and len(results) > SHOWN:
        note = "(the other logs are not shown: --logs all shows them)"
        screen.print(note, markup=False)
    if failed and repeat > 1:
        screen.print(f"invocation {len(results)} of {repeat} failed", markup=False)
    return results


def _print(result: InvokeResult, view: LogView) -> int:
    """Write the response to stdout, or the error that its caller sees to stderr; return the exit code."""
    if not result.ok:
        view.show(result.payload + NEWLINE)
        return 1
    for_eyes = sys.stdout is not None and sys.stdout.isatty() and not result.payload.endswith(NEWLINE)
    write_stdout(result.payload + (NEWLINE if for_eyes else b""))
    return 0
