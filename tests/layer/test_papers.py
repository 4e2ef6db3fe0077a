"""Manifest, bill of materials, `--locked` and `rapid layer verify`."""

from __future__ import annotations

import json
import shutil
import zipfile
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.layer.workbench import LOCAL_HEADER, NAME, PYTHON, RUNTIME, SITE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.layer.workbench import Workbench

MANIFEST: Final = f"dist/{NAME}.manifest.json"


def manifest_of(bench: Workbench) -> dict[str, Any]:
    """Return the manifest beside the layer."""
    manifest: dict[str, Any] = json.loads((bench.folder / MANIFEST).read_bytes())
    return manifest


def test_the_manifest_adds_up(built: Workbench) -> None:
    """Sizes are those of the zip file, each component's as of all its files."""
    manifest = manifest_of(built)
    entries = built.archive().infolist()

    assert manifest["sizes"]["zipped"] == (built.folder / "dist" / f"{NAME}.zip").stat().st_size
    assert manifest["sizes"]["unpacked"] == sum(entry.file_size for entry in entries)
    assert manifest["sizes"]["files"] == len(entries) == len(manifest["files"])
    parts = manifest["sizes"]["components"]
    assert sum(part["unpacked"] for part in parts.values()) == manifest["sizes"]["unpacked"]
    assert sum(part["zipped"] for part in parts.values()) == sum(entry.compress_size for entry in entries)
    shop = [entry.file_size for entry in entries if "shop" in entry.filename or "extra" in entry.filename]
    assert parts["shop"]["unpacked"] == sum(shop)


def test_the_manifest_inside_says_the_same(built: Workbench) -> None:
    """The layer has its manifest inside, less what only the finished zip file can tell."""
    inside = json.loads(built.archive().read("rapid/manifest.json"))
    beside = manifest_of(built)

    assert beside["interpreter"].pop("origin") == "directory"
    assert inside == {key: beside[key] for key in inside}
    assert set(beside) - set(inside) == {"sizes", "zip", "files"}
    assert str(built.folder) not in json.dumps(beside)


def test_the_bill_of_materials_lists_everything(built: Workbench) -> None:
    """CPython, what is linked into it and every wheel: with version, licence, address and hash."""
    bill = json.loads((built.folder / "dist" / f"{NAME}.cdx.json").read_bytes())
    parts = {part["name"]: part for part in bill["components"]}

    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert set(parts) == {
        *("CPython", "zlib", "rapid-lambda-runtime", "orjson", "snapshot-restore-py", "tzdata", "shop"),
    }
    assert parts["orjson"]["purl"].startswith("pkg:pypi/orjson@3.13.0?file_name=orjson-3.13.0-cp")
    assert all(part["licenses"] and part["version"] for part in parts.values())
    assert len(parts["shop"]["hashes"][0]["content"]) == 64
    source = parts["zlib"]["externalReferences"][0]
    assert (source["url"], source["hashes"][0]["content"]) == ("https://example.org/zlib.tar.gz", "0" * 64)
    assert parts["zlib"]["purl"] == "pkg:deb/debian/zlib@1.3.1-1"
    assert parts["CPython"]["purl"] == f"pkg:generic/cpython@{PYTHON}.5"
    assert parts["zlib"]["properties"] == [{"name": "rapid:patch", "value": "a.patch"}]


@pytest.mark.slow
def test_what_is_unknown_is_said(bench: Workbench) -> None:
    """Of an interpreter without interpreter.json that does not run here nothing is invented."""
    (bench.tree / "interpreter.json").unlink()
    header = f'#define PY_VERSION "{PYTHON}.7"\n'
    bench.write(f"python/include/python{PYTHON}/patchlevel.h", header)
    summary = bench.build()
    bill = json.loads((bench.folder / "dist" / f"{NAME}.cdx.json").read_bytes())

    assert summary["interpreter"]["version"] == f"{PYTHON}.7"
    assert any("the libraries in the interpreter are unknown" in note for note in summary["notes"])
    notes = [entry["value"] for entry in bill["metadata"]["component"]["properties"]]
    assert notes == summary["notes"]


