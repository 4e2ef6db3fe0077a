"""Made-up results of runs."""

from __future__ import annotations

from typing import Final

from benchmarks.output.report import Result

TITLES: Final = {
    "direct": "us, direct",
    "bootstrap": "us, `./bootstrap`",
    "pipeline": "us, `RAPID_PIPELINE=1`",
    "awslambdaric": "awslambdaric",
    "awslambdaric-threads": "awslambdaric, thread polling",
    "go": "Go",
    "rust": "Rust",
    "rust-current": "Rust, current-thread",
    "node": "Node.js",
    "floor-python": "Python floor",
    "floor-c": "C floor",
}

FIGURES: Final = {
    "first-response": 10.0,
    "first-response@128": 110.0,
    "cpu/16": 14.0,
    "p50/16": 14.0,
    "p99/16": 30.0,
    "p999/16": 60.0,
    "cpu/apigw": 20.0,
    "cpu/log": 30.0,
    "peak": 9.0,
    "steady": 8.0,
    "syscalls": 144.0,
}


def made_up(factor: float = 1.0) -> Result:
    """Return a run of three rounds in which all have the same figures; ours are *factor* times as large."""
    result = Result(
        dict(TITLES),
        date="2026-11-21T10:00:00+00:00",
        commit="0123456789abcdef0123456789abcdef01234567-dirty",
        machine={"cpu": "A Processor", "cores": 2, "kernel": "6.1"},
        versions={"python": "3.13.0", "awslambdaric": "4.2.2"},
        clients={"go": "aws-lambda-go v1.55.1, go1.26.8"},
        seconds=480.0,
    )
    for peer in TITLES:
        for round_ in (0.98, 1.0, 1.04):
            ours = factor if peer in ("direct", "bootstrap", "pipeline") else 1.0
            result.add(peer, {figure: value * round_ * ours for figure, value in FIGURES.items()})
    return result


def without(result: Result, peer: str, reason: str) -> Result:
    """Return *result* as if *peer* had been absent."""
    result.absent[peer] = reason
    for of_peers in result.values.values():
        of_peers.pop(peer, None)
    return result


def of(figure: str, **values: float) -> Result:
    """Return a run with one *figure*, one round each; underscores in a peer's name stand for dashes."""
    result = Result(dict(TITLES))
    for peer, value in values.items():
        result.add(peer.replace("_", "-"), {figure: value})
    return result
