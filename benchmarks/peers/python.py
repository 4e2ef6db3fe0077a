"""The other clients in Python, from the clean room's packages, and the Python floor."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.peers.peer import BENCHMARKS, TRIVIAL, Absent, Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.clean_room import Machine

HTTPX: Final = BENCHMARKS / "peers" / "httpx_orjson.py"
FLOOR: Final = BENCHMARKS / "floor.py"


def _require(machine: Machine, *names: str) -> None:
    missing = [name for name in names if name not in machine.versions]
    if missing:
        raise Absent(f"{' and '.join(missing)} not installed for this interpreter")


def _versions(*names: str) -> Callable[[Machine], str]:
    def line(machine: Machine) -> str:
        _require(machine, *names)
        client = "".join(f"{name} {machine.versions[name]}, " for name in names)
        return f"{client}Python {machine.versions.get('python', 'unknown')}"

    return line


def _files(*names: str) -> Callable[[Machine], list[Path]]:
    def files(machine: Machine) -> list[Path]:
        _require(machine, *names)
        if machine.room is None:
            raise Absent("no clean room was made to look into")
        return sorted(installed_files(machine.room.glob("lib/python*/site-packages"), names))

    return files


def installed_files(folders: Iterable[Path], names: Iterable[str]) -> set[Path]:
    """Return the files of the distributions *names* in site-packages *folders*, and of what they require."""
    found = importlib.metadata.distributions(path=[str(folder) for folder in folders])
    there = {_normal(distribution.name): distribution for distribution in found}
    wanted, seen, files = [_normal(name) for name in names], set[str](), set[Path]()
    while wanted:
        name = wanted.pop()
        if name in seen or name not in there:
            continue
        seen.add(name)
        located = (Path(str(file.locate())) for file in there[name].files or ())
        files.update(path for path in located if path.is_file())
        for line in there[name].requires or ():
            required = re.match(r"[\w.-]+", line)
            if required and "extra ==" not in line:
                wanted.append(_normal(required[0]))
    return files


def _normal(name: str) -> str:
    """Return the name of a distribution as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _awslambdaric(machine: Machine, handler: str) -> list[str]:
    _require(machine, "awslambdaric")
    return [machine.python, "-m", "awslambdaric", handler]


def _httpx(machine: Machine, handler: str) -> list[str]:
    _require(machine, "httpx", "orjson")
    return [machine.python, str(HTTPX)]


def _floor(machine: Machine, handler: str) -> list[str]:
    return [machine.python, "-S", str(FLOOR)]


def _floor_file(machine: Machine) -> list[Path]:
    return [FLOOR]


_OFFICIAL: Final = (_awslambdaric, _versions("awslambdaric"), _files("awslambdaric"))

PYTHON: Final = (
    Peer("awslambdaric", "awslambdaric", *_OFFICIAL),
    Peer(
        "awslambdaric-threads",
        "awslambdaric, thread polling",
        *_OFFICIAL,
        environ={"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13"},
    ),
    Peer("httpx", "httpx + orjson", _httpx, _versions("httpx", "orjson"), _files("httpx", "orjson")),
)
FLOOR_PYTHON: Final = Peer(
    "floor-python", "Python floor", _floor, _versions(), _floor_file, functions=TRIVIAL
)
