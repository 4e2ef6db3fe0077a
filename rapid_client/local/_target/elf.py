"""What an ELF file needs of the system that loads it, and whether a changed one is still whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection, GNUVerSymSection
from elftools.elf.sections import SymbolTableSection

if TYPE_CHECKING:
    from collections.abc import Iterator

ARCHITECTURES: Final = {"EM_X86_64": "x86_64", "EM_AARCH64": "arm64"}
MAGIC: Final = b"\x7fELF"
NUMBERED: Final = re.compile(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?$")
#: Names instead of numbers stand for abilities of the loader, the oldest of which came with glibc 2.36.
NAMED: Final = re.compile(r"GLIBC_ABI_")
NAMED_SINCE: Final = (2, 36)


@dataclass(frozen=True, slots=True)
class Elf:
    """What one ELF file is.

    Attributes:
        arch: ``x86_64``, ``arm64``, or how the ELF header names it.
        glibc: The newest version of glibc that a symbol of it needs; (0, 0) if none does.
        symbol: Such a symbol, with its version, as ``fmod@GLIBC_2.38``; empty if none is known.
        needed: The names of the shared libraries that it needs, without folders ($ORIGIN/../lib/).
        soname: The name by which others need it; empty if it has none.
    """

    arch: str
    glibc: tuple[int, int]
    symbol: str
    needed: tuple[str, ...]
    soname: str


def read_elf(file: BinaryIO) -> Elf | None:
    """Return what *file* is; None if it is no ELF file that is loaded: an object file, an archive.

    Raises:
        ELFError: If it starts as an ELF file and is damaged.
    """
    if file.read(4) != MAGIC:
        return None
    file.seek(0)
    elf = ELFFile(file)
    if elf["e_type"] not in {"ET_EXEC", "ET_DYN"}:
        return None
    versions = dict(_versions(elf))
    newest = max(versions.values(), default=(0, 0))
    needed, soname = _dynamic(elf)
    arch = ARCHITECTURES.get(elf["e_machine"], elf["e_machine"])
    return Elf(arch, newest, _symbol(elf, versions, newest), needed, soname)


def same_program(before: BinaryIO, after: BinaryIO) -> bool:
    """Whether the loader would make of *after* what it makes of *before*.

    Tools that move sections break files whose segments were moved before (by patchelf, for one): a segment is
    misaligned then, lies beyond the end, or the strings that the loader looks up are elsewhere.
    """
    try:
        old, new = read_elf(before), read_elf(after)
        return old == new and _aligned(after) and _symbols(before) == _symbols(after)
    except (ELFError, ValueError, UnicodeDecodeError):
        return False


def _versions(elf: Any) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the versions of glibc that are needed, by their names."""
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            for _, names in section.iter_versions():
                for entry in names:
                    found = NUMBERED.match(entry.name)
                    if found:
                        yield entry.name, (int(found[1]), int(found[2]))
                    elif NAMED.match(entry.name):
                        yield entry.name, NAMED_SINCE


def _symbol(elf: Any, versions: dict[str, tuple[int, int]], newest: tuple[int, int]) -> str:
    """Return a symbol that needs the *newest* of the *versions*."""
    names = {name for name, version in versions.items() if version == newest}
    indexes = {
        entry["vna_other"]: entry.name
        for section in elf.iter_sections()
        if isinstance(section, GNUVerNeedSection)
        for _, entries in section.iter_versions()
        for entry in entries
        if entry.name in names
    }
    symbols = next((s for s in elf.iter_sections() if s.name == ".dynsym"), None)
    table = next((s for s in elf.iter_sections() if isinstance(s, GNUVerSymSection)), None)
    if isinstance(symbols, SymbolTableSection) and table is not None:
        for number, entry in enumerate(table.iter_symbols()):
            version = indexes.get(entry["ndx"])
            if version is not None:
                return f"{symbols.get_symbol(number).name}@{version}"
    return min(names, default="")


def _dynamic(elf: Any) -> tuple[tuple[str, ...], str]:
    """Return the libraries that are needed, and the file's own name as a library."""
    needed, soname = [], ""
    for segment in elf.iter_segments():
        if isinstance(segment, DynamicSegment):
            for tag in segment.iter_tags():
                if tag.entry.d_tag == "DT_NEEDED":
                    needed.append(tag.needed.rpartition("/")[2])
                elif tag.entry.d_tag == "DT_SONAME":
                    soname = tag.soname
    return tuple(needed), soname


def _aligned(file: BinaryIO) -> bool:
    """Whether every segment can be mapped, and lies within the file."""
    size = file.seek(0, 2)
    file.seek(0)
    loaded = [part.header for part in ELFFile(file).iter_segments() if part["p_type"] == "PT_LOAD"]
    return all(
        (part.p_vaddr - part.p_offset) % max(part.p_align, 1) == 0 and part.p_offset + part.p_filesz <= size
        for part in loaded
    )


def _symbols(file: BinaryIO) -> list[tuple[str, int]]:
    """Return the symbols that the loader sees, found as it finds them: by segment, not by section."""
    file.seek(0)
    return [
        (symbol.name, symbol["st_value"])
        for segment in ELFFile(file).iter_segments()
        if isinstance(segment, DynamicSegment)
        for symbol in segment.iter_symbols()
    ]
