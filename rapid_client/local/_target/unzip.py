"""Unpack a zip file as Lambda does: links stay links, times are UTC, and nothing gets out of its folder."""

from __future__ import annotations

import calendar
import os
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import Final

from rapid_client.local._target.archive import DAMAGED, WHEN
from rapid_client.local._target.errors import BuildError

#: Bits of an entry: its data are encrypted, its name is UTF-8.
ENCRYPTED: Final = 0x1
NAMED_IN_UTF8: Final = 0x800
#: The first date that a zip file can have; 0, where none is known, is taken for it.
FIRST: Final = calendar.timegm((*WHEN, 0, 0, 0))


def unzip(path: Path, folder: Path) -> None:
    """Unpack a zip file.

    Links are made as they are, wherever they lead; nothing is written through one that leads out.

    Args:
        path: The zip file.
        folder: Where its files go; it is there.

    Raises:
        BuildError: If it is damaged, encrypted, or has an entry that cannot be made below *folder*.
    """
    top = folder.resolve()
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.flag_bits & ENCRYPTED:
                    raise BuildError(f"{path} is encrypted: {entry.filename!r} cannot be read")
                _extract(archive, entry, _place(path, entry, top))
    except UnicodeDecodeError as exc:
        raise BuildError(f"{path} has a name or a link that is no UTF-8: {exc.object!r}") from None
    except (*DAMAGED, ValueError) as exc:
        raise BuildError(f"{path} is damaged: {exc}") from None
    except OSError as exc:
        raise BuildError(f"{path} cannot be unpacked: {exc.filename}: {exc.strerror}") from None


def _place(path: Path, entry: zipfile.ZipInfo, top: Path) -> Path:
    """Return where an entry goes; its folder is there then."""
    name = entry.orig_filename
    if not entry.flag_bits & NAMED_IN_UTF8:  # zipfile takes it for code page 437, which has all bytes
        name = name.encode("cp437").decode()
    inner = PurePosixPath(name)
    place = top / inner
    # Links of earlier entries count: the folder is resolved before it is made.
    inside = ".." not in inner.parts and place.parent.resolve().is_relative_to(top)
    if inner.is_absolute() or not inner.parts or not inside:
        raise BuildError(f"{path} has a file {name!r}, which would not stay in its folder")
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, place: Path) -> None:
    if entry.is_dir():
        place.mkdir(exist_ok=True)
        return
    data, mode = archive.read(entry), entry.external_attr >> 16
    place.unlink(missing_ok=True)  # the last of two counts, and no link of that name is written through
    if stat.S_ISLNK(mode):
        place.symlink_to(data.decode())
        return
    place.write_bytes(data)
    finish(place, mode, _time(entry))


def finish(place: Path, mode: int, time: float) -> None:
    """Give a copied file its time, and of its mode what counts: who may run it."""
    place.chmod(0o755 if mode & 0o100 else 0o644)
    os.utime(place, (time, time))


def _time(entry: zipfile.ZipInfo) -> int:
    try:
        return max(FIRST, calendar.timegm((*entry.date_time, 0, 0, 0)))
    except ValueError:  # month 0, for one
        return FIRST
