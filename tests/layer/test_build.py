"""`rapid layer build`: what is in the layer for an OS-only runtime."""

from __future__ import annotations

import importlib.util
import json
import marshal
import os
import stat
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.layer.elves import make_elf
from tests.layer.workbench import DIGITS, LIBRARY, NAME, PYTHON, RUNTIME, SITE, STDLIB

if TYPE_CHECKING:
    from types import CodeType

    from tests.layer.workbench import Workbench

UNCHECKED: Final = importlib.util.MAGIC_NUMBER + b"\1\0\0\0"


def code_of(data: bytes) -> CodeType:
    """Return the code in a file of bytecode."""
    code: CodeType = marshal.loads(data[16:])
    return code


def test_the_layer_has_the_agreed_tree(built: Workbench) -> None:
    """All but bootstrap is under rapid/, and the standard library lacks what no function needs."""
    names = set(built.archive().namelist())

    assert {name.partition("/")[0] for name in names} == {"bootstrap", "rapid"}
    assert {
        *(f"rapid/bin/python{PYTHON}", "rapid/bin/python3", "rapid/start.py", "rapid/manifest.json"),
        *(f"{LIBRARY}/os.pyc", f"{LIBRARY}/json/__init__.pyc", f"{LIBRARY}/unittest/__init__.pyc"),
        *(f"{LIBRARY}/lib-dynload/_json.so", f"{LIBRARY}/lib-dynload/.keep"),
        *(f"{LIBRARY}/rapid_client/__init__.pyc", f"{LIBRARY}/rapid_client/_runtime.pyc"),
        *(f"{SITE}/orjson/orjson.so", f"{SITE}/tzdata/zoneinfo/Europe/Berlin"),
        *("rapid/licenses/cpython.txt", "rapid/licenses/zlib.txt", "rapid/licenses/rapid_client.txt"),
    } <= names
    outside = [name for name in names if name.startswith(LIBRARY) and not name.startswith(SITE)]
    assert not [name for name in outside if name.endswith(".py")]
    gone = {name.partition("/")[0] for name in STDLIB} - {"os.py", "json", "unittest", "venv"}
    assert not [name for name in outside if name.removeprefix(f"{LIBRARY}/").partition("/")[0] in gone]
    for part in ("unittest/test", "_testcapi", "rapid_client/local", "rapid_client/_command"):
        assert not [name for name in outside if part in name], part


def test_modes_and_links_are_in_the_zip_file(built: Workbench) -> None:
    """What is run can be, everybody can read all of it, and python3 is a symbolic link."""
    modes = {entry.filename: entry.external_attr >> 16 for entry in built.archive().infolist()}
    run = {name for name, mode in modes.items() if stat.S_ISREG(mode) and mode & 0o111}

    assert {"bootstrap", "rapid/lambda-entrypoint.sh", f"rapid/bin/python{PYTHON}"} <= run
    assert {oct(stat.S_IMODE(modes[name])) for name in run} == {"0o755"}
    assert {oct(stat.S_IMODE(mode)) for name, mode in modes.items() if name not in run} == {"0o644", "0o777"}
    assert [name for name, mode in modes.items() if stat.S_ISLNK(mode)] == ["rapid/bin/python3"]
    assert built.archive().read("rapid/bin/python3").decode() == f"python{PYTHON}"


@pytest.mark.parametrize("script", ["bootstrap", "rapid/lambda-entrypoint.sh"])
def test_what_starts_names_the_interpreter(built: Workbench, script: str) -> None:
    """The first line is the layer's own interpreter, not a link to it, and no shell."""
    first = built.archive().read(script).splitlines()[0]
    assert first == f"#!/opt/rapid/bin/python{PYTHON} -S".encode()


def test_bytecode_is_trusted_and_names_the_layer(built: Workbench) -> None:
    """Bytecode is not compared with a source, and has the paths under /opt."""
    archive = built.archive()
    compiled = [name for name in archive.namelist() if name.endswith(".pyc")]

    assert {archive.read(name)[:8] for name in compiled} == {UNCHECKED}
    shown = {name: code_of(archive.read(name)).co_filename for name in compiled}
    flat = {name: path for name, path in shown.items() if not name.startswith(SITE)}
    assert all(path == f"/opt/{name[:-1]}" for name, path in flat.items())
    package = f"{SITE}/tzdata/__pycache__/__init__.cpython-{DIGITS}.pyc"
    assert shown[package] == f"/opt/{SITE}/tzdata/__init__.py"


def test_only_our_own_docstrings_are_dropped(built: Workbench) -> None:
    """The standard library keeps docstrings and assertions, the runtime has neither."""
    archive = built.archive()

    assert code_of(archive.read(f"{LIBRARY}/os.pyc")).co_consts[0] == "Docs."
    runtime = code_of(archive.read(f"{LIBRARY}/rapid_client/_runtime.pyc"))
    assert not any(isinstance(value, str) and "\n\n" in value for value in runtime.co_consts)


