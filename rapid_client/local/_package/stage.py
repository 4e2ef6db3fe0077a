"""The function's tree while it is packaged, and the steps that change it, in their order."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from rapid_client.local._package import drops
from rapid_client.local._package.packages import complete_metadata, prune
from rapid_client.local._package.services import keep_services
from rapid_client.local._package.source import caches
from rapid_client.local._target.archive import files
from rapid_client.local._target.bytecode import Job, cached, importable
from rapid_client.local._target.checks import binaries
from rapid_client.local._target.errors import BuildError
from rapid_client.local._target.strip import find_strip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rapid_client.local._package.lazy import Laziness
    from rapid_client.local._package.packages import Package
    from rapid_client.local._target.bytecode import Compiler
    from rapid_client.local._target.runtimes import Target

#: Where Lambda unpacks a function.
TOP: Final = "/var/task"
#: The ending of a shared library, with a version or without: ``libz.so.1``.
LIBRARY: Final = re.compile(r"\.so(\.\d+)*$")


@dataclass(slots=True)
class Stage:
    """A function's tree.

    Attributes:
        root: The folder that stands for /var/task.
        target: What it is for.
        compiler: What makes its bytecode.
        packages: The packages in it; all else is the user's own.
        notes: What is to be said.
        left_out: The caches among the user's own files that were dropped.
        dropped: How many files were dropped, and their bytes, by kind.
        services: The services of AWS whose models are left; None if all are.
        lazy: Which imports are lazy; None if that was not looked for.
    """

    root: Path
    target: Target
    compiler: Compiler
    packages: Sequence[Package]
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    dropped: dict[str, tuple[int, int]] = field(default_factory=dict)
    services: list[str] | None = None
    lazy: Laziness | None = None

    @property
    def owned(self) -> set[str]:
        """The paths of the packages' files."""
        return {place for package in self.packages for place in package.files}

    def remove(self, kind: str, places: Sequence[str]) -> None:
        """Remove files, and the folders that are empty then."""
        if not places:
            return
        size = sum((self.root / place).lstat().st_size for place in places)
        for place in places:
            (self.root / place).unlink()
        prune(self.root, places)
        self.dropped[kind] = len(places), size


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that makes a function smaller or faster.

    Attributes:
        name: What the report calls it.
        apply: Does it.
    """

    name: str
    apply: Callable[[Stage], None]


def steps(services: tuple[str, ...] | None, *, strip: bool, sources: bool) -> list[Step]:
    """Return what is to be done, in this order.

    A further step goes where it belongs in the order: what decides which modules are loaded after the
    bytecode, which has to be made of what is left.
    """
    found = [Step("what no function loads", drop_unused)]
    if services is not None:
        found.append(Step("other services' models", lambda stage: _keep_services(stage, services)))
    if strip:
        found.append(Step("stripped binaries", strip_binaries))
    found.append(Step("bytecode", compile_sources))
    if not sources:
        found.append(Step("no sources", drop_sources))
    return found


def snapshot(root: Path, folder: Path) -> Path:
    """Return a copy of the tree that shares no file with it: what runs may write to its own."""
    shutil.copytree(root, folder, symlinks=True)
    return folder


def drop_unused(stage: Stage) -> None:
    """Drop caches everywhere, and of packages what no function loads.

    Raises:
        BuildError: If nothing is left.
    """
    found = caches(stage.root)
    of_packages = {PurePosixPath(place).parent for place in stage.owned} - {PurePosixPath()}
    folders = [PurePosixPath(folder.relative_to(stage.root).as_posix()) for folder in found]
    stage.left_out += [f"{folder}/" for folder in folders if folder.parent not in of_packages]
    old = [path.relative_to(stage.root).as_posix() for folder in found for path in files(folder)]
    stage.remove("caches", old)
    for folder in found:
        shutil.rmtree(folder, ignore_errors=True)  # without files it is gone already
    if not files(stage.root):
        raise BuildError(f"the function has no code: all of it is in {', '.join(stage.left_out)}")
    unused = drops.unused(stage.root, stage.packages)
    for package in stage.packages:
        complete_metadata(stage.root, package)
    for kind, places in unused.items():
        stage.remove(kind, places)


def _keep_services(stage: Stage, services: tuple[str, ...]) -> None:
    stage.services = keep_services(stage.root, services)


def strip_binaries(stage: Stage) -> None:
    """Strip the packages' shared libraries; one that breaks stays as it came."""
    owned = stage.owned
    found = [path for path in binaries(stage.root) if path.relative_to(stage.root).as_posix() in owned]
    found = [path for path in found if LIBRARY.search(path.name)]
    if not found:
        return
    try:
        tool = find_strip(stage.target)
    except BuildError as exc:
        stage.notes.append(f"the binaries are not stripped: {exc.message}")
        return
    loads = stage.compiler.loads if stage.target.native else _cannot_be_tried
    for path in found:
        if not tool.apply(path, loads):
            place = path.relative_to(stage.root).as_posix()
            stage.notes.append(f"{place} would not load any more when stripped: it is as it came")


def _cannot_be_tried(_path: Path) -> bool:
    return True


def compile_sources(stage: Stage) -> None:
    """Make bytecode that is run unchecked, for the target's Python and with its paths.

    Raises:
        BuildError: If a module of the user's own is no Python for the target; the message names the line.
    """
    owned = stage.owned
    jobs = []
    for path in sorted(stage.root.rglob("*.py")):
        place = path.relative_to(stage.root).as_posix()
        # Lambda imports a handler from any folder, a-b/app.handler for one: all of the user's is compiled.
        if path.is_file() and (place not in owned or importable(PurePosixPath(place))):
            jobs.append(Job(path, stage.root / cached(place, stage.target), f"{TOP}/{place}"))
    for source, reason in sorted(stage.compiler.compile(jobs).items()):
        place = source.relative_to(stage.root).as_posix()
        if place not in owned and importable(PurePosixPath(place)):
            raise BuildError(f"{place}, {reason} (Python {stage.target.python})")
        stage.notes.append(f"{place} is no Python {stage.target.python} and has no bytecode: {reason}")


def drop_sources(stage: Stage) -> None:
    """Put the bytecode in the sources' places."""
    for path in sorted(stage.root.rglob("*.py")):
        bytecode = stage.root / cached(path.relative_to(stage.root).as_posix(), stage.target)
        if bytecode.is_file():
            os.replace(bytecode, path.with_suffix(".pyc"))
            path.unlink()
            prune(stage.root, [bytecode.relative_to(stage.root).as_posix()])
    stage.notes.append(
        "without sources tracebacks show no lines, inspect.getsource() fails, and so does what reads a .py"
        " file as data"
    )
