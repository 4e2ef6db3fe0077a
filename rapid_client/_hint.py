"""Say that init has lost time to compiling, and what helps: one line in the log, off by ``RAPID_HINTS=0``."""

from __future__ import annotations

import posix
from _frozen_importlib_external import cache_from_source

from rapid_client import _bytecode, _faults  # noqa: TID253 - it is beyond the boundary itself

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final

    from rapid_client._runtime import Environment

#: So many sources are looked at, those that took longest: 0.03 ms each.
LOOKED_AT: Final = 50
WRITTEN, STALE, MISSING = "written", "stale", "missing"


def hint(environment: Environment, compiled: Sequence[tuple[float, Any]]) -> None:
    """Log a warning that says how much was lost, and the remedy; never raises.

    Nothing is said if most of it has been written as bytecode meanwhile: the next start loses nothing.

    Args:
        environment: Where the log is.
        compiled: Seconds and path of each source that was compiled.
    """
    try:
        message = verdict(environment, compiled)
    except Exception:  # what happens to the function is worth more than this line
        return
    if message:
        _faults.advise(environment, message)


def verdict(environment: Environment, compiled: Sequence[tuple[float, Any]]) -> str:
    """Return the line, or an empty one if there is nothing to say. As `hint` has it.

    Raises:
        Exception: Whatever comes of a path that a loader of the function's own has made up.
    """
    prefixes = _bytecode.roots(environment.config.task_root)
    lost = {WRITTEN: 0.0, STALE: 0.0, MISSING: 0.0}
    for seconds, path in sorted(compiled, key=lambda item: -item[0])[:LOOKED_AT]:
        lost[state(path, prefixes)] += seconds
    half = sum(lost.values()) / 2
    if lost[WRITTEN] > half:
        return ""
    if lost[STALE] > half:
        why = (
            "whose .pyc files are stale: set RAPID_TRUST_PYC=1, or package the function with `rapid package`"
        )
    else:
        why = "that have no valid .pyc files: package the function with `rapid package`"
    total = round(sum(seconds for seconds, _ in compiled) * 1000)
    count = len(compiled)
    modules = "a module" if count == 1 else f"{count} modules"
    return f"rapid_client: init took {total} ms to compile {modules} {why}; RAPID_HINTS=0 hides this line"


def state(path: Any, prefixes: tuple[str, ...]) -> str:
    """Return what there is for the source *path*: bytecode that counts, that could be trusted, or neither.

    Args:
        path: As a loader names it.
        prefixes: Below which bytecode may be trusted.
    """
    try:
        path = posix.fspath(path)
        cached = cache_from_source(path)
        head = _head(cached)
        found = posix.stat(path)
    except (OSError, NotImplementedError, TypeError, ValueError):
        return MISSING
    size = (found.st_size & 0xFFFFFFFF).to_bytes(4, "little")
    if head[:8] != _bytecode.TIMED or head[12:] != size:
        return MISSING
    if head[8:12] == (int(found.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little"):
        return WRITTEN
    folder = path.rpartition("/")[0]
    beside = cached.rpartition("/")[0] == f"{folder}/__pycache__"
    return STALE if beside and f"{folder}/".startswith(prefixes) else MISSING


def _head(path: str) -> bytes:
    """Return the first 16 bytes of a file."""
    descriptor = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.read(descriptor, 16)
    finally:
        posix.close(descriptor)
