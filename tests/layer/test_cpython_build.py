"""`layer/cpython/build`: what it says when it cannot build, and the parts that need no compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from packageurl import PackageURL

ROOT = Path(__file__).parent.parent.parent
BUILD = ROOT / "layer/cpython/build"
TOOLS = ("make", "gcc", "aarch64-linux-gnu-gcc", "perl", "tclsh", "patch", "tar", "xz", "bzip2", "strip")
MISSING = [tool for tool in TOOLS if not shutil.which(tool)]
needs_tools = pytest.mark.skipif(bool(MISSING), reason=f"not on this machine: {', '.join(MISSING)}")


def build(*arguments: str, cache: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the script with a cache of its own."""
    environ = {"PATH": os.environ["PATH"] if path is None else path, "XDG_CACHE_HOME": str(cache)}
    command = [sys.executable, str(BUILD), *arguments]
    return subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["3.9"], "build: argument 3.X: '3.9' is not a version from 3.11 to 3.15; see build --help\n"),
        (["3.13.5"], "build: argument 3.X: '3.13.5' is not a version from 3.11 to 3.15; see build --help\n"),
        ([], "build: the following arguments are required: 3.X; see build --help\n"),
    ],
)
def test_unknown_version_is_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    """A version that there is none of is refused in one line, which names it."""
    done = build(*arguments, cache=tmp_path)
    assert (done.returncode, done.stderr, done.stdout) == (2, said, "")


def test_unknown_architecture_is_one_line(tmp_path: Path) -> None:
    """Architectures have one name each."""
    done = build("3.13", "--arch", "aarch64", cache=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "'aarch64'" in done.stderr


def test_missing_tools_are_named_by_their_packages(tmp_path: Path) -> None:
    """Without make and the like, the line says what to install."""
    done = build("3.13", cache=tmp_path, path=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("build: tools are missing: apt-get install binutils bzip2 gcc ")
    assert done.stderr.count("\n") == 1


@needs_tools
def test_missing_folder_of_sources(tmp_path: Path) -> None:
    """A folder of sources that is not there is named."""
    done = build("3.13", "--sources", f"{tmp_path}/none", cache=tmp_path)
    assert (done.returncode, done.stderr) == (1, f"build: --sources {tmp_path}/none is no folder\n")


@needs_tools
def test_missing_archive_of_sources(tmp_path: Path) -> None:
    """The first archive that is not in the folder is named, and how to get it."""
    done = build("3.14", "--sources", str(tmp_path), cache=tmp_path / "cache")
    assert done.returncode == 1
    assert done.stderr == (
        f"build: {tmp_path} has no Python-3.14.*.tar.xz (CPython): fetch it by --fetch-upstream {tmp_path}\n"
    )


@needs_tools
def test_changed_archive_is_refused(tmp_path: Path) -> None:
    """An archive that is not what sources.toml has recorded is not compiled."""
    for name in (
        *("Python-3.13.5.tar.xz", "openssl-3.5.7.tar.gz", "zlib-1.3.1.tar.gz", "bzip2-1.0.8.tar.gz"),
        *("xz-5.8.1.tar.xz", "libffi-3.4.4.tar.gz", "sqlite-autoconf-3460100.tar.gz"),
    ):
        (tmp_path / name).write_bytes(b"something else")
    done = build("3.13", "--sources", str(tmp_path), cache=tmp_path / "cache")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "and sources.toml has" in done.stderr


@pytest.mark.slow
@needs_tools
@pytest.mark.skipif(not os.path.exists("/etc/debian_version"), reason="only Debian has source packages")
def test_version_that_debian_has_not(tmp_path: Path) -> None:
    """A version without a source package, or whose files are gone, is refused, with what to do."""
    done = build("3.12", cache=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "have no source package python3.12 whose files can be fetched" in done.stderr
    assert "--sources DIR" in done.stderr


def test_upstreams_archives_are_named_by_package_urls(tmp_path: Path) -> None:
    """Of CPython the newest in the folder; a library that is not there is Debian's, with Debian's fixes."""
    for name in ("Python-3.13.9.tar.xz", "Python-3.13.11.tar.xz", "zlib-1.3.1.tar.gz"):
        (tmp_path / name).write_bytes(b"")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from driver import manifest, upstream\n"
        "for component in manifest.read('3.13').components:\n"
        "    found = upstream.find(component, Path(sys.argv[2]))\n"
        "    print(found and found.package)\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", script, str(BUILD.parent), str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    urls = [line for line in done.stdout.splitlines() if line != "None"]
    packages = [PackageURL.from_string(url) for url in urls]
    assert [(package.name, package.version) for package in packages] == [
        ("cpython", "3.13.11"),
        ("zlib", "1.3.1"),
    ]
    assert packages[1].qualifiers == {
        "download_url": "https://github.com/madler/zlib/releases/download/v1.3.1/zlib-1.3.1.tar.gz"
    }


@needs_tools
def test_patch_that_does_not_apply_is_named(tmp_path: Path) -> None:
    """A source that has changed under our patches stops the build, with the patch's name."""
    (tmp_path / "Python-3.13.99").mkdir()
    (tmp_path / "Python-3.13.99/README").write_text("nothing to patch\n")
    archive = tmp_path / "Python-3.13.99.tar.xz"
    with tarfile.open(archive, "w:xz") as opened:
        opened.add(tmp_path / "Python-3.13.99", "Python-3.13.99")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from driver import manifest, source\n"
        "made = source.Source(manifest.read('3.13').cpython, '3.13.99', Path(sys.argv[2]), None, '')\n"
        "try: made.unpack(Path(sys.argv[3]))\n"
        "except Exception as problem: print(type(problem).__name__, problem)\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", script, str(BUILD.parent), str(archive), str(tmp_path / "python")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("Problem cpython-lazy-zipimport.patch does not apply to python: ")
