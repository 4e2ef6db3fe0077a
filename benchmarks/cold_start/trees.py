"""A function and its packages, unpacked in each state that a zip file can leave them in."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

from benchmarks.cold_start.corpus import NotThere, cache, wheels
from benchmarks.cold_start.packaging import How, package
from benchmarks.peers import ROOT
from rapid_client.local._target.archive import weigh
from rapid_client.local._target.errors import BuildError
from rapid_client.local._target.unzip import unzip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.cold_start.corpus import Function

VALID, NONE, STALE, PACKAGED = "valid", "none", "stale", "packaged"
#: The time that a zip file made for reproducible builds gives to all of its files: 1 January 1980, and a day.
ONE_DATE: Final = 315_619_200
PACKAGERS: Final = ("rapid_client/local/_package", "rapid_client/local/_target")


class Trees:
    """The trees of one interpreter, made once and kept in the cache."""

    def __init__(self, python: str) -> None:
        """Use *python*, a path; it must be able to run pip.

        Raises:
            NotThere: If it does not run.
        """
        self._python = python
        ask = "import sys; print('%d.%d' % sys.version_info[:2])"
        try:
            self.version = subprocess.check_output([python, "-c", ask], text=True).strip()
        except (OSError, subprocess.SubprocessError) as exc:
            raise NotThere(f"the interpreter {python} does not run: {exc}") from exc
        self._there: dict[tuple[str, str], Path] = {}
        self._folder = cache() / "corpus" / hashlib.sha256(python.encode()).hexdigest()[:8]

    def tree(self, function: Function, state: str) -> Path:
        """Return the function's tree in a *state*; it is looked at once, and the same for the whole run.

        Raises:
            NotThere: If it cannot be made.
        """
        key = function.name, state
        if key not in self._there:
            self._there[key] = self._made(function, state)
        return self._there[key]

    def _made(self, function: Function, state: str) -> Path:
        digest = function.digest() + (_packagers() if state == PACKAGED else "")
        folder, stamp = self._folder / state / function.name, self._folder / state / f".{function.name}"
        if not stamp.exists() or stamp.read_text() != digest:
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            MAKERS[state](self, function, folder)
            stamp.write_text(digest)
        return folder

    def install(self, function: Function, folder: Path) -> None:
        """Install as pip does it into a folder, and compile as Python does."""
        ignored = shutil.ignore_patterns("events", "rare", "requirements.txt", "__pycache__")
        shutil.copytree(function.folder, folder, ignore=ignored)
        pip_install(self._python, function, self.version, folder)
        compile_all(self._python, folder)

    def drop_bytecode(self, function: Function, folder: Path) -> None:
        """Drop the bytecode, as build tools do."""
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(self.tree(function, VALID), folder, ignore=ignored, copy_function=os.link)

    def give_one_date(self, function: Function, folder: Path) -> None:
        """Give all sources one date, as zip files made for reproducible builds do: no time stamp matches."""
        shutil.copytree(self.tree(function, VALID), folder)
        for path in folder.rglob("*.py"):
            os.utime(path, (ONE_DATE, ONE_DATE))

    def package(self, function: Function, folder: Path) -> None:
        """Package it by `rapid package`, and unpack that."""
        out = folder.with_name(f"{function.name}.zips")
        found = package(function, How(self.version, out))
        if found.report is None:
            raise NotThere(f"{function.name} was not packaged: {found.problem}")
        unpack(out / f"{function.name}.zip", folder)
        shutil.rmtree(out)


MAKERS: Final[dict[str, Callable[[Trees, Function, Path], None]]] = {
    VALID: Trees.install,
    NONE: Trees.drop_bytecode,
    STALE: Trees.give_one_date,
    PACKAGED: Trees.package,
}


def pip_install(python: str, function: Function, version: str, folder: Path) -> None:
    """Install the function's packages by ``pip install --target``, without bytecode.

    Raises:
        NotThere: If pip fails.
    """
    if "==" not in function.requirements.read_text():
        return
    links = wheels(function, version)
    command = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile"]
    command += ["--no-index", "--find-links", str(links), "--upgrade", "--target", str(folder)]
    command += ["--requirement", str(function.requirements)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NotThere(f"pip cannot install {function.name}: {done.stderr.strip().splitlines()[-1:]}")


def compile_all(python: str, folder: Path) -> None:
    """Make bytecode with time stamps, as pip does by itself; templates do not compile, and need not."""
    subprocess.run([python, "-m", "compileall", "-q", str(folder)], check=False, capture_output=True)


def unpack(path: Path, folder: Path) -> None:
    """Unpack a zip file as Lambda does it.

    Raises:
        NotThere: If there is no such file, or it is damaged.
    """
    try:
        unzip(path, folder)
    except BuildError as exc:
        raise NotThere(exc.message) from None


def packaged_tree(folder: Path, function: Function, scratch: Path) -> Path:
    """Return the tree of *function* among packaged functions: ``FOLDER/NAME``, or ``NAME.zip`` unpacked.

    Raises:
        NotThere: If neither is there.
    """
    tree = folder / function.name
    if tree.is_dir():
        return tree.absolute()
    unpacked = scratch / function.name
    if not unpacked.exists():
        unpack(folder / f"{function.name}.zip", unpacked)
    return unpacked


def zipped(folder: Path) -> int:
    """Return the bytes of a zip file of *folder*, made as people make it."""
    path = shutil.make_archive(f"{folder}-zipped", "zip", folder)
    try:
        return os.path.getsize(path)
    finally:
        os.unlink(path)


def sizes(function: Function, python: str, scratch: Path, *options: str) -> dict[str, Any]:
    """Compare what `rapid package` makes of a function with ``pip install --target``, in bytes.

    Raises:
        NotThere: If one of them fails.
    """
    version = Trees(python).version
    plain, out = scratch / "plain", scratch / "packaged"
    ignored = shutil.ignore_patterns("events", "rare", "requirements.txt", "__pycache__")
    shutil.copytree(function.folder, plain, ignore=ignored)
    pip_install(python, function, version, plain)
    compile_all(python, plain)
    found = package(function, How(version, out, options))
    if found.report is None:
        raise NotThere(f"{function.name} was not packaged: {found.problem}")
    path = out / f"{function.name}.zip"
    unpack(path, scratch / "unpacked")
    return {
        "function": function.name,
        "options": " ".join(options),
        "pip": {"zipped": zipped(plain), "unpacked": weigh(plain)[1]},
        "packaged": {"zipped": path.stat().st_size, "unpacked": weigh(scratch / "unpacked")[1]},
    }


def _packagers() -> str:
    """Return a hash of the packager: what it makes is made again when it changes."""
    found = hashlib.sha256()
    for path in sorted(path for place in PACKAGERS for path in (ROOT / place).rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]
