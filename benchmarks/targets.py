"""What the client must reach, as ratios between peers of the same run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

US: Final = "bootstrap"
STANDARD: Final = frozenset({"_socket", "_json", "__future__"})


@dataclass(frozen=True)
class Target:
    """A limit on one of our figures: *factor* times the same figure of *peer*, plus *extra* MB."""

    figure: str
    factor: float
    peer: str
    extra: float = 0.0

    def text(self) -> str:
        """Return the limit in words."""
        factor = "" if self.factor == 1 else f"{self.factor:g} x "
        return f"<= {factor}{self.peer}" + (f" + {self.extra:g} MB" if self.extra else "")


TARGETS: Final = (
    Target("first-next", 1.25, "floor-python"),
    Target("first-next", 0.42, "awslambdaric"),
    Target("first-response", 1.30, "floor-python"),
    Target("first-response", 0.42, "awslambdaric"),
    Target("cpu-16", 1.6, "floor-c"),
    Target("cpu-16", 0.36, "awslambdaric"),
    Target("cpu-16", 0.12, "awslambdaric-threads"),
    Target("p50-16", 1.7, "floor-c"),
    Target("p50-16", 0.34, "awslambdaric"),
    Target("peak", 1.0, "floor-python", extra=1.5),
    Target("cpu-apigw-small", 0.45, "awslambdaric"),
    Target("p50-apigw-small", 0.45, "awslambdaric"),
    Target("cpu-apigw", 0.45, "awslambdaric"),
    Target("p50-apigw", 0.45, "awslambdaric"),
    Target("cpu-sqs-100", 0.8, "awslambdaric"),
    Target("p50-sqs-100", 0.8, "awslambdaric"),
    Target("wall-5mb", 1.0, "awslambdaric"),
    Target("peak-5mb", 1.0, "awslambdaric"),
)


@dataclass(frozen=True)
class Verdict:
    """One line of the table of targets."""

    figure: str
    target: str
    value: str
    met: bool | None
    """None when there is nothing to compare with, or no target."""


def judge(medians: Mapping[str, Mapping[str, float]], title: Callable[[str], str]) -> list[Verdict]:
    """Compare our medians, ``medians[figure][peer]``, with the targets; *title* names a figure."""
    verdicts = []
    for target in TARGETS:
        of_peers = medians.get(target.figure)
        if of_peers is None:
            continue
        ours, theirs = of_peers.get(US), of_peers.get(target.peer)
        if ours is None or theirs is None:
            absent = US if ours is None else target.peer
            verdicts.append(Verdict(title(target.figure), target.text(), f"{absent} was not measured", None))
            continue
        limit = target.factor * theirs + target.extra
        value = f"{ours - theirs:+.2f} MB" if target.extra else f"{ours / theirs:.3f} x"
        verdicts.append(
            Verdict(
                title(target.figure), target.text(), f"{value} ({ours:.2f}, limit {limit:.2f})", ours <= limit
            )
        )
    return verdicts


def judge_modules(loaded: list[str]) -> Verdict:
    """Judge what is imported before the handler: three standard modules, and 14 of ours."""
    ours = [name for name in loaded if name.split(".")[0] in ("rapid_client", "__main__")]
    other = [name for name in loaded if name not in ours and name not in STANDARD]
    value = f"{len(ours)} of ours" + (f", and {', '.join(other)}" if other else ", no other")
    return Verdict(
        "modules imported before the handler is loaded",
        "`_socket`, `_json`, `__future__`, <= 14 of ours",
        value,
        not other and len(ours) <= 14,
    )


def judge_size(size: int) -> Verdict:
    """Judge the unpacked bytes of what a layer holds of ours: bytecode alone, as of Python's library."""
    return Verdict(
        "what the layer holds of ours, unpacked: .pyc alone",
        "<= 300 KB",
        f"{size / 1000:.0f} KB",
        size <= 300_000,
    )


def tell_size(size: int) -> Verdict:
    """Tell, without judging, the unpacked bytes with sources beside the bytecode."""
    return Verdict("the same with sources and `__pycache__`", "", f"{size / 1000:.0f} KB", None)
