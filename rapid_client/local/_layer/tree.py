"""The layer's tree, as it lies under /opt: what goes in, and where."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rapid_client.local._layer.interpreter import package_folder
from rapid_client.local._target.bytecode import Job, cached, importable
from rapid_client.local._target.elf import read_elf
from rapid_client.local._target.errors import BuildError
from rapid_client.local._target.wheels import make_record, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rapid_client.local._layer.interpreter import Interpreter
    from rapid_client.local._target.runtimes import Target
    from rapid_client.local._target.wheels import Wheel

#: Where Lambda unpacks layers.
TOP: Final = "/opt"
#: Folders and modules of the standard library that no function needs: tests, graphical parts, installers,
#: profilers of other processes, the texts of the interactive help; and the interpreter's own packages.
DROPPED: Final = frozenset(
    {
        *("ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages", "test", "tkinter", "turtledemo"),
        *("turtle.py", "profiling/sampling"),
    }
)
#: Folders anywhere in the standard library.
DROPPED_FOLDERS: Final = re.compile(r"(test|tests|__pycache__|config-.*)$")
DROPPED_MODULES: Final = re.compile(r"(_test|_xx|xx|_tkinter|_ctypes_test)")
#: The build's paths are in there.
SETTINGS: Final = re.compile(r"_sysconfigdata.*\.py$")
#: The runtime's modules that are for the user's machine.
LOCAL: Final = frozenset({"_command.py"})
FILES: Final = Path(__file__).with_name("files")


@dataclass(frozen=True, slots=True)
class Stage:
    """A tree that grows.

    Attributes:
        root: The folder that stands for /opt.
        target: What the layer is for.
        owners: Which component each file belongs to, by its path.
    """

    root: Path
    target: Target
    owners: dict[str, str]

    def put(self, place: str, owner: str, data: bytes, mode: int = 0o644) -> Path:
        """Write a file and return its path."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(mode)
        self.owners[place] = owner
        return path

    def link(self, place: str, owner: str, to: str) -> None:
        """Make a symbolic link."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(to)
        self.owners[place] = owner

    def job(self, source: Path, place: str, owner: str, level: int = 0) -> Job:
        """Return the job that compiles a source, which may be elsewhere, to flat bytecode.

        Args:
            source: The source.
            place: Where the source would lie in the layer; its bytecode goes there, without a source.
            owner: The component.
            level: As in `Job`.
        """
        bytecode = f"{place}c"
        self.owners[bytecode] = owner
        return Job(source, self.root / bytecode, f"{TOP}/{place}", level)


def add_interpreter(stage: Stage, interpreter: Interpreter, scratch: Path) -> list[Job]:
    """Add the interpreter and its standard library.

    Args:
        stage: The tree.
        interpreter: The interpreter.
        scratch: A folder for sources that must be changed before they are compiled.

    Returns:
        What is to be compiled.
    """
    name = f"python{stage.target.python}"
    executable = interpreter.executable(stage.target)
    stage.put(f"rapid/bin/{name}", "CPython", executable.read_bytes(), 0o755)
    stage.link("rapid/bin/python3", "CPython", name)
    library = interpreter.root / "lib" / name
    jobs = []
    binaries = [executable]
    for inner in _library_files(library):
        source, place = library / inner, f"rapid/lib/{name}/{inner}"
        if inner.suffix == ".so":
            binaries.append(source)
            stage.put(place, "standard library", source.read_bytes(), 0o755)
            continue
        if SETTINGS.match(inner.name):
            source = _relocated(source, interpreter.root, scratch)
        jobs.append(stage.job(source, place, "standard library"))
    if (library / "lib-dynload").is_dir():
        # Most Pythons say at each start that they cannot find this folder if it is missing; ours does not.
        stage.put(f"rapid/lib/{name}/lib-dynload/.keep", "standard library", b"")
    for needed in _shared_libraries(binaries, interpreter.root / "lib"):
        stage.put(f"rapid/lib/{needed.name}", "CPython", needed.read_bytes(), 0o755)
    return jobs


def add_runtime(stage: Stage) -> list[Job]:
    """Add rapid_client without its local half, and what starts it; return what is to be compiled."""
    target = stage.target
    if target.managed:
        folder = "rapid/lib/rapid_client"
        stage.put("rapid-wrapper", "rapid_client", template("rapid-wrapper"), 0o755)
    else:
        folder = f"rapid/lib/python{target.python}/rapid_client"
        # The second is for images, whose Dockerfile copies it.
        for place in ("bootstrap", "rapid/lambda-entrypoint.sh"):
            first, _, rest = template(place.rpartition("/")[2]).partition(b"\n")
            first = first.replace(b"python3.X", f"python{target.python}".encode())
            stage.put(place, "rapid_client", first + b"\n" + rest, 0o755)
    stage.put("rapid/start.py", "rapid_client", template("start.py"))
    stage.put("rapid/licenses/rapid_client.txt", "licences", template("LICENSE"))
    sources = sorted(path for path in package_folder().glob("*.py") if path.name not in LOCAL)
    return [stage.job(path, f"{folder}/{path.name}", "rapid_client", level=2) for path in sources]


def add_packages(stage: Stage, wheels: Sequence[Wheel], *, sources: bool) -> list[Job]:
    """Add packages.

    Args:
        stage: The tree.
        wheels: Their wheels.
        sources: Whether the sources stay, beside their bytecode.

    Returns:
        What is to be compiled.
    """
    jobs = []
    library = stage.target.library
    for wheel in wheels:
        shipped = []
        for inner in unpack(wheel, stage.root / library):
            place = f"{library}/{inner.as_posix()}"
            stage.owners[place] = wheel.name
            shipped.append(inner.as_posix())
            if inner.suffix == ".py" and importable(inner):
                jobs.append(_package_job(stage, place, wheel.name, sources=sources))
        folder = next((path.split("/")[0] for path in shipped if path.endswith(".dist-info/METADATA")), None)
        if folder is not None:
            record = f"{library}/{folder}/RECORD"
            names = [*shipped, f"{folder}/RECORD"]
            names = names if sources else [f"{name}c" if name.endswith(".py") else name for name in names]
            stage.put(record, wheel.name, make_record(names))
    return jobs


def drop_sources(stage: Stage, jobs: Sequence[Job]) -> None:
    """Remove the sources of packages that ship without them."""
    for job in jobs:
        job.source.unlink()
        del stage.owners[job.source.relative_to(stage.root).as_posix()]


def add_licences(stage: Stage, interpreter: Interpreter) -> list[str]:
    """Add the licence texts of the interpreter; packages have theirs beside their metadata.

    Returns:
        What is to be said about those that are absent.
    """
    found = sorted((interpreter.root / "licenses").glob("*.txt"))
    for path in found:
        stage.put(f"rapid/licenses/{path.name}", "licences", path.read_bytes())
    if found:
        return []
    own = interpreter.root / "lib" / f"python{stage.target.python}" / "LICENSE.txt"
    if own.is_file():
        stage.put("rapid/licenses/cpython.txt", "licences", own.read_bytes())
        return ["the licence texts of the libraries linked into the interpreter are not in its archive"]
    return ["the licence texts of the interpreter are not in its archive"]


def template(name: str) -> bytes:
    """Return a file that layers start with: beside this module in a wheel, in a clone at its source.

    Raises:
        BuildError: If the installation lacks it.
    """
    top = package_folder().parent
    for path in (FILES / name, top / "layer" / name, top / name):
        if path.is_file():
            return path.read_bytes()
    raise BuildError(
        f"the installation of rapid_client is incomplete: {FILES / name} is missing; install it anew"
    )


def _library_files(library: Path) -> Iterator[Path]:
    """Yield what a function may need of the standard library, relative to it, in a fixed order."""
    if not (library / "os.py").is_file():
        raise BuildError(f"{library} has no sources of the standard library (os.py), and they are needed")
    for folder, folders, files in os.walk(library):
        here = Path(folder).relative_to(library)
        folders[:] = sorted(
            name
            for name in folders
            if (here / name).as_posix() not in DROPPED and not DROPPED_FOLDERS.match(name)
        )
        for name in sorted(files):
            inner = here / name
            dropped = inner.as_posix() in DROPPED or DROPPED_MODULES.match(name)
            if inner.suffix in {".py", ".so"} and not (dropped and inner.parts[0] in {name, "lib-dynload"}):
                yield inner


def _relocated(source: Path, root: Path, scratch: Path) -> Path:
    """Return a copy of the interpreter's settings that names the layer's folder, not where it came from."""
    text = source.read_text(encoding="utf-8")
    for folder in sorted({str(root), str(root.resolve())}, key=len, reverse=True):  # one may be in the other
        text = text.replace(folder, f"{TOP}/rapid")
    copy = scratch / source.name
    copy.write_text(text, encoding="utf-8")
    return copy


def _shared_libraries(binaries: list[Path], folder: Path) -> list[Path]:
    """Return the shared libraries in *folder* that the binaries need, and those that these need."""
    found: dict[str, Path] = {}
    queue = list(binaries)
    while queue:
        with queue.pop().open("rb") as file:
            elf = read_elf(file)
        for name in elf.needed if elf else ():
            path = folder / name
            if name not in found and path.is_file():
                found[name] = path
                queue.append(path)
    return [found[name] for name in sorted(found)]


def _package_job(stage: Stage, place: str, owner: str, *, sources: bool) -> Job:
    """Return the job for a package's source, beside which its bytecode goes."""
    source = stage.root / place
    if not sources:
        return stage.job(source, place, owner)
    bytecode = cached(place, stage.target)
    stage.owners[bytecode] = owner
    return Job(source, stage.root / bytecode, f"{TOP}/{place}")