def test_settings_name_the_layer(built: Workbench) -> None:
    """The interpreter's settings have the layer's folder in place of the one that it was unpacked in."""
    data = built.archive().read(f"{LIBRARY}/_sysconfigdata__linux.pyc")
    assert b"/opt/rapid" in data
    assert str(built.folder).encode() not in data


def test_packages_keep_sources_beside_their_bytecode(built: Workbench) -> None:
    """A package has sources, bytecode, data and metadata, but no scripts; a template may be no Python."""
    names = {name.removeprefix(f"{SITE}/") for name in built.archive().namelist()}

    assert {
        *("shop/__init__.py", f"shop/__pycache__/__init__.cpython-{DIGITS}.pyc", "shop/data.txt", "extra.py"),
        *("shop/template.py", "shop/tests/test_shop.py", "shop-1.0.dist-info/METADATA"),
        "shop-1.0.dist-info/licenses/LICENSE",
    } <= names
    assert f"shop/__pycache__/template.cpython-{DIGITS}.pyc" not in names
    assert not [name for name in names if "scripts" in name or name.startswith("bin/")]


def test_metadata_lists_what_is_there(built: Workbench) -> None:
    """importlib.metadata finds every file that it says a package has."""
    site = built.folder / "dist" / NAME / SITE
    found = {each.name: each for each in metadata.distributions(path=[str(site)])}

    assert {"shop", "orjson", "tzdata"} <= set(found)
    files = found["shop"].files or []
    assert "shop/__init__.py" in map(str, files)
    assert [str(path) for path in files if not os.path.exists(path.locate())] == []


@pytest.mark.slow
def test_the_interpreters_patch_release_counts(bench: Workbench) -> None:
    """A package may ask for a patch release that the interpreter has; its data lie beside its modules."""
    files = {
        "native.py": "",
        "native-1.0.data/data/share/native.txt": "x",
        "native-1.0.data/scripts/run": "x",
    }
    tag = f"cp{DIGITS}-cp{DIGITS}-linux_aarch64"  # of a wheel that `pip wheel` has made
    bench.make_wheel("native", "1.0", files, tag=tag, more=f"Requires-Python: >={PYTHON}.5\n")
    bench.build("--with", "native")

    names = set(bench.archive().namelist())
    assert {f"{SITE}/native.py", f"{SITE}/share/native.txt"} <= names
    assert not [name for name in names if name.endswith("/run")]


@pytest.mark.slow
def test_where_the_interpreter_lies_leaves_no_trace(bench: Workbench) -> None:
    """A link to the interpreter's folder, whose name is part of the folder's, makes the same layer."""
    link = Path(tempfile.gettempdir()) / f"rapid-layer-{os.getpid()}"
    folder = bench.folder / link.relative_to("/")
    bench.make_interpreter(prefix=str(folder))
    folder.parent.mkdir(parents=True)
    bench.tree.rename(folder)
    link.symlink_to(folder)
    try:
        built = [
            bench.build("--interpreter", place, out=f"seed{seed}", PYTHONHASHSEED=seed)
            for place, seed in ((folder, "1"), (link, "1"), (link, "2"), (link, "3"))
        ]
    finally:
        link.unlink()

    assert len({summary["zip"]["sha256"] for summary in built}) == 1


@pytest.mark.slow
def test_conditions_are_judged_on_the_target(bench: Workbench) -> None:
    """What a requirement says of machine and system is judged by the layer's, not by this machine's."""
    bench.make_wheel("arm_only", "1.0", {"arm_only.py": ""})
    bench.make_wheel("intel_only", "1.0", {"intel_only.py": ""})
    conditions = "arm_only; platform_machine == 'aarch64'\nintel_only; platform_machine == 'x86_64'\n"
    summary = bench.build("--requirements", bench.write("requirements.txt", conditions))

    names = {package["name"] for package in summary["packages"]}
    assert "arm-only" in names
    assert "intel-only" not in names


@pytest.mark.slow
def test_a_users_version_of_our_dependency_wins(bench: Workbench) -> None:
    """Where the requirements pin what the layer has anyway, the layer has it once, as they say."""
    files = {"tzdata/__init__.py": ""}
    bench.make_wheel("tzdata", "2020.1", files)
    summary = bench.build("--with", "tzdata==2020.1")

    assert [each["version"] for each in summary["packages"] if each["name"] == "tzdata"] == ["2020.1"]


