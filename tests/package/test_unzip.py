"""The one reader of zip files: links, times, and entries that would get out of their folder."""

from __future__ import annotations

import calendar
import re
import struct
import zipfile
from typing import TYPE_CHECKING, Final

import pytest

from rapid_client.local._target.errors import BuildError
from rapid_client.local._target.unzip import unzip

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = 0o100644
LINK: Final = 0o120777


def pack(path: Path, *entries: tuple[str, int, str | bytes]) -> Path:
    """Write a zip file of names, modes and texts, in this order; return its path."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode, text in entries:
            info = zipfile.ZipInfo(name, (1999, 12, 31, 23, 59, 58))
            info.external_attr = mode << 16
            archive.writestr(info, text)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where files are unpacked; all that is beside it is outside."""
    inner = tmp_path / "outer" / "folder"
    inner.mkdir(parents=True)
    return inner


def test_what_comes_out(tmp_path: Path, folder: Path) -> None:
    """Links stay links, times are UTC, who may run a file is kept, an empty folder is there."""
    entries = [
        ("bin/tool", 0o100700, "run"),
        ("lib.so", LINK, "bin/tool"),
        ("empty/", 0o040755, ""),
        ("a", FILE, "1"),
    ]
    with pytest.warns(UserWarning, match="Duplicate name"):
        unzip(pack(tmp_path / "a.zip", *entries, ("a", FILE, "2")), folder)

    assert (folder / "lib.so").readlink().as_posix() == "bin/tool"
    assert (folder / "bin/tool").stat().st_mode & 0o777 == 0o755
    assert (folder / "bin/tool").stat().st_mtime == calendar.timegm((1999, 12, 31, 23, 59, 58))
    assert list((folder / "empty").iterdir()) == []
    assert (folder / "a").read_text() == "2"


@pytest.mark.parametrize(
    "entries",
    [
        [("../x", FILE, "")],
        [("/x", FILE, "")],
        [("d", LINK, "."), ("x", LINK, "d/.."), ("y", LINK, "x/.."), ("y/escaped", FILE, "")],
        [("up", LINK, ".."), ("up/escaped/deeper", FILE, "")],
        [("up", LINK, ".."), ("up/escaped/", 0o040755, "")],
        [("up", LINK, ".."), ("up/escaped", LINK, "x")],
    ],
    ids=lambda entries: entries[-1][0],
)
def test_nothing_gets_out(tmp_path: Path, folder: Path, entries: list[tuple[str, int, str]]) -> None:
    """Neither by a name nor through links that are harmless one by one."""
    path = pack(tmp_path / "bad.zip", *entries)
    with pytest.raises(BuildError, match="which would not stay in its folder"):
        unzip(path, folder)

    assert [each.name for each in folder.parent.iterdir()] == ["folder"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bad.zip", "outer"]


def test_a_file_in_the_place_of_a_link(tmp_path: Path, folder: Path) -> None:
    """It replaces the link, and what the link leads to is as it was."""
    other = tmp_path / "other"
    other.write_text("mine")
    with pytest.warns(UserWarning, match="Duplicate name"):
        unzip(pack(tmp_path / "a.zip", ("a", LINK, str(other)), ("a", FILE, "theirs")), folder)

    assert (other.read_text(), (folder / "a").read_text()) == ("mine", "theirs")


@pytest.mark.parametrize("date", [0, (20 << 9) | (13 << 5) | 1], ids=["none", "month 13"])
def test_dates_that_are_none(tmp_path: Path, folder: Path, date: int) -> None:
    """They are taken for the first that a zip file can have."""
    path = pack(tmp_path / "a.zip", ("a", FILE, ""))
    data = bytearray(path.read_bytes())
    for start, offset in ((b"PK\3\4", 12), (b"PK\1\2", 14)):
        struct.pack_into("<H", data, data.index(start) + offset, date)
    path.write_bytes(data)
    unzip(path, folder)

    assert (folder / "a").stat().st_mtime == calendar.timegm((1980, 1, 1, 0, 0, 0))


@pytest.mark.parametrize(
    ("name", "text", "offset", "value", "why"),
    [
        ("aé", "", 0, b"", ""),
        ("a~~", "", None, b"\xff\xfe", "no UTF-8: b'a\\xff\\xfe'"),
        ("a", "secret", 8, b"\1\0", "is encrypted: 'a' cannot be read"),
        ("a", "secret", 10, b"\x63\0", "is damaged: That compression method is not supported"),
    ],
    ids=["plain", "name", "encrypted", "method"],
)
def test_what_cannot_be_read(
    tmp_path: Path, folder: Path, name: str, text: str, offset: int | None, value: bytes, why: str
) -> None:
    """A clear line each."""
    path = pack(tmp_path / "a.zip", (name, FILE, text))
    data = bytearray(path.read_bytes())
    if offset is None:
        data = data.replace(b"~~", value)
    elif value:
        at = data.index(b"PK\1\2") + offset
        data[at : at + 2] = value
    path.write_bytes(data)
    if not why:
        unzip(path, folder)
        assert (folder / name).exists()
        return
    with pytest.raises(BuildError, match=re.escape(f"{path} ")) as caught:
        unzip(path, folder)
    assert why in caught.value.message


def test_a_link_that_is_no_text(tmp_path: Path, folder: Path) -> None:
    """It is named."""
    with pytest.raises(BuildError, match="no UTF-8"):
        unzip(pack(tmp_path / "a.zip", ("a", LINK, b"\xff\xfe")), folder)


def test_a_file_and_a_folder_of_one_name(tmp_path: Path, folder: Path) -> None:
    """Only one of them can be made."""
    with pytest.raises(BuildError, match="cannot be unpacked"):
        unzip(pack(tmp_path / "a.zip", ("a", FILE, ""), ("a/b", FILE, "")), folder)
