"""What `rapid layer build` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from rapid_client.local._layer.build import Built

#: Components below this many bytes share a line.
SMALL = 50_000


def show(built: Built, seconds: Mapping[str, float], screen: Console) -> None:
    """Show sizes, where the time went, and what is to be said."""
    contents = built.contents
    table = Table("", "zipped", "unpacked", title=contents["name"], title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    small = [0, 0]
    for name, size in sorted(contents["sizes"]["components"].items(), key=lambda item: -item[1]["unpacked"]):
        if size["unpacked"] < SMALL:
            small[0] += size["zipped"]
            small[1] += size["unpacked"]
        else:
            table.add_row(name, _bytes(size["zipped"]), _bytes(size["unpacked"]))
    table.add_row("the rest", *map(_bytes, small), end_section=True)
    whole = contents["sizes"]
    table.add_row(f"{whole['files']} files", _bytes(whole["zipped"]), _bytes(whole["unpacked"]))
    screen.print(table)
    glibc = contents["glibc"]
    spent = ", ".join(f"{name} {took:.1f}" for name, took in seconds.items())
    if glibc["needed"] is not None:
        line = f"glibc {glibc['needed']} needed, {contents['runtime']} has {glibc['limit']}"
        screen.print(line, markup=False, soft_wrap=True)
    screen.print(f"{sum(seconds.values()):.1f} s: {spent}", markup=False, soft_wrap=True)
    for note in contents["notes"]:
        screen.print(f"note: {note}", markup=False, soft_wrap=True)


def _bytes(size: int) -> str:
    return f"{size / 1e6:,.2f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"
