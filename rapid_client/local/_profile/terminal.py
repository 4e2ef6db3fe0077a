"""The profile on a terminal: phases, the heaviest imports, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from rapid_client.local._profile.advice import Advice
    from rapid_client.local._profile.model import Import, Profile

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
    total = sum(ms for _, ms in profile.phases) or 1.0
    screen.print(_head(profile), markup=False)
    table = Table(box=None, pad_edge=False)
    roomy = screen.width >= ROOMY
    width = WIDTH if roomy else NARROW
    table.add_column("", no_wrap=True, overflow="ellipsis", max_width=32 if roomy else 22)
    table.add_column("waterfall", no_wrap=True, min_width=width)
    for name in ("total", "own ms", "bytes")[: 3 if roomy else 2]:
        table.add_column(name, justify="right", no_wrap=True, min_width=7 if roomy else 6)
    table.add_column(".pyc", no_wrap=True, min_width=7)
    table.add_column("used", no_wrap=True, min_width=4)
    table.add_column("imported by", no_wrap=True, overflow="ellipsis")
    start = 0.0
    for name, ms in profile.phases:
        table.add_row(Text(name), Text(bar(start, ms, (total, width))), f"{ms:.1f}")
        start += ms
    for depth, item in _heavy(profile, -1, 0, total):
        place = bar(min(item.start_ms, total), item.total_ms, (total, width))
        row = [f"{item.total_ms:.1f}", f"{item.own_ms:.1f}", str(item.size), item.pyc or "-", used(item)]
        if not roomy:
            del row[2]
        by = f"{item.file.rpartition('/')[2]}:{item.line}"
        table.add_row(Text("  " * (depth + 1) + item.name), Text(place), *row, Text(by))
    screen.print(table)
    screen.print(RULE, markup=False)
    for tip in advice:
        screen.print(f"* {sentence(tip)}", markup=False)
    for notice in profile.notices:
        screen.print(f"note: {notice}", markup=False)


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
    if not item.call_ms:
        return f"{saves}, and nothing is paid later."
    later = ", ".join(f"{ms:.0f} ms at {size:,} MB" for size, ms in item.call_ms.items())
    return f"{saves}; the first call that needs what was deferred pays {later}."


def _head(profile: Profile) -> str:
    init, call = profile.init_ms, profile.call_ms
    return (
        f"{profile.handler}, {profile.python}, {profile.runs} cold starts with the recorder,"
        " as many without:\n"
        f"init {init.median:.1f} ms ({init.least:.1f} to {init.most:.1f}),"
        f" first invocation {call.median:.1f} ms ({call.least:.1f} to {call.most:.1f});"
        f" {recorder_cost(profile)}"
    )


def recorder_cost(profile: Profile) -> str:
    """Return the clause that says what the recorder has cost."""
    if profile.recorder_ms <= 0:
        return "the recorder's cost is lost in the spread, so nothing is taken off"
    return f"the recorder's {profile.recorder_ms:.1f} ms are taken off"


def _heavy(profile: Profile, parent: int, depth: int, total: float) -> list[tuple[int, Import]]:
    """Return the imports worth a line, with their depth."""
    found = []
    for index in profile.children(parent):
        item = profile.imports[index]
        if item.total_ms >= LEAST_SHARE * total and item.when != "runtime":
            found.append((depth, item))
            if depth < DEEPEST:
                found += _heavy(profile, index, depth + 1, total)
    return found
