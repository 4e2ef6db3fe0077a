"""Which files of a function belong to packages: of the requirements, and of what came with the code."""

from __future__ import annotations

import base64
import csv
import hashlib
import inspect
import os
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from packaging.utils import canonicalize_name

from rapid_client.local._target.errors import BuildError
from rapid_client.local._target.wheels import make_record, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rapid_client.local._target.wheels import Wheel

RECORD: Final = "RECORD"
TOP_LEVEL: Final = "top_level.txt"
#: Those of a fixed length.
DIGESTS: Final = frozenset(name for name in hashlib.algorithms_guaranteed if not name.startswith("shake"))


@dataclass(frozen=True, slots=True)
class Package:
    """A package, installed in a folder.

    Attributes:
        name: Its normalised name.
        version: Its version.
        info: The folder of its metadata.
        files: The paths of its files, as they were made by its authors.
    """

    name: str
    version: str
    info: str
    files: frozenset[str]


def installed(root: Path) -> list[Package]:
    """Return the packages that were installed into a folder, pip's ``--target``.

    What a package owns is what its RECORD lists. A file that was changed since, or a package without its
    RECORD, counts as the user's own.
    """
    found = []
    for info in sorted(root.glob("*.dist-info")):
        record = info / RECORD
        if record.is_file():
            name, _, version = info.name.removesuffix(".dist-info").partition("-")
            found.append(Package(canonicalize_name(name), version, info.name, _recorded(root, record)))
    return found


def install(wheels: Sequence[Wheel], root: Path, scratch: Path) -> tuple[list[Package], list[str]]:
    """Install wheels beside the user's code.

    Args:
        wheels: The wheels.
        root: The function's folder.
        scratch: A folder for their files, to be made.

    Returns:
        All packages that are there now, and what is to be said.

    Raises:
        BuildError: If a wheel has a file that the user's code has, too, and another one.
    """
    there = {package.name: package for package in installed(root)}
    notes = []
    for wheel in wheels:
        old = there.pop(wheel.name, None)
        if old is not None:
            _remove(old, root)
            if old.version != wheel.version:
                notes.append(f"{wheel.name} {old.version} was there, and is {wheel.version} now, as required")
    owner = {place: package.name for package in there.values() for place in package.files}
    for wheel in wheels:
        folder = scratch / wheel.name
        files = sorted(path.as_posix() for path in unpack(wheel, folder))
        for place in files:
            if _put(folder / place, root / place, wheel, mine=place not in owner):
                both = f"{owner[place]} and {wheel.name}"
                notes.append(f"{place} is in {both}, and not the same: that of {wheel.name} is shipped")
        owner |= dict.fromkeys(files, wheel.name)
        info = next(place.split("/")[0] for place in files if place.endswith(".dist-info/METADATA"))
        (root / info / RECORD).write_bytes(make_record([*files, f"{info}/{RECORD}"]))
        there[wheel.name] = Package(wheel.name, wheel.version, info, frozenset(files))
    return [there[name] for name in sorted(there)], notes


def complete_metadata(root: Path, package: Package) -> None:
    """Let importlib.metadata know what a package's modules are called, which only RECORD may say."""
    path = root / package.info / TOP_LEVEL
    if path.exists():
        return
    parts = [PurePosixPath(place).parts for place in package.files]
    names = {inner[0] if len(inner) > 1 else inspect.getmodulename(inner[0]) for inner in parts}
    shown = sorted(name for name in names if name and "." not in name and name != "__pycache__")
    path.write_text("".join(f"{name}\n" for name in shown), encoding="utf-8")


def _recorded(root: Path, record: Path) -> frozenset[str]:
    """Return the files of RECORD that are there as it says."""
    try:
        with record.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if len(row) == 3]
    except (UnicodeDecodeError, csv.Error):  # then all of it counts as the user's own
        return frozenset()
    # pip says of those that it has made itself nothing but their names: RECORD for one, and bytecode.
    return frozenset(place for place, digest, _ in rows if _owned(root, place, digest))


def _owned(root: Path, place: str, digest: str) -> bool:
    pure = PurePosixPath(place)
    path = root / pure
    if pure.is_absolute() or ".." in pure.parts or path.is_symlink() or not path.is_file():
        return False
    name, _, wanted = digest.partition("=")
    if not wanted:
        return len(pure.parts) == 2 and pure.parts[0].endswith(".dist-info")
    if name not in DIGESTS:
        return False
    found = hashlib.new(name, path.read_bytes()).digest()
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode() == wanted.rstrip("=")


def _remove(package: Package, root: Path) -> None:
    """Remove a package, and the bytecode of its modules."""
    for place in package.files:
        path = root / place
        path.unlink(missing_ok=True)
        for stale in path.parent.glob(f"__pycache__/{path.stem}.*.pyc") if path.suffix == ".py" else ():
            stale.unlink()
    shutil.rmtree(root / package.info, ignore_errors=True)
    prune(root, package.files)


def prune(root: Path, places: Iterable[str]) -> None:
    """Remove the folders that *places* were in and that are empty now."""
    folders = {above for place in places for above in PurePosixPath(place).parents if above.name}
    for folder in sorted(folders, key=lambda each: -len(each.parts)):
        try:
            (root / folder).rmdir()
        except OSError:  # it is not empty, or gone already
            pass


def _put(path: Path, place: Path, wheel: Wheel, *, mine: bool) -> bool:
    """Move a file of a wheel to its place; *mine* says that what is there already is the user's own.

    Returns:
        Whether it has taken the place of another package's file that was not the same.
    """
    differs = place.exists() and place.read_bytes() != path.read_bytes()
    if mine and differs:
        raise BuildError(
            f"{place.name} is in the function's own code and in the package {wheel.name}, and not the same"
            f" ({path.name}): rename yours, or leave the package out"
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, place)
    return differs
