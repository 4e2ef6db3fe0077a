"""What layers are built from in tests: wheels and interpreters made here, and no network."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import textwrap
import zipfile
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.conftest import KEPT, MEASURING, ROOT
from tests.layer.elves import make_elf

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Only this interpreter is sure to be here, so that it makes the bytecode.
PYTHON: Final = f"{sys.version_info[0]}.{sys.version_info[1]}"
DIGITS: Final = PYTHON.replace(".", "")
RUNTIME: Final = "provided.al2023"
MANAGED: Final = f"python{PYTHON}"
NAME: Final = f"rapid-{RUNTIME}-python{PYTHON}-arm64"
LIBRARY: Final = f"rapid/lib/python{PYTHON}"
SITE: Final = f"{LIBRARY}/site-packages"
#: The size of what precedes a file's name in a zip file, in bytes.
LOCAL_HEADER: Final = 30
#: Without it uv does not know the settings for what they are.
HEADER: Final = "# system configuration generated and used by the sysconfig module\n"
#: A standard library in small: what stays, and what goes.
STDLIB: Final = {
    "os.py": '"""Docs."""\nimport sys\n',
    "json/__init__.py": "def loads(text):\n    return text\n",
    "unittest/__init__.py": "",
    "unittest/test/__init__.py": "",
    "test/__init__.py": "",
    "idlelib/__init__.py": "",
    "tkinter/__init__.py": "",
    "ensurepip/__init__.py": "",
    "turtle.py": "",
    "venv/scripts/activate": "",
    "config-3/Makefile": "",
    "LICENSE.txt": "PSF\n",
}


#: Of a library that has something to strip.
NATIVE: Final = "static int unseen(int x) { return x * 2; }\nint seen(int x) { return unseen(x) + 1; }\n"


class Workbench:
    """A folder with wheels and an interpreter, and the command run in it.

    Attributes:
        folder: The folder.
        wheels: The only place where pip finds wheels.
        tree: The interpreter.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.environ = folder, _environ()
        self.wheels, self.tree = folder / "wheels", folder / "python"
        self.wheels.mkdir()
        offline = {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        self.environ |= {**offline, "PIP_CONFIG_FILE": os.devnull, "XDG_CACHE_HOME": str(folder / "cache")}

    def rapid(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run ``rapid layer`` with these arguments."""
        command = [sys.executable, "-m", "rapid_client.local.cli", "layer", *map(str, arguments)]
        environ = {**self.environ, **variables}
        return subprocess.run(command, cwd=self.folder, env=environ, capture_output=True, text=True)

    def build(self, *arguments: str | Path, out: str = "dist", **variables: str) -> dict[str, Any]:
        """Build the provided layer for arm64, unless *arguments* say otherwise; return what is said of it."""
        usual = ["--runtime", RUNTIME, "--arch", "arm64", "--python", PYTHON, "--interpreter", str(self.tree)]
        done = self.rapid("build", *usual, "--no-strip", "--json", "--out", out, *arguments, **variables)
        assert done.returncode == 0, done.stderr
        summary: dict[str, Any] = json.loads(done.stdout)
        return summary

    def archive(self, out: str = "dist", name: str = NAME) -> zipfile.ZipFile:
        """Open a layer."""
        return zipfile.ZipFile(self.folder / out / f"{name}.zip")

    # What goes in...

    def make_interpreter(self, elf: bytes | None = None, prefix: str = "", **details: Any) -> Path:
        """Make an interpreter for arm64.

        Args:
            elf: Its executable.
            prefix: The folder that its settings name; without it, the one where it is.
            details: What its ``interpreter.json`` says.
        """
        self.write(f"python/bin/python{PYTHON}", elf or make_elf()).chmod(0o755)
        for name, text in STDLIB.items():
            self.write(f"python/lib/python{PYTHON}/{name}", text)
        settings = f"build_time_vars = {{'prefix': '{prefix or self.tree}'}}\n"
        self.write(f"python/lib/python{PYTHON}/_sysconfigdata__linux.py", HEADER + settings)
        self.write(f"python/lib/python{PYTHON}/lib-dynload/_json.so", make_elf())
        self.write(f"python/lib/python{PYTHON}/lib-dynload/_testcapi.so", make_elf())
        self.write("python/licenses/cpython.txt", "PSF\n")
        self.write("python/licenses/zlib.txt", "zlib\n")
        zlib = {
            "name": "zlib",
            "version": "1.3.1",
            "source": "https://example.org/zlib.tar.gz",
            "licence": "Zlib",
        }
        said = {
            "schema": 1,
            "version": f"{PYTHON}.5",
            "arch": "arm64",
            "optimisation": "none",
            "frozen": None,
            "components": [
                {"name": "CPython", "version": f"{PYTHON}.5", "licence": "PSF-2.0"},
                {
                    **zlib,
                    "sha256": "0" * 64,
                    "package": "pkg:deb/debian/zlib@1.3.1-1",
                    "patches": ["a.patch"],
                },
            ],
        }
        self.write("python/interpreter.json", json.dumps({**said, **details}))
        return self.tree

    def make_core(self, *, orjson: bool = True) -> None:
        """Make the wheels that every layer has."""
        self.make_wheel("snapshot_restore_py", "1.0.0", {"snapshot_restore_py/__init__.py": "X = 1\n"})
        self.make_wheel(
            "tzdata", "2026.1", {"tzdata/__init__.py": "", "tzdata/zoneinfo/Europe/Berlin": "TZif"}
        )
        if orjson:
            for machine, arch in (("aarch64", "arm64"), ("x86_64", "x86_64")):
                self.make_wheel(
                    "orjson",
                    "3.13.0",
                    {"orjson/__init__.py": "from .orjson import *\n", "orjson/orjson.so": make_elf(arch)},
                    tag=f"cp{DIGITS}-cp{DIGITS}-manylinux_2_17_{machine}",
                )

    def make_wheel(
        self,
        name: str,
        version: str,
        files: Mapping[str, str | bytes],
        tag: str = "py3-none-any",
        more: str = "",
    ) -> Path:
        """Make a wheel with these files; *more* is added to its metadata."""
        path = self.wheels / f"{name}-{version}-{tag}.whl"
        info = f"{name}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: MIT\n{more}"
        own = {
            f"{info}/METADATA": metadata,
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n",
            f"{info}/licenses/LICENSE": "MIT\n",
        }
        whole = {**files, **own}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for inner, data in whole.items():
                archive.writestr(inner, data)
            archive.writestr(f"{info}/RECORD", "".join(_row(*item) for item in whole.items()))
        return path

    def make_archive(self, path: Path) -> Path:
        """Pack the interpreter, with its folder as the top one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w:gz") as archive:
            archive.add(self.tree, "python")
        return path

    def make_native(self) -> bytes:
        """Make a wheel, ``native``, that has a real library with debugging information; return the library.

        The test is skipped where there is nothing to make or to strip it with.
        """
        if platform.machine() != "x86_64" or not shutil.which("gcc") or not shutil.which("strip"):
            pytest.skip("it needs gcc and strip, on x86_64")
        source, library = self.write("x.c", NATIVE), self.folder / "x.so"
        subprocess.run(["gcc", "-g3", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
        files: dict[str, str | bytes] = {"native/__init__.py": "", "native/_x.so": library.read_bytes()}
        self.make_wheel("native", "1.0", files, tag=f"cp{DIGITS}-cp{DIGITS}-manylinux_2_17_x86_64")
        return library.read_bytes()

    def write(self, place: str, data: str | bytes) -> Path:
        """Write a file and return its path."""
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else textwrap.dedent(data).encode())
        return path


def _row(place: str, data: str | bytes) -> str:
    """Return a file's line of RECORD."""
    content = data if isinstance(data, bytes) else data.encode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{place},sha256={digest},{len(content)}\n"


def _environ() -> dict[str, str]:
    """Return the environment of the command: small, and measured."""
    environ = {name: os.environ[name] for name in (*KEPT, *MEASURING) if name in os.environ}
    return {**environ, "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
