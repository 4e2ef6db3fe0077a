"""What a run leaves: every round, what it was measured on, and the JSON that keeps it."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.measures import MEASURES
from benchmarks.output.figures import describe

if TYPE_CHECKING:
    from collections.abc import Mapping

RESULTS: Final = Path(__file__).parent.parent / "results"
LATEST: Final = RESULTS / "latest.json"
ROOT: Final = RESULTS.parent.parent


MEASURED_BY: Final = {figure: measure.name for measure in MEASURES for figure in measure.figures}
"""The measure that yields a figure."""


class NoResult(Exception):
    """A file is not the JSON of a run; the message says which and why."""


@dataclass
class Result:
    """What came of a run: plain data, the same after it was written as JSON and read again."""

    titles: dict[str, str]
    """The peers of this run, present or absent: titles by name, in the order of the tables."""
    date: str = ""
    commit: str = ""
    """The commit of the tree, with ``-dirty`` behind it if files differ from it; empty outside a checkout."""
    machine: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    """The interpreter and what is installed for it."""
    clients: dict[str, str] = field(default_factory=dict)
    """Client and toolchain of each peer, in one line, by the peer's name."""
    quick: bool = False
    """Whether the rounds are too few to judge by: then there is no table of targets."""
    partial: bool = False
    """Whether only some measures or clients were asked for, or other numbers of rounds."""
    complete: bool = True
    """Whether all that was asked for was measured: not so after Ctrl-C."""
    pinned: bool = True
    """Whether the machine permitted to keep client and server on one core."""
    seconds: float = 0.0
    """How long the run took, without what was built before."""
    load: float = 0.0
    """The load average before the run."""
    absent: dict[str, str] = field(default_factory=dict)
    """Why a peer was not measured, by name."""
    failed: dict[str, str] = field(default_factory=dict)
    """Why one measure has no figures of one peer, by ``peer: measure``."""
    notes: list[str] = field(default_factory=list)
    """What else a reader must know."""
    modules: dict[str, list[str]] = field(default_factory=dict)
    """The modules imported before the handler, by peer."""
    layer: dict[str, int] = field(default_factory=dict)
    """Bytes of what a layer holds of ours: ``bytecode`` alone, and ``with_sources``."""
    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """``values[figure][peer]``: one number per round."""

    def add(self, peer: str, sample: Mapping[str, float]) -> None:
        """Add the figures of one process of *peer*, to three decimals.

        Raises:
            UnknownFigure: If a name in *sample* is no figure.
        """
        for figure, value in sample.items():
            describe(figure)
            self.values.setdefault(figure, {}).setdefault(peer, []).append(round(float(value), 3))

    def note(self, text: str) -> None:
        """Add what a reader must know, once."""
        if text not in self.notes:
            self.notes.append(text)

    def missing(self, peer: str, figure: str) -> tuple[str, str]:
        """Return a word and a sentence on why *peer* has no *figure*; the word is a dash if it needs none."""
        if peer not in self.titles:
            return "-", "not in this run"
        if peer in self.absent:
            return "absent", self.absent[peer]
        failure = self.failed.get(f"{peer}: {MEASURED_BY.get(figure)}")
        return ("failed", failure) if failure else ("-", f"{figure} was not measured")

    def figures(self) -> list[str]:
        """Return the names of what was measured, in the order of the tables."""
        return sorted(self.values, key=lambda name: describe(name).order)

    def medians(self) -> dict[str, dict[str, float]]:
        """Return ``medians[figure][peer]``."""
        return {
            figure: {peer: statistics.median(rounds) for peer, rounds in of_peers.items()}
            for figure, of_peers in self.values.items()
        }


def spread(rounds: list[float]) -> float:
    """Return half the distance between the quartiles, as a share of the median: how far rounds are apart."""
    low, middle, high = quartiles(rounds)
    return (high - low) / 2 / middle if middle else 0.0


def quartiles(rounds: list[float]) -> tuple[float, float, float]:
    """Return the first quartile of *rounds*, the median and the third quartile."""
    if len(rounds) < 2:
        return rounds[0], rounds[0], rounds[0]
    low, middle, high = statistics.quantiles(rounds, n=4, method="inclusive")
    return low, middle, high


def describe_machine() -> dict[str, Any]:
    """Return what this machine is."""
    found = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "cpu": found[1] if found else "unknown",
        "cores": os.cpu_count(),
        "memory_mb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()),
    }


def commit(root: Path = ROOT) -> str:
    """Return the commit of the checkout *root*, with ``-dirty`` behind it if files differ; else ""."""
    if not (root / ".git").exists():
        return ""
    asked = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def as_json(result: Result) -> str:
    """Return the whole run: machine, versions, date, every round; medians and spread beside them."""
    whole = {entry.name: getattr(result, entry.name) for entry in fields(Result) if entry.name != "values"}
    whole["figures"] = {
        name: {
            "title": describe(name).title,
            "unit": describe(name).unit,
            "peers": {
                peer: {
                    "median": round(statistics.median(rounds), 3),
                    "spread": round(spread(rounds), 4),
                    "rounds": rounds,
                }
                for peer, rounds in result.values[name].items()
            },
        }
        for name in result.figures()
    }
    text = json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
    # All rounds of a figure on one line: a page instead of a book.
    return re.sub(r"\[\n[\d\s.,-]+\]", lambda numbers: " ".join(numbers[0].split()), text)


def from_json(text: str) -> Result:
    """Read what `as_json` wrote.

    Raises:
        NoResult: If *text* is something else.
    """
    try:
        whole = json.loads(text)
        figures = whole.pop("figures")
        known = {entry.name for entry in fields(Result)}
        result = Result(**{name: value for name, value in whole.items() if name in known})
        for name, figure in figures.items():
            for peer, one in figure["peers"].items():
                for value in one["rounds"]:
                    result.add(peer, {name: value})
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise NoResult(f"it is not the JSON of a run ({type(exc).__name__}: {exc})") from exc
    return result


def save(result: Result, path: Path) -> None:
    """Write the JSON to *path*, whose folder is made; a file that was there is replaced at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(as_json(result), encoding="utf-8")
    fresh.replace(path)


def load(path: Path) -> Result:
    """Read the run in the file *path*.

    Raises:
        NoResult: If there is no such file, or it holds something else.
    """
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except NoResult as exc:
        raise NoResult(f"{path}: {exc}") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise NoResult(f"{path} cannot be read: {exc}") from exc
