"""The peers: one entry each, started as its users start it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.clean_room import Machine

BENCHMARKS: Final = Path(__file__).parent.parent
ROOT: Final = BENCHMARKS.parent
FUNCTIONS: Final = BENCHMARKS / "functions"


class Absent(Exception):
    """A peer cannot be started here; the message says why."""


@dataclass(frozen=True)
class Peer:
    """A client of the Runtime API, as a command."""

    name: str
    title: str
    command: Callable[[Machine, str], list[str]]
    """The command that runs a handler (``module.name``); raises `Absent` if it cannot be started."""
    environ: Mapping[str, str] = field(default_factory=dict)
    functions: frozenset[str] = frozenset({"trivial", "echo", "modules"})
    """The functions that it can run: the floors have the trivial one inside them."""
    packages: tuple[str, ...] = ()
    """What it imports, whose bytecode must be there before anything is measured."""


def environment(peer: Peer, function: str, api: str, machine: Machine) -> dict[str, str]:
    """Return the environment of a function's process, as Lambda's OS-only runtimes have it."""
    return {
        "AWS_LAMBDA_RUNTIME_API": api,
        "_HANDLER": f"{function}.handler",
        "LAMBDA_TASK_ROOT": str(FUNCTIONS),
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/benchmark",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/21/[$LATEST]0123456789abcdef0123456789abcdef",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_SESSION_TOKEN": "none",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "RAPID_PYTHON": machine.python,
        **peer.environ,
    }


def _bootstrap(machine: Machine, handler: str) -> list[str]:
    path = ROOT / "bootstrap"
    if not os.access(path, os.X_OK):
        raise Absent(f"{path.name} is missing or not executable")
    return [str(path)]


def _module(machine: Machine, handler: str) -> list[str]:
    if not (ROOT / "rapid_client" / "__main__.py").exists():
        raise Absent("rapid_client/__main__.py is missing")
    return [machine.python, "-m", "rapid_client", handler]


def _awslambdaric(machine: Machine, handler: str) -> list[str]:
    if "awslambdaric" not in machine.versions:
        raise Absent("awslambdaric is not installed for this interpreter")
    return [machine.python, "-m", "awslambdaric", handler]


def _httpx(machine: Machine, handler: str) -> list[str]:
    missing = [name for name in ("httpx", "orjson") if name not in machine.versions]
    if missing:
        raise Absent(f"{' and '.join(missing)} not installed for this interpreter")
    return [machine.python, str(BENCHMARKS / "peers" / "httpx_orjson.py")]


def floor_python(machine: Machine, handler: str) -> list[str]:
    """Return the command of the Python floor."""
    return [machine.python, "-S", str(BENCHMARKS / "floor.py")]


def floor_c(machine: Machine, handler: str) -> list[str]:
    """Return the command of the C floor, compiled at its first use.

    Raises:
        Absent: If there is no C compiler, or it fails.
    """
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise Absent("no C compiler (cc) was found")
    source = BENCHMARKS / "floor.c"
    digest = hashlib.sha256(source.read_bytes() + compiler.encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rapid-lambda-runtime"
    binary = cache / f"floor-{digest}"
    if not binary.exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = cache / f"floor-{digest}.{os.getpid()}"
        built = subprocess.run(
            [compiler, "-O2", "-o", fresh, source], capture_output=True, text=True, check=False
        )
        if built.returncode:
            raise Absent(f"{compiler} -O2 failed: {built.stderr.strip().splitlines()[-1:]}")
        fresh.rename(binary)  # at once, so that a run beside this one never starts half a file
    return [str(binary)]


TRIVIAL: Final = frozenset({"trivial"})

PEERS: Final = (
    Peer("bootstrap", "us, `./bootstrap`", _bootstrap, packages=("rapid_client",)),
    Peer(
        "module",
        "us, `python -m rapid_client`",
        _module,
        environ={"PYTHONPATH": str(ROOT)},
        packages=("rapid_client",),
    ),
    Peer(
        "awslambdaric",
        "awslambdaric",
        _awslambdaric,
        packages=("awslambdaric", "simplejson", "snapshot_restore_py"),
    ),
    Peer(
        "awslambdaric-threads",
        "awslambdaric, thread polling",
        _awslambdaric,
        environ={"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13"},
        packages=("awslambdaric", "simplejson", "snapshot_restore_py"),
    ),
    Peer(
        "httpx",
        "httpx + orjson",
        _httpx,
        packages=("httpx", "httpcore", "h11", "anyio", "idna", "certifi", "orjson"),
    ),
    Peer("floor-python", "Python floor", floor_python, functions=TRIVIAL),
    Peer("floor-c", "C floor", floor_c, functions=TRIVIAL),
)
