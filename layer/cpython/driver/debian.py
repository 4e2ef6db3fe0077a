"""Source archives from Debian's source packages, with the fixes that Debian has for them.

The machine's own apt configuration names the mirror; a private one, in the cache, adds the releases, and the
machine's own stays as it is. A mirror may list a version whose files it does not have: the newest that
arrives is taken.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from driver.manifest import RELEASES
from driver.problem import Problem, run
from driver.source import Source

if TYPE_CHECKING:
    from driver.manifest import Component

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Debian:
    """Debian's source packages, by way of a private apt configuration.

    Args:
        folder: Where the configuration, the lists and the archives are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {**os.environ, "APT_CONFIG": str(folder / "apt.conf"), "LC_ALL": "C"}
        self._updated = False

    def kept(self, component: Component) -> Source | None:
        """Return what `fetch` has found before, from the same releases; None if nothing."""
        try:
            note = json.loads(self._note(component).read_text())
        except FileNotFoundError:
            return None
        archive, fixes = Path(note["archive"]), Path(note["fixes"])
        if note["releases"] != list(component.releases) or not archive.exists() or not fixes.exists():
            return None
        return Source(component, note["version"], archive, fixes, note["package"])

    def fetch(self, component: Component) -> Source:
        """Download the newest version of a component that arrives whole.

        Raises:
            Problem: If no release of Debian has it.
        """
        where = self.folder / "archives" / component.debian
        where.mkdir(parents=True, exist_ok=True)
        self._update()
        versions = self._versions(component)
        for version in versions:
            found = self._download(component, version, where)
            if found:
                self._keep(found)
                return found
        raise Problem(
            f"Debian's {' and '.join(component.releases)} have no source package {component.debian}"
            f" whose files can be fetched ({', '.join(versions) or 'no version'}):"
            " name a folder with upstream's archives by --sources DIR"
        )

    def _note(self, component: Component) -> Path:
        """Return the file that remembers what was fetched: a build tomorrow is made of the same sources."""
        return self.folder / "archives" / f"{component.debian}.json"

    def _keep(self, source: Source) -> None:
        """Remember what was fetched."""
        note = {
            "version": source.version,
            "archive": str(source.archive),
            "fixes": str(source.fixes),
            "package": source.package,
            "releases": source.component.releases,
        }
        self._note(source.component).write_text(json.dumps(note))

    def _update(self) -> None:
        """Write the private configuration and read the lists, once."""
        if self._updated:
            return
        for name in ("lists/partial", "cache/archives/partial", "archives"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        main, security = mirrors()
        entries = [(main, release) for release in RELEASES]
        entries += [(security, f"{release}-security") for release in RELEASES if security]
        signed = f"Signed-By: {KEYRING}\n" if os.path.exists(KEYRING) else ""
        (self.folder / "debian.sources").write_text(
            "\n".join(
                f"Types: deb-src\nURIs: {uri}\nSuites: {suite}\nComponents: main\n{signed}"
                for uri, suite in entries
            )
        )
        (self.folder / "apt.conf").write_text(
            f'Dir::Etc::SourceList "{self.folder}/debian.sources";\nDir::Etc::SourceParts "/dev/null";\n'
            f'Dir::State::Lists "{self.folder}/lists";\nDir::Cache "{self.folder}/cache";\n'
            'Acquire::Check-Valid-Until "false";\nAPT::Sandbox::User "";\nAcquire::Retries "3";\n'
        )
        run(["apt-get", "update", "-qq"], self.environ)
        self._updated = True

    def _versions(self, component: Component) -> list[str]:
        """List the versions that the component's releases offer, newest first."""
        suites = {suite for release in component.releases for suite in (release, f"{release}-security")}
        listed = subprocess.run(
            ["apt-cache", "madison", component.debian],
            env=self.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        versions = set()
        for line in listed.stdout.splitlines():
            _, version, where = (part.strip() for part in line.split("|"))
            if any(f" {suite}/" in f" {where}" for suite in suites):
                versions.add(version)
        return sorted(versions, key=functools.cmp_to_key(_compare), reverse=True)

    def _download(self, component: Component, version: str, where: Path) -> Source | None:
        """Download one version; None if a file of it is missing at the mirror."""
        done = subprocess.run(
            ["apt-get", "source", "-qq", "--download-only", f"{component.debian}={version}"],
            env=self.environ, cwd=where, stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode:
            return None
        plain = version.rpartition(":")[2]
        upstream = plain.rpartition("-")[0]
        archives = [
            path
            for path in sorted(where.glob(f"*_{upstream}.orig.tar.*"))
            if path.suffix in (".gz", ".bz2", ".xz")
        ]
        fixes = sorted(where.glob(f"*_{plain}.debian.tar.*"))
        if not archives or not fixes:
            return None
        number = re.sub(r".*really", "", upstream).partition("+")[0]
        return Source(
            component,
            number,
            archives[0],
            fixes[0],
            f"pkg:deb/debian/{component.debian}@{version}?arch=source",
        )


def mirrors() -> tuple[str, str]:
    """Return the URIs of Debian's archive and of its security updates, as this machine's apt has them.

    Raises:
        Problem: If this machine is no Debian.
    """
    listed = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(RELEASE)"])
    main = security = ""
    for line in sorted(set(listed.splitlines())):
        uri, *suites = line.split()
        if any(suite in (*RELEASES, "stable", "oldstable") for suite in suites):
            main = main or uri
        elif any(suite.endswith("-security") for suite in suites):
            security = security or uri
    if not main or not os.path.exists("/etc/debian_version"):
        raise Problem(
            "this machine's apt names no Debian mirror:"
            " name a folder with upstream's archives by --sources DIR"
        )
    return main, security


def _compare(one: str, other: str) -> int:
    """Compare two versions as dpkg does."""
    newer = subprocess.run(["dpkg", "--compare-versions", one, "gt", other], check=False).returncode == 0
    return 1 if newer else -1
