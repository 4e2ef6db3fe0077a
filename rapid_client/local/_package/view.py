"""What `rapid package` shows: a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from rapid_client.local._package.report import Measured, Report

HEAD: Final = ("", "files", "bytes", "less", "cold start ms", "saves ms")
#: What a step saves where its cold starts and those before it overlap.
IN_SPREAD: Final = "in the spread"
#: What a step saves that changed no file, whatever the clock says.
NOTHING: Final = "nothing"
#: Ranges of fewer runs are apart by chance: with two of each, one time in three.
SPREAD_SINCE: Final = 4


def show(report: Report, screen: Console) -> None:
    """Show sizes and times after each step, and what is to be said."""
    head, *rows = _filled([HEAD, *_rows(report)])
    if screen.is_terminal:
        table = Table(*head, title=report.target.described, title_justify="left")
        for column in table.columns[1:]:
            column.justify = "right"
        for number, row in enumerate(rows):
            table.add_row(*row, end_section=number == len(rows) - 2)
        screen.print(table)
    else:
        for line in [report.target.described, *_aligned([head, *rows])]:
            screen.print(line, markup=False, soft_wrap=True)
    for line in report.lines():
        screen.print(line, markup=False, soft_wrap=True)


def _rows(report: Report) -> Iterator[tuple[str, ...]]:
    """Yield a row for the original, one for each step, and one for the result."""
    before = report.steps[0]
    for step in report.steps:
        less = f"{before.size - step.size:,}" if step is not before else ""
        yield step.name, f"{step.files:,}", f"{step.size:,}", less, *_times(report, before, step)
        before = step
    first, last = report.steps[0], report.steps[-1]
    share = f" ({last.size / first.size:.2f} x)" if first.size else ""
    times = _times(report, first, last)
    yield "packaged", f"{report.files:,}", f"{last.size:,}{share}", f"{first.size - last.size:,}", *times
    yield "zip file", "", f"{report.zipped:,}", "", "", ""


def _filled(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return rows without the columns that have nothing but a head: no times where nothing was run."""
    used = [number for number in range(len(HEAD)) if any(row[number] for row in rows[1:])]
    return [tuple(row[number] for number in used) for row in rows]


def _times(report: Report, before: Measured, after: Measured) -> tuple[str, str]:
    """Return what cold starts take after a step, and how much less than before that is."""
    old, new = report.cold(before.name), report.cold(after.name)
    if old is None or new is None:
        return "", ""
    shown = f"{new.median:.1f} ({new.least:.1f} to {new.most:.1f})"
    if before is after or old.runs < SPREAD_SINCE:
        return shown, ""
    if (before.files, before.size) == (after.files, after.size):
        return shown, NOTHING
    apart = new.most < old.least or old.most < new.least
    return shown, f"{old.median - new.median:.1f}" if apart else IN_SPREAD


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Yield rows with their columns under each other: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()
