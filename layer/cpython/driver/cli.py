"""The command line: which interpreter to build, from which sources."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from driver import artefact, freeze, toolchain, upstream
from driver import base as bases
from driver.debian import Debian
from driver.manifest import Manifest, read
from driver.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from driver.source import Source

OLDEST, NEWEST = 11, 15


def main(arguments: Sequence[str]) -> int:
    """Build one interpreter, or say in one line why not.

    Returns:
        The exit status: 0, or 1 if something is wrong.
    """
    options = _parse(arguments)
    try:
        if options.fetch_upstream:
            upstream.fetch(read(options.minor), Path(options.fetch_upstream))
        else:
            print(build(options))
    except Problem as problem:
        print(f"build: {problem}", file=sys.stderr)
        return 1
    return 0


def build(options: argparse.Namespace) -> Path:
    """Build the interpreter that the options name, unless it is there already; return its archive.

    Raises:
        Problem: If it cannot be built.
    """
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rapid-client"
    cache = root / "cpython"
    cache.mkdir(parents=True, exist_ok=True)
    toolchain.check_tools(options.arch)
    target = root / "interpreters" / f"cpython-{options.minor}-{options.arch}.tar.gz"
    with _alone(cache):
        manifest = read(options.minor)
        sources = _gather(manifest, options.sources, cache)
        job = bases.Job(options.minor, options.arch, not options.no_pgo, manifest, sources, cache)
        base = bases.base(job)
        mark = None if options.no_frozen else freeze.digest()
        made_from = json.dumps([base.name, mark, _scripts()])
        note = target.with_suffix(".key")
        if not (target.exists() and note.exists() and note.read_text() == made_from):
            _finish(job, base, mark, target)
            note.write_text(made_from)
    return target


def _finish(job: bases.Job, base: Path, mark: str | None, target: Path) -> None:
    """Link the executable, with the frozen modules unless *mark* is None, and pack everything."""
    started = time.monotonic()
    native = base if job.arch == "x86_64" else bases.base(job.native)
    with tempfile.TemporaryDirectory(prefix="link-", dir=job.cache) as work:
        executable = Path(work) / f"python{job.minor}"
        tools = toolchain.prepare(job.arch, base / "link", job.cache, profiling=False)
        names = freeze.link(tools, (base, native), executable, mark)
        frozen = {"sha256": mark, "modules": names} if mark else None
        components = json.loads((base / "components.json").read_text())
        artefact.pack(job, base, executable, artefact.describe(job, components, frozen), target)
    print(f"linked and packed in {time.monotonic() - started:.1f} s", file=sys.stderr)


def _gather(manifest: Manifest, folder: str | None, cache: Path) -> tuple[Source, ...]:
    """Find the sources: upstream's in *folder*; of what is not there Debian's, which are fetched once."""
    if folder is not None and not os.path.isdir(folder):
        raise Problem(f"--sources {folder} is no folder")
    debian = Debian(cache / "debian")
    given = [folder and upstream.find(component, Path(folder)) for component in manifest.components]
    return tuple(
        source or debian.kept(component) or debian.fetch(component)
        for source, component in zip(given, manifest.components, strict=True)
    )


def _scripts() -> str:
    """Return the checksum of what the last step is made by."""
    return bases.checksum(["driver/*.py"])


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Wait until no other build uses the cache."""
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another build", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class _Parser(argparse.ArgumentParser):
    """One that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Say it, and end."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = _Parser(
        prog="build", description="Compile CPython for AWS Lambda; print the path of the archive."
    )
    parser.add_argument("minor", type=_minor, metavar="3.X", help="which Python: 3.11 to 3.15")
    parser.add_argument("--arch", choices=sorted(toolchain.MACHINES), default="x86_64")
    parser.add_argument(
        "--no-pgo", action="store_true", help="without a profile: a third of the time, slower code"
    )
    parser.add_argument("--no-frozen", action="store_true", help="with nothing frozen into the executable")
    parser.add_argument(
        "--sources",
        metavar="DIR",
        help="upstream's archives: CPython's, and those of libraries that are there; else Debian's packages",
    )
    parser.add_argument(
        "--fetch-upstream",
        metavar="DIR",
        help="download CPython's newest patch release into DIR, and no more",
    )
    return parser.parse_args(arguments)


def _minor(text: str) -> str:
    """Check the version on the command line."""
    match = re.fullmatch(r"3\.(\d+)", text)
    if not match or not OLDEST <= int(match[1]) <= NEWEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a version from 3.{OLDEST} to 3.{NEWEST}")
    return text
