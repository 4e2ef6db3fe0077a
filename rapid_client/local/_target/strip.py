"""Take symbols and debugging information out of binaries: they are most of many a wheel."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rapid_client.local._target.elf import same_program
from rapid_client.local._target.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rapid_client.local._target.runtimes import Target

#: How the tools call the formats.
FORMATS: Final = {"x86_64": "elf64-x86-64", "arm64": "elf64-littleaarch64"}
LLVM: Final = ("llvm-strip", *(f"llvm-strip-{version}" for version in range(24, 13, -1)))


@dataclass(frozen=True, slots=True)
class Strip:
    """A tool that can strip the target's binaries.

    Attributes:
        command: Its path.
        version: What it says of itself; another one may write other bytes.
    """

    command: str
    version: str

    def apply(self, path: Path, loads: Callable[[Path], bool]) -> bool:
        """Strip the file at *path*, or leave it as it came if that breaks it.

        Args:
            path: An ELF file.
            loads: Says whether a file can be loaded here; True if that cannot be tried.

        Returns:
            Whether it was stripped, or there was nothing to gain.
        """
        stripped = path.with_name(path.name + ".stripped")
        command = [self.command, "-o", str(stripped), str(path)]
        done = subprocess.run(command, capture_output=True, check=False)
        try:
            if done.returncode or not stripped.is_file():
                return False
            with path.open("rb") as before, stripped.open("rb") as after:
                whole = same_program(before, after)
            if not whole or (not loads(stripped) and loads(path)):
                return False
            if stripped.stat().st_size < path.stat().st_size:
                stripped.chmod(path.stat().st_mode)
                os.replace(stripped, path)
            return True
        finally:
            stripped.unlink(missing_ok=True)


def find_strip(target: Target) -> Strip:
    """Return the tool for the target's architecture.

    Raises:
        BuildError: If this machine has none; the message names the package that brings it.
    """
    for name in _candidates(target):
        command = shutil.which(name)
        if command is not None:
            first = _output(command, "--version").splitlines()
            return Strip(command, _version(first))
    package = f"binutils-{target.machine.replace('_', '-')}-linux-gnu"
    raise BuildError(
        f"no tool here can strip {target.arch} binaries: install llvm, binutils-multiarch or {package}"
        " (the names of Debian's packages), or build with --no-strip"
    )


def _candidates(target: Target) -> Iterator[str]:
    yield f"{target.machine}-linux-gnu-strip"
    if platform.system() == "Linux" and (
        platform.machine() == target.machine or FORMATS[target.arch] in _output("strip", "--help")
    ):
        yield "strip"
    yield from LLVM


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def _version(lines: list[str]) -> str:
    """Return the line that says more than a name: LLVM's has another before it."""
    return next((line.strip() for line in lines if re.search(r"\d", line)), "unknown")
