"""Upstream's own archives: found in a folder; CPython's fetched into it with curl."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from driver.problem import Problem, run
from driver.source import Source

if TYPE_CHECKING:
    from pathlib import Path

    from driver.manifest import Component, Manifest


def find(component: Component, folder: Path) -> Source | None:
    """Find a component's archive; of CPython the newest patch release of its minor version.

    Returns:
        The archive; None if a library's is not there.

    Raises:
        Problem: If CPython's is not there.
    """
    name = component.archive.format(version=component.version)
    if component.key == "cpython":
        name = component.archive.format(version=f"{component.version}.*")
    pattern = re.compile(re.escape(name).replace(r"\*", r"(\d+)"))
    found = {
        int(match[1]) if pattern.groups else 0: path
        for path in folder.iterdir()
        if (match := pattern.fullmatch(path.name))
    }
    if not found and component.key != "cpython":
        return None
    if not found:
        raise Problem(f"{folder} has no {name} ({component.name}): fetch it by --fetch-upstream {folder}")
    newest = max(found)
    version = f"{component.version}.{newest}" if pattern.groups else component.version
    address = quote(component.url.format(version=version), safe="")
    package = f"pkg:generic/{component.key}@{version}?download_url={address}"
    return Source(component, version, found[newest], None, package)


def fetch(manifest: Manifest, folder: Path) -> None:
    """Download CPython's newest patch release, if it is not there yet.

    Its SHA-256 is checked where it is recorded: the newest release is newer than this project. What is linked
    into it is not fetched: Debian's source packages have fixes that upstream's releases lack.

    Raises:
        Problem: If it cannot be fetched, or is not what was recorded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    component = manifest.cpython
    version = _newest(component)
    target = folder / component.archive.format(version=version)
    if not target.exists():
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        curl("--output", str(partial), component.url.format(version=version))
        partial.replace(target)
    found = find(component, folder)
    if found is not None:
        print(f"{found.digest()}  {target.name}")


def _newest(component: Component) -> str:
    """Return the newest release of CPython's minor version, as python.org lists them."""
    listed = curl(component.index)
    patches = [int(patch) for patch in re.findall(rf'"{re.escape(component.version)}\.(\d+)/"', listed)]
    if not patches:
        raise Problem(f"{component.index} lists no release of Python {component.version}")
    return f"{component.version}.{max(patches)}"


def curl(*arguments: str) -> str:
    """Run curl: HTTPS only, three tries, no error page taken for a file."""
    return run(
        [
            "curl",
            "--silent",
            "--show-error",
            "--fail",
            "--location",
            "--proto",
            "=https",
            "--retry",
            "3",
            *arguments,
        ]
    )
