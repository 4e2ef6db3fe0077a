"""The plots of a run: which there are, what they show, and in which colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from benchmarks.output.report import Result


@dataclass(frozen=True)
class Theme:
    """The colours of a page."""

    name: str
    text: str
    faint: str
    grid: str
    ours: str
    theirs: str
    floor: str

    def colour(self, peer: str) -> str:
        """Return the colour of *peer*."""
        return {"ours": self.ours, "theirs": self.theirs, "floor": self.floor}[kind(peer)]


#: GitHub's own: its white and its #0d1117 are what the plots lie on.
LIGHT: Final = Theme("light", "#1f2328", "#59636e", "#d1d9e0", "#0969da", "#59636e", "#9a6700")
DARK: Final = Theme("dark", "#f0f6fc", "#9198a1", "#3d444d", "#4493f8", "#9198a1", "#d29922")
THEMES: Final = (LIGHT, DARK)

OURS: Final = frozenset({"direct", "bootstrap", "module", "pipeline"})

LABELS: Final = {
    "direct": "rapid_client, direct",
    "bootstrap": "rapid_client, bootstrap",
    "module": "rapid_client, python -m",
    "pipeline": "rapid_client, pipelined",
    "awslambdaric": "awslambdaric",
    "awslambdaric-threads": "awslambdaric, threads",
    "httpx": "httpx + orjson",
    "go": "Go",
    "rust": "Rust",
    "rust-current": "Rust, one thread",
    "node": "Node.js",
    "floor-python": "Python floor",
    "floor-c": "C floor",
}
"""What the plots call the peers: shorter than the tables do."""


def kind(peer: str) -> str:
    """Return whether *peer* is one of ``ours``, a ``floor`` or one of ``theirs``."""
    return "ours" if peer in OURS else "floor" if peer.startswith("floor-") else "theirs"


@dataclass(frozen=True)
class Panel:
    """One scale of a plot: a figure of every peer, or several figures of it that a line connects."""

    title: str
    figures: tuple[str, ...]


@dataclass(frozen=True)
class Plot:
    """A file: panels side by side that share their rows."""

    name: str
    title: str
    alt: str
    """What the picture shows, for those who cannot see it."""
    panels: tuple[Panel, ...]
    one_scale: bool = True
    """Whether the panels share their scale."""
    bars: bool = False
    """Whether there are bars from zero instead of dots on a logarithmic scale."""

    def present(self, result: Result) -> tuple[Panel, ...]:
        """Return the panels that *result* has figures for."""
        return tuple(panel for panel in self.panels if result.values.get(panel.figures[0]))

    def file(self, theme: Theme) -> str:
        """Return the name of the plot's file in *theme*."""
        return f"{self.name}-{theme.name}.svg"


PLOTS: Final = (
    Plot(
        "cold-start",
        "Cold start: exec to first response, ms",
        "Cold start of every client, at full CPU and at 128 MB's share of one",
        (
            Panel("full CPU", ("first-response",)),
            Panel("128 MB's share of a CPU", ("first-response@128",)),
        ),
        one_scale=False,
    ),
    Plot(
        "cpu",
        "CPU time per invocation, µs (client and server on one core)",
        "CPU time per invocation of every client, for three events",
        (
            Panel("16 bytes", ("cpu/16",)),
            Panel("API Gateway event, 3.1 KB", ("cpu/apigw",)),
            Panel("100 SQS records", ("cpu/sqs-100",)),
        ),
    ),
    Plot(
        "latency",
        "Latency with 16 bytes, µs: p50 — p99 — p99.9",
        "Median and tail latency of every client, on one core and on cores of their own",
        (
            Panel("client and server on one core", ("p50/16", "p99/16", "p999/16")),
            Panel(
                "client and server on cores of their own",
                ("p50/16@unpinned", "p99/16@unpinned", "p999/16@unpinned"),
            ),
        ),
    ),
    Plot(
        "memory",
        "Memory after 10,000 invocations, MB",
        "Peak and resident memory of every client after 10,000 invocations",
        (Panel("peak", ("peak",)), Panel("resident then", ("steady",))),
        bars=True,
    ),
)
