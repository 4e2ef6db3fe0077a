"""A Python of Debian forky's, which does not run on older systems, for programs outside of its root.

`mounts` says which folders both sides need, at the same paths; where they are, the command that `python`
writes runs the root's interpreter. ``scripts/forky`` makes the root.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.cold_start.corpus import NotThere, cache
from benchmarks.peers import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

VERSIONS: Final = ("3.14", "3.15")
#: chroot changes to the root's top; what is run expects the folder of its caller.
RUN: Final = """#!/bin/sh
exec chroot {root} /bin/sh -c 'cd "$0" && exec {interpreter} "$@"' "$PWD" "$@"
"""


def root() -> Path:
    """Return the root.

    Raises:
        NotThere: If it was not made yet, or we are not permitted to use it.
    """
    folder = cache() / "forky"
    if not (folder / ".ready").exists():
        raise NotThere("there is no forky root: scripts/forky 3.15 PYTHON makes one (Debian, root)")
    if os.geteuid() or not shutil.which("unshare"):
        raise NotThere("a Python of the forky root needs root, and Linux' namespaces")
    return folder


def mounts(folders: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Return what must be mounted, and where, so that the root's interpreter finds *folders*.

    Raises:
        NotThere: If there is no root.
    """
    # What temporary folders are in comes first: the root itself may lie below it.
    first = Path(tempfile.gettempdir()).resolve()
    shared = dict.fromkeys([first, Path("/dev"), Path("/proc"), ROOT, *folders])
    return [(folder, root() / folder.relative_to("/")) for folder in shared]


def python(version: str, folder: Path) -> Path:
    """Write a command ``pythonX.Y`` into *folder* that runs the root's interpreter; return its path."""
    path = folder / f"python{version}"
    path.write_text(RUN.format(root=shlex.quote(str(root())), interpreter=interpreter(version)))
    path.chmod(0o755)
    return path


def interpreter(version: str) -> str:
    """Return the interpreter's path within the root."""
    return f"/usr/bin/python{version}"
