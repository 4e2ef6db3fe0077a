"""Lambda's folders in a mount namespace: nothing is written outside the test's own folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support import Starter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from tests.support import Runtime

ROOT: Final = Path(__file__).parent.parent.parent
LAYER: Final = ROOT / "layer"
PYTHON: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
#: What Lambda sets besides what says which function it is.
ENVIRON: Final[dict[str, str]] = {
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib"
    ":/var/task:/var/task/lib:/opt/lib",
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    # Lambda's folders are read-only; here bytecode would go where links of the test's lead to.
    "PYTHONDONTWRITEBYTECODE": "1",
}
#: A distribution's `site` looks for packages elsewhere than AWS's, and is frozen into the interpreter.
DISTRIBUTED: Final = sys.base_prefix == "/usr"
if DISTRIBUTED:
    ENVIRON["PYTHON_FROZEN_MODULES"] = "off"
#: The folders of a test and what Lambda calls them: $1 has lang and runtime, $2 has opt and task.
MOUNTS: Final = """
set -e
mount --bind "$1/lang" "$2/var/lang"
mount --bind "$1/runtime" "$2/var/runtime"
mount --bind "$2/opt" /opt
mount --rbind "$2/var" /var
cd /var/task
shift 2
exec "$@"
"""
UNSHARE: Final = ("unshare", "--mount", "--propagation", "private")


@cache
def why_not() -> str:
    """Return why there can be no such namespace here, "" where there can."""
    if os.geteuid() != 0:
        return "mounting Lambda's folders needs root"
    if not Path("/opt").is_dir():
        return "there is no /opt to mount on"
    if {"opt", "var"} & {path.parts[1] for path in (Path(sys.base_prefix), ROOT)}:
        return "Python or the checkout is in /opt or /var, where Lambda's folders would hide it"
    try:
        done = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True)
    except FileNotFoundError:
        return "there is no unshare on this machine"
    return done.stderr.strip()


def make_interpreter(folder: Path) -> None:
    """Make the Python of these tests one that was built for *folder*, with nothing in its site-packages."""
    version, library = folder / "bin" / PYTHON, folder / "lib" / PYTHON
    (library / "site-packages").mkdir(parents=True)
    version.parent.mkdir()
    # A link would not do: the interpreter looks where the file really is.
    shutil.copy2(Path(sys.base_prefix) / "bin" / PYTHON, version)
    (version.parent / "python3").symlink_to(PYTHON)
    for each in (Path(sys.base_prefix) / "lib" / PYTHON).iterdir():
        if each.name not in {"site-packages", "dist-packages", "sitecustomize.py"}:
            (library / each.name).symlink_to(each)
    if DISTRIBUTED:
        text = (library / "site.py").read_text(encoding="utf-8")
        (library / "site.py").unlink()
        text = text.replace('"dist-packages"', '"site-packages"')
        (library / "site.py").write_text(text, encoding="utf-8")


def install(name: str, folder: Path) -> bool:
    """Copy an installed distribution into *folder*; return whether there is one."""
    try:
        files = metadata.files(name) or []
    except metadata.PackageNotFoundError:
        return False
    for file in files:
        if ".." not in file.parts:
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(str(file.locate()), target)
    return True


def compile_package(folder: Path) -> None:
    """Put our package into *folder* as a layer has it: bytecode alone, where a source would be."""
    package = folder / "rapid_client"
    shutil.copytree(ROOT / "rapid_client", package, ignore=shutil.ignore_patterns("__pycache__", "local"))
    command = [
        sys.executable,
        "-m",
        "compileall",
        "-q",
        "-b",
        "-o",
        "2",
        "--invalidation-mode",
        "unchecked-hash",
    ]
    subprocess.run([*command, str(package)], check=True, timeout=60)
    for source in package.glob("*.py"):
        source.unlink()


class World:
    """One function in Lambda's folders.

    Args:
        shared: Holds ``lang`` and ``runtime``, and ``opt``, which is copied.
        folder: An empty folder of the test's own.
    """

    def __init__(self, shared: Path, folder: Path) -> None:
        self.shared, self.folder = shared, folder
        self.task, self.opt = folder / "var" / "task", folder / "opt"
        for each in ("lang", "runtime", "task"):
            (folder / "var" / each).mkdir(parents=True)
        shutil.copytree(shared / "opt", self.opt, symlinks=True)
        self._starter = Starter("bootstrap", folder, {})
        self._starter.task = self.task

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._starter.__exit__(*exc)

    def write(self, place: str, text: str, mode: int = 0o644) -> str:
        """Write a file below ``opt`` or ``task``; return what Lambda calls it."""
        top, _, rest = place.partition("/")
        path = {"opt": self.opt, "task": self.task}[top] / rest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return f"/opt/{rest}" if top == "opt" else f"/var/task/{rest}"

    def start(
        self, source: str, *command: str, environ: Mapping[str, str | None] | None = None, **options: Any
    ) -> Runtime:
        """Write *source* to ``app.py`` and start *command* in the namespace.

        Args:
            source: The function's module.
            *command: What Lambda would start.
            environ: More environment variables; None deletes one.
            **options: Those of `Starter`.
        """
        whole = [*UNSHARE, "sh", "-c", MOUNTS, "sh", str(self.shared), str(self.folder), *command]
        given = {**ENVIRON, "RAPID_PYTHON": None, **(environ or {})}
        return self._starter(source, command=whole, environ=given, cwd=self.folder, **options)


def skip_without_namespace() -> None:
    """Skip the test where there can be none."""
    if reason := why_not():
        pytest.skip(reason)
