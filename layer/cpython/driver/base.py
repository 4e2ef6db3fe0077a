"""The expensive part: the static libraries, and CPython with everything that its last link needs.

Each result is a folder in the cache, named by the checksum of what it was made from: scripts, patches,
sources, tools.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from driver import toolchain
from driver.manifest import HERE
from driver.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.manifest import Manifest
    from driver.source import Source

PREFIX: Final = "opt/rapid"
#: Left out: tests, what needs a display, what needs a compiler or a network to be of use.
LEFT_OUT: Final = ("test", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip", "lib2to3/tests")
#: The versions that the patches for the start are for; others complain of a library without lib-dynload.
SHORT_START: Final = ("3.13",)
#: What decides about the result, besides the shell scripts.
_SCRIPTS: Final = ("driver/base.py", "driver/source.py", "driver/toolchain.py", "sources.toml")


@dataclass(frozen=True)
class Job:
    """One interpreter to build.

    Attributes:
        minor: 3.13
        arch: x86_64 or arm64.
        pgo: Whether it is optimised by a profile.
        manifest: What it is made of.
        sources: The archives, CPython's first.
        cache: The folder for all that is kept.
    """

    minor: str
    arch: str
    pgo: bool
    manifest: Manifest
    sources: tuple[Source, ...]
    cache: Path

    @property
    def version(self) -> str:
        """The full version of CPython."""
        return self.sources[0].version

    @property
    def native(self) -> Job:
        """The same for this machine: it makes the profile and the bytecode."""
        return Job(self.minor, "x86_64", self.pgo, self.manifest, self.sources, self.cache)


def libraries(job: Job) -> Path:
    """Compile the static libraries, or find them in the cache.

    Returns:
        A folder with ``include``, ``lib``, ``licenses`` and components.json.
    """
    sources = job.sources[1:]
    key = _key(["libraries.sh", *_SCRIPTS], [job.arch, toolchain.libgcc_sha256(job.arch)], sources)
    target = job.cache / f"libraries-{job.arch}-{key}"
    if target.exists():
        return target
    print(f"compiling libraries for {job.arch}", file=sys.stderr)
    with toolchain.new_folder(target) as folder, _work(job) as work:
        tools = toolchain.prepare(job.arch, folder, job.cache, job.pgo)
        fixes = {source.component.key: source.unpack(work / source.component.key) for source in sources}
        _script(
            "libraries.sh", tools.environ(
                PREFIX=str(folder), SOURCES=str(work), JOBS=_jobs(),
                LIBRARIES=" ".join(source.component.key for source in sources),
            ),
        )  # fmt: skip
        components = [_component(source, fixes[source.component.key], folder, work) for source in sources]
        components.append(_libgcc(job.arch, folder))
        _write(folder / "components.json", components)
    _forget(f"libraries-{job.arch}-", job.cache)
    return target


def base(job: Job) -> Path:
    """Compile CPython, or find it in the cache.

    Returns:
        A folder with ``tree`` (what is installed, without the executable), ``link`` (what the executable is
        linked of), ``python`` (an executable for this machine, with nothing frozen), ``licenses`` and
        components.json.
    """
    prebuilt = libraries(job)
    native = base(job.native) if job.arch != "x86_64" else None
    made_from = [job.arch, str(job.pgo), prebuilt.name, native.name if native else ""]
    key = _key(["python.sh", "train.py", *_SCRIPTS], made_from, job.sources[:1])
    target = job.cache / f"base-{job.minor}-{job.arch}-{key}"
    if target.exists():
        return target
    how = " with a profile" if job.pgo else ""
    print(f"compiling CPython {job.version} for {job.arch}{how}", file=sys.stderr)
    with toolchain.new_folder(target) as folder, _work(job) as work:
        tools = toolchain.prepare(job.arch, prebuilt, job.cache, job.pgo and native is None)
        source = work / "python"
        fixes = job.sources[0].unpack(source)
        optimise = "none"
        if job.pgo:
            optimise = str(native / "link/code.profclangd") if native else "pgo"
        _script(
            "python.sh", tools.environ(
                MINOR=job.minor, SOURCE=str(source), DESTDIR=str(work / "installed"), PREFIX=str(prebuilt),
                BUILD_PYTHON=str(native / "python/bin/python3") if native else "", OPTIMISE=optimise,
                JOBS=_jobs(), TRAINING=str(HERE / "train.py"), SOURCE_DATE_EPOCH=str(_time(source)),
            ),
        )  # fmt: skip
        _keep(job, work, folder, prebuilt)
        components = [
            _component(job.sources[0], fixes, folder, work, "python"),
            *_bundled(job, source, folder),
        ]
        _write(
            folder / "components.json", components + json.loads((prebuilt / "components.json").read_text())
        )
        shutil.copytree(prebuilt / "licenses", folder / "licenses", dirs_exist_ok=True)
    _forget(f"base-{job.minor}-{job.arch}-", job.cache)
    return target


def _forget(prefix: str, cache: Path) -> None:
    """Remove all but the three newest results of a kind from the cache: each has 60 to 130 MB."""
    found = sorted(cache.glob(f"{prefix}*"), key=lambda path: path.stat().st_mtime)
    for path in found[:-3]:
        shutil.rmtree(path)


def _keep(job: Job, work: Path, folder: Path, prebuilt: Path) -> None:
    """Copy what is installed, and what linking needs, into the base."""
    installed, name = work / "installed" / PREFIX, f"python{job.minor}"
    link = folder / "link"
    (link / "lib").mkdir(parents=True)
    shutil.copytree(installed / "include" / name, link / "include")
    for archive in [*(work / "python").rglob("*.a"), *prebuilt.glob("lib/*.a")]:
        if archive.name != f"lib{name}.a" or archive.parent == work / "python":
            shutil.copy2(archive, link / "lib")
    profile = work / "python/code.profclangd"
    if profile.exists():
        shutil.copy2(profile, link)
    lib = installed / "lib" / name
    for left_out in (*LEFT_OUT, *(path.name for path in lib.glob("config-*"))):
        path = lib / left_out
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for compiled in list(lib.rglob("__pycache__")):
        shutil.rmtree(compiled)
    for data in lib.glob("_sysconfigdata*.py"):
        data.write_text(_without_paths(data.read_text(), (work, prebuilt, job.cache)))
    # With the tree beside it: it compiles for other architectures, and makes bytecode.
    if job.arch == "x86_64":
        shutil.copytree(installed / "bin", folder / "python/bin", symlinks=True)
        (folder / "python/lib").mkdir()
        (folder / "python/lib" / name).symlink_to(f"../../tree/lib/{name}")
    shutil.copytree(lib, folder / "tree/lib" / name, symlinks=True)
    if job.minor not in SHORT_START:
        empty = folder / "tree/lib" / name / "lib-dynload"
        empty.mkdir(exist_ok=True)
        (empty / "README").write_text("All extension modules are in the executable; without this it warns.\n")


def _without_paths(text: str, folders: tuple[Path, Path, Path]) -> str:
    """Take this machine out of sysconfig's variables: its folders, and the names of the compiler wrappers."""
    for path, instead in zip(folders, ("/build", "/build/libraries", "/build/cache"), strict=True):
        text = text.replace(str(path), instead)
    text = re.sub(r"/build/cache/bin-\w+/", "", text)
    text = re.sub(r"\bzclang\b", "clang", text)
    return re.sub(r"\bz(ar|ranlib)\b", r"\1", text)


