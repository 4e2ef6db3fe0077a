"""A virtual environment with the peers and nothing else, made anew for each run from what is installed.

A developer's environment is not what a function runs in: the ``.pth`` file of one test tool costs everybody
who runs ``site`` a millisecond, and us three (then `bootstrap` cannot leave ``site`` out). What is installed
is copied, bytecode included: no network is needed, and the versions are those that the project has.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


class NoInterpreter(Exception):
    """The interpreter that was asked for does not run, or cannot make a virtual environment."""


@dataclass(frozen=True)
class Machine:
    """What the peers are started with: the interpreter, and what it can import."""

    python: str
    versions: Mapping[str, str]
    """Versions of the interpreter and of what is installed for it, by name in lower case."""
    room: Path | None = None
    """The run's folder, where peers put what they are started from; without one, some cannot be."""


PEERS: Final = ("awslambdaric", "snapshot-restore-py", "httpx", "orjson")
FUNCTIONS: Final = ("boto3", "pydantic", "requests")
"""What the functions `imports` and `clients` import."""

_MAKE: Final = """
import importlib.metadata, json, os, pathlib, re, shutil, sys, venv

room = pathlib.Path(sys.argv[1])
venv.create(room, symlinks=True, with_pip=False)
library = room / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"
versions, wanted = {}, sys.argv[2:]
while wanted:
    name = re.sub("[-_.]+", "-", wanted.pop()).lower()
    if name in versions:
        continue
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        continue
    versions[name] = found.version
    for file in found.files or ():
        if ".." in file.parts or not os.path.exists(found.locate_file(file)):
            continue
        (library / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(found.locate_file(file), library / file)
    for line in found.requires or ():
        if "extra ==" not in line:
            wanted.append(re.match(r"[\\w.-]+", line)[0])
print(json.dumps({"python": sys.version.split()[0], **versions}))
"""


def prepare(python: str, room: Path, packages: Iterable[str] = (*PEERS, *FUNCTIONS)) -> Machine:
    """Make a virtual environment in *room*: the interpreter *python*, and those of *packages* that it has.

    Raises:
        NoInterpreter: If that fails.
    """
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    argv = [python, "-c", _MAKE, str(room), *packages]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, env=environ, check=False)
    except (OSError, subprocess.SubprocessError) as exc:
        raise NoInterpreter(f"the interpreter {python} does not run: {exc}") from exc
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise NoInterpreter(f"{python} could not make a virtual environment: {last}")
    return Machine(str(room / "bin" / "python"), json.loads(done.stdout), room)
