"""The zip file, the same bytes whenever and wherever it is made from the same tree."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rapid_client.local._target.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What reading a damaged one raises.
DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
#: The first second that a zip file can name.
WHEN: Final = (1980, 1, 1, 0, 0, 0)
UNIX: Final = 3
#: How MS-DOS marks a folder: some tools look at nothing else.
DIRECTORY: Final = 0x10
LEVEL: Final = 9
#: Lambda's quota for a function with all its layers, unpacked; a zip file above the second goes through S3.
MOST_UNPACKED: Final = 250 * 1024 * 1024
MOST_DIRECT: Final = 50 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the tree.

    Attributes:
        path: Its path in the tree.
        size: Its size in bytes; a symbolic link's is its text's.
        zipped: What it takes in the zip file.
        mode: Type and permissions, as `os.stat` has them.
        sha256: The hash of its contents, or of the link's text.
    """

    path: str
    size: int
    zipped: int
    mode: int
    sha256: str


def files(root: Path) -> list[Path]:
    """Return files and links in the order of their paths' text, the same on every file system."""
    found = (path for path in root.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def weigh(root: Path) -> tuple[int, int]:
    """Return how many files and links a tree has, and their bytes."""
    found = files(root)
    return len(found), sum(path.lstat().st_size for path in found)


def check_size(root: Path, kind: str) -> int:
    """Return how many bytes the tree has; *kind* is what it is, as `Target` has it.

    Raises:
        BuildError: If these are more than Lambda takes.
    """
    _, size = weigh(root)
    if size > MOST_UNPACKED:
        raise BuildError(
            f"the {kind} would be {size:,} bytes unpacked, and Lambda takes {MOST_UNPACKED:,} for a function"
            " with all its layers: leave packages out, or ship a container image"
        )
    return size


def write_zip(root: Path, path: Path) -> list[Entry]:
    """Write the tree into a zip file, sorted, with fixed times and modes; return its files.

    Folders that are empty get entries, too.

    Raises:
        BuildError: If a name or a link is no UTF-8.
    """
    try:
        return _write(root, path)
    except UnicodeEncodeError as exc:
        name = os.fsencode(exc.object)
        raise BuildError(f"{name!r} is no UTF-8, and cannot be the name of a file in a zip file") from None


def _write(root: Path, path: Path) -> list[Entry]:
    entries = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for folder in sorted(here for here, *inside in os.walk(root) if not any(inside)):
            info = zipfile.ZipInfo(f"{Path(folder).relative_to(root).as_posix()}/", WHEN)
            info.create_system = UNIX
            info.external_attr = (stat.S_IFDIR | 0o755) << 16 | DIRECTORY
            archive.writestr(info, b"", zipfile.ZIP_STORED)
        for file in files(root):
            name, mode = file.relative_to(root).as_posix(), _mode(file)
            data = str(file.readlink()).encode() if stat.S_ISLNK(mode) else file.read_bytes()
            info = zipfile.ZipInfo(name, WHEN)
            info.create_system = UNIX
            info.external_attr = mode << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED, LEVEL)
            digest = hashlib.sha256(data).hexdigest()
            entries.append(Entry(name, len(data), info.compress_size, mode, digest))
    return entries


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Let the block write a file beside *path*, then put it in its place."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield new
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def _mode(path: Path) -> int:
    """Return type and permissions: who may run it is all that counts of them, whatever the umask was."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return stat.S_IFLNK | 0o777
    return stat.S_IFREG | (0o755 if mode & 0o100 else 0o644)
