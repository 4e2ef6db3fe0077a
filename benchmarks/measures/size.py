"""What must be in a function's package or image for a peer to run."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.peers import ROOT
from benchmarks.peers.ours import NOT_IN_A_LAYER, fill

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


def layer_size(machine: Machine) -> LayerSize:
    """Measure what a layer holds of ours, compiled by the interpreter of *machine*.

    Raises:
        Absent: If it does not compile.
    """
    with tempfile.TemporaryDirectory() as folder:
        bare, copy = Path(folder) / "bare", Path(folder) / "whole" / "rapid_client"
        fill(bare, machine.python)
        shutil.copytree(ROOT / "rapid_client", copy, ignore=shutil.ignore_patterns(*NOT_IN_A_LAYER))
        shutil.copy(ROOT / "bootstrap", copy.parent)
        subprocess.run([machine.python, "-m", "compileall", "-q", copy], check=True)
        return LayerSize(_bytes_in(bare), _bytes_in(copy.parent))


def _bytes_in(folder: str | Path) -> int:
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
