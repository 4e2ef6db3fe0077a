"""What a peer is: a client of the Runtime API as a command, and what the report says about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.clean_room import Machine

    Say = Callable[[str], None]
    """Told in one line what takes long, before it begins."""

BENCHMARKS: Final = Path(__file__).parent.parent
ROOT: Final = BENCHMARKS.parent
FUNCTIONS: Final = BENCHMARKS / "functions"

TRIVIAL: Final = frozenset({"trivial"})
EVERY_FUNCTION: Final = frozenset(path.stem for path in FUNCTIONS.glob("*.py"))


class Absent(Exception):
    """A peer cannot be started here; the message says why, in one line."""


def nothing_to_prepare(machine: Machine, say: Say) -> None:
    """Do nothing: what this peer is started from is there."""


@dataclass(frozen=True)
class Peer:
    """A client of the Runtime API. What it is asked for raises `Absent` where it cannot be started."""

    name: str
    title: str
    command: Callable[[Machine, str], list[str]]
    """The command that runs a handler (``module.name``); prepares by itself if `prepare` was not called."""
    version: Callable[[Machine], str]
    """The versions of the client and of what runs or compiled it, in one line."""
    installed: Callable[[Machine], list[Path]]
    """The files that must be in the package or image beyond the interpreter."""
    prepare: Callable[[Machine, Say], None] = nothing_to_prepare
    """Make what it is started from, a folder or a build, before anything is measured. May take minutes."""
    language: str = "Python"
    environ: Mapping[str, str] = field(default_factory=dict)
    functions: frozenset[str] = EVERY_FUNCTION
    """The functions that it can run: the floors and the other languages have the trivial one only."""
    packages: tuple[str, ...] = ()
    """What it imports from elsewhere than the clean room, whose bytecode must be there before a measure."""


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


def files_in(folder: Path) -> list[Path]:
    """Return the files below *folder*; symbolic links are not followed and do not count."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