@pytest.mark.slow
def test_the_time_is_never_the_clocks(bench: Workbench) -> None:
    """The bill of materials bears SOURCE_DATE_EPOCH, and what is no time is refused."""
    bench.build(SOURCE_DATE_EPOCH="1000000000")
    bill = json.loads((bench.folder / "dist" / f"{NAME}.cdx.json").read_bytes())
    usual = ("--runtime", RUNTIME, "--arch", "arm64", "--python", PYTHON, "--interpreter", bench.tree)
    wrong = bench.rapid("build", *usual, "--no-strip", SOURCE_DATE_EPOCH="now")

    assert bill["metadata"]["timestamp"] == "2001-09-09T01:46:40+00:00"
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
    assert "SOURCE_DATE_EPOCH='now' is no number of seconds" in wrong.stderr


@pytest.mark.slow
def test_a_locked_layer_is_the_same(bench: Workbench) -> None:
    """--locked repeats the versions, though there are newer ones, and gives the same bytes."""
    bench.make_wheel("shop", "1.0", {"shop.py": ""})
    first = bench.build("--with", "shop", "--without", "tzdata", out="one")
    bench.make_wheel("shop", "2.0", {"shop.py": "NEW = 1\n"})
    second = bench.build("--locked", f"one/{NAME}.manifest.json", out="two")

    assert first["zip"]["sha256"] == second["zip"]["sha256"]
    assert first["notes"] == second["notes"]


@pytest.mark.slow
def test_a_manifest_is_all_that_a_locked_layer_needs(bench: Workbench) -> None:
    """Runtime, architecture and Python are the manifest's; where the interpreter lies is of no account."""
    bench.make_interpreter(prefix="/install")
    first = bench.build("--runtime", "provided.al2", out="one")
    name = NAME.replace(RUNTIME, "provided.al2")
    archive = bench.make_archive(bench.folder / "elsewhere/python.tar.gz")
    done = bench.rapid(
        "build", "--locked", f"one/{name}.manifest.json", "--interpreter", archive, "--out", "two", "--json"
    )
    assert done.returncode == 0, done.stderr
    second = json.loads(done.stdout)

    assert (second["name"], second["zip"]["sha256"]) == (name, first["zip"]["sha256"])
    assert (first["interpreter"]["origin"], second["interpreter"]["origin"]) == ("directory", "archive")


@pytest.mark.slow
def test_a_locked_layer_made_by_other_tools_says_so(bench: Workbench) -> None:
    """The versions are the same, the bytes are not: a note has what made the others."""
    bench.build(out="one")
    path = bench.folder / "one" / f"{NAME}.manifest.json"
    lock = json.loads(path.read_bytes())
    lock["tools"]["zlib"], lock["zip"]["sha256"] = "1.0", "ab" * 32
    path.write_text(json.dumps(lock))

    notes = bench.build("--locked", path, out="two")["notes"]
    assert any(
        "not the same bytes as the locked layer" in note and "zlib 1.0, here " in note for note in notes
    )


@pytest.mark.slow
def test_a_lock_refuses_another_interpreter(bench: Workbench) -> None:
    """The same version with another content is another interpreter."""
    bench.build()
    bench.write(f"python/lib/python{PYTHON}/os.py", "CHANGED = 1\n")

    assert f"and the interpreter here is another one: {PYTHON}.5" in locked(bench)


@pytest.mark.slow
def test_a_lock_refuses_another_wheel(bench: Workbench) -> None:
    """A wheel of the same name with another content is not what the manifest means."""
    bench.build()
    bench.make_wheel("tzdata", "2026.1", {"tzdata/__init__.py": "CHANGED = 1\n"})

    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in locked(bench)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("rapid_client", {"version": "0.0.1", "sha256": "ab" * 32}, "has rapid_client 0.0.1 (abababababab)"),
        ("runtime", "provided.al2", f"the manifest is of {NAME}, and this would be {NAME}"),
        ("schema", 99, "is no manifest of a layer that this version of rapid_client reads"),
        *(
            (key, value, "is no manifest of a layer that this version of rapid_client reads")
            for key, value in (
                ("runtime", "x"),
                ("runtime", ["x"]),
                ("python", None),
                ("name", 1),
                ("packages", [{"name": "x"}]),
                ("packages", "x"),
                ("files", [1]),
                ("core", [{}]),
                ("zip", {"sha256": 1}),
                ("interpreter", []),
                ("interpreter", {"sha256": "x", "version": "3"}),
                ("rapid_client", {"sha256": "x"}),
                ("tools", None),
            )
        ),
    ],
)
def test_a_lock_that_is_for_something_else(built: Workbench, key: str, value: object, why: str) -> None:
    """A manifest of another layer, or of another rapid_client, is refused."""
    changed = {**manifest_of(built), key: value}
    path = built.write("changed.json", json.dumps(changed))

    assert why in locked(built, path)


