"""What a run leaves: every round as JSON, and tables in Markdown."""

from __future__ import annotations

import json
import os
import platform
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.measures import MEASURES
from benchmarks.targets import judge, judge_modules, judge_size, tell_size

if TYPE_CHECKING:
    from benchmarks.clean_room import Machine
    from benchmarks.measures import LayerSize
    from benchmarks.peers import Peer
    from benchmarks.targets import Verdict

LATEST: Final = Path(__file__).parent / "results" / "latest.json"
TITLES: Final = {
    figure.name: (figure.title, figure.unit) for measure in MEASURES for figure in measure.figures
}


@dataclass
class Result:
    """What came of a run."""

    peers: list[Peer]
    machine: Machine
    date: str
    quick: bool = False
    """Whether the rounds are too few to judge by: then there is no table of targets."""
    pinned: bool = True
    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """``values[figure][peer]``: one number per round."""
    absent: dict[str, str] = field(default_factory=dict)
    """Why a peer was not measured, by name."""
    failed: dict[str, str] = field(default_factory=dict)
    """Why one measure has no figures of one peer, by ``peer: measure``."""
    modules: dict[str, list[str]] = field(default_factory=dict)
    layer: LayerSize | None = None
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 2))
    """The load average before the run."""
    seconds: float = 0.0

    def add(self, peer: str, sample: dict[str, float]) -> None:
        """Add the figures of one process of *peer*."""
        for figure, value in sample.items():
            self.values.setdefault(figure, {}).setdefault(peer, []).append(value)

    def medians(self) -> dict[str, dict[str, float]]:
        """Return ``medians[figure][peer]``."""
        return {
            figure: {peer: statistics.median(rounds) for peer, rounds in of_peers.items()}
            for figure, of_peers in self.values.items()
        }

    def verdicts(self) -> list[Verdict]:
        """Return the table of targets, as far as this run has what they need; a quick one judges nothing."""
        if self.quick:
            return []
        verdicts = judge(self.medians(), lambda figure: TITLES[figure][0])
        if "bootstrap" in self.modules:
            verdicts.append(judge_modules(self.modules["bootstrap"]))
        if self.layer is not None:
            verdicts.append(judge_size(self.layer.bytecode))
            verdicts.append(tell_size(self.layer.with_sources))
        return verdicts


def spread(rounds: list[float]) -> float:
    """Return half the distance between the quartiles, as a share of the median: how far rounds are apart."""
    if len(rounds) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(rounds, n=4, method="inclusive")
    return (high - low) / 2 / middle if middle else 0.0


def describe_machine() -> dict[str, Any]:
    """Return what the machine is."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_mb": round(memory / 1e6),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()),
    }


def as_json(result: Result) -> str:
    """Return the whole run: machine, versions, date, every round, spread and verdicts."""
    figures = {
        figure: {
            "title": TITLES[figure][0],
            "unit": TITLES[figure][1],
            "peers": {
                peer: {
                    "median": round(statistics.median(rounds), 3),
                    "spread": round(spread(rounds), 4),
                    "rounds": [round(value, 3) for value in rounds],
                }
                for peer, rounds in of_peers.items()
            },
        }
        for figure, of_peers in result.values.items()
    }
    whole = {
        "date": result.date,
        "seconds": round(result.seconds, 1),
        "machine": describe_machine(),
        "load_average_before": result.load,
        "versions": dict(result.machine.versions),
        "pinned": result.pinned,
        "absent": result.absent,
        "failed": result.failed,
        "figures": figures,
        "modules": result.modules,
        "layer_bytes": vars(result.layer) if result.layer is not None else None,
        "targets": [vars(verdict) for verdict in result.verdicts()],
    }
    return json.dumps(whole, indent=1) + "\n"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def figures_table(result: Result) -> list[str]:
    """Return the table of medians with their spread: a column per peer, the absent ones too."""
    lines = [
        _row(["figure", *(peer.title for peer in result.peers)]),
        _row(["---", *("---:" for _ in result.peers)]),
    ]
    for figure, of_peers in result.values.items():
        title, unit = TITLES[figure]
        cells = []
        for peer in result.peers:
            rounds = of_peers.get(peer.name)
            if rounds:
                cells.append(f"{statistics.median(rounds):.2f} ± {100 * spread(rounds):.1f} %")
            else:
                cells.append("absent" if peer.name in result.absent else "-")
        lines.append(_row([f"{title}, {unit}", *cells]))
    if result.modules:
        counts = [str(len(result.modules[p.name])) if p.name in result.modules else "-" for p in result.peers]
        lines.append(_row(["modules loaded before the handler", *counts]))
    return lines


def targets_table(verdicts: list[Verdict]) -> list[str]:
    """Return the table of targets: value, target, met or missed."""
    lines = [_row(["figure", "target", "value", ""]), _row(["---"] * 4)]
    for verdict in verdicts:
        unjudged = "?" if verdict.target else ""
        word = unjudged if verdict.met is None else "met" if verdict.met else "**missed**"
        lines.append(_row([verdict.figure, verdict.target, verdict.value, word]))
    return lines


def as_markdown(result: Result) -> str:
    """Return the tables, with what a reader must know to judge them."""
    machine = describe_machine()
    versions = ", ".join(f"{name} {version}" for name, version in sorted(result.machine.versions.items()))
    lines = [
        f"{result.date}; {machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; {versions}.",
        "Medians of whole processes, interleaved, ± half the distance between the quartiles. "
        "Start-up is unpinned, "
        + (
            "the rest has client and server on one core."
            if result.pinned
            else "and so is the rest (not permitted)."
        ),
        "",
        *figures_table(result),
    ]
    notes = [f"* {name} is absent: {reason}" for name, reason in result.absent.items()]
    notes += [f"* {name} failed: {reason}" for name, reason in result.failed.items()]
    if result.load > 0.5:
        notes.append(
            f"* the machine was not idle (load average {result.load} before the run): judge by the ratios"
        )
    if notes:
        lines += ["", *notes]
    verdicts = result.verdicts()
    if result.quick:
        lines += ["", "A quick run has too few rounds to judge the targets by: `make bench` has them all."]
    elif verdicts:
        lines += ["", *targets_table(verdicts)]
    return "\n".join(lines)


def save(result: Result, path: Path) -> None:
    """Write the JSON to *path*, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_json(result))
