"""Where the layer's interpreter comes from, and what it says of itself."""

from __future__ import annotations

import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rapid_client.local._layer import frozen
from rapid_client.local._layer.components import ask_components, missing_modules
from rapid_client.local._target.bytecode import FLAGS, probe
from rapid_client.local._target.checks import check_system, inspect
from rapid_client.local._target.errors import BuildError, OrderError

if TYPE_CHECKING:
    from rapid_client.local._target.runtimes import Target

OWN: Final = "own"
UV: Final = "uv"
SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter, unpacked.

    Attributes:
        root: The folder that has ``bin`` and ``lib``.
        origin: ``own``, ``uv``, ``directory`` or ``archive``.
        version: The full version, ``3.13.5``.
        runs: Whether it runs on this machine.
        frozen: The hash of our runtime that is frozen into it; None if it is not.
        details: What its ``interpreter.json`` says; empty without one.
        components: CPython and the libraries that are linked in, as ``interpreter.json`` has them.
        notes: What could not be learned about it.
    """

    root: Path
    origin: str
    version: str
    runs: bool
    frozen: str | None
    details: dict[str, Any]
    components: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)

    def executable(self, target: Target) -> Path:
        """Return the path of the interpreter's executable."""
        return self.root / "bin" / f"python{target.python}"


def cache_folder() -> Path:
    """Return our folder in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rapid-client"


def own_artefact(target: Target, arch: str) -> Path:
    """Return where the interpreter lies that `layer/cpython/build` made for an architecture."""
    return cache_folder() / "interpreters" / f"cpython-{target.python}-{arch}.tar.gz"


def find_interpreter(choice: str, target: Target, scratch: Path, version: str | None) -> Interpreter:
    """Return the interpreter that was asked for.

    Args:
        choice: ``own``, ``uv``, a folder or an archive.
        target: What the layer is for.
        scratch: A folder to unpack it in.
        version: The full version that it must have; None for any, and uv's newest.

    Raises:
        BuildError: If there is none, or it is not for the target.
    """
    if choice == OWN:
        path = own_artefact(target, target.arch)
        if not path.is_file():
            raise BuildError(
                f"there is no interpreter of our own for Python {target.python} on {target.arch} ({path}):"
                f" build it by layer/cpython/build {target.python} --arch {target.arch} in a clone, or give"
                " a release's archive by --interpreter FILE, or take uv's by --interpreter uv"
            )
        return _read(unpack(path, scratch / OWN), OWN, target, str(path))
    if choice == UV:
        return _read(_from_uv(target, scratch, version), UV, target, "what uv installed")
    path = Path(choice)
    if path.is_dir():
        return _read(path, "directory", target, choice)
    if path.is_file():
        return _read(unpack(path, scratch / "archive"), "archive", target, choice)
    raise OrderError(f"--interpreter {choice!r} is neither {OWN} nor {UV}, nor an existing folder or archive")


def unpack(path: Path, folder: Path) -> Path:
    """Unpack an archive into a folder to be made; return that folder.

    Raises:
        BuildError: If it is not an archive that Python reads, or would write elsewhere.
    """
    if not hasattr(tarfile, "data_filter"):
        version = sys.version.split()[0]
        raise BuildError(f"Python unpacks archives safely from 3.11.4 on, and this is {version}")
    try:
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
            _check_end(archive)
    except (tarfile.TarError, zlib.error, lzma.LZMAError, OSError, EOFError) as exc:
        reason = (str(exc) or type(exc).__name__).splitlines()[0].rstrip(":")
        raise BuildError(f"{path} cannot be unpacked: {reason}") from None
    return folder


def _check_end(archive: tarfile.TarFile) -> None:
    """Read what follows the last file: it is to be zeros, and then comes a compressed archive's checksum.

    tarfile takes a header that it cannot read for the end, so a damaged archive would only lack files.
    """
    archive.fileobj.seek(archive.offset)
    while rest := archive.fileobj.read(1 << 20):
        if any(rest):
            raise tarfile.ReadError(f"there is no file's header at byte {archive.offset} of what it holds")


def _from_uv(target: Target, scratch: Path, version: str | None) -> Path:
    """Have uv install the newest release into a folder of its own; its downloads are kept in the cache."""
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    uv = shutil.which("uv", path=os.pathsep.join(places))
    if uv is None:
        raise BuildError("--interpreter uv needs uv, and there is none on PATH: pip install uv")
    folder = scratch / UV
    key = f"cpython-{version or target.python}-linux-{target.machine}-gnu"
    own = {"UV_PYTHON_INSTALL_DIR": str(folder), "UV_PYTHON_INSTALL_BIN": "0"}
    environ = {"UV_PYTHON_CACHE_DIR": str(cache_folder() / "uv"), **os.environ, **own}
    command = [uv, "python", "install", "--no-progress", "--color=never", key]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line.strip().removeprefix("error: ") for line in done.stderr.splitlines()]
        raise BuildError(f"uv cannot install {key}: {'; '.join(filter(None, lines)) or 'it says nothing'}")
    return folder


def _read(folder: Path, origin: str, target: Target, shown: str) -> Interpreter:
    """Return what the interpreter in *folder* is, its own folder or the one above; messages say *shown*."""
    root = _root(folder, target, shown)
    details = _details(root, shown)
    executable = root / "bin" / f"python{target.python}"
    _check_executable(executable, target, shown)
    found = probe(str(executable)) if target.native else None
    version = str(details.get("version") or (found and found[0]) or _release(root, target, shown))
    if not version.startswith(f"{target.python}."):
        raise BuildError(f"the interpreter in {shown} is Python {version}, not {target.python}")
    if details.get("arch", target.arch) != target.arch:
        raise BuildError(f"the interpreter in {shown} is for {details['arch']}, not {target.arch}")
    components = details.get("components")
    notes: list[str] = []
    if components is None:
        components, notes = ask_components(version, [str(executable), *FLAGS] if found else None)
    if found is not None:
        notes += missing_modules([str(executable), *FLAGS])
    mark = _frozen(executable, details, shown)
    return Interpreter(root, origin, version, found is not None, mark, details, components, notes)


def _root(folder: Path, target: Target, shown: str) -> Path:
    """Return the folder that has the interpreter's ``bin``."""
    name = f"python{target.python}"
    for root in (folder, *sorted(path for path in folder.iterdir() if path.is_dir())):
        if (root / "bin" / name).is_file() and (root / "lib" / name).is_dir():
            return root
    others = {path.name for path in [*folder.glob("bin/python3.*"), *folder.glob("*/bin/python3.*")]}
    found = ", ".join(sorted(name for name in others if re.fullmatch(r"python3\.\d+", name)))
    raise BuildError(
        f"{shown} has no Python {target.python} (bin/python{target.python} and lib/python{target.python})"
        + (f", but {found}" if found else "")
    )


