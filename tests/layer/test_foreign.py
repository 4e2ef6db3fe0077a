"""An interpreter that somebody else built, and that runs on this machine, is asked what it has."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.layer.workbench import PYTHON, RUNTIME

if TYPE_CHECKING:
    from tests.layer.workbench import Workbench

pytestmark = pytest.mark.slow
#: An executable for Linux that becomes the Python of these tests, with a folder in front of its modules.
SHIM: Final = """
#include <stdlib.h>
#include <unistd.h>
int main(int count, char **words) {
    setenv("PYTHONPATH", "%s", 1);
    words[0] = "%s";
    return execv(words[0], words);
}
"""


def build(bench: Workbench, **modules: str) -> dict[str, Any]:
    """Build with an interpreter that has these modules in front of its own; return what is said."""
    if platform.machine() != "x86_64" or not shutil.which("gcc"):
        pytest.skip("it needs gcc, on x86_64")
    (bench.tree / "interpreter.json").unlink()
    shutil.rmtree(bench.tree / "lib" / f"python{PYTHON}" / "lib-dynload")
    bench.write("front/empty", "")
    for name, text in modules.items():
        bench.write(f"front/{name}.py", text)
    real = os.path.realpath(sys.executable)
    source = bench.write("shim.c", SHIM % (bench.folder / "front", real))
    executable = bench.tree / "bin" / f"python{PYTHON}"
    subprocess.run(["gcc", "-o", executable, source], check=True)
    target = ("--runtime", RUNTIME, "--arch", "x86_64", "--python", PYTHON, "--interpreter", bench.tree)
    done = bench.rapid("build", *target, "--no-strip", "--json")
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_the_libraries_are_asked_for(bench: Workbench) -> None:
    """Version and libraries are the interpreter's own words; what it cannot tell is noted."""
    said = build(bench)
    found = {part["name"]: part for part in said["interpreter"]["components"]}
    import zlib

    assert found["CPython"]["version"] == said["interpreter"]["version"] == platform.python_version()
    assert found["zlib"] == {"name": "zlib", "version": zlib.ZLIB_RUNTIME_VERSION, "licence": "Zlib"}
    assert any("libffi in the interpreter are unknown" in note for note in said["notes"])
    assert not any("was built without" in note for note in said["notes"])


def test_what_it_was_built_without_is_noted(bench: Workbench) -> None:
    """CPython builds without OpenSSL, too; that the layer has no ssl then is said when it is built."""
    said = build(bench, ssl="raise ImportError")

    assert "the interpreter was built without ssl: functions cannot import it" in said["notes"]
    assert "OpenSSL" not in {part["name"] for part in said["interpreter"]["components"]}
