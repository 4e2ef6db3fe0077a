"""The progress bar of a run, with an estimate of the time left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn
from rich.text import Text

if TYPE_CHECKING:
    from typing import TextIO

    from rich.progress import Task


class TimeLeft(ProgressColumn):
    """The time left of a task that is counted in expected seconds: those, times its pace so far."""

    def render(self, task: Task) -> Text:
        """Return minutes and seconds."""
        left = (task.total or 0.0) - task.completed
        if task.completed and task.elapsed:
            left *= task.elapsed / task.completed
        minutes, seconds = divmod(round(left), 60)
        return Text(f"{minutes}:{seconds:02} left")


def progress_bar(file: TextIO) -> Progress:
    """Return a bar on *file* that is drawn only when its user says so, by ``refresh()``.

    By itself it would draw from a thread of its own, which would run beside what is measured. Its tasks are
    counted in seconds, as far as they can be known before: no two steps take equally long. Where *file* is no
    terminal nothing is drawn at all.
    """
    console = Console(file=file)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeLeft(),
        console=console,
        auto_refresh=False,
        transient=True,
        disable=not console.is_interactive,
    )
