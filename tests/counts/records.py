"""The recorded counts, and what has changed since."""

from __future__ import annotations

import json
import platform
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.counts.counting import Count

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE: Final = Path(__file__).with_name("recorded.json")
COMMAND: Final = "python -m tests.counts.record"
VERSION: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
#: By so much may a count differ from the recorded one.
TOLERANCE: Final = 0.05


def here() -> str:
    """Name all of this machine that counts depend on: interpreter and how it was built, C library, shell."""
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return ", ".join(
        (
            f"{platform.python_implementation()} {platform.python_version()}",
            platform.python_compiler() + (" with" if optimised else " without") + " --enable-optimizations",
            " ".join(platform.libc_ver()),
            platform.machine(),
            f"sh is {Path('/bin/sh').resolve().name}",
        )
    )


class Record:
    """What was counted on one minor version of Python.

    Attributes:
        where: What `here` said there.
        counts: What was counted.
    """

    __slots__ = ("counts", "where")

    def __init__(self, where: str, counts: Mapping[str, Count]) -> None:
        self.where, self.counts = where, dict(counts)


def load(path: Path = FILE) -> dict[str, Record]:
    """Return the records by minor version; none if there is no file."""
    if not path.exists():
        return {}
    return {
        version: Record(
            record["where"],
            {name: Count(count["total"], count["parts"]) for name, count in record["counts"].items()},
        )
        for version, record in json.loads(path.read_bytes()).items()
    }


def save(records: Mapping[str, Record], path: Path = FILE) -> None:
    """Write *records*, one part a line, so that a difference can be read."""
    content = {
        version: {
            "where": record.where,
            "counts": {
                name: {"total": count.total, "parts": count.parts} for name, count in record.counts.items()
            },
        }
        for version, record in sorted(records.items())
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def difference(name: str, before: Count, now: Count) -> str | None:
    """Return what has changed in the count *name*, in one line and the largest parts; None for nothing."""
    parts = {part: (before.parts.get(part, 0), now.parts.get(part, 0)) for part in before.parts | now.parts}
    changed = [(part, old, new) for part, (old, new) in parts.items() if old != new]
    if not changed and before.total == now.total:
        return None
    changed.sort(key=lambda change: abs(change[2] - change[1]), reverse=True)
    percent = f"{(now.total / before.total - 1) * 100:+.1f} %" if before.total else "there was none"
    lines = [f"{name}: {before.total} -> {now.total} ({percent})"]
    lines += [f"    {part}: {old} -> {new}" for part, old, new in changed[:12]]
    if len(changed) > 12:
        lines.append(f"    and {len(changed) - 12} more")
    return "\n".join(lines)


def beyond(before: Count, now: Count) -> bool:
    """Return whether *now* is further from *before* than is tolerated."""
    return abs(now.total - before.total) > TOLERANCE * before.total


def verdict(recorded: Record, counted: Mapping[str, Count]) -> str:
    """Return what is wrong with *counted*, and what to do about it; nothing if all is as recorded."""
    grown: list[str] = []
    shrunk: list[str] = []
    for name, now in counted.items():
        before = recorded.counts.get(name)
        if before is None:
            grown.append(f"{name}: {now.total}, which was never recorded")
        elif beyond(before, now):
            (grown if now.total > before.total else shrunk).append(difference(name, before, now) or "")
    text = ""
    if grown:
        text += "\n".join(("More than was recorded:", *grown)) + f"\nIf it is worth that: {COMMAND}\n"
    if shrunk:
        text += "\n".join(("Less than was recorded, well done:", *shrunk)) + f"\nTo keep it: {COMMAND}\n"
    return text