def _component(
    source: Source, fixes: list[str], folder: Path, work: Path, name: str = ""
) -> dict[str, object]:
    """Describe one source archive for interpreter.json, and copy its licence."""
    component = source.component
    text = work / (name or component.key) / component.licence_file
    licence = f"licenses/{component.key}.txt"
    (folder / "licenses").mkdir(exist_ok=True)
    if not text.exists() and not component.licence_text:
        raise Problem(
            f"{source.archive} has no {component.licence_file}: correct licence_file in sources.toml"
        )
    (folder / licence).write_text(text.read_text() if text.exists() else component.licence_text)
    return {
        "name": component.name,
        "version": source.version,
        "source": source.url,
        "package": source.package,
        "sha256": source.digest(),
        "patches": fixes,
        "licence": component.licence,
        "licence_file": licence,
    }


def _bundled(job: Job, source: Path, folder: Path) -> list[dict[str, object]]:
    """Describe the libraries in CPython's own archive."""
    found: list[dict[str, object]] = []
    archive = job.sources[0]
    (folder / "licenses/cpython-bundled.txt").write_text(
        (source / job.manifest.bundled_licence_file).read_text()
    )
    for bundled in job.manifest.bundled:
        path = source / bundled.file
        version = re.search(bundled.version, path.read_text()) if path.exists() else None
        if version is None:
            continue  # this version of CPython has none
        number = ".".join(version.groups())
        found.append(
            {
                "name": bundled.name,
                "version": number,
                "source": f"{archive.url}#{bundled.file}",
                "package": f"pkg:generic/{bundled.key}@{number}",
                "sha256": archive.digest(),
                "patches": [],
                "licence": bundled.licence,
                "licence_file": "licenses/cpython-bundled.txt",
            }
        )
    return found


