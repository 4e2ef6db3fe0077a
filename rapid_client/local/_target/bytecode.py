"""Bytecode for the target's Python, made by an interpreter of that Python that runs on this machine."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from rapid_client.local._target.errors import BuildError
from rapid_client.local._target.runtimes import MAGIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import PurePath

    from rapid_client.local._target.runtimes import Target

SCRIPT: Final = Path(__file__).with_name("_compile.py")
#: As many processes, whatever the machine: which file comes after which decides some bits of the bytecode.
PROCESSES: Final = 2
#: Nothing of the user's start-up files, and no bytecode written beside what is only read.
FLAGS: Final = ("-S", "-s", "-P", "-B")
ASK: Final = "import sys, importlib.util as u; print('%d.%d.%d' % sys.version_info[:3], u.MAGIC_NUMBER.hex())"


@dataclass(frozen=True, slots=True)
class Job:
    """One file to compile.

    Attributes:
        source: The source.
        bytecode: Where the bytecode goes.
        shown: The path of the source as tracebacks show it.
        level: 0, or 2 for neither docstrings, assertions nor annotations: our own.
    """

    source: Path
    bytecode: Path
    shown: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class Compiler:
    """An interpreter of the target's Python that runs here.

    Attributes:
        command: Its path.
        version: Its version.
    """

    command: str
    version: str

    def compile(self, jobs: Sequence[Job]) -> dict[Path, str]:
        """Compile files.

        Returns:
            Why, for each source that is no valid Python: packages bring templates, for one.

        Raises:
            BuildError: If the interpreter fails.
        """
        command = [self.command, *FLAGS, str(SCRIPT)]
        parts = [jobs[start::PROCESSES] for start in range(PROCESSES)]
        running = [_start(command, part) for part in parts if part]
        return {Path(source): reason for finish in running for source, reason in finish()}

    def loads(self, path: Path) -> bool:
        """Whether the shared library at *path* can be loaded by this interpreter."""
        probe = "import sys, ctypes; ctypes.CDLL(sys.argv[1])"
        command = [self.command, *FLAGS, "-c", probe, str(path)]
        return subprocess.run(command, env=_environ(), capture_output=True, check=False).returncode == 0


def find_compiler(target: Target, first: Iterable[Path]) -> Compiler:
    """Return an interpreter that makes the target's bytecode.

    Args:
        target: What is built.
        first: Interpreters to try before those that this machine has.

    Raises:
        BuildError: If there is none.
    """
    for path in [*map(str, first), *_known(target.python)]:
        found = probe(path)
        if (
            found is not None
            and found[1] == MAGIC[target.python]
            and found[0].startswith(f"{target.python}.")
        ):
            return Compiler(path, found[0])
    raise BuildError(
        f"no Python {target.python} runs on this machine, and only one can make its bytecode: put"
        f" python{target.python} on PATH, or install it by `uv python install {target.python}` or pyenv"
    )


def probe(path: str) -> tuple[str, str] | None:
    """Return an interpreter's version and the first bytes of its bytecode; None if it does not run here."""
    try:
        command = [path, *FLAGS, "-c", ASK]
        done = subprocess.run(
            command, env=_environ(), capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = done.stdout.split()
    return (words[0], words[1]) if done.returncode == 0 and len(words) == 2 else None


def importable(place: PurePath) -> bool:
    """Whether an import would look for this source's bytecode: in a folder that is no package it is data."""
    return all(part.isidentifier() for part in place.with_suffix("").parts)


def cached(place: str, target: Target) -> str:
    """Return where the bytecode of the source at *place* lies, beside it."""
    pure = PurePosixPath(place)
    return str(pure.parent / "__pycache__" / f"{pure.stem}.cpython-{target.digits}.pyc")


def _known(python: str) -> Iterator[str]:
    """Yield the interpreters of this minor version that people's machines have."""
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == python:
        yield sys.executable
    name = f"python{python}"
    on_path = shutil.which(name)
    if on_path is not None:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    system = "macos" if platform.system() == "Darwin" else "linux"
    yield from map(str, sorted(pyenv.glob(f"versions/{python}*/bin/{name}"), reverse=True))
    yield from map(str, sorted(data.glob(f"uv/python/cpython-{python}*-{system}-*/bin/{name}"), reverse=True))


def _start(command: list[str], jobs: Sequence[Job]) -> Callable[[], list[tuple[str, str]]]:
    """Start a process that compiles *jobs*; return what waits for it and returns what it complained about."""
    process = subprocess.Popen(
        command,
        env=_environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = [json.dumps([str(job.source), str(job.bytecode), job.shown, job.level]) for job in jobs]

    def finish() -> list[tuple[str, str]]:
        out, err = process.communicate("\n".join(lines) + "\n")
        if process.returncode:
            reason = (err.strip().splitlines() or ["it said nothing"])[-1]
            raise BuildError(f"{command[0]} cannot make bytecode (exit code {process.returncode}): {reason}")
        return [(source, reason) for source, reason in map(json.loads, out.splitlines())]

    return finish


def _environ() -> dict[str, str]:
    """Return the environment of a compiler: nothing in ours may change its result."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
