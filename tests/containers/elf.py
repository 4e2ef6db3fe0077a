"""What an ELF file needs: read with pyelftools, another way than the builder that made the layer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

if TYPE_CHECKING:
    from pathlib import Path

ARCHITECTURES: Final = {"EM_X86_64": "x86_64", "EM_AARCH64": "arm64"}


@dataclass(frozen=True)
class Elf:
    """One file: its architecture, and the newest glibc that it asks for."""

    arch: str
    glibc: tuple[int, ...]


def elf_files(folder: Path) -> dict[Path, Elf]:
    """Return every ELF file below *folder*."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    found[path] = read(ELFFile(file))
    return found


def read(elf: ELFFile) -> Elf:
    """Return what *elf* is."""
    versions: list[tuple[int, ...]] = [(0,)]
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            for _, symbols in section.iter_versions():
                for symbol in symbols:
                    if number := re.fullmatch(r"GLIBC_([\d.]+)", symbol.name):
                        versions.append(tuple(map(int, number[1].split("."))))
                    elif symbol.name.startswith("GLIBC_"):
                        versions.append((99,))  # an ability of the loader that old ones lack
    return Elf(ARCHITECTURES.get(elf["e_machine"], elf["e_machine"]), max(versions))
