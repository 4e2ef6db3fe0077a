"""Package a function: its code and its packages, step by step, tried beside the original, zipped."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rapid_client
from rapid_client.local._package.lazy import count_lazy
from rapid_client.local._package.lazy_start import make_lazy
from rapid_client.local._package.packages import install
from rapid_client.local._package.report import Measured, Report
from rapid_client.local._package.services import offer
from rapid_client.local._package.source import copy_source, private
from rapid_client.local._package.stage import Stage, snapshot, steps
from rapid_client.local._package.trial import Trial, count_starts
from rapid_client.local._runs import CREDENTIALS, Runs, RunSettings
from rapid_client.local._target.archive import MOST_DIRECT, check_size, replacing, weigh, write_zip
from rapid_client.local._target.bytecode import find_compiler
from rapid_client.local._target.checks import binaries, check_binaries, check_system, inspect
from rapid_client.local._target.errors import BuildError
from rapid_client.local._target.wheels import fetch
from rapid_client.local.environment import FunctionOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rapid_client.local._package.trial import Outcome
    from rapid_client.local._target.runtimes import Target

ORIGINAL: Final = "original"
LAZY: Final = "lazy imports"
#: Differences that are shown of each event.
SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Trying:
    """How the packaged function is run beside the original.

    Attributes:
        handler: The handler.
        events: The events by their names.
        options: How it is run; folder and interpreter are the build's.
        runs: Cold starts of each tree that are measured.
        aws: Whether it gets the AWS credentials of this process.
        network: Whether it may reach the network.
    """

    handler: str
    events: Mapping[str, bytes]
    options: FunctionOptions = field(default_factory=FunctionOptions)
    runs: int = 5
    aws: bool = False
    network: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted.

    Attributes:
        source: The user's code: a folder or a zip file.
        out: The zip file to be written.
        target: What it is for.
        requirements: A file of packages to install.
        services: The services of AWS whose models are kept; None for all.
        sources: Whether the sources are shipped.
        strip: Whether binaries are stripped.
        trying: How it is tried; None if it is not.
        lazy: Whether imports that no event uses are made lazy; there are events then.
    """

    source: Path
    out: Path
    target: Target
    requirements: Path | None = None
    services: tuple[str, ...] | None = None
    sources: bool = True
    strip: bool = True
    trying: Trying | None = None
    lazy: bool = False


class DiffersError(BuildError):
    """The packaged function answers otherwise than the original."""


def build(order: Order, announce: Callable[[str], None]) -> Report:
    """Package a function.

    Args:
        order: What is wanted.
        announce: Called with a line before something takes long, or runs the user's code.

    Raises:
        DiffersError: If the packaged function answers otherwise; there is no file at ``order.out`` then.
        BuildError: If it cannot be packaged, or would not run.
    """
    with tempfile.TemporaryDirectory(prefix="rapid-package-") as name:
        scratch = Path(name).resolve()
        stage, report = _prepare(order, scratch)
        trees = _take_steps(order, stage, report, scratch)
        stage.notes += _check(stage)
        if order.services is None and (said := offer(stage.root)) is not None:
            stage.notes.append(said)
        check_size(stage.root, order.target.kind)
        if order.trying is not None:
            report.outcome = _try(order, stage, trees, announce)
            if LAZY in trees:
                report.steps.append(Measured(LAZY, *weigh(stage.root)))
            _refuse_differences(order, report.outcome)
            _refuse_dead(order, report.outcome)
        report.dropped, report.services, report.notes = stage.dropped, stage.services, stage.notes
        report.lazy, report.left_out = stage.lazy, sorted([*report.left_out, *stage.left_out])
        _write(order, stage, report)
        return report


def _prepare(order: Order, scratch: Path) -> tuple[Stage, Report]:
    """Put the function together as it is, and make the tree that the steps change."""
    compiler = find_compiler(order.target, ())
    original = scratch / ORIGINAL
    left_out = copy_source(order.source, original, order.out)
    secrets = private(original)
    wheels = []
    if order.requirements is not None:
        wheels = fetch(
            (), order.target, scratch / "wheels", "--requirement", str(order.requirements.resolve())
        )
    packages, notes = install(wheels, original, scratch / "unpacked")
    if order.requirements is None and (original / "requirements.txt").is_file() and not packages:
        notes.append("requirements.txt was not installed: --requirements FILE does that")
    if secrets:
        notes.append(
            f"{', '.join(secrets)}: shipped, and looks like a secret or state: move it if not needed"
        )
    stage = Stage(snapshot(original, scratch / "stage"), order.target, compiler, packages, notes)
    report = Report(order.out, order.target, compiler.version, left_out)
    report.steps.append(Measured(ORIGINAL, *weigh(original)))
    return stage, report


def _take_steps(order: Order, stage: Stage, report: Report, scratch: Path) -> dict[str, Path]:
    """Take all steps; return the tree after each, where it will be run."""
    trees = {ORIGINAL: scratch / ORIGINAL}
    for number, step in enumerate(steps(order.services, strip=order.strip, sources=order.sources)):
        step.apply(stage)
        report.steps.append(Measured(step.name, *weigh(stage.root)))
        if order.trying is not None:
            trees[step.name] = snapshot(stage.root, scratch / f"step{number}")
    return trees


