"""What `rapid invoke` shows: the log, a progress bar, and the table of cold against warm."""

from __future__ import annotations

import os
import statistics
import sys
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rapid_client.local.function import InvokeResult


#: Columns of what is shown where no terminal says how many it has.
PIPED: Final = 120


class LogView:
    """The function's log on stderr, which can be switched off and on."""

    def __init__(self, visible: bool) -> None:
        self.visible = visible
        self._gone = False
        self._carriage = False

    def write(self, data: bytes) -> None:
        """Show some bytes of log, if that is wanted now."""
        if self.visible:
            self.show(data)

    def show(self, data: bytes) -> None:
        """Show some bytes of log.

        A carriage return becomes a newline, as CloudWatch shows it: errors come as one event of many lines.
        """
        if self._gone:
            return
        if self._carriage and data.startswith(b"\n"):
            data = data[1:]
        self._carriage = data.endswith(b"\r")
        try:
            sys.stderr.buffer.write(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
            sys.stderr.buffer.flush()
        except OSError:  # who reads our stderr has gone; the response matters still
            self._gone = True


def console() -> Console:
    """Return a console on stderr."""
    screen = Console(stderr=True, highlight=False)
    if not screen.is_terminal and "COLUMNS" not in os.environ:
        screen.width = PIPED
    return screen


class ProgressBar:
    """A bar on a terminal that vanishes when it is done; elsewhere nothing."""

    def __init__(self, screen: Console, total: int) -> None:
        columns = TextColumn("invoking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self._progress = Progress(*columns, console=screen, transient=True)
        self._task = self._progress.add_task("invoking", total=total)
        self._shows = screen.is_terminal
        self._started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._started:
            self._progress.stop()

    def start(self) -> None:
        """Show it from now on: nothing else should be written meanwhile."""
        if self._shows:
            self._started = True
            self._progress.start()

    def advance(self, done: int) -> None:
        """So many are done."""
        self._progress.update(self._task, completed=done)


def show_table(results: Sequence[InvokeResult], screen: Console) -> None:
    """Show what cold and warm invocations took."""
    table = Table()
    table.add_column("")
    for name in ("count", "init ms", "median ms", "fastest", "p95", "slowest", "peak MB"):
        table.add_column(name, justify="right")
    cold = [result for result in results if result.init_ms is not None]
    warm = [result for result in results if result.init_ms is None]
    for name, group in (("cold", cold), ("warm", warm)):
        if group:
            table.add_row(name, *_row(group))
    screen.print(f"{len(results)} invocation{'' if len(results) == 1 else 's'}", markup=False)
    screen.print(table)


def _row(group: Sequence[InvokeResult]) -> list[str]:
    """Count, medians and spread of some invocations; the duration is the median."""
    times = sorted(result.duration_ms for result in group)
    inits = [result.init_ms for result in group if result.init_ms is not None]
    peak = max(result.max_memory for result in group) / (1024 * 1024)
    return [
        str(len(group)),
        f"{statistics.median(inits):.2f}" if inits else "",
        f"{statistics.median(times):.2f}",
        f"{times[0]:.2f}",
        f"{times[min(len(times) - 1, round(0.95 * (len(times) - 1)))]:.2f}",
        f"{times[-1]:.2f}",
        f"{peak:.1f}",
    ]
