"""The user's own code: a folder or a zip file, copied as it is but for what is no code of a function."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from rapid_client.local._target.archive import files
from rapid_client.local._target.errors import BuildError, OrderError
from rapid_client.local._target.unzip import finish, unzip

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION_CONTROL: Final = frozenset({".git", ".hg", ".svn", ".bzr", "_darcs", ".jj"})
#: In a submodule it is a file.
VERSION_CONTROL_FILE: Final = ".git"
ENVIRONMENTS: Final = frozenset({".tox", ".nox"})
#: Files that hold secrets, or the state of what deploys: few functions need them.
PRIVATE: Final = (
    *(".env", ".env.*", ".netrc", ".pypirc", ".npmrc", ".aws/credentials", ".aws/config"),
    *("id_rsa", "id_ecdsa", "id_ed25519", "*.tfstate", "*.tfstate.backup", "*.tfvars"),
)
CACHES: Final = frozenset({"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"})


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
    if not files(folder):
        raise BuildError(f"{str(source)!r} holds no code")
    return left


def private(folder: Path) -> list[str]:
    """Return the paths below *folder* of files that look like secrets or state, by their names."""
    found = (PurePosixPath(path.relative_to(folder).as_posix()) for path in folder.rglob("*"))
    return sorted(str(path) for path in found if any(path.match(pattern) for pattern in PRIVATE))


def caches(root: Path) -> list[Path]:
    """Return the folders of a tree that are caches of tools, without those inside others.

    Only names count: a CACHEDIR.TAG may have come with a model that the function needs.
    """
    found = []
    for here, folders, _ in os.walk(root):
        found += [Path(here, name) for name in folders if name in CACHES]
        folders[:] = [name for name in folders if name not in CACHES]
    return sorted(found)


def _copy_folder(source: Path, folder: Path, out: Path) -> list[str]:
    left = []
    for path, inner in _walk(source, PurePosixPath(), (source.resolve(),)):
        if path.resolve() == out:
            left.append(f"{inner} (the result)")
        elif path.is_dir() and _left_out(path):
            left.append(f"{inner}/")
        elif path.is_dir():
            (folder / inner).mkdir()
        elif path.name == VERSION_CONTROL_FILE:
            left.append(str(inner))
        elif not path.exists():
            raise BuildError(f"{path} is a link to nothing: {path.readlink()}")
        elif not path.is_file():
            raise BuildError(f"{path} is neither a file nor a folder: it cannot be shipped")
        else:
            place = folder / inner
            shutil.copyfile(path, place)
            finish(place, path.stat().st_mode, path.stat().st_mtime)
    return left


def _walk(
    folder: Path, inner: PurePosixPath, above: tuple[Path, ...]
) -> Iterator[tuple[Path, PurePosixPath]]:
    """Yield files and folders, of those that are left out nothing else; *above* are those that this is in."""
    for path in sorted(folder.iterdir(), key=lambda each: each.name):
        place = inner / path.name
        if not path.is_dir() or _left_out(path):
            yield path, place
        elif path.resolve() in above:
            raise BuildError(f"{path} is a link to a folder that it is in")
        else:
            yield path, place
            yield from _walk(path, place, (*above, path.resolve()))


def _left_out(folder: Path) -> bool:
    """Whether a folder is version control or a virtual environment."""
    if folder.name in VERSION_CONTROL | ENVIRONMENTS:
        return True
    return (folder / "pyvenv.cfg").is_file() or (folder / "conda-meta").is_dir()


def _unpack(source: Path, folder: Path) -> list[str]:
    """Unpack the zip file, with its times; return what was left out."""
    unzip(source, folder)
    left = []
    for here, folders, names in os.walk(folder):
        inner = PurePosixPath(Path(here).relative_to(folder).as_posix())
        gone = [name for name in folders if _left_out(Path(here, name))]
        folders[:] = [name for name in folders if name not in gone]
        for name in gone:
            _remove(Path(here, name))
        left += [f"{inner / name}/" for name in gone]
        if VERSION_CONTROL_FILE in names:
            Path(here, VERSION_CONTROL_FILE).unlink()
            left.append(str(inner / VERSION_CONTROL_FILE))
        for name in [*folders, *names]:
            _check_link(source, folder, Path(here, name))
    return sorted(left)


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder)


def _check_link(source: Path, folder: Path, path: Path) -> None:
    """Refuse a link that leads out of the function: what is there is not shipped."""
    if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(folder.resolve()):
        place = path.relative_to(folder).as_posix()
        raise BuildError(f"{source} has a link {place} that leads out of it, to {str(path.readlink())!r}")
