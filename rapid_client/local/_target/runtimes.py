"""The Lambda runtimes that can be built for, and what each allows.

Sources: AWS's list of Lambda runtimes, November 2026, and the enumeration in botocore's service model of
Lambda. Amazon Linux 2 has glibc 2.26, Amazon Linux 2023 has 2.34.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from typing import Final

from rapid_client.local._target.errors import OrderError

AL2: Final = (2, 26)
AL2023: Final = (2, 34)
#: The glibc of each runtime.
RUNTIMES: Final = {
    "provided.al2": AL2,
    "provided.al2023": AL2023,
    "python3.11": AL2,
    "python3.12": AL2023,
    "python3.13": AL2023,
    "python3.14": AL2023,
    "python3.15": AL2023,
}
#: The Pythons, each with the first bytes of the bytecode that its final releases read and write (PEP 552's
#: first field; a minor version keeps it from its first release candidate on).
MAGIC: Final = {
    "3.11": "a70d0d0a",
    "3.12": "cb0d0d0a",
    "3.13": "f30d0d0a",
    "3.14": "2b0e0d0a",
    "3.15": "520e0d0a",
}
DEFAULT_PYTHON: Final = "3.13"
#: The architectures: Lambda's name, and the kernel's, which wheels and compilers use.
MACHINES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Target:
    """What is built, and for what.

    Attributes:
        runtime: The Lambda runtime's identifier.
        arch: ``x86_64`` or ``arm64``.
        python: The minor version, as ``3.13``.
        kind: What is built: ``layer`` or ``function``.
        release: The interpreter's full version, which conditions in requirements see; the oldest where it
            is not known, as AWS's is not.
    """

    runtime: str
    arch: str
    python: str
    kind: str = "layer"
    release: str = field(default="", compare=False)

    @property
    def full_version(self) -> str:
        """The full version to choose packages for, as ``3.13.5``."""
        return self.release or f"{self.python}.0"

    @property
    def glibc(self) -> tuple[int, int]:
        """The version of glibc that the runtime has."""
        return RUNTIMES[self.runtime]

    @property
    def managed(self) -> bool:
        """Whether AWS brings the interpreter."""
        return self.runtime.startswith("python")

    @property
    def machine(self) -> str:
        """The architecture as the kernel calls it."""
        return MACHINES[self.arch]

    @property
    def native(self) -> bool:
        """Whether this machine may be able to run the target's binaries."""
        return platform.system() == "Linux" and platform.machine() == self.machine

    @property
    def digits(self) -> str:
        """The minor version as tags have it, ``313``."""
        return self.python.replace(".", "")

    @property
    def name(self) -> str:
        """The name of the layer's files."""
        if self.managed:
            return f"rapid-{self.runtime}-{self.arch}"
        return f"rapid-{self.runtime}-python{self.python}-{self.arch}"

    @property
    def described(self) -> str:
        """What it is, in words."""
        return f"{self.kind} for {self.runtime}, Python {self.python}, {self.arch}"

    @property
    def library(self) -> str:
        """The folder of the layer that holds packages, from its top."""
        return "rapid/lib" if self.managed else f"rapid/lib/python{self.python}/site-packages"

    def brings(self, path: str) -> bool:
        """Whether the file of that path belongs to a package: all of a function's binaries do."""
        return self.kind == "function" or path.startswith(f"{self.library}/")


def choose_target(runtime: str, arch: str, python: str | None, kind: str = "layer") -> Target:
    """Return the target that was asked for.

    Args:
        runtime: The Lambda runtime.
        arch: The architecture.
        python: The Python; None means the managed runtime's own, else 3.13.
        kind: What is built, as `Target` has it.

    Raises:
        OrderError: If there is no such runtime, architecture or Python, or they do not go together.
    """
    if runtime not in RUNTIMES:
        raise OrderError(
            f"--runtime {runtime!r} is none that a {kind} can be built for: {', '.join(RUNTIMES)}"
        )
    if arch not in MACHINES:
        raise OrderError(f"--arch {arch!r} is none that Lambda has: {', '.join(MACHINES)}")
    own = runtime.removeprefix("python") if runtime.startswith("python") else None
    if python is not None and python not in MAGIC:
        raise OrderError(f"--python {python!r} is none that rapid_client runs on: {', '.join(MAGIC)}")
    if own is not None and python not in {None, own}:
        raise OrderError(f"--runtime {runtime} has Python {own}, so --python {python} does not go with it")
    return Target(runtime, arch, own or python or DEFAULT_PYTHON, kind)


def dotted(version: tuple[int, ...]) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, version))
