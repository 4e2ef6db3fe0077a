"""Clients in other languages: built at their first use, kept in the user's cache by what they are built from.

The cache is ``rapid-lambda-runtime`` in XDG_CACHE_HOME, else in ``~/.cache``. A build's folder is named after
a hash of its sources and of the versions of its tools, and appears at once and whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.peers.peer import Absent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.clean_room import Machine
    from benchmarks.peers.peer import Say

LIMIT: Final = 600.0
"""Seconds that one step may take: Rust's and Node.js's take 60 on two cores, 200 if those are busy."""

# What package managers call an error without saying what was wrong: npm's codes, paths and log file.
_REASON: Final = re.compile(
    r"^(?:npm error|error(?:\[\w+\])?:) (?!code |errno |syscall |path |command |A complete log)(.+)"
    r"|^(\S+: (?:fatal )?error: .+)",
    re.MULTILINE,
)
_OFFLINE: Final = re.compile(
    r"offline mode|ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|could not (?:connect|resolve)"
    r"|dial tcp|module lookup disabled",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Tool:
    """A program that a build needs."""

    name: str
    title: str
    version: tuple[str, ...] = ("--version",)
    """The arguments that make it say its version: in its first line, which is part of the hash."""


@dataclass(frozen=True)
class Build:
    """How a client is built: *steps* run in a copy of *sources*, and leave what is *kept* there."""

    name: str
    title: str
    """For messages: "the Rust client"."""
    sources: tuple[Path, ...]
    """Files, and folders that are copied whole; all land in one working folder."""
    tools: tuple[Tool, ...]
    """The first one's version goes into the file VERSION beside what is kept."""
    steps: tuple[tuple[str, ...], ...]
    kept: tuple[str, ...]
    needs: tuple[str, ...] = ()
    """Other programs that must be there."""
    environ: Mapping[str, str] = field(default_factory=dict)
    seconds: float = LIMIT


def built(name: str, recipe: Callable[[], Build], machine: Machine, say: Say | None = None) -> Path:
    """Return the folder of what *recipe* makes, from the cache if it is there.

    The clean room remembers the outcome for its run, be it a folder or a failure: tools are asked once.

    Args:
        name: Under which the outcome is remembered.
        recipe: Returns how to build it; it may raise `Absent`, too.
        machine: Its room is where the outcome is remembered; without one it is found out anew.
        say: Told in one line before a build begins.

    Raises:
        Absent: If it cannot be built here: no toolchain, no network, an error, RAPID_BENCH_BUILD=0.
    """
    if machine.room is None:
        return _find_or_make(recipe(), say)
    link, failure = (machine.room / "built" / (name + suffix) for suffix in ("", ".absent"))
    if link.exists():
        return link.resolve()
    if failure.exists():
        raise Absent(failure.read_text())
    link.parent.mkdir(exist_ok=True)
    try:
        link.symlink_to(_find_or_make(recipe(), say))
    except Absent as exc:
        failure.write_text(str(exc))
        raise
    return link.resolve()


def _find_or_make(build: Build, say: Say | None) -> Path:
    versions = tuple(version(tool) for tool in build.tools)
    missing = [name for name in build.needs if shutil.which(name) is None]
    if missing:
        raise Absent(f"{build.title} cannot be built without {' and '.join(missing)}: not found")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rapid-lambda-runtime"
    folder = cache / f"{build.name}-{_digest(build, versions)}"
    if folder.is_dir():
        return folder
    if os.environ.get("RAPID_BENCH_BUILD") == "0":
        raise Absent(f"{build.title} is not built yet, and RAPID_BENCH_BUILD=0 forbids it")
    if say:
        say(f"building {build.title} (once)")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{build.name}-", dir=cache) as work:
            _make(build, Path(work), versions[0])
            try:
                (Path(work) / "kept").rename(folder)
            except OSError:
                if not folder.is_dir():  # else a run beside this one has been faster: the same is there
                    raise
    except OSError as exc:
        raise Absent(f"{build.title} cannot be built: {exc}") from exc
    return folder


def _digest(build: Build, versions: Sequence[str]) -> str:
    whole = hashlib.sha256(repr((versions, build.steps, build.kept, sorted(build.environ.items()))).encode())
    for source in build.sources:
        for path in [source] if source.is_file() else sorted(source.rglob("*")):
            if path.is_file():
                whole.update(b"%b\0%b\0" % (str(path.relative_to(source.parent)).encode(), path.read_bytes()))
    return whole.hexdigest()[:16]


def _make(build: Build, work: Path, made_by: str) -> None:
    """Build in the folder *work*: its folder ``kept`` then holds what is wanted, and the tool's version."""
    sources, kept = work / "sources", work / "kept"
    sources.mkdir()
    kept.mkdir()
    for source in build.sources:
        if source.is_dir():
            shutil.copytree(source, sources, dirs_exist_ok=True)
        else:
            shutil.copy(source, sources)
    for step in build.steps:
        _run(build, step, sources)
    for name in build.kept:
        (sources / name).rename(kept / Path(name).name)
    (kept / "VERSION").write_text(made_by)


def _run(build: Build, argv: tuple[str, ...], folder: Path) -> None:
    """Run one step of *build* in *folder*, with what it starts in a process group of its own.

    Raises:
        Absent: With the reason that the tool gave, or that it took too long.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env={**os.environ, **build.environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            status = process.wait(build.seconds)
        except subprocess.TimeoutExpired:
            raise Absent(f"building {build.title} took over {build.seconds:.0f} s and was ended") from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if status:
            output.seek(0)
            raise Absent(
                f"{build.title} could not be built: {reason(output.read().decode(errors='replace'))}"
            )


def reason(output: str) -> str:
    """Return the one line of a tool's *output* that says best why it failed, at most 200 characters of it."""
    found = _REASON.search(output)
    lines = output.strip().splitlines() or ["it said nothing"]
    line = (found[1] or found[2]) if found else lines[-1]
    return f"{'no network? ' if _OFFLINE.search(output) else ''}{line.strip()[:200]}"


def made_by(folder: Path) -> str:
    """Return the version of the tool that built what is in *folder*."""
    return (folder / "VERSION").read_text()


def version(tool: Tool) -> str:
    """Return what *tool* says of itself, in its first line.

    Raises:
        Absent: If it is not there, or does not run.
    """
    if shutil.which(tool.name) is None:
        raise Absent(f"no {tool.title} ({tool.name}) was found")
    argv = [tool.name, *tool.version]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd="/")
    except (OSError, subprocess.SubprocessError) as exc:
        raise Absent(f"the {tool.title} ({tool.name}) does not run: {exc}") from exc
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise Absent(f"the {tool.title} ({tool.name}) does not run: {reason(done.stderr)}")
    return lines[0].strip()
