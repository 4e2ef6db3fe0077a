"""Upstream's own archives: found in a folder, or fetched into it with curl."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from driver.problem import Problem, run
from driver.source import Source

if TYPE_CHECKING:
    from pathlib import Path

    from driver.manifest import Component, Manifest


def find(component: Component, folder: Path) -> Source:
    """Find a component's archive; of CPython the newest patch release of its minor version.

    Raises:
        Problem: If it is not there.
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
    if not found:
        raise Problem(f"{folder} has no {name} ({component.name}): fetch it by --fetch-upstream {folder}")
    newest = max(found)
    version = f"{component.version}.{newest}" if pattern.groups else component.version
    return Source(component, version, found[newest], None, component.url.format(version=version))


def fetch(manifest: Manifest, folder: Path) -> None:
    """Download every component's archive that is not there yet, and check it against the recorded SHA-256.

    CPython's is checked where it is recorded: its newest patch release is newer than this project.

    Raises:
        Problem: If one cannot be fetched, or is not what was recorded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for component in manifest.components:
        version = _newest(component) if component.key == "cpython" else component.version
        if component.key != "cpython" and version not in component.sha256:
            raise Problem(f"sources.toml records no SHA-256 of {component.name} {version}: record it first")
        target = folder / component.archive.format(version=version)
        if not target.exists():
            partial = target.with_name(f".{target.name}.{os.getpid()}")
            curl("--output", str(partial), component.url.format(version=version))
            partial.replace(target)
        print(f"{find(component, folder).digest()}  {target.name}")


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
