"""The tables of a run in Markdown: a row per peer, the absent ones too."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Final

from benchmarks.output.figures import COUNTED, OFS, WHATS, WHERES, Figure, describe
from benchmarks.output.plots import kind
from benchmarks.output.report import MEASURED_BY, spread
from benchmarks.output.targets import judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.output.report import Result
    from benchmarks.output.targets import Verdict

MAIN: Final = {
    "first-response": "cold start, ms",
    "first-response@128": "cold start at 128 MB, ms",
    "cpu/16": "CPU, µs",
    "p50/16": "p50, µs",
    "p99/16": "p99, µs",
    "cpu/apigw": "CPU, API Gateway event, µs",
    "peak": "peak memory, MB",
}
"""The columns of the short table, and their heads."""

MAIN_SAYS: Final = (
    "Cold start is from exec to the first response, at full CPU and at a 128 MB function's share of one; "
    "CPU time and latency (event sent to response received) are per invocation, with 16 bytes and with an "
    "API Gateway event of 3.1 KB; memory is after 10,000 invocations. The floors are a one-file Python "
    "client without any feature, and a C loop that answers a constant."
)

METHOD: Final = (
    "Medians of whole processes, interleaved, ± half the distance between the quartiles. "
    "Start-up is unpinned; the rest has client and server on one core unless it says otherwise."
)
LONGEST: Final = 160
"""Characters of a reason: a client that fails may have said a lot."""
TOO_BUSY: Final = 0.5
"""The load average from which a run says that it was not alone."""


def row(cells: Sequence[str]) -> str:
    """Return a row of a table."""
    return "| " + " | ".join(cells) + " |"


def head(first: str, columns: Sequence[str]) -> list[str]:
    """Return the first two rows of a table: *first* is aligned left, the *columns* right."""
    return [row([first, *columns]), row(["---", *("---:" for _ in columns)])]


def short_table(result: Result) -> list[str]:
    """Return the table of what matters most: medians alone, ours in bold."""
    figures = [describe(name) for name in MAIN if name in result.values]
    lines = head("client", [MAIN[figure.name] for figure in figures])
    for peer, title in result.titles.items():
        cells = [title, *(_median(result, peer, figure) for figure in figures)]
        bold = kind(peer) == "ours" and peer not in result.absent
        lines.append(row([f"**{cell}**" if bold and cell != "-" else cell for cell in cells]))
    return lines


def full_tables(result: Result) -> list[str]:
    """Return all figures with their spread, in a table for each event and each kind of figure."""
    sections: dict[tuple[int, str], list[Figure]] = {}
    for figure in map(describe, result.figures()):
        sections.setdefault(_section(figure), []).append(figure)
    lines: list[str] = []
    for (_, title), figures in sorted(sections.items(), key=lambda pair: pair[0][0]):
        lines += [f"**{title}**", "", *head("client", [_column(figure) for figure in figures])]
        for peer, name in result.titles.items():
            cells = [_cell(result, peer, figure) for figure in figures]
            if {*cells} != {"-"}:
                lines.append(row([name, *cells]))
        lines.append("")
    return lines[:-1]


def _section(figure: Figure) -> tuple[int, str]:
    """Return the place and the title of the table that *figure* belongs to."""
    if figure.cold:
        return (1, "Start-up of functions that import libraries") if figure.of else (0, "Start-up")
    if figure.what in ("peak", "steady") or figure.of == "5mb-echo":
        return 4, "Memory"
    if figure.what in COUNTED | {"instructions", "size"}:
        return 5, "Counts until the first `/next`, and sizes"
    if figure.of in ("log", "fail"):
        return 3, "Functions that log and fail"
    return 2, f"Per invocation, {OFS[figure.of]}"


def _column(figure: Figure) -> str:
    """Return the head of a column in a table whose title says the rest."""
    words = WHATS[figure.what][0]
    if figure.what in ("peak", "steady") and not figure.of:
        words += " after 10,000 invocations"
    elif figure.of in ("imports", "clients", "log", "fail", "5mb-echo"):
        words += f", {OFS[figure.of]}"
    words = ", ".join(part for part in (words, WHERES[figure.where]) if part)
    return f"{words}, {figure.unit}" if figure.unit else words


def _median(result: Result, peer: str, figure: Figure) -> str:
    rounds = result.values[figure.name].get(peer)
    if not rounds:
        return result.missing(peer, figure.name)[0]
    return figure.write(statistics.median(rounds))


def _cell(result: Result, peer: str, figure: Figure) -> str:
    rounds = result.values[figure.name].get(peer, [])
    text = _median(result, peer, figure)
    return f"{text} ± {100 * spread(rounds):.1f} %" if len(rounds) > 1 else text


def targets_table(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the table of targets: value, target, met or missed."""
    lines = [row(["figure", "target", "value", ""]), row(["---"] * 4)]
    words = {True: "met", False: "**missed**", None: "not judged"}
    for verdict in verdicts:
        word = words[verdict.met] if verdict.target else ""
        lines.append(row([verdict.figure, verdict.target, _line(verdict.value), word]))
    return lines


def setting(result: Result) -> list[str]:
    """Return what the figures were measured on, and when."""
    machine = result.machine
    run = [result.date, f"{result.seconds / 60:.1f} minutes"]
    if result.commit:
        number, _, dirty = result.commit.partition("-")
        run.append(f"commit {number[:12]}" + (" with changes" if dirty else ""))
    what = [
        machine.get("cpu", "unknown"),
        f"{machine.get('cores', '?')} cores",
        f"Linux {machine.get('kernel')}",
    ]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(result.versions.items()))
    lines = [f"{', '.join(run)}; {', '.join(what)}."]
    if versions:
        lines.append(f"Python and its packages: {versions}.")
    clients = dict.fromkeys(result.clients.values())
    if clients:
        lines.append(f"Clients: {'; '.join(clients)}.")
    return lines


def remarks(result: Result, shown: Sequence[str] | None = None) -> list[str]:
    """Return what a reader must know to judge the figures: who is absent, what failed, what was otherwise.

    Where some figures are *shown* and no others, what concerns the others is left out.
    """
    lines = [f"* {name} is absent: {_line(reason)}" for name, reason in result.absent.items()]
    measures = None if shown is None else {MEASURED_BY.get(figure) for figure in shown}
    for failure, reason in result.failed.items():
        if measures is None or failure.partition(": ")[2] in measures:
            lines.append(f"* {failure} failed: {_line(reason)}")
    if measures is None:
        lines += [f"* {_line(note)}" for note in result.notes]
    if not result.pinned:
        lines.append("* pinning is not permitted here: all figures are unpinned")
    if not result.complete:
        lines.append("* the run was interrupted: these are the rounds until then")
    if result.load > TOO_BUSY:
        lines.append(f"* the machine was not idle (load average {result.load} before): judge by the ratios")
    return lines


def _line(text: str) -> str:
    """Return what somebody else wrote as a line of Markdown, and no more of it than a reader bears."""
    line = " ".join(text.split()).replace("<", "&lt;").replace("|", "&#124;")
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def as_markdown(result: Result) -> str:
    """Return the whole run: setting, tables, remarks and targets."""
    parts = [[*setting(result), METHOD], full_tables(result), remarks(result)]
    verdicts = judge(result)
    if result.quick:
        parts.append(["A quick run has too few rounds to judge the targets by: `make bench` has them all."])
    elif verdicts:
        parts.append(targets_table(verdicts))
    return "\n\n".join("\n".join(part) for part in parts if part)
