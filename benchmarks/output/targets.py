"""What the client must reach, as ratios between peers of the same run."""

from __future__ import annotations

from dataclasses import dataclass
from math import isclose
from typing import TYPE_CHECKING, Final

from benchmarks.output.figures import describe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.output.report import Result

OFFICIAL: Final = ("awslambdaric", "awslambdaric-threads", "go", "rust", "rust-current", "node")
"""The official clients of every language, as their users run them."""

STANDARD: Final = frozenset({"_socket", "_json", "__future__"})
OWN_MODULES: Final = 14
LAYER_BYTES: Final = 300_000


@dataclass(frozen=True)
class Target:
    """A limit on a figure of ours: at most *factor* times the same figure of *peer*, plus *extra* MB."""

    figure: str
    factor: float
    peer: str
    us: str = "bootstrap"
    extra: float = 0.0

    def text(self) -> str:
        """Return the limit in words."""
        factor = "" if self.factor == 1 else f"{self.factor:g} x "
        return f"<= {factor}{self.peer}" + (f" + {self.extra:g} MB" if self.extra else "")

    def judge(self, figures: Mapping[str, float]) -> tuple[str, bool]:
        """Return our value in words and whether it is within the limit, from the *figures* of all peers."""
        ours, theirs = figures[self.us], figures[self.peer]
        limit = self.factor * theirs + self.extra
        ratio = f"{ours - theirs:+.2f} MB" if self.extra or not theirs else f"{ours / theirs:.3f} x"
        return f"{ratio} ({ours:.2f}, limit {limit:.2f})", ours <= limit or isclose(ours, limit)

    @property
    def peers(self) -> tuple[str, ...]:
        """The peers that we are compared with."""
        return (self.peer,)


@dataclass(frozen=True)
class Below:
    """A figure of ours must be below the same figure of each of *peers*."""

    figure: str
    peers: tuple[str, ...]
    us: str = "bootstrap"

    def text(self) -> str:
        """Return the limit in words."""
        return f"< {'every official client' if self.peers == OFFICIAL else ', '.join(self.peers)}"

    def judge(self, figures: Mapping[str, float]) -> tuple[str, bool]:
        """Return our value beside the lowest of theirs, and whether it is below."""
        ours = figures[self.us]
        lowest, theirs = min(((name, figures[name]) for name in self.peers), key=lambda pair: pair[1])
        return f"{ours:.2f}, the lowest is {lowest} with {theirs:.2f}", ours < theirs


TARGETS: Final[tuple[Target | Below, ...]] = (
    Target("first-next", 1.15, "floor-python", us="direct"),
    Target("first-response", 1.15, "floor-python", us="direct"),
    Target("first-next", 1.20, "floor-python"),
    Target("first-response", 1.20, "floor-python"),
    Target("first-next", 0.25, "node"),
    Target("first-response", 0.25, "node"),
    Target("first-next", 0.42, "awslambdaric"),
    Target("first-response", 0.42, "awslambdaric"),
    Target("cpu/16", 1.4, "floor-c"),
    Below("cpu/16", OFFICIAL),
    Target("cpu/16", 0.36, "awslambdaric"),
    Target("cpu/16", 0.12, "awslambdaric-threads"),
    Target("cpu/16", 1.15, "floor-c", us="pipeline"),
    Target("p50/16", 1.5, "floor-c"),
    Below("p50/16", ("rust", "go", "node", "awslambdaric")),
    Target("p50/16", 0.34, "awslambdaric"),
    Target("p99/16", 0.35, "go"),
    Target("cpu/apigw-small", 1.7, "floor-c"),
    Below("cpu/apigw-small", OFFICIAL),
    Target("cpu/apigw-small", 0.45, "awslambdaric"),
    Target("p50/apigw-small", 0.45, "awslambdaric"),
    Target("cpu/apigw", 1.7, "floor-c"),
    Below("cpu/apigw", OFFICIAL),
    Target("cpu/apigw", 0.45, "awslambdaric"),
    Target("p50/apigw", 0.45, "awslambdaric"),
    Target("cpu/sqs-100", 0.8, "awslambdaric"),
    Target("p50/sqs-100", 0.8, "awslambdaric"),
    Target("p50/5mb", 1.0, "awslambdaric"),
    Below("peak", ("go",)),
    Target("peak", 0.25, "node"),
    Target("peak", 1.0, "floor-python", extra=1.5),
)


@dataclass(frozen=True)
class Verdict:
    """One line of the table of targets."""

    figure: str
    target: str
    value: str
    met: bool | None
    """None when there is nothing to compare with, or no target."""


def judge(result: Result) -> list[Verdict]:
    """Judge what *result* has figures of; what was not measured of anybody is left out.

    A quick run has too few rounds to judge by: it yields nothing.
    """
    if result.quick:
        return []
    medians = result.medians()
    measured = [target for target in TARGETS if target.figure in medians]
    verdicts = [_judge(target, medians[target.figure], result) for target in measured]
    if "bootstrap" in result.modules:
        verdicts.append(judge_modules(result.modules["bootstrap"]))
    if result.layer:
        verdicts.append(judge_size(result.layer["bytecode"]))
        verdicts.append(tell_size(result.layer["with_sources"]))
    return verdicts


def _judge(target: Target | Below, figures: Mapping[str, float], result: Result) -> Verdict:
    """Judge one *target* by the medians of its figure; without one of its peers, say why it is not."""
    title = f"{describe(target.figure).title}, {target.us}"
    missing = [peer for peer in (target.us, *target.peers) if peer not in figures]
    if missing:
        reasons: dict[str, list[str]] = {}
        for peer in missing:
            word, reason = result.missing(peer, target.figure)
            reasons.setdefault(reason if word == "-" else f"{word}, {reason}", []).append(peer)
        told = (f"{', '.join(peers)}: {reason}" for reason, peers in reasons.items())
        return Verdict(title, target.text(), "; ".join(told), None)
    return Verdict(title, target.text(), *target.judge(figures))


def judge_modules(loaded: Sequence[str]) -> Verdict:
    """Judge what is imported before the handler: three standard modules, and 14 of ours."""
    ours = [name for name in loaded if name.split(".")[0] in ("rapid_client", "__main__")]
    other = [name for name in loaded if name not in ours and name not in STANDARD]
    value = f"{len(ours)} of ours" + (f", and {', '.join(other)}" if other else ", no other")
    return Verdict(
        "modules imported before the handler is loaded",
        f"`_socket`, `_json`, `__future__`, <= {OWN_MODULES} of ours",
        value,
        not other and len(ours) <= OWN_MODULES,
    )


def judge_size(size: int) -> Verdict:
    """Judge the unpacked bytes of what a layer holds of ours: bytecode alone, as of Python's library."""
    return Verdict(
        "what the layer holds of ours, unpacked: .pyc alone",
        f"<= {LAYER_BYTES // 1000} KB",
        f"{size / 1000:.0f} KB",
        size <= LAYER_BYTES,
    )


def tell_size(size: int) -> Verdict:
    """Tell, without judging, the unpacked bytes with sources beside the bytecode."""
    return Verdict("the same with sources and `__pycache__`", "", f"{size / 1000:.0f} KB", None)
