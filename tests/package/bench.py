"""Functions and packages made here, `rapid package` run on them, and what comes out."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any, Final

from tests.layer.workbench import DIGITS, PYTHON, Workbench

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: What only this interpreter is sure to make bytecode for.
TARGET: Final = ("--runtime", "provided.al2023", "--python", PYTHON)
APP: Final = """
import shop

def handler(event, context):
    return {"price": shop.price(event.get("name", ""))}
"""
SHOP: Final = {
    "shop/__init__.py": 'def price(name):\n    """Return it."""\n    return len(name)\n',
    "shop/inner.py": "X = 1\n",
}


class Bench(Workbench):
    """A workbench with a function's folder, ``src``."""

    def function(self, files: Mapping[str, str | bytes], folder: str = "src") -> Path:
        """Write the function's files; return its folder."""
        for place, data in files.items():
            self.write(f"{folder}/{place}", data)
        return self.folder / folder

    def run(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run ``rapid package`` for this Python."""
        command = [sys.executable, "-m", "rapid_client.local.cli", "package", *TARGET, *map(str, arguments)]
        environ = {**self.environ, **variables}
        return subprocess.run(command, cwd=self.folder, env=environ, capture_output=True, text=True)

    def package(
        self, *arguments: str | Path, source: str = "src", out: str = "out.zip", **variables: str
    ) -> dict[str, Any]:
        """Package the function; return what is said of it."""
        done = self.run(source, "--out", out, "--json", *arguments, **variables)
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def require(self, *lines: str) -> tuple[str, Path]:
        """Return the option for a file of these requirements."""
        return "--requirements", self.write("requirements.txt", "".join(f"{line}\n" for line in lines))

    def refused(self, *arguments: str | Path, code: int = 1, lines: int = 1, **variables: str) -> str:
        """Package what is refused; return what is said. There is no result then."""
        done = self.run("src", "--out", "out.zip", *arguments, **variables)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert done.stderr.count("\n") == lines, done.stderr
        assert not (self.folder / "out.zip").exists()
        return done.stderr

    def contents(self, name: str = "out.zip") -> dict[str, bytes]:
        """Return the files of a result."""
        with zipfile.ZipFile(self.folder / name) as archive:
            return {entry: archive.read(entry) for entry in archive.namelist()}

    def unpacked(self, name: str = "out.zip") -> Path:
        """Return a folder with the files of a result."""
        folder = self.folder / "task"
        with zipfile.ZipFile(self.folder / name) as archive:
            archive.extractall(folder)
        return folder


def cached(place: str) -> str:
    """Return where the bytecode of a source is."""
    folder, slash, name = place.rpartition("/")
    return f"{folder}{slash}__pycache__/{name.removesuffix('.py')}.cpython-{DIGITS}.pyc"
