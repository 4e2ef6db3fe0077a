"""`sources.toml`: what the interpreter is made of, where it comes from, under which licence."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
#: Releases of Debian that have source packages for us, newest first.
RELEASES = ("trixie", "bookworm")


@dataclass(frozen=True)
class Component:
    """One source archive: CPython itself or a library.

    Attributes:
        key: The name of its folder, and of its function in libraries.sh.
        debian: Its source package in Debian.
        releases: The releases of Debian to take it from, newest first.
        patches: Which of Debian's patches to apply: a regular expression that is searched in their names.
        version: Upstream's; of CPython only the minor version, until the archive is known.
        url: Upstream's archive, with ``{version}``.
    """

    key: str
    name: str
    licence: str
    licence_file: str
    licence_text: str
    debian: str
    releases: tuple[str, ...]
    patches: str
    version: str
    archive: str
    url: str
    index: str
    sha256: dict[str, str]


@dataclass(frozen=True)
class Bundled:
    """A library in CPython's own archive; `version` finds its version in `file`."""

    key: str
    name: str
    licence: str
    file: str
    version: str


@dataclass(frozen=True)
class Manifest:
    """All of sources.toml, for one minor version of CPython."""

    cpython: Component
    libraries: tuple[Component, ...]
    bundled: tuple[Bundled, ...]
    bundled_licence_file: str

    @property
    def components(self) -> tuple[Component, ...]:
        """CPython, then the libraries."""
        return (self.cpython, *self.libraries)


def read(minor: str, path: Path = HERE / "sources.toml") -> Manifest:
    """Read the manifest for this minor version of CPython, such as ``3.13``."""
    document = tomllib.loads(path.read_text())
    number = int(minor.partition(".")[2])
    bundled = document["bundled"]
    bundled_licence_file = bundled.pop("licence_file")
    return Manifest(
        _component("cpython", document["cpython"], minor),
        tuple(
            _component(key, entry, minor)
            for key, entry in document["libraries"].items()
            if entry.get("not_before", 0) <= number
        ),
        tuple(Bundled(key, **entry) for key, entry in bundled.items()),
        bundled_licence_file,
    )


def _component(key: str, entry: dict[str, Any], minor: str) -> Component:
    """Make a component out of its table."""
    version = entry.get("version", minor)
    recorded = entry.get("sha256", {})
    return Component(
        key=key,
        name=entry["name"],
        licence=entry["licence"],
        licence_file=entry["licence_file"],
        licence_text=entry.get("licence_text", ""),
        debian=entry["debian"].format(minor=minor),
        releases=tuple(entry.get("releases", RELEASES)),
        patches=entry["patches"],
        version=version,
        archive=entry["archive"],
        url=entry["url"],
        index=entry.get("index", ""),
        sha256=recorded if isinstance(recorded, dict) else {version: recorded},
    )
