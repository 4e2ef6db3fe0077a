"""Us, in every way that users start us; `bootstrap` is started from a layer's folder in the clean room."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.peers.peer import ROOT, Absent, Peer, files_in

if TYPE_CHECKING:
    from benchmarks.clean_room import Machine
    from benchmarks.peers.peer import Say

FIRST_LINE: Final = 255
"""The longest first line that Linux reads, since 5.1, its end included."""

#: What stays on the developer's machine: the local half and its command.
NOT_IN_A_LAYER: Final = ("local", "_command.py", "__pycache__")


def layer(machine: Machine) -> Path:
    """Return the layer's folder, made once per clean room: `bootstrap`, and rapid_client beside it.

    Bytecode alone, in the modules' own places, unchecked: nothing is there to check against, and of each
    module nothing but the bytecode is looked for. `direct` is `bootstrap` with a first line that names the
    interpreter; the two share the rest of the folder.

    Raises:
        Absent: If there is no clean room, or the package does not compile.
    """
    if machine.room is None:
        raise Absent("no clean room was made for a layer")
    folder = machine.room / "layer"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=machine.room) as work:
            whole = Path(work) / "layer"
            fill(whole, machine.python)
            whole.rename(folder)
    return folder


def fill(folder: Path, python: str) -> None:
    """Put into *folder* what a layer holds of ours, compiled by the interpreter *python*.

    Raises:
        Absent: If something is missing, or does not compile.
    """
    package = folder / "rapid_client"
    try:
        shutil.copytree(ROOT / "rapid_client", package, ignore=shutil.ignore_patterns(*NOT_IN_A_LAYER))
        shutil.copy(ROOT / "bootstrap", folder)
    except (OSError, shutil.Error) as exc:
        raise Absent(f"no layer could be made: {exc}") from exc
    options = ("-q", "-b", "-o", "2", "--invalidation-mode", "unchecked-hash")  # as layer/README.md has them
    argv = [python, "-m", "compileall", *options, str(package)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        last = ((done.stdout + done.stderr).strip().splitlines() or ["no message"])[-1]
        raise Absent(f"rapid_client does not compile: {last}")
    for source in package.rglob("*.py"):
        source.unlink()


def direct_in(folder: Path, python: str) -> Path:
    """Return a copy of `bootstrap` in *folder* whose first line is ``#!<python> -S``, made once.

    Raises:
        Absent: If no first line can name *python*.
    """
    path = folder / "direct"
    if not path.exists():
        first = f"#!{python} -S\n".encode()
        if len(first) > FIRST_LINE or any(character.isspace() for character in python):
            raise Absent(f"a script's first line cannot name {python}: too long, or blanks in it; set TMPDIR")
        _, _, rest = (folder / "bootstrap").read_bytes().partition(b"\n")
        path.write_bytes(first + rest)
        path.chmod(0o755)
    return path


def _bootstrap(machine: Machine, handler: str) -> list[str]:
    return [str(layer(machine) / "bootstrap")]


def _direct(machine: Machine, handler: str) -> list[str]:
    return [str(direct_in(layer(machine), machine.python))]


def _module(machine: Machine, handler: str) -> list[str]:
    return [machine.python, "-m", "rapid_client", handler]


def _prepare(machine: Machine, say: Say) -> None:
    layer(machine)


def _prepare_direct(machine: Machine, say: Say) -> None:
    _direct(machine, "")


def _version(machine: Machine) -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return f"{project['name']} {project['version']}, Python {machine.versions.get('python', 'unknown')}"


def _layer_files(machine: Machine) -> list[Path]:
    """Return the files of a layer; `direct` is there for the benchmark, in `bootstrap`'s place."""
    return [path for path in files_in(layer(machine)) if path.name != "direct"]


def _package_files(machine: Machine) -> list[Path]:
    """Return the files that pip installs, the local half too, without the bytecode that it makes of them."""
    return [path for path in files_in(ROOT / "rapid_client") if "__pycache__" not in path.parts]


OURS: Final = (
    Peer(
        "direct",
        "us, the interpreter in bootstrap's first line",
        _direct,
        _version,
        _layer_files,
        _prepare_direct,
    ),
    Peer("bootstrap", "us, `./bootstrap`", _bootstrap, _version, _layer_files, _prepare),
    Peer(
        "module",
        "us, `python -m rapid_client`",
        _module,
        _version,
        _package_files,
        environ={"PYTHONPATH": str(ROOT)},
        packages=("rapid_client",),
    ),
    Peer(
        "pipeline",
        "us, `RAPID_PIPELINE=1`",
        _bootstrap,
        _version,
        _layer_files,
        _prepare,
        environ={"RAPID_PIPELINE": "1"},
    ),
)