def _check_executable(path: Path, target: Target, shown: str) -> None:
    """Refuse an interpreter for another system, before anything else is found to be wrong with it."""
    with path.open("rb") as file:
        elf = inspect(f"{shown}: bin/{path.name}", file)
    if elf is None:
        raise BuildError(f"{shown}: bin/{path.name} is no executable of Linux (an ELF file)")
    check_system(f"{shown}: bin/{path.name}", elf, target)


def _details(root: Path, shown: str) -> dict[str, Any]:
    """Return what an interpreter that we built says of itself."""
    path = root / "interpreter.json"
    if not path.is_file():
        return {}
    try:
        details = json.loads(path.read_bytes())
    except ValueError as exc:
        raise BuildError(f"{shown}: interpreter.json is not JSON: {exc}") from None
    if not isinstance(details, dict) or details.get("schema") != SCHEMA:
        raise BuildError(f"{shown}: interpreter.json is of another version than this builder reads")
    return details


def _release(root: Path, target: Target, shown: str) -> str:
    """Return the version of an interpreter that does not run here, from its headers."""
    header = root / "include" / f"python{target.python}" / "patchlevel.h"
    text = header.read_text(encoding="utf-8", errors="replace") if header.is_file() else ""
    found = re.search(r'^#define\s+PY_VERSION\s+"([^"]+)"', text, re.MULTILINE)
    if found is None:
        raise BuildError(
            f"which release of Python {target.python} {shown} holds cannot be told: it does not run here,"
            f" and has neither interpreter.json nor include/python{target.python}/patchlevel.h"
        )
    return found[1]


def _frozen(executable: Path, details: dict[str, Any], shown: str) -> str | None:
    """Return the hash of our runtime that is frozen into the interpreter, as both of its sources say.

    Raises:
        BuildError: If another runtime is frozen into it than this package has.
    """
    mark = frozen.marked_digest(str(executable))
    said = (details.get("frozen") or {}).get("sha256")
    if details and said != mark:
        raise BuildError(f"{shown} is not what its interpreter.json says: frozen {mark}, not {said}")
    if mark is not None:
        ours = frozen.frozen_digest(str(package_folder()))
        if mark != ours:
            raise BuildError(
                f"another version of rapid_client is frozen into {shown} ({mark[:12]}, and this one"
                f" is {ours[:12]}): build it anew by layer/cpython/build, or take this version's release"
            )
    return mark


def package_folder() -> Path:
    """Return the folder of the package `rapid_client`."""
    return Path(__file__).parent.parent.parent
