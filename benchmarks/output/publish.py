"""Publishing a run: its JSON and plots beside the code, and its tables into the pages that show them.

No figure in a page is ever copied by hand: what stands between two markers there is written from the JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.output import tables
from benchmarks.output.plots import DARK, LIGHT, PLOTS
from benchmarks.output.report import ROOT, save
from benchmarks.output.targets import judge

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.output.plots import Plot
    from benchmarks.output.report import Result

PUBLISHED: Final = "benchmarks/results/published"
"""The folder of the published run, from the project's root on."""
RUN: Final = f"{PUBLISHED}/run.json"

BEGIN: Final = "<!-- figures: written by `python -m benchmarks publish` -->"
END: Final = "<!-- /figures -->"


class NotPublished(Exception):
    """A run cannot be published; the message says why."""


def publish(result: Result, root: Path = ROOT) -> list[Path]:
    """Make *result* the published run of the project in *root*; return the files that were written.

    Raises:
        NotPublished: If it is not a whole run, or a page has no place for it.
    """
    reasons = {
        "quick": result.quick,
        "interrupted": not result.complete,
        "of some measures, clients or rounds": result.partial,
        "empty": not result.values,
    }
    for why, is_so in reasons.items():
        if is_so:
            raise NotPublished(f"this run was {why}: publish one of `make bench`")
    from benchmarks.output.drawing import (
        write_plots,  # deferred: matplotlib takes 0.5 s, and only plots need it
    )

    pages = {root / name: replaced(root / name, text) for name, text in parts(result).items()}
    folder = root / PUBLISHED
    for stale in folder.glob("*.svg"):
        stale.unlink()
    save(result, root / RUN)
    files = [root / RUN, *write_plots(result, folder)]
    for page, text in pages.items():
        page.write_text(text, encoding="utf-8")
    return [*files, *pages]


def parts(result: Result) -> dict[str, str]:
    """Return what *result* writes into each page, by the page's path from the project's root on."""
    return {"README.md": readme_part(result), "docs/benchmarks.md": docs_part(result)}


def between(page: Path) -> str:
    """Return what stands between the two markers in *page*.

    Raises:
        NotPublished: If it does not have both, once each and in this order.
    """
    return _split(page)[1]


def replaced(page: Path, part: str) -> str:
    """Return the text of *page* with *part* between the markers; raises as `between` does."""
    before, _, after = _split(page)
    return before + part + after


def _split(page: Path) -> tuple[str, str, str]:
    """Return what is before, between and after the markers, which stay outside."""
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as exc:
        raise NotPublished(f"{page} cannot be read: {exc}") from exc
    before, begin, rest = text.partition(f"{BEGIN}\n")
    part, end, after = rest.partition(END)
    if not (begin and end) or text.count(BEGIN) > 1 or text.count(END) > 1:
        raise NotPublished(f"{page} needs the lines {BEGIN} and {END}, once each and in this order")
    return before + begin, part, end + after


def readme_part(result: Result) -> str:
    """Return the part of the README: the plots, the short table, and how many targets are met."""
    machine = f"{result.machine.get('cpu')}, {result.machine.get('cores')} cores, CPython {_python(result)}"
    said = (
        f"`make bench` on {machine}, {result.date[:10]}: medians of whole processes of every client, "
        "interleaved in one run. Trust the ratios, and run it yourself."
    )
    lines = [said, ""]
    for plot in PLOTS:
        lines += [picture(plot, PUBLISHED), ""] if plot.present(result) else []
    lines += [*tables.short_table(result), "", tables.MAIN_SAYS, ""]
    shown = [*tables.MAIN, *(figure for plot in PLOTS for panel in plot.panels for figure in panel.figures)]
    remarks = tables.remarks(result, shown)
    lines += [*remarks, ""] if remarks else []
    verdicts = [verdict for verdict in judge(result) if verdict.target]
    met = sum(verdict.met is True for verdict in verdicts)
    lines += [f"{met} of {len(verdicts)} targets are met: [all figures and targets](docs/benchmarks.md).", ""]
    return "\n".join(lines)


def docs_part(result: Result) -> str:
    """Return the part of the page with all figures: setting, tables, remarks and targets."""
    return f"Every round is in [run.json](../{RUN}).\n\n{tables.as_markdown(result)}\n"


def picture(plot: Plot, folder: str) -> str:
    """Return *plot* as HTML that shows the file in *folder* for the page's colours."""
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{folder}/{plot.file(DARK)}">'
        f'<img alt="{plot.alt}" src="{folder}/{plot.file(LIGHT)}"></picture>'
    )


def _python(result: Result) -> str:
    return result.versions.get("python", "of unknown version")