def _libgcc(arch: str, folder: Path) -> dict[str, object]:
    """Describe gcc's helpers, of which every link takes what it needs."""
    version = toolchain.libgcc_version(arch)
    licence = "GPL-3.0-or-later WITH GCC-exception-3.1"
    path = Path(f"/usr/share/doc/gcc-{version}-base/copyright")
    (folder / "licenses/libgcc.txt").write_text(path.read_text() if path.exists() else f"{licence}\n")
    return {
        "name": "libgcc",
        "version": version,
        "source": "https://gcc.gnu.org/",
        "package": f"pkg:deb/debian/gcc-{version}",
        "sha256": toolchain.libgcc_sha256(arch),
        "patches": [],
        "licence": licence,
        "licence_file": "licenses/libgcc.txt",
    }


def _key(patterns: list[str], words: list[str], sources: tuple[Source, ...]) -> str:
    """Return the checksum that names a result: of scripts by *patterns*, of tools, of *words*, of sources."""
    lines = (
        *words,
        toolchain.ZIG,
        toolchain.GLIBC,
        checksum(patterns),
        *(source.identity() for source in sources),
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def checksum(patterns: list[str]) -> str:
    """Return the checksum of the files beside `build` that the patterns name."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in HERE.glob(pattern)}):
        digest.update(f"{path.relative_to(HERE)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


@contextmanager
def _work(job: Job) -> Iterator[Path]:
    """Make a folder to compile in; after a failure it stays, for its logs, until the next build."""
    work = job.cache / f"work-{job.minor}-{job.arch}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    yield work
    shutil.rmtree(work)


def _script(name: str, environ: dict[str, str]) -> None:
    """Run one of the shell scripts; it has said what is wrong when it fails."""
    if subprocess.run([str(HERE / name)], env=environ, stdin=subprocess.DEVNULL, check=False).returncode:
        raise Problem(f"{name} has failed: see above")


def _time(source: Path) -> int:
    """Return the time of CPython's release: that of the newest file in its archive."""
    return int((source / "Include/patchlevel.h").stat().st_mtime)


def _jobs() -> str:
    """Return how many compilers to run at once."""
    return str(len(os.sched_getaffinity(0)))


def _write(path: Path, value: object) -> None:
    """Write JSON, the same for the same value."""
    path.write_text(json.dumps(value, indent=1) + "\n")
