"""Drawing the plots as SVG: the same bytes for the same figures, and transparent.

Figures are dots on a logarithmic scale, where a factor is a distance: from 1 ms to 1 s all stays legible.
The whisker is what lies between the quartiles of the rounds. Memory is told in bars, from zero on.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Final

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from benchmarks.output.figures import describe
from benchmarks.output.plots import LABELS, PLOTS, THEMES, kind
from benchmarks.output.report import quartiles

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.output.plots import Panel, Plot, Theme
    from benchmarks.output.report import Result

Point = tuple[float, float, float]
"""A figure of one peer: the first quartile of its rounds, their median and the third quartile."""

#: Text stays text: the files are small, and can be searched. DejaVu Sans comes with matplotlib, so that the
#: layout is the same everywhere; a page without that font shows its own, which is narrower.
STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "rapid_client",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
}

LEGEND: Final = "dot: median of the rounds; shade: between their quartiles; logarithmic scale"

# Inches: a plot's width, and what the peers' names, the titles and the scale take of it.
WIDTH: Final = 9.2
LEFT: Final = 1.85
RIGHT: Final = 0.2
HEAD: Final = 0.56
FOOT: Final = 0.32


def write_plots(result: Result, folder: Path) -> list[Path]:
    """Write every plot that *result* has figures for to *folder*, which is made; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for plot in PLOTS:
        for theme in THEMES if plot.present(result) else ():
            files.append(folder / plot.file(theme))
            files[-1].write_text(draw(plot, result, theme), encoding="utf-8")
    return files


def draw(plot: Plot, result: Result, theme: Theme) -> str:
    """Return *plot* as SVG; at least one of its panels must be `present`."""
    panels = plot.present(result)
    peers = _peers(result, panels[0].figures[0])
    data = [[[quartiles(r) for r in _rounds(result, panel, peer)] for peer in peers] for panel in panels]
    with rc_context(STYLE):
        canvas = _canvas(plot, theme, len(peers) * (0.25 if len(panels[0].figures) == 1 else 0.36))
        grid = canvas.subplots(1, len(panels), squeeze=False)[0]
        _names(grid[0], peers, theme)
        for axes, panel, rows in zip(grid, panels, data, strict=True):
            _scale(axes, _flat(data if plot.one_scale else [rows]), plot.bars)
            _frame(axes, panel, peers, theme)
            (_bars if plot.bars else _dots)(axes, rows, [theme.colour(peer) for peer in peers])
            _values(axes, panel, rows, theme)
            _words(axes, rows, [result.missing(peer, panel.figures[0])[0] for peer in peers], theme)
        file = io.StringIO()
        canvas.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return re.sub(r' transform="rotate\(-0 [^"]*"', "", file.getvalue())  # a tenth of the file, and no turn


def _canvas(plot: Plot, theme: Theme, inches: float) -> Canvas:
    """Return an empty picture with its title, and *inches* for the rows."""
    height = HEAD + inches + FOOT
    canvas = Canvas(figsize=(WIDTH, height))
    FigureCanvasSVG(canvas)
    top = 1 - 0.08 / height
    canvas.text(0.01, top, plot.title, va="top", size=10, weight="bold", color=theme.text)
    if not plot.bars:
        canvas.text(1 - RIGHT / WIDTH, top, LEGEND, va="top", ha="right", size=7.5, color=theme.faint)
    sides = LEFT / WIDTH, FOOT / height, 1 - RIGHT / WIDTH, 1 - HEAD / height
    canvas.subplots_adjust(*sides, wspace=0.06)
    return canvas


def _peers(result: Result, figure: str) -> list[str]:
    """Return who has a row: everybody who has *figure*, or should have it."""
    words = {peer: result.missing(peer, figure)[0] for peer in result.titles}
    return [peer for peer, word in words.items() if peer in result.values[figure] or word != "-"]


def _flat(data: list[list[list[Point]]]) -> list[Point]:
    """Return all points of some panels."""
    return [point for rows in data for points in rows for point in points]


def _rounds(result: Result, panel: Panel, peer: str) -> list[list[float]]:
    """Return the rounds of each of the panel's figures that *peer* has."""
    of_peer = (result.values.get(name, {}).get(peer) for name in panel.figures)
    return [rounds for rounds in of_peer if rounds]


