"""The plots: valid, the same each time, small, legible on both pages, and nobody missing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from benchmarks.output.plots import LABELS, PLOTS, THEMES, Plot, Theme
from benchmarks.output.report import MEASURED_BY
from benchmarks.peers import PEERS
from tests.benchmarks.made_up import made_up, of, without

drawing = pytest.importorskip(
    "benchmarks.output.drawing", reason="matplotlib is not installed", exc_type=ImportError
)

if TYPE_CHECKING:
    from pathlib import Path

BACKGROUNDS = {"light": "#ffffff", "dark": "#0d1117"}


def texts(svg: str) -> list[str]:
    """Return the texts of an SVG, which must be valid XML."""
    return [
        "".join(element.itertext()) for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    ]


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb``, as WCAG 2 defines it."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, as WCAG 2 defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_a_plot_is_valid_and_names_every_peer_in_order(plot: Plot, theme: Theme) -> None:
    """It is XML, and its texts are the title, and each peer once, from top to bottom."""
    result = made_up()
    found = texts(drawing.draw(plot, result, theme))

    assert plot.title in found
    assert [text for text in found if text in LABELS.values()] == [LABELS[peer] for peer in result.titles]


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_an_absent_peer_and_one_that_failed_keep_their_rows(plot: Plot) -> None:
    """Their names are there; `absent` stands in every panel, `failed` where it did."""
    result = without(made_up(), "go", "no Go toolchain")
    for figure in plot.panels[0].figures:
        result.values[figure].pop("node")
    result.failed[f"node: {MEASURED_BY[plot.panels[0].figures[0]]}"] = "silent for 30 s"
    found = texts(drawing.draw(plot, result, THEMES[0]))

    assert {"Go", "Node.js"} <= {*found}
    assert found.count("absent") == len(plot.present(result))
    assert found.count("failed") == 1


def test_values_stand_beside_the_dots() -> None:
    """Each median is written out, as the tables write it."""
    result = of("cpu/16", bootstrap=19.04, go=52.25, node=103.4)
    for value in (51.0, 60.0):
        result.add("go", {"cpu/16": value})
    [cpu] = [plot for plot in PLOTS if plot.name == "cpu"]
    found = texts(drawing.draw(cpu, result, THEMES[0]))

    assert {"19.0", "52.2", "103"} <= {*found}
    assert "Rust" not in found


def test_the_same_figures_are_the_same_bytes(tmp_path: Path) -> None:
    """No date, no random names: what did not change does not differ."""
    first, second = (drawing.write_plots(made_up(), tmp_path / name) for name in ("first", "second"))

    assert [file.name for file in first] == [plot.file(theme) for plot in PLOTS for theme in THEMES]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]
    assert not any(re.search(rb"20\d\d-\d\d|<dc:date|atplotlib v", file.read_bytes()) for file in first)


def test_plots_are_small_and_transparent(tmp_path: Path) -> None:
    """With all thirteen peers each is under 60 KB, and nothing is filled behind it."""
    result = made_up()
    result.titles |= {"module": "us, python -m", "httpx": "httpx + orjson"}
    for of_peers in result.values.values():
        of_peers.update(dict.fromkeys(("module", "httpx"), of_peers["go"]))
    for figure in ("cpu/sqs-100", *(f"{what}/16@unpinned" for what in ("p50", "p99", "p999"))):
        result.values[figure] = {peer: [100.0, 110.0, 121.0] for peer in result.titles}
    files = drawing.write_plots(result, tmp_path)

    assert len(files) == 8
    assert [file.name for file in files if file.stat().st_size > 60_000] == []
    assert not any("fill: #ffffff" in file.read_text() for file in files)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_everything_is_legible_on_its_page(theme: Theme) -> None:
    """Text has a contrast of 4.5, dots of 3: what WCAG asks for. No text has a colour of its own."""
    page = BACKGROUNDS[theme.name]

    assert min(contrast(colour, page) for colour in (theme.text, theme.faint, theme.ours)) >= 4.5
    assert min(contrast(colour, page) for colour in (theme.theirs, theme.floor)) >= 3
    for plot in PLOTS:
        svg = drawing.draw(plot, made_up(), theme)
        fills = {*re.findall(r"<text [^>]*fill: (#\w+)", svg)}
        assert fills <= {theme.text, theme.faint, theme.ours}
        assert not re.search(r"<text (?![^>]*fill: #)", svg)


def test_a_run_without_a_plots_figures_has_no_such_plot(tmp_path: Path) -> None:
    """A run of the memory alone draws that plot alone."""
    files = drawing.write_plots(of("peak", bootstrap=9.0), tmp_path)

    assert [file.name for file in files] == ["memory-light.svg", "memory-dark.svg"]


def test_every_peer_has_a_short_name() -> None:
    """No peer falls back to a name that was not made for a plot."""
    assert {peer.name for peer in PEERS} <= {*LABELS}
