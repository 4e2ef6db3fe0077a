"""Whether binaries can run on the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from elftools.common.exceptions import ELFError

from rapid_client.local._target.elf import Elf, read_elf
from rapid_client.local._target.errors import BuildError
from rapid_client.local._target.runtimes import dotted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rapid_client.local._target.runtimes import Target

#: What Amazon Linux brings: glibc's own libraries and the compiler's.
SYSTEM: Final = frozenset(
    {
        *("libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1"),
        *(
            "libresolv.so.2",
            "libgcc_s.so.1",
            "libstdc++.so.6",
            "ld-linux-x86-64.so.2",
            "ld-linux-aarch64.so.1",
        ),
    }
)
#: Single old modules of the standard library need them, and nothing else does.
OPTIONAL: Final = frozenset({"libcrypt.so.1", "libnsl.so.1"})


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found out about the binaries.

    Attributes:
        glibc: The newest version of glibc that any of them needs.
        symbol: A symbol that needs it.
        path: The file that has this symbol.
        count: How many there are.
        notes: Libraries that packages need and what is built does not have.
    """

    glibc: tuple[int, int]
    symbol: str
    path: str
    count: int
    notes: list[str]


def binaries(root: Path) -> list[Path]:
    """Return the ELF files of a tree."""
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    found.append(path)
    return found


def check_tree(root: Path, target: Target) -> Findings:
    """Check the binaries of a tree, as `check_binaries` does."""
    read = []
    for path in binaries(root):
        with path.open("rb") as file:
            read.append((path.relative_to(root).as_posix(), inspect(path.relative_to(root).as_posix(), file)))
    return check_binaries(read, target)


def inspect(path: str, file: BinaryIO) -> Elf | None:
    """Return what the file of that path is; None if it is no ELF file that is loaded.

    Raises:
        BuildError: If it is damaged.
    """
    try:
        return read_elf(file)
    except (ELFError, ValueError, KeyError) as exc:
        raise BuildError(f"{path} is a damaged ELF file: {exc or type(exc).__name__}") from None


def check_binaries(found: Iterable[tuple[str, Elf | None]], target: Target) -> Findings:
    """Check that the target can load the binaries.

    Args:
        found: Path and contents of each.
        target: What is built.

    Raises:
        BuildError: If one is for another architecture or a newer glibc, or if the interpreter needs a library
            that is not there.
    """
    elves = [(path, elf) for path, elf in found if elf is not None]
    present = SYSTEM | {path.rpartition("/")[2] for path, _ in elves} | {elf.soname for _, elf in elves}
    notes = []
    for path, elf in elves:
        check_system(path, elf, target)
        for name in sorted(set(elf.needed) - present):
            if target.brings(path) or name in OPTIONAL:
                notes.append(
                    f"{path} needs {name}, which the {target.kind} does not have: see that {target.runtime}"
                    " does"
                )
            else:
                raise BuildError(
                    f"{path} needs the library {name}, which neither the interpreter nor {target.runtime}"
                    " brings: use an interpreter that is linked statically"
                )
    path, elf = max(elves, key=lambda each: each[1].glibc, default=("", Elf("", (0, 0), "", (), "")))
    return Findings(elf.glibc, elf.symbol, path, len(elves), notes)


def check_system(path: str, elf: Elf, target: Target) -> None:
    """Check architecture and glibc of one binary, as `check_binaries` does."""
    if elf.arch != target.arch:
        raise BuildError(f"{path} is for {elf.arch}, and the {target.kind} is for {target.arch}")
    if elf.glibc > target.glibc:
        raise BuildError(
            f"{path} needs glibc {dotted(elf.glibc)} or newer (symbol {elf.symbol}), and {target.runtime} has"
            f" {dotted(target.glibc)}"
        )
