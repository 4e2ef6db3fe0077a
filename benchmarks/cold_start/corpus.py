"""The functions of ``benchmarks/corpus``, and the wheels that they need, fetched once."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.peers import BENCHMARKS
from rapid_client.local._target.runtimes import choose_target
from rapid_client.local._target.wheels import fetch

if TYPE_CHECKING:
    from collections.abc import Iterable

CORPUS: Final = BENCHMARKS / "corpus"
RUNTIME: Final = "provided.al2023"
ARCH: Final = "x86_64"
NOTE: Final = re.compile(r"^# (fails|not on (?P<python>3\.\d+)): (?P<reason>.+)$", re.MULTILINE)


class NotThere(Exception):
    """A function that was named is not in the corpus; or something that it needs is not there."""


@dataclass(frozen=True)
class Function:
    """One function of the corpus."""

    folder: Path

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @property
    def requirements(self) -> Path:
        """Its packages."""
        return self.folder / "requirements.txt"

    @property
    def fails(self) -> bool:
        """Whether it fails at its start, as it should."""
        return any(found["python"] is None for found in self._notes())

    def hindrance(self, python: str) -> str:
        """Return why it does not run on a Python, or an empty string."""
        return next((found["reason"] for found in self._notes() if found["python"] == python), "")

    def events(self, *kinds: str) -> dict[str, bytes]:
        """Return its events of *kinds* by their names, by default of all: the cold call is the first."""
        paths = [
            path for kind in kinds or ("events", "rare") for path in sorted(self.folder.glob(f"{kind}/*"))
        ]
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}

    def digest(self) -> str:
        """Return a hash of all its files."""
        found = hashlib.sha256()
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found.update(f"{path.relative_to(self.folder)}\0".encode() + path.read_bytes())
        return found.hexdigest()[:16]

    def _notes(self) -> Iterable[re.Match[str]]:
        return NOTE.finditer(self.requirements.read_text())


def functions(names: Iterable[str] = ()) -> list[Function]:
    """Return the functions of these *names*; without any, all.

    Raises:
        NotThere: If there is none of a name.
    """
    there = {path.parent.name: Function(path.parent) for path in sorted(CORPUS.glob("*/app.py"))}
    chosen = list(names) or list(there)
    for name in chosen:
        if name not in there:
            raise NotThere(f"{name!r} is none of the functions in benchmarks/corpus: {', '.join(there)}")
    return [there[name] for name in chosen]


def cache() -> Path:
    """Return the folder where wheels, trees and the Debian root are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "rapid-client"


def wheels(function: Function, python: str) -> Path:
    """Return the folder that has the function's wheels for a Python; what is missing there is fetched.

    Raises:
        BuildError: If pip does not find them.
    """
    folder = cache() / "wheels" / python
    text = function.requirements.read_bytes()
    stamp = folder / f".{hashlib.sha256(text).hexdigest()[:16]}"
    if not stamp.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            target = choose_target(RUNTIME, ARCH, python, "function")
            options = ("--requirement", str(function.requirements))
            for wheel in fetch((), target, Path(scratch) / "new", *options) if b"==" in text else ():
                os.replace(wheel.path, folder / wheel.path.name)
        stamp.touch()
    return folder
