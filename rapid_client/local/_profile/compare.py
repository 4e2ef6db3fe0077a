"""Two profiles side by side: two packages, or two Pythons."""

from __future__ import annotations

import os
import shutil
import zipfile
from dataclasses import asdict, dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from rapid_client.local._profile.measure import Failed
from rapid_client.local._profile.model import SCHEMA
from rapid_client.local._profile.page import document
from rapid_client.local._profile.terminal import recorder_cost
from rapid_client.local._target.errors import BuildError
from rapid_client.local._target.unzip import unzip

if TYPE_CHECKING:
    from rich.console import Console

    from rapid_client.local._profile.model import Profile
    from rapid_client.local._profile.runs import Side

#: Imports that differ by less, in milliseconds, are left to `--json`.
LEAST: Final = 1.0
RULE: Final = "~: within the spread, the most minus the least of a side's runs, so it may be chance."


@dataclass(frozen=True, slots=True)
class Row:
    """A phase, or an import with the imports in it, of both sides; milliseconds.

    Attributes:
        name: Its name.
        a, b: Of each side; None where it is not there.
        spread: How far apart the runs of a side are, at most.
    """

    name: str
    a: float | None
    b: float | None
    spread: float

    @property
    def difference(self) -> float:
        """What B takes more than A."""
        return round((self.b or 0.0) - (self.a or 0.0), 3)

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """A, B, difference and spread as text; a difference within the spread is marked."""
        a, b = ("-" if value is None else f"{value:.1f}" for value in (self.a, self.b))
        mark = "~" if abs(self.difference) <= self.spread else ""
        return a, b, f"{mark}{self.difference:+.1f}", f"{self.spread:.1f}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both profiles and their names, as the command line has them."""

    names: tuple[str, str]
    a: Profile
    b: Profile

    @property
    def phases(self) -> list[Row]:
        """The phases, and init and the first call as a whole, from the starts without recorder."""
        rows = _rows(
            *(
                {phase.name: (phase.ms, phase.most - phase.least) for phase in side.phases}
                for side in self._sides
            )
        )
        for name in ("init_ms", "call_ms"):
            first, second = getattr(self.a, name), getattr(self.b, name)
            if first is not None and second is not None:
                spread = max(first.most - first.least, second.most - second.least)
                title = "init" if name == "init_ms" else "first invocation"
                rows = [row for row in rows if row.name != title]
                rows.append(Row(title, first.median, second.median, round(spread, 3)))
        return rows

    @property
    def imports(self) -> list[Row]:
        """The imports of init and call, what differs most first."""
        rows = _rows(
            *(
                {
                    item.name: (item.total_ms, item.spread_ms)
                    for item in reversed(side.imports)
                    if item.when != "runtime"
                }
                for side in self._sides
            )
        )
        return sorted(rows, key=lambda row: -abs(row.difference))

    @property
    def _sides(self) -> tuple[Profile, Profile]:
        return self.a, self.b

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` writes; docs/cold-start.md has the fields."""
        tables = {
            name: [{**asdict(row), "difference": row.difference} for row in rows]
            for name, rows in (("phases", self.phases), ("imports", self.imports))
        }
        profiles = [
            {"name": name, **side.to_dict()} for name, side in zip(self.names, self._sides, strict=True)
        ]
        return {"schema": SCHEMA, "compare": profiles, **tables}


def read_side(text: str, default: Side, folder: Path) -> Side:
    """Return what a side of `--compare` names: a folder, a zip file, which goes into *folder*, or a Python.

    Raises:
        Failed: If it is none of them, or the zip file is damaged or reaches out of its folder.
    """
    path = Path(text)
    if path.is_dir():
        return replace(default, root=path.absolute())
    if path.is_file() and zipfile.is_zipfile(path):
        _unpack(path, folder)
        return replace(default, root=folder)
    if shutil.which(text) is not None:
        return replace(default, python=str(path.absolute()) if os.sep in text else text)
    raise Failed(f"--compare {text!r} is neither a folder, nor a zip file, nor an interpreter")


def _unpack(path: Path, folder: Path) -> None:
    """Unpack, with the times that Lambda would give the files."""
    try:
        unzip(path, folder)
    except BuildError as exc:
        raise Failed(f"--compare: {exc.message}") from None


def _rows(a: dict[str, tuple[float, float]], b: dict[str, tuple[float, float]]) -> list[Row]:
    rows = []
    for name in dict.fromkeys([*a, *b]):
        values = [side[name] for side in (a, b) if name in side]
        first, second = (side[name][0] if name in side else None for side in (a, b))
        rows.append(Row(name, first, second, round(max(spread for _, spread in values), 3)))
    return rows


def show(comparison: Comparison, screen: Console) -> None:
    """Print the comparison to *screen*."""
    for letter, name, side in _listed(comparison):
        screen.print(
            f"{letter}: {name}, {side.python}; {recorder_cost(side)}",
            markup=False,
            soft_wrap=not screen.is_terminal,
        )
    table = Table(box=None, pad_edge=False)
    table.add_column("ms", no_wrap=True, overflow="ellipsis", max_width=40)
    for name in ("A", "B", "B - A", "spread"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in comparison.phases:
        table.add_row(Text(row.name), *row.cells)
    for row in _worth(comparison):
        table.add_row(Text(f"  {row.name}"), *row.cells)
    screen.print(table)
    screen.print(RULE, markup=False, soft_wrap=not screen.is_terminal)
    for letter, _, side in _listed(comparison):
        for notice in side.notices:
            screen.print(f"note on {letter}: {notice}", markup=False, soft_wrap=not screen.is_terminal)


def render(comparison: Comparison) -> str:
    """Return the comparison as one HTML page."""
    parts = ["<p>"]
    parts += [
        escape(f"{letter}: {name}, {side.python}") + "<br/>" for letter, name, side in _listed(comparison)
    ]
    parts += ["</p>", "<table><tr><th>ms</th><th>A</th><th>B</th><th>B - A</th><th>spread</th></tr>"]
    for row in (*comparison.phases, *_worth(comparison)):
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in (row.name, *row.cells))
        parts.append(f"<tr>{cells}</tr>")
    parts += ["</table>", f"<p>{escape(RULE)}</p>"]
    for letter, _, side in _listed(comparison):
        parts += [f"<p>{letter}: {escape(notice)}</p>" for notice in side.notices]
    return document(f"Cold starts of {comparison.a.handler} compared", parts)


def _worth(comparison: Comparison) -> list[Row]:
    return [row for row in comparison.imports if abs(row.difference) >= LEAST]


def _listed(comparison: Comparison) -> list[tuple[str, str, Profile]]:
    return [("A", comparison.names[0], comparison.a), ("B", comparison.names[1], comparison.b)]
