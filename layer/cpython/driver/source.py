"""A source archive that is here, and what it takes to unpack it."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from driver.manifest import HERE
from driver.problem import Problem, run

if TYPE_CHECKING:
    from driver.manifest import Component


@dataclass(frozen=True)
class Source:
    """A component's archive.

    Attributes:
        version: What is in it.
        archive: The file.
        fixes: Debian's archive with the folder of patches, or None.
        package: Where it was taken from, as a package URL; upstream's address where no package was.
    """

    component: Component
    version: str
    archive: Path
    fixes: Path | None
    package: str

    @property
    def url(self) -> str:
        """Where upstream has it."""
        return self.component.url.format(version=self.version)

    def digest(self) -> str:
        """Return the SHA-256 of the archive.

        Raises:
            Problem: If the manifest has recorded another one for this version of upstream's archive.
        """
        found = sha256(self.archive)
        wanted = self.component.sha256.get(self.version)
        if wanted and not self.fixes and found != wanted:
            raise Problem(
                f"{self.archive} has the SHA-256 {found}, and sources.toml has {wanted}: fetch it again"
            )
        return found

    def identity(self) -> str:
        """Return a line that changes whenever what is unpacked does."""
        files = [sha256(path) for path in (*([self.fixes] if self.fixes else []), *self._patches())]
        return " ".join((self.component.key, self.version, self.digest(), self.component.patches, *files))

    def unpack(self, folder: Path) -> list[str]:
        """Unpack into a new *folder*, apply Debian's fixes and ours; return the names of Debian's.

        Raises:
            Problem: If a patch does not apply.
        """
        folder.mkdir(parents=True)
        run(["tar", "-xf", str(self.archive), "-C", str(folder), "--strip-components=1", "--no-same-owner"])
        fixes = self._fixes(folder)
        for patch in self._patches():
            _apply(patch.read_bytes(), folder, patch.name)
        return fixes

    def _patches(self) -> list[Path]:
        """List our patches for this component; one whose first line names a version is for that alone."""
        found = []
        for patch in sorted((HERE / "patches").glob(f"{self.component.key}-*.patch")):
            minor = re.match(r"# CPython (3\.\d+)\n", patch.read_text())
            if minor is None or self.version.startswith(f"{minor[1]}."):
                found.append(patch)
        return found

    def _fixes(self, folder: Path) -> list[str]:
        """Apply those of Debian's patches that fix something, in their order."""
        if not self.fixes:
            return []
        applied = []
        with tarfile.open(self.fixes) as archive:
            texts = {
                PurePosixPath(member.name).relative_to("debian/patches").as_posix(): archive.extractfile(
                    member
                )
                for member in archive
                if member.isfile() and member.name.startswith("debian/patches/")
            }
            series = texts.get("series")
            for line in series.read().decode().splitlines() if series else []:
                name = line.partition("#")[0].strip()
                text = texts.get(name)
                if name and text and re.search(self.component.patches, name):
                    _apply(text.read(), folder, name)
                    applied.append(name)
        return applied


def _apply(patch: bytes, folder: Path, name: str) -> None:
    """Apply a patch to an unpacked source tree."""
    try:
        done = subprocess.run(
            ["patch", "-p1", "--force", "--no-backup-if-mismatch"],
            cwd=folder, input=patch, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise Problem("patch is not installed: apt-get install patch") from None
    if done.returncode:
        raise Problem(
            f"{name} does not apply to {folder.name}: {done.stdout.decode().strip().splitlines()[-1]}"
        )


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
