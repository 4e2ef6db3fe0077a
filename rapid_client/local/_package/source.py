"""The user's own code: a folder or a zip file, copied as it is but for what is no code of a function."""

from __future__ import annotations

import calendar
import os
import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from rapid_client.local._target.archive import DAMAGED
from rapid_client.local._target.errors import BuildError, OrderError

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION_CONTROL: Final = frozenset({".git", ".hg", ".svn", ".bzr", "_darcs", ".jj"})
#: In a submodule it is a file.
VERSION_CONTROL_FILE: Final = ".git"
ENVIRONMENTS: Final = frozenset({".tox", ".nox"})
CACHES: Final = frozenset({"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"})
#: By this file and its first line tools mark their caches (https://bford.info/cachedir/).
CACHE_TAG: Final = "CACHEDIR.TAG"
CACHE_SIGNATURE: Final = b"Signature: 8a477f597d28d172789f06886806bc55"


def copy_source(source: Path, folder: Path, out: Path) -> list[str]:
    """Copy the user's code.

    Links are followed, as zip tools do; those in a zip file stay links.

    Args:
        source: A folder or a zip file.
        folder: Where it goes, to be made.
        out: The result's path: an older one is no part of the function.

    Returns:
        What was left out: version control, virtual environments, *out*.

    Raises:
        OrderError: If *source* is neither.
        BuildError: If it is damaged, or has files that cannot be shipped.
    """
    folder.mkdir()
    if source.is_dir():
        left = _copy_folder(source, folder, out.resolve())
    elif zipfile.is_zipfile(source):
        left = _unpack(source, folder)
    else:
        raise OrderError(f"{str(source)!r} is neither a folder nor a zip file")
    if not any(folder.iterdir()):
        raise BuildError(f"{str(source)!r} holds no code")
    return left


def caches(root: Path) -> list[Path]:
    """Return the folders of a tree that are caches of tools, without those inside others."""
    found = []
    for here, folders, files in os.walk(root):
        if _tagged(Path(here), files):
            found.append(Path(here))
            folders.clear()
        found += [Path(here, name) for name in folders if name in CACHES]
        folders[:] = [name for name in folders if name not in CACHES]
    return sorted(found)


def _copy_folder(source: Path, folder: Path, out: Path) -> list[str]:
    left = []
    for path, inner in _walk(source, PurePosixPath(), (source.resolve(),)):
        if path.resolve() == out:
            left.append(f"{inner} (the result)")
        elif path.is_dir():
            left.append(f"{inner}/")
        elif path.name == VERSION_CONTROL_FILE:
            left.append(str(inner))
        elif not path.exists():
            raise BuildError(f"{path} is a link to nothing: {path.readlink()}")
        elif not path.is_file():
            raise BuildError(f"{path} is neither a file nor a folder: it cannot be shipped")
        else:
            place = folder / inner
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
            _finish(place, path.stat().st_mode, path.stat().st_mtime)
    return left


def _walk(
    folder: Path, inner: PurePosixPath, above: tuple[Path, ...]
) -> Iterator[tuple[Path, PurePosixPath]]:
    """Yield the files, and the folders that are left out; *above* are the folders that this one is in."""
    for path in sorted(folder.iterdir(), key=lambda each: each.name):
        place = inner / path.name
        if not path.is_dir() or _left_out(path):
            yield path, place
        elif path.resolve() in above:
            raise BuildError(f"{path} is a link to a folder that it is in")
        else:
            yield from _walk(path, place, (*above, path.resolve()))


def _left_out(folder: Path) -> bool:
    """Whether a folder is version control or a virtual environment."""
    if folder.name in VERSION_CONTROL | ENVIRONMENTS:
        return True
    return (folder / "pyvenv.cfg").is_file() or (folder / "conda-meta").is_dir()


def _tagged(folder: Path, files: list[str]) -> bool:
    if CACHE_TAG not in files:
        return False
    with (folder / CACHE_TAG).open("rb") as file:
        return file.read(len(CACHE_SIGNATURE)) == CACHE_SIGNATURE


def _unpack(source: Path, folder: Path) -> list[str]:
    """Unpack the zip file, with its times; return what was left out."""
    left: set[str] = set()
    try:
        with zipfile.ZipFile(source) as archive:
            outside = _environments(archive)
            for entry in archive.infolist():
                if entry.is_dir():
                    continue
                inner = _inner(source, entry.filename)
                top = next((above for above in map(str, _above(inner)) if above in outside), None)
                if top is not None:
                    left.add(f"{top}/")
                elif inner.name == VERSION_CONTROL_FILE:
                    left.add(str(inner))
                else:
                    _extract(archive, entry, folder, inner)
    except DAMAGED as exc:
        raise BuildError(f"{source} is damaged: {exc}") from None
    return sorted(left)


def _environments(archive: zipfile.ZipFile) -> set[str]:
    """Return the folders of a zip file that are left out."""
    found = set()
    for name in archive.namelist():
        place = PurePosixPath(name)
        found |= {str(above) for above in _above(place) if above.name in VERSION_CONTROL | ENVIRONMENTS}
        if place.name == "pyvenv.cfg" and place.parent.name:
            found.add(str(place.parent))
        found |= {str(above.parent) for above in _above(place) if above.name == "conda-meta"} - {"."}
    return found


def _above(place: PurePosixPath) -> list[PurePosixPath]:
    """Return the folders that a file is in, the outermost first."""
    return [above for above in reversed(place.parents) if above.name]


def _inner(source: Path, name: str) -> PurePosixPath:
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or not place.parts:
        raise BuildError(f"{source} has a file {name!r}, which would not stay in its folder")
    return place


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, inner: PurePosixPath) -> None:
    place, mode = folder / inner, entry.external_attr >> 16
    place.parent.mkdir(parents=True, exist_ok=True)
    data = archive.read(entry)
    if not stat.S_ISLNK(mode):
        place.write_bytes(data)
        _finish(place, mode, calendar.timegm((*entry.date_time, 0, 0, 0)))
        return
    to = os.path.normpath(str(inner.parent / data.decode()))
    if os.path.isabs(to) or to.split("/")[0] == "..":
        raise BuildError(f"{archive.filename} has a link {inner} that leads out of it, to {data.decode()!r}")
    place.symlink_to(data.decode())


def _finish(place: Path, mode: int, time: float) -> None:
    """Give a copied file its time, and of its mode what counts: who may run it."""
    place.chmod(0o755 if mode & 0o100 else 0o644)
    os.utime(place, (time, time))
