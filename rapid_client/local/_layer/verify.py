"""Compare a layer with its manifest, and its binaries with what the runtime has."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

from rapid_client.local._layer.manifest import Manifest, read_manifest, target_of
from rapid_client.local._target.archive import DAMAGED
from rapid_client.local._target.checks import Findings, check_binaries, inspect
from rapid_client.local._target.errors import BuildError

if TYPE_CHECKING:
    from pathlib import Path

    from rapid_client.local._target.elf import Elf


def verify(path: Path, manifest: Path) -> tuple[Manifest, Findings]:
    """Verify a layer.

    Args:
        path: The zip file.
        manifest: The manifest that lay beside it.

    Returns:
        The manifest, and what was found out about the binaries.

    Raises:
        BuildError: If anything differs; the message names the first difference.
    """
    said = read_manifest(manifest)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        # What differs in it is of more use than that it does.
        with zipfile.ZipFile(path) as archive:
            found = _compare(archive, said)
    except DAMAGED as exc:
        raise BuildError(f"{path} is no zip file, or damaged: {exc}") from None
    except OSError as exc:
        raise BuildError(f"{path} cannot be read: {exc.strerror or exc}") from None
    if digest != said["zip"]["sha256"]:
        raise BuildError(f"{path} has the SHA-256 {digest}, and its manifest says {said['zip']['sha256']}")
    return said, check_binaries(found, target_of(said))


def _compare(archive: zipfile.ZipFile, manifest: Manifest) -> list[tuple[str, Elf | None]]:
    """Compare the files one by one; return what the binaries among them are."""
    entries = {entry.filename: entry for entry in archive.infolist()}
    said = {entry["path"]: entry for entry in manifest["files"]}
    for name in sorted(set(entries) ^ set(said)):
        raise BuildError(f"{name} is in the {'zip file' if name in entries else 'manifest'} only")
    found = []
    for name, entry in entries.items():
        data, mode = archive.read(entry), f"{entry.external_attr >> 16:o}"
        if hashlib.sha256(data).hexdigest() != said[name]["sha256"]:
            raise BuildError(f"{name} is not the file that the manifest lists: its SHA-256 differs")
        if mode != said[name]["mode"]:
            raise BuildError(f"{name} has the mode {mode}, and the manifest says {said[name]['mode']}")
        found.append((name, inspect(name, io.BytesIO(data))))
    return found
