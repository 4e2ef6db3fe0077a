"""Who is started on which files: a variant is a client, its interpreter, and a tree of each function."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.cold_start import forky
from benchmarks.cold_start.corpus import NotThere
from benchmarks.cold_start.trees import NONE, PACKAGED, STALE, VALID, Trees, packaged_tree
from benchmarks.peers import PEERS, environment
from benchmarks.peers.ours import direct_in, fill

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.clean_room import Machine
    from benchmarks.cold_start.corpus import Function
    from benchmarks.peers import Peer

THEIRS, OURS = "awslambdaric", "ours"
THEIRS_VALID, THEIRS_NONE, THEIRS_STALE = (f"{THEIRS}, {state} .pyc" for state in ("valid", "no", "stale"))
OURS_VALID, OURS_NONE, OURS_STALE = (f"{OURS}, {state} .pyc" for state in ("valid", "no", "stale"))
OURS_TRUST: Final = f"{OURS}, stale .pyc, RAPID_TRUST_PYC=1"
OURS_PACKAGED: Final = f"{OURS}, packaged"
OURS_LAYER: Final = f"{OURS}, packaged, the layer's Python"
OPT: Final = Path("/opt")


@dataclass(frozen=True)
class Variant:
    """One way to start every function."""

    name: str
    tree: Callable[[Function], Path]
    """Where a function's files are; raises `NotThere` if it has none."""
    command: Sequence[str]
    python: str
    """The minor version of its Python."""
    peer: Peer
    environ: Mapping[str, str] = field(default_factory=dict)
    packaged: bool = False
    """Whether the packager changed its files: then it must answer all events, not the cold call alone."""
    own_python: bool = False
    """Whether it brings its interpreter: were another named, it would start twice."""

    def environment(self, function: Function, api: str, machine: Machine) -> dict[str, str]:
        """Return the environment of the function's process; its files are read-only, as on Lambda."""
        found = {
            **environment(self.peer, "app", api, machine),
            "LAMBDA_TASK_ROOT": str(self.tree(function)),
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.environ,
        }
        if self.own_python:
            del found["RAPID_PYTHON"]
        return found


def standard(machine: Machine, trees: Trees, *, layer: bool) -> list[Variant]:
    """Return the variants on one interpreter, and on that of the *layer* at /opt."""
    official, direct = (next(peer for peer in PEERS if peer.name == name) for name in (THEIRS, "direct"))
    theirs, ours = (peer.command(machine, "app.handler") for peer in (official, direct))

    def files(state: str) -> Callable[[Function], Path]:
        return lambda function: trees.tree(function, state)

    python = trees.version
    found = [
        Variant(THEIRS_VALID, files(VALID), theirs, python, official),
        Variant(THEIRS_NONE, files(NONE), theirs, python, official),
        Variant(THEIRS_STALE, files(STALE), theirs, python, official),
        Variant(OURS_VALID, files(VALID), ours, python, direct),
        Variant(OURS_NONE, files(NONE), ours, python, direct),
        Variant(OURS_STALE, files(STALE), ours, python, direct),
        Variant(OURS_TRUST, files(STALE), ours, python, direct, {"RAPID_TRUST_PYC": "1"}),
        Variant(OURS_PACKAGED, files(PACKAGED), ours, python, direct, packaged=True),
    ]
    if layer:
        command, packaged = [str(OPT / "bootstrap")], files(PACKAGED)
        found.append(Variant(OURS_LAYER, packaged, command, python, direct, packaged=True, own_python=True))
    return found


def also(given: str, machine: Machine, scratch: Path) -> Variant:
    """Return ours on packaged functions that are somewhere: ``NAME@PYTHON=FOLDER``.

    A Python that only the forky root has is started there; `forky.enter` comes first.

    Raises:
        NotThere: If *given* cannot be read, or the Python does not run.
    """
    name, python, folder = read(given)
    work = scratch / name.replace("/", "-")
    work.mkdir()
    direct = next(peer for peer in PEERS if peer.name == "direct")

    def tree(function: Function) -> Path:
        return packaged_tree(folder, function, work)

    prefix: list[str] = []
    if python in forky.VERSIONS:
        compiler, inside = str(forky.python(python, work)), forky.interpreter(python)
        prefix = [shutil.which("chroot") or "/usr/sbin/chroot", str(forky.root())]
    else:
        compiler = inside = machine.python
    layer = work / "layer"
    layer.mkdir()
    try:
        fill(layer, compiler)
    except (OSError, subprocess.SubprocessError) as exc:
        raise NotThere(f"--also {given}: no layer for Python {python}: {exc}") from exc
    command = [*prefix, str(direct_in(layer, inside))]
    return Variant(f"{OURS}, {name}, Python {python}", tree, command, python, direct, packaged=True)


def read(given: str) -> tuple[str, str, Path]:
    """Return the name, the Python and the folder that ``NAME@PYTHON=FOLDER`` says.

    Raises:
        NotThere: If it does not.
    """
    label, equals, folder = given.partition("=")
    name, at, python = label.partition("@")
    if not (name and at and python and equals and Path(folder).is_dir()):
        raise NotThere(f"--also {given!r}: it must be NAME@PYTHON=FOLDER, and FOLDER must be there")
    return name, python, Path(folder).absolute()
