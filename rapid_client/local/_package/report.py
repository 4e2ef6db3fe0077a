"""What was done to a function, for programs and for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rapid_client.local._package.lazy import Laziness
    from rapid_client.local._package.trial import Cold, Outcome, Verdict
    from rapid_client.local._target.runtimes import Target

SCHEMA: Final = 1
NOT_RUN: Final = (
    "nothing was run: whether the answers are the same, and what the cold start saves, is known with"
    " --handler and --event"
)


@dataclass(frozen=True, slots=True)
class Measured:
    """The tree after a step.

    Attributes:
        name: The step; ``original`` before the first.
        files: How many files there are.
        size: Their bytes.
    """

    name: str
    files: int
    size: int


@dataclass(slots=True)
class Report:
    """What was done.

    Attributes:
        out: The zip file.
        target: What it is for.
        python: The release of Python that made the bytecode.
        left_out: What of the source is no part of the function.
        steps: The original, and the tree after each step.
        dropped: How many files were dropped, and their bytes, by kind.
        services: The services of AWS whose models are left; None if all are.
        outcome: What runs have shown; None if nothing was run.
        lazy: Which imports are lazy; None if that was not looked for.
        notes: What is to be said besides.
        zipped: The size of the zip file, in bytes.
        sha256: Its hash.
        files: How many files are in it.
    """

    out: Path
    target: Target
    python: str
    left_out: list[str]
    steps: list[Measured] = field(default_factory=list)
    dropped: dict[str, tuple[int, int]] = field(default_factory=dict)
    services: list[str] | None = None
    outcome: Outcome | None = None
    lazy: Laziness | None = None
    notes: list[str] = field(default_factory=list)
    zipped: int = 0
    sha256: str = ""
    files: int = 0

    def cold(self, step: str) -> Cold | None:
        """Return what cold starts took after a step; None if that was not measured."""
        return self.outcome.cold.get(step) if self.outcome is not None else None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        target = self.target
        return {
            "schema": SCHEMA,
            "zip": {"path": str(self.out), "size": self.zipped, "sha256": self.sha256, "files": self.files},
            "target": {"runtime": target.runtime, "arch": target.arch, "python": target.python},
            "bytecode": self.python,
            "left_out": self.left_out,
            "steps": [self._step(step) for step in self.steps],
            "dropped": {
                kind: {"files": count, "bytes": size} for kind, (count, size) in self.dropped.items()
            },
            "services": self.services,
            "trial": None if self.outcome is None else self._trial(self.outcome),
            "lazy": None if self.lazy is None else self.lazy.to_dict(),
            "notes": list(self.notes),
        }

    def lines(self) -> Iterator[str]:
        """Yield what there is to say besides sizes and times."""
        if self.left_out:
            yield f"left out of the source: {', '.join(self.left_out)}"
        for kind, (count, size) in self.dropped.items():
            yield f"dropped: {kind}, {count:,} file{'s' if count != 1 else ''}, {size:,} bytes"
        if self.services is not None:
            yield f"models of AWS services that are left: {', '.join(self.services)}"
        yield from self._findings()
        if self.lazy is not None:
            yield from self.lazy.lines()
        yield from (f"note: {note}" for note in self.notes)

    def _findings(self) -> Iterator[str]:
        outcome = self.outcome
        if outcome is None:
            if not any(note.startswith("nothing was run") for note in self.notes):
                yield NOT_RUN
            return
        same = [verdict for verdict in outcome.verdicts if verdict.same]
        yield f"{len(same)} of {len(outcome.verdicts)} events: the same answers, {outcome.starts} starts"
        for verdict in outcome.verdicts:
            yield from _said(verdict)
        if outcome.cold:
            yield f"cold starts: from the start of the process to the answer to {outcome.timed}, medians"
        elif outcome.timed is None:
            yield "no cold start was measured: no event succeeds"
        else:
            yield "no cold start was measured: none was in time, or one that was to be measured failed"

    def _step(self, step: Measured) -> dict[str, Any]:
        cold = self.cold(step.name)
        return {**asdict(step), "cold_ms": None if cold is None else asdict(cold)}

    def _trial(self, outcome: Outcome) -> dict[str, Any]:
        return {
            "starts": outcome.starts,
            "timed": outcome.timed,
            "events": [asdict(verdict) for verdict in outcome.verdicts],
        }


def _said(verdict: Verdict) -> Iterator[str]:
    """Yield what is to be said about an event."""
    if verdict.varies:
        yield f"  {verdict.event}: varies from run to run, and was not compared: {', '.join(verdict.varies)}"
    if verdict.same is None:
        yield f"  {verdict.event}: {' '.join(verdict.lines)}"