def _check(stage: Stage) -> list[str]:
    """Check that the target can load the binaries; return what is to be said.

    Raises:
        BuildError: If it cannot load one of a package's. A program of the user's may be for another machine.
    """
    owned, found, notes = stage.owned, [], []
    for path in binaries(stage.root):
        place = path.relative_to(stage.root).as_posix()
        try:
            with path.open("rb") as file:
                elf = inspect(place, file)
            if elf is None:
                continue
            check_system(place, elf, stage.target)
        except BuildError as exc:
            if place in owned:
                raise
            notes.append(exc.message)
        else:
            found.append((place, elf))
    notes += check_binaries(found, stage.target).notes
    return notes + _foreign(stage)


def _foreign(stage: Stage) -> list[str]:
    """Return what is to be said of extension modules for other Pythons, which are never imported."""
    target, notes = stage.target, []
    for path in sorted(stage.root.rglob("*.cpython-*.so")):
        tag = path.name.split(".")[-2].split("-")
        if tag[1] != target.digits or "darwin" in tag or (len(tag) > 2 and tag[2] != target.machine):
            place = path.relative_to(stage.root).as_posix()
            notes.append(
                f"{place} is not for Python {target.python} on {target.machine} Linux: no import finds it"
            )
    return notes


def _try(
    order: Order, stage: Stage, trees: dict[str, Path], announce: Callable[[str], None]
) -> Outcome | None:
    """Run the function; return what that has shown, None if the target's binaries do not run here.

    Where it is wanted, find what can be lazy first: the tree with the list is added to *trees*.
    """
    trying = order.trying or Trying("", {})
    if not stage.target.native and binaries(stage.root):
        if order.lazy:
            raise BuildError(
                f"--lazy runs the function, and binaries for {stage.target.arch} Linux do not run on this"
                " machine"
            )
        stage.notes.append(
            f"nothing was run: binaries for {stage.target.arch} Linux do not run on this machine; the answers"
            " were not compared"
        )
        return None
    count = count_starts(len(trying.events), len(trees) + order.lazy, trying.runs)
    announce(f"{trying.handler} will be started {count} times, and more often where answers differ")
    if order.lazy:
        least, most = count_lazy(len(trying.events))
        announce(f"before that {least} to {most} times, to find which imports can be lazy")
    scratch = stage.root.parent
    options = replace(trying.options, python=stage.compiler.command, env=_environ(trying, stage, scratch))
    settings = RunSettings(handler=trying.handler, options=options, aws=trying.aws, network=trying.network)
    with Runs(settings) as runs:
        stage.notes += runs.notices + _withheld(trying)
        if order.lazy:
            stage.lazy = make_lazy(runs, stage, trying.events, scratch / "task")
            if stage.lazy.edges:
                trees[LAZY] = snapshot(stage.root, scratch / "lazy")
        return Trial(runs, trying.handler, trees, scratch / "task").run(trying.events, trying.runs)


def _withheld(trying: Trying) -> list[str]:
    """Return what is to be said of variables that were asked for, and that the runs do not get."""
    names = sorted(CREDENTIALS & set(trying.options.env))
    if trying.aws or not names:
        return []
    return [f"--env {', '.join(names)}: the runs have no AWS credentials: --aws lets them have these"]


def _environ(trying: Trying, stage: Stage, scratch: Path) -> dict[str, str]:
    """Return the variables of the runs: another interpreter than ours may not have the runtime installed."""
    package = Path(rapid_client.__file__).parent
    if stage.compiler.command == sys.executable or (package.parent / "bootstrap").exists():
        return dict(trying.options.env)
    folder = scratch / "runtime"
    folder.mkdir()
    (folder / package.name).symlink_to(package)
    return {"PYTHONPATH": str(folder), **trying.options.env}


def _refuse_differences(order: Order, outcome: Outcome | None) -> None:
    if outcome is None or not outcome.differs:
        return
    older = order.out.exists()
    order.out.unlink(missing_ok=True)
    lines = [f"the packaged function answers otherwise than the original, and {order.out} was not written"]
    lines[0] += " (an older one was removed):" if older else ":"
    for verdict in outcome.differs:
        lines += [f"  {verdict.event}: {line}" for line in verdict.lines[:SHOWN]]
        more = len(verdict.lines) - SHOWN
        lines += [f"  {verdict.event}: and {more} more"] if more > 0 else []
    raise DiffersError("\n".join(lines))


def _refuse_dead(order: Order, outcome: Outcome | None) -> None:
    """Refuse a function that answers no event at all: it would not do so on Lambda either."""
    if outcome is None or any(verdict.answered for verdict in outcome.verdicts):
        return
    order.out.unlink(missing_ok=True)
    verdict = outcome.verdicts[0]
    raise BuildError(
        f"the function answers no event, before it is packaged already, and {order.out} was not written:"
        f" {verdict.event}: {' '.join(verdict.lines)}"
    )


def _write(order: Order, stage: Stage, report: Report) -> None:
    order.out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(order.out) as path:
        entries = write_zip(stage.root, path)
        report.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        report.zipped = path.stat().st_size
    report.files = len(entries)
    if report.zipped > MOST_DIRECT:
        stage.notes.append(
            f"the zip file has {report.zipped:,} bytes, above {MOST_DIRECT:,} it must go through S3"
        )
