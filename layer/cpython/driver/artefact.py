"""The result: a reproducible archive with the tree, the licences and interpreter.json."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from typing import TYPE_CHECKING, Any

from driver import toolchain

if TYPE_CHECKING:
    from pathlib import Path

    from driver.base import Job


def describe(job: Job, components: list[dict[str, Any]], frozen: dict[str, Any] | None) -> dict[str, Any]:
    """Return the contents of interpreter.json."""
    return {
        "schema": 1,
        "version": job.version,
        "arch": job.arch,
        "glibc": toolchain.GLIBC,
        "optimisation": "pgo" if job.pgo else "none",
        "frozen": frozen,
        "components": components,
    }


def pack(job: Job, base: Path, executable: Path, description: dict[str, Any], target: Path) -> None:
    """Write the archive, with the same bytes for the same contents, and replace *target* by it.

    Args:
        job: Names the version.
        base: Has the tree and the licences.
        executable: The interpreter.
        description: What interpreter.json will hold.
        target: The archive.
    """
    entries: dict[str, Path | bytes | str] = {}
    for part, name in (("tree", "python"), ("licenses", "python/licenses")):
        folder = base / part
        for path in folder.rglob("*"):
            # An empty lib-dynload would be one more folder to look into, for each module.
            empty = path.name == "lib-dynload" and not any(path.iterdir())
            if "__pycache__" not in path.parts and not empty:
                entries[f"{name}/{path.relative_to(folder)}"] = path
    entries[f"python/bin/python{job.minor}"] = executable
    entries["python/bin/python3"] = f"python{job.minor}"
    entries["python/interpreter.json"] = json.dumps(description, indent=1).encode() + b"\n"
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    with (
        partial.open("wb") as file,
        gzip.GzipFile("", "wb", 6, file, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for name in sorted(entries):
            _add(archive, name, entries[name])
    partial.replace(target)


def _add(archive: tarfile.TarFile, name: str, what: Path | bytes | str) -> None:
    """Add a file or folder, a file with these contents, or a symbolic link to this name."""
    member = tarfile.TarInfo(name)
    member.mode = 0o644
    if isinstance(what, str):
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, what, 0o777
        archive.addfile(member)
    elif isinstance(what, bytes):
        _add_bytes(archive, member, what)
    elif what.is_dir():
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(member)
    else:
        if os.access(what, os.X_OK) and name.startswith("python/bin/"):
            member.mode = 0o755
        _add_bytes(archive, member, what.read_bytes())


def _add_bytes(archive: tarfile.TarFile, member: tarfile.TarInfo, contents: bytes) -> None:
    """Add a regular file."""
    member.size = len(contents)
    archive.addfile(member, io.BytesIO(contents))
