"""The interpreters of this machine, virtual environments, and a small tree that stands in for the package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).parent.parent
VERSIONS: Final = ("3.11", "3.12", "3.13", "3.14", "3.15")
OURS: Final = f"{sys.version_info.major}.{sys.version_info.minor}"

# What a process says about itself, on one line. The modules are listed before anything is imported for it.
PROBE: Final = """
import sys
def probe():
    modules = sorted(sys.modules)
    import builtins, json
    names = ("copyright", "credits", "exit", "help", "license", "quit")
    print(json.dumps({
        "path": sys.path,
        "prefix": [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix],
        "home": getattr(sys, "_home", "missing"),
        "executable": sys.executable,
        "marks": getattr(sys, "marks", []),
        "no_site": sys.flags.no_site,
        "argv": sys.argv,
        "modules": modules,
        "reprs": [repr(getattr(builtins, name, "missing")) for name in names],
    }))
"""

# Stands in for bootstrap where a test chooses the layer's directory. Measuring coverage by the usual start-up
# file would leave nothing to `_site` but to call `site`, so it is started by hand and its traces are removed.
STARTER: Final = """
import sys
LAYERS, COVERAGE = {layers!r}, {coverage!r}
if COVERAGE:
    path = sys.path[:]
    sys.path.append(COVERAGE)
    import coverage
    coverage.process_startup()
    sys.path[:] = path
    sys.modules.pop("site", None)
from rapid_client import _site
_site.prepare(LAYERS)
from rapid_client._runtime import main
sys.exit(main(sys.argv))
"""


class Interpreter(NamedTuple):
    """A Python that is no virtual environment's."""

    executable: Path
    version: str

    @property
    def library(self) -> str:
        """Where site-packages is below a prefix."""
        return f"lib/python{self.version}/site-packages"

    @property
    def distributed(self) -> bool:
        """Whether it is a Linux distribution's, with a `site` of its own."""
        return self.executable.is_relative_to("/usr")


def run(
    command: list[str | Path], environ: Mapping[str, str], **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run *command* in *environ* and nothing else of the environment; a minute is a hang."""
    return subprocess.run(
        [str(part) for part in command],
        env=dict(environ),
        stdin=options.pop("stdin", subprocess.DEVNULL),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def pyenv_versions() -> Path:
    """Return the folder in which pyenv keeps its interpreters, if there is one."""
    return Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"


@cache
def interpreters() -> dict[str, Interpreter]:
    """Find one interpreter for each supported version, the running one's base first."""
    own = Path(getattr(sys, "_base_executable", sys.executable))
    candidates = [own, *sorted(pyenv_versions().glob("3.*/bin/python3"))]
    candidates += [Path(found) for version in VERSIONS if (found := shutil.which(f"python{version}"))]
    script = (
        "import sys; print(sys.executable, '%d.%d' % sys.version_info[:2], sys.prefix == sys.base_prefix)"
    )
    known: dict[str, Interpreter] = {}
    for candidate in candidates:
        if candidate != own and "shims" in candidate.parts:
            continue
        done = run([candidate, "-I", "-c", script], {})
        if done.returncode:
            continue
        executable, version, base = done.stdout.split()
        if version in VERSIONS and base == "True":
            known.setdefault(version, Interpreter(Path(executable), version))
    return known


def interpreter(version: str) -> Interpreter:
    """Return the interpreter of *version*, or skip the test."""
    if version not in interpreters():
        pytest.skip(f"there is no Python {version} on this machine")
    return interpreters()[version]


def relocate(base: Interpreter, folder: Path) -> Path:
    """Make what looks like the same Python built for *folder*, without packages; return its interpreter."""
    library = base.executable.parent.parent / "lib" / f"python{base.version}"
    (folder / base.library).mkdir(parents=True)
    (folder / "bin").mkdir()
    for each in library.iterdir():
        if each.name not in {"site-packages", "dist-packages", "sitecustomize.py"}:
            (folder / "lib" / library.name / each.name).symlink_to(each)
    python = folder / "bin" / "python3"
    python.symlink_to(base.executable)
    return python


def make_venv(base: Interpreter, folder: Path, *, system_site: bool = False) -> Path:
    """Make a virtual environment by hand, which is quicker than `venv`; return its interpreter.

    A distribution's Python is relocated for it: else its `site` would have to be asked for everything.
    """
    home = base.executable
    if base.distributed:
        home = relocate(base, folder.with_name(f"{folder.name}-base"))
    (folder / "bin").mkdir(parents=True)
    (folder / base.library).mkdir(parents=True)
    python = folder / "bin" / "python3"
    python.symlink_to(home)
    (folder / "pyvenv.cfg").write_text(
        f"home = {home.parent}\n"
        f"include-system-site-packages = {str(system_site).lower()}\n"
        f"version = {base.version}.0\n",
        encoding="utf-8",
    )
    return python


def make_package(folder: Path) -> Path:
    """Make a package named rapid_client with the real start and a runtime that only tells what it sees.

    Its first argument may be a statement to run instead.
    """
    package = folder / "rapid_client"
    package.mkdir(parents=True)
    for name in ("__init__.py", "__main__.py", "_exec.py", "_site.py"):
        shutil.copy(ROOT / "rapid_client" / name, package / name)
    (package / "_runtime.py").write_text(
        PROBE + "def main(argv):\n"
        "    if argv[1:2] == ['run']:\n        exec(argv[2], {'probe': probe})\n        return 0\n"
        "    probe()\n    return 0\n",
        encoding="utf-8",
    )
    return folder


def coverage_folder(version: str) -> str:
    """Return where a child of this version can import `coverage` from, "" where nothing is measured."""
    measured = version == OURS and (
        "COVERAGE_PROCESS_START" in os.environ or "COVERAGE_PROCESS_CONFIG" in os.environ
    )
    if not measured:
        return ""
    import coverage

    return str(Path(coverage.__file__).parent.parent)


def last_line(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return what the probe has printed."""
    assert done.returncode == 0, done.stderr
    probed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return probed
