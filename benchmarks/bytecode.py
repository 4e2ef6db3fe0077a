"""Bytecode first: compiling 14 modules at every start costs 8 ms, and nobody's users pay it."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Final

from benchmarks.peers import FUNCTIONS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

_COMPILE: Final = """
import compileall, importlib.util, json, os, site, sys

def valid(source):
    cached = importlib.util.cache_from_source(source)
    try:
        with open(cached, "rb") as file:
            head = file.read(16)
    except OSError:
        return False
    if head[:4] != importlib.util.MAGIC_NUMBER:
        return False
    if int.from_bytes(head[4:8], "little"):  # checked by hash, or not at all
        return True
    stat = os.stat(source)
    return head[8:16] == int(stat.st_mtime).to_bytes(4, "little") + stat.st_size.to_bytes(4, "little")

def sources(place):
    if os.path.isfile(place):
        yield place
    for folder, folders, files in os.walk(place):
        folders[:] = [name for name in folders if name not in ("__pycache__", "local", "tests")]
        yield from (os.path.join(folder, name) for name in files)

places = sys.argv[1:2] + (site.getsitepackages() if sys.prefix != sys.base_prefix else [])
for name in sys.argv[2:]:
    spec = importlib.util.find_spec(name)
    if spec is not None:
        places += spec.submodule_search_locations or [spec.origin]
missing = []
for path in (path for place in places for path in sources(place) if path.endswith(".py")):
    if not valid(path):
        compileall.compile_file(path, quiet=2)
        valid(path) or missing.append(path)
print(json.dumps(missing))
"""


class NoBytecode(Exception):
    """Some modules have no valid bytecode, and it could not be written."""


def compile_all(python: str, packages: Iterable[str]) -> None:
    """Compile what the peers import, as *python* compiles it: the functions, its environment, the *packages*.

    The *packages* are found elsewhere; those that are not installed are left out.

    Raises:
        NoBytecode: If a module still has no valid ``.pyc``: then nothing may be measured.
    """
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    argv = [python, "-c", _COMPILE, str(FUNCTIONS), *sorted(set(packages))]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environ, cwd=ROOT)
    if done.returncode:
        raise NoBytecode(f"compiling failed: {done.stderr.strip().splitlines()[-1:]}")
    missing = json.loads(done.stdout)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise NoBytecode(
            f"no valid .pyc for {missing[0]}{more}: fix what is wrong there, or make it writable"
        )
