"""What must be in a function's package or image for a peer to run."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.peers import ROOT

if TYPE_CHECKING:
    from benchmarks.clean_room import Machine
    from benchmarks.measures.figures import Sample, Subject


def installed_size(subject: Subject) -> Sample:
    """Sum the files that the peer needs beyond the interpreter, in MB of 1,000,000 bytes."""
    return {"size": sum(path.stat().st_size for path in subject.peer.installed(subject.machine)) / 1e6}


@dataclass(frozen=True)
class LayerSize:
    """The bytes of what a layer holds of ours, unpacked: `bootstrap` and rapid_client/."""

    bytecode: int
    """With .pyc files alone, in the modules' own places, as a layer has them."""
    with_sources: int
    """With the sources, and the .pyc files in ``__pycache__``."""


#: What stays on the developer's machine: the local half and its command.
NOT_IN_A_LAYER: Final = ("local", "_command.py", "__pycache__")


def layer_size(machine: Machine) -> LayerSize:
    """Measure what a layer holds of ours, compiled by the interpreter of *machine*.

    Without sources: hashes are not checked (as nothing is there to check against), and nothing is looked up.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "rapid_client"
        shutil.copytree(ROOT / "rapid_client", copy, ignore=shutil.ignore_patterns(*NOT_IN_A_LAYER))
        shutil.copy(ROOT / "bootstrap", folder)
        _compile(machine, copy)
        with_sources = _bytes_in(folder)
        shutil.rmtree(copy / "__pycache__")
        _compile(machine, copy, "-b", "--invalidation-mode", "unchecked-hash")
        for source in copy.rglob("*.py"):
            source.unlink()
        return LayerSize(_bytes_in(folder), with_sources)


def _compile(machine: Machine, folder: Path, *options: str) -> None:
    compiled = subprocess.run([machine.python, "-m", "compileall", "-q", *options, folder], check=False)
    if compiled.returncode:
        print("benchmarks: rapid_client does not compile, so the size is short", file=sys.stderr)


def _bytes_in(folder: str | Path) -> int:
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