def test_the_unpacked_layer_is_the_zip_file(built: Workbench) -> None:
    """--tree writes the same files, for images to copy."""
    tree = built.folder / "dist" / NAME
    files = {
        path.relative_to(tree).as_posix(): path
        for path in tree.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    archive = built.archive()

    assert set(files) == set(archive.namelist())
    regular = {name: path for name, path in files.items() if not path.is_symlink()}
    assert all(path.read_bytes() == archive.read(name) for name, path in regular.items())
    assert {oct(path.stat().st_mode & 0o777) for path in tree.rglob("*") if not path.is_symlink()} == {
        "0o755",
        "0o644",
    }


def test_the_same_bytes_whatever_the_surroundings(bench: Workbench) -> None:
    """Folder, umask, time zone, hash seed, locale and temporary folder change neither layer nor papers."""
    other = bench.folder / "temporary"
    other.mkdir()
    first = bench.build(out="one", TZ="Asia/Tokyo", PYTHONHASHSEED="1", LANG="C")
    moved = bench.folder / "elsewhere"
    bench.tree.rename(moved)
    settings = moved / "lib" / f"python{PYTHON}" / "_sysconfigdata__linux.py"
    settings.write_text(settings.read_text().replace(str(bench.tree), str(moved)))
    before = os.umask(0o077)
    try:
        second = bench.build(
            *("--interpreter", moved),
            out="two/deeper",
            TZ="America/New_York",
            PYTHONHASHSEED="2",
            LANG="C.UTF-8",
            TMPDIR=str(other),
        )
    finally:
        os.umask(before)

    assert first["zip"]["sha256"] == second["zip"]["sha256"]
    for suffix in (".zip", ".manifest.json", ".cdx.json"):
        one, two = (bench.folder / out / (NAME + suffix) for out in ("one", "two/deeper"))
        assert one.read_bytes() == two.read_bytes(), suffix


@pytest.mark.slow
def test_our_own_interpreter_comes_from_the_cache(bench: Workbench) -> None:
    """Without --interpreter the layer has what layer/cpython/build put into the cache."""
    bench.make_interpreter(prefix="/install")
    cached = bench.folder / "cache" / "rapid-client" / "interpreters" / f"cpython-{PYTHON}-arm64.tar.gz"
    bench.make_archive(cached)
    summary = bench.build("--interpreter", "own")

    assert summary["interpreter"]["origin"] == "own"
    assert summary["interpreter"]["sha256"] == bench.build()["interpreter"]["sha256"]


@pytest.mark.slow
def test_uv_installs_an_interpreter(bench: Workbench) -> None:
    """--interpreter uv takes what uv installs, from the catalogue that the user's environment names."""
    if subprocess.run([sys.executable, "-m", "uv", "--version"], capture_output=True).returncode:
        pytest.skip("uv is not installed")
    archive = bench.make_archive(bench.folder / "python.tar.gz")
    major, minor = PYTHON.split(".")
    entry = {
        "name": "cpython",
        "arch": {"family": "aarch64", "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": int(major),
        "minor": int(minor),
        "patch": 5,
        "prerelease": "",
        "variant": None,
        "url": archive.as_uri(),
        "sha256": None,
        "build": "20261101",
    }
    catalogue = bench.write("catalogue.json", json.dumps({f"cpython-{PYTHON}.5-linux-aarch64-gnu": entry}))
    summary = bench.build("--interpreter", "uv", UV_PYTHON_DOWNLOADS_JSON_URL=str(catalogue))

    assert summary["interpreter"]["origin"] == "uv"
    assert summary["interpreter"]["version"] == f"{PYTHON}.5"


@pytest.mark.slow
@pytest.mark.parametrize("needed", ["libpython.so.1", "$ORIGIN/../lib/libpython.so.1"])
def test_shared_libraries_of_the_interpreter_come_along(bench: Workbench, needed: str) -> None:
    """A library beside the interpreter that it needs is in the layer, one that nobody needs is not."""
    bench.make_interpreter(elf=make_elf(needed=(needed,)))
    bench.write("python/lib/libpython.so.1", make_elf())
    bench.write("python/lib/libtcl.so", make_elf())
    bench.build()
    names = bench.archive().namelist()

    assert "rapid/lib/libpython.so.1" in names
    assert "rapid/lib/libtcl.so" not in names


@pytest.mark.slow
def test_a_terminal_gets_a_table(bench: Workbench) -> None:
    """Sizes go to standard error, the zip file's path to standard output; --quiet says nothing."""
    target = ("--runtime", RUNTIME, "--arch", "arm64", "--python", PYTHON)
    command = ("build", *target, "--interpreter", str(bench.tree), "--no-strip")
    loud = bench.rapid(*command)
    quiet = bench.rapid(*command, "--quiet")

    assert loud.stdout == f"dist/{NAME}.zip\n"
    assert NAME in loud.stderr
    assert "glibc 2.17 needed, provided.al2023 has 2.34" in loud.stderr
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