def test_a_stripped_layer_is_not_repeated_unstripped(built: Workbench) -> None:
    """What cannot give the same bytes is refused before anything is built."""
    stripped = {**manifest_of(built), "tools": {"strip": "GNU strip"}}
    path = built.write("stripped.json", json.dumps(stripped))
    done = built.rapid("build", "--locked", path, "--no-strip", "--out", "again")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--no-strip does not go with --locked: the layer to repeat was stripped" in done.stderr


def test_a_layer_is_verified(built: Workbench) -> None:
    """An untouched layer is as its manifest says."""
    done = built.rapid("verify", f"dist/{NAME}.zip")

    assert (done.returncode, done.stderr) == (0, "")
    assert (
        "files as in the manifest; 3 binaries for arm64 need glibc 2.17, provided.al2023 has 2.34"
        in done.stdout
    )


def changed(name: str, data: bytes | None, mode: int = 0o100644) -> Callable[[Path, Path], None]:
    """Return what copies a zip file with one file changed; without it if *data* is None."""

    def copy(source: Path, target: Path) -> None:
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
            for entry in old.infolist():
                if entry.filename != name:
                    new.writestr(entry, old.read(entry))
            if data is not None:
                entry = zipfile.ZipInfo(name)
                entry.external_attr = mode << 16
                new.writestr(entry, data)

    return copy


def flip(source: Path, target: Path) -> None:
    """Copy a zip file with a byte of its first compressed file flipped."""
    data = bytearray(source.read_bytes())
    with zipfile.ZipFile(source) as archive:
        entry = next(entry for entry in archive.infolist() if entry.compress_type == zipfile.ZIP_DEFLATED)
    start = entry.header_offset + LOCAL_HEADER + len(entry.filename.encode())
    data[start + entry.compress_size // 2] ^= 0xFF
    target.write_bytes(data)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (changed(f"{SITE}/shop/data.txt", b"DATA"), "shop/data.txt is not the file that the manifest lists"),
        (
            changed(f"{SITE}/shop/data.txt", b"data", 0o100755),
            "has the mode 100755, and the manifest says 100644",
        ),
        (changed(f"{SITE}/shop/data.txt", None), "shop/data.txt is in the manifest only"),
        (changed("rapid/more", b""), "rapid/more is in the zip file only"),
        (changed(f"{SITE}/shop/data.txt", b"data"), "has the SHA-256"),
        (lambda _, target: target.write_bytes(b"PK"), "is no zip file, or damaged"),
        (flip, "is no zip file, or damaged"),
    ],
    ids=["content", "mode", "missing", "more", "packed anew", "cut", "flipped"],
)
def test_a_changed_layer_is_found_out(
    built: Workbench, tmp_path: Path, change: Callable[[Path, Path], None], why: str
) -> None:
    """Whatever was changed in a layer is named."""
    change(built.folder / "dist" / f"{NAME}.zip", tmp_path / "layer.zip")
    shutil.copy(built.folder / MANIFEST, tmp_path / "layer.manifest.json")
    done = built.rapid("verify", tmp_path / "layer.zip")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert why in done.stderr


def test_a_layer_without_its_manifest(built: Workbench, tmp_path: Path) -> None:
    """Without a manifest beside it the line names the path that was tried."""
    path = shutil.copy(built.folder / "dist" / f"{NAME}.zip", tmp_path / "layer.zip")
    done = built.rapid("verify", path)

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"{tmp_path}/layer.manifest.json cannot be read: No such file or directory" in done.stderr


def locked(bench: Workbench, manifest: Path | str = MANIFEST) -> str:
    """Build a locked layer, which is refused; return the line that says why."""
    usual = ("--runtime", RUNTIME, "--arch", "arm64", "--python", PYTHON, "--interpreter", bench.tree)
    done = bench.rapid("build", *usual, "--no-strip", "--out", "again", "--locked", manifest)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    return done.stderr