def _scale(axes: Axes, points: list[Point], bars: bool) -> None:
    """Choose the scale of *axes*: all *points*, and room for the text beside them."""
    low, high = min(low for low, _, _ in points), max(high for _, _, high in points)
    if bars:
        axes.set_xlim(0, high * 1.18)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        return
    axes.set_xscale("log")
    width = high / low
    axes.set_xlim(low / width**0.12 / 1.1, high * width**0.2 * 1.15)
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 3.0) if width < 60 else (1.0,)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def _names(axes: Axes, peers: list[str], theme: Theme) -> None:
    """Write the peers' names to the left of *axes*, ours in bold."""
    for row, peer in enumerate(peers):
        ours = kind(peer) == "ours"
        axes.text(
            *(-0.02, row, LABELS.get(peer, peer)),
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="center_baseline",
            color=theme.ours if ours else theme.text,
            weight="bold" if ours else "normal",
        )


def _frame(axes: Axes, panel: Panel, peers: list[str], theme: Theme) -> None:
    """Give *axes* its title, its grid and its rows; a line parts ours, theirs and the floors."""
    axes.set_title(panel.title, loc="left", size=9, color=theme.faint, pad=5)
    axes.set_ylim(len(peers) - 0.5, -0.5)
    axes.set_yticks([])
    axes.tick_params(axis="x", length=0, labelcolor=theme.faint, labelsize=8)
    axes.grid(visible=True, axis="x", color=theme.grid, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    for row in range(1, len(peers)):
        if kind(peers[row]) != kind(peers[row - 1]):
            axes.axhline(row - 0.5, color=theme.grid, linewidth=0.8)


def _dots(axes: Axes, rows: list[list[Point]], colours: list[str]) -> None:
    """Draw each peer's points: dots, their whiskers, and a thin line that connects them."""
    spots = [(row, points, colours[row]) for row, points in enumerate(rows) if points]
    ends = [(row, points[0][1], points[-1][1], colour) for row, points, colour in spots if len(points) > 1]
    if ends:
        ys, starts, stops, shades = zip(*ends, strict=True)
        axes.hlines(ys, starts, stops, colors=shades, linewidth=0.9, clip_on=False)
    for number in range(max(len(points) for points in rows)):
        some = [(row, *points[number], colour) for row, points, colour in spots if len(points) > number]
        ys, lows, middles, highs, shades = zip(*some, strict=True)
        axes.hlines(ys, lows, highs, colors=shades, linewidth=3.5, alpha=0.45, clip_on=False)
        axes.scatter(middles, ys, c=shades, s=(6 - number) ** 2, linewidths=0, zorder=3, clip_on=False)


def _bars(axes: Axes, rows: list[list[Point]], colours: list[str]) -> None:
    """Draw each peer's bar, and a whisker at its end."""
    for row, points in enumerate(rows):
        for low, middle, high in points:
            axes.barh([row], [middle], height=0.6, color=colours[row])
            axes.hlines([row], [low], [high], colors=[colours[row]], linewidth=1)


def _values(axes: Axes, panel: Panel, rows: list[list[Point]], theme: Theme) -> None:
    """Write the values: the first of several on the left, the last on the right, others above."""
    for row, points in enumerate(rows):
        for number, (_, middle, high) in enumerate(points):
            x, offset, align = middle, (0, 8), "center"
            if number == len(points) - 1:
                x, offset, align = high, (5, 0), "left"
            elif number == 0:
                offset, align = (-5, 0), "right"
            text = describe(panel.figures[number]).write(middle)
            axes.annotate(
                *(text, (x, row)),
                xytext=offset,
                textcoords="offset points",
                ha=align,
                va="center_baseline",
                size=7.5,
                color=theme.text,
            )


def _words(axes: Axes, rows: list[list[Point]], words: list[str], theme: Theme) -> None:
    """Write in each empty row why it is empty: the word for its peer."""
    for row, points in enumerate(rows):
        if not points:
            where = axes.get_yaxis_transform()
            text = (0.01, row, words[row])
            axes.text(*text, transform=where, va="center_baseline", size=7.5, color=theme.faint)
