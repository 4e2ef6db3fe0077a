"""The profile on a terminal: phases, the heaviest imports, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from rapid_client.local._profile.model import Line

if TYPE_CHECKING:
    from rich.console import Console

    from rapid_client.local._profile.advice import Advice
    from rapid_client.local._profile.model import Import, Profile, Spread

#: Columns of a bar, on a terminal of at least `ROOMY` and on a narrower one, which has no column for bytes.
WIDTH: Final = 26
NARROW: Final = 16
ROOMY: Final = 110
#: Imports that take less than this share of the total, at most so many levels deep, are left to the page.
LEAST_SHARE: Final = 0.01
DEEPEST: Final = 3
RULE: Final = (
    "used: code of the module or of its submodules ran during the events; a constant or a class alone"
    " does not count. unknown (?): it has or imports C code, no Python source, or a Python before 3.12."
)


def show(profile: Profile, advice: list[Advice], screen: Console) -> None:
    """Print the profile to *screen*."""
    screen.print(_head(profile), markup=False, soft_wrap=not screen.is_terminal)
    roomy = screen.width >= ROOMY
    table = _table(roomy)
    scale = profile.total_ms, WIDTH if roomy else NARROW
    start = 0.0
    for phase in profile.phases:
        table.add_row(Text(phase.name), Text(bar(start, phase.ms, scale)), f"{phase.ms:.1f}")
        start += phase.ms
    for depth, item in _heavy(profile, -1, 0):
        name, place = Text("  " * (depth + 1) + label(item)), Text(bar(item.start_ms, item.total_ms, scale))
        times = f"{item.total_ms:.1f}", f"{item.own_ms:.1f}"
        if isinstance(item, Line):
            table.add_row(name, place, *times)
            continue
        size = [str(item.size)] if roomy else []
        by = Text(f"{item.file.rpartition('/')[2]}:{item.line}")
        table.add_row(name, place, *times, *size, item.pyc or "-", used(item), by)
    screen.print(table)
    for line in (*opened(profile), RULE):
        screen.print(line, markup=False, soft_wrap=not screen.is_terminal)
    for tip in advice:
        screen.print(f"* {sentence(tip)}", markup=False, soft_wrap=not screen.is_terminal)
    for notice in profile.notices:
        screen.print(f"note: {notice}", markup=False, soft_wrap=not screen.is_terminal)


def _table(roomy: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True, overflow="ellipsis", max_width=32 if roomy else 22)
    table.add_column("waterfall", no_wrap=True, min_width=WIDTH if roomy else NARROW)
    for name in ("total", "own ms", "bytes")[: 3 if roomy else 2]:
        table.add_column(name, justify="right", no_wrap=True, min_width=7 if roomy else 6)
    table.add_column(".pyc", no_wrap=True, min_width=7)
    table.add_column("used", no_wrap=True, min_width=4)
    table.add_column("imported by", no_wrap=True, overflow="ellipsis")
    return table


def label(item: Import | Line) -> str:
    """Return a module's name, or a line with its place."""
    if isinstance(item, Line):
        return f"{item.file.rpartition('/')[2]}:{item.line} {item.text}"
    return item.name if item.ok else f"{item.name} (failed)"


def opened(profile: Profile) -> list[str]:
    """Return a line for each thing that init opened."""
    return [
        f"opened in init: {each.kind} {each.target} ({each.file.rpartition('/')[2]}:{each.line})"
        for each in dict.fromkeys(profile.opened)
    ]


def bar(start: float, ms: float, scale: tuple[float, int]) -> str:
    """Return a bar of *ms* that begins at *start*; *scale* is the line's milliseconds and columns."""
    total, width = scale
    left = min(width - 1, int(start / total * width))
    return " " * left + "█" * max(1, min(width - left, round(ms / total * width)))


def used(item: Import) -> str:
    """Return a word for whether the events used the module."""
    return {True: "yes", False: "NO", None: "?"}[item.used]


def sentence(item: Advice) -> str:
    """Return the advice with its figures."""
    saves = f"{item.text} Saves up to {item.init_ms:.1f} ms of init"
    if item.saves_ms:
        saves += f", and of the first call {_by_size(item.saves_ms)}"
    if not item.call_ms:
        return f"{saves}, and nothing is paid later."
    return f"{saves}; the first call that needs what was deferred pays {_by_size(item.call_ms)}."


def _by_size(figures: dict[int, float]) -> str:
    return ", ".join(f"{ms:.0f} ms at {size:,} MB" for size, ms in figures.items())


def _head(profile: Profile) -> str:
    init, call = profile.init_ms, profile.call_ms
    if init is None or call is None:
        cost = recorder_cost(profile)
        return f"{profile.handler}, {profile.python}: recorded up to the failure of init; {cost}"
    return (
        f"{profile.handler}, {profile.python}, {profile.runs} cold starts with the recorder,"
        " as many without:\n"
        f"init {span(init)}, first invocation {span(call)}; {recorder_cost(profile)}"
    )


def span(spread: Spread) -> str:
    """Return the median, and from where to where it goes."""
    return f"{spread.median:.1f} ms ({spread.least:.1f} to {spread.most:.1f})"


def recorder_cost(profile: Profile) -> str:
    """Return the clause that says what the recorder has cost."""
    if profile.recorder_ms <= 0:
        return "the recorder's cost is lost in the spread, so nothing is taken off"
    return f"the recorder's {profile.recorder_ms:.1f} ms are taken off"


def _heavy(profile: Profile, parent: int, depth: int) -> list[tuple[int, Import | Line]]:
    """Return the imports and lines worth a row, with their depth, in the order of their start."""
    found: list[tuple[int, Import | Line]] = []
    least = LEAST_SHARE * profile.total_ms
    for item, index in profile.within(parent):
        if item.total_ms < least or (isinstance(item, Line) and item.own_ms < least):
            continue
        if isinstance(item, Line):
            found.append((depth, item))
        elif item.when != "runtime":
            found.append((depth, item))
            if depth < DEEPEST:
                found += _heavy(profile, index, depth + 1)
    return found
