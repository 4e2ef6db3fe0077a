"""What `rapid layer build` refuses: one line that says what is wrong, and no layer."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.layer.elves import make_elf
from tests.layer.workbench import DIGITS, LOCAL_HEADER, MANAGED, PYTHON, RUNTIME

if TYPE_CHECKING:
    from pathlib import Path

    from tests.layer.workbench import Workbench

OTHER: Final = "3.12" if PYTHON != "3.12" else "3.13"
ARM: Final = f"cp{DIGITS}-cp{DIGITS}-manylinux_2_17_aarch64"


def refused(bench: Workbench, *arguments: str | Path, code: int = 1, **variables: str) -> str:
    """Build what is refused; return the one line that says why."""
    target = ("--runtime", RUNTIME, "--arch", "arm64", "--python", PYTHON)
    usual = (*target, "--interpreter", str(bench.tree), "--no-strip")
    done = bench.rapid("build", *usual, *arguments, **variables)

    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.count("\n") == 1
    assert list(bench.folder.glob("dist/*")) == []
    return done.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            ["--interpreter", "own"],
            f"layer/cpython/build {PYTHON} --arch arm64 in a clone, or give a release's",
        ),
        (
            ["--python", OTHER],
            f"has no Python {OTHER} (bin/python{OTHER} and lib/python{OTHER}), but python{PYTHON}",
        ),
        (["--arch", "x86_64"], "is for arm64, and the layer is for x86_64"),
        (["--with", "no-such-package"], "no wheels for Python"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_had_is_named(bench: Workbench, arguments: list[str], why: str) -> None:
    """What the command line asks for and cannot be had is named, with what can be."""
    assert why in refused(bench, *arguments)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--runtime", "nodejs24.x"], "'nodejs24.x' is none that a layer can be built for: provided.al2, "),
        (["--arch", "aarch64"], "--arch 'aarch64' is none that Lambda has: x86_64, arm64"),
        (["--python", "3.10"], "--python '3.10' is none that rapid_client runs on: 3.11, "),
        (["--runtime", MANAGED, "--python", OTHER], f"has Python {PYTHON}, so --python {OTHER} does not"),
        (["--interpreter", "nowhere"], "'nowhere' is neither own nor uv, nor an existing folder or archive"),
        (["--with", "boto3 >"], "--with 'boto3 >' is no requirement, as boto3>=1.40 is"),
        (
            ["--runtime", MANAGED],
            f"--interpreter does not go with --runtime {MANAGED}: AWS brings the interpreter",
        ),
        (["--without", "urllib3"], "'urllib3' is not one of"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_command_line_is_named(bench: Workbench, arguments: list[str], why: str) -> None:
    """What nobody can build ends with 2, as a wrong command line does everywhere."""
    assert why in refused(bench, *arguments, code=2)


def test_a_layer_for_nothing(bench: Workbench) -> None:
    """Without a runtime, and a manifest to take it from, the line names both options."""
    done = bench.rapid("build")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "Missing option '--runtime', or '--locked' with a layer to repeat" in done.stderr


def test_an_interpreter_for_a_newer_glibc(bench: Workbench) -> None:
    """The line names file, symbol, version and the runtime's limit."""
    bench.make_interpreter(elf=make_elf(version="GLIBC_2.38"))

    line = refused(bench)
    assert f"bin/python{PYTHON} needs glibc 2.38 or newer (symbol fmod@GLIBC_2.38)" in line
    assert "provided.al2023 has 2.34" in line


@pytest.mark.slow
def test_the_limit_is_the_runtimes(bench: Workbench) -> None:
    """Amazon Linux 2 has an older glibc: what goes for 2023 is refused there."""
    bench.make_interpreter(elf=make_elf(version="GLIBC_2.34"))

    assert "provided.al2 has 2.26" in refused(bench, "--runtime", "provided.al2")
    assert bench.build()["glibc"]["needed"] == "2.34"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("binary", "why"),
    [
        (make_elf(version="GLIBC_2.38"), "native/_x.so needs glibc 2.38 or newer (symbol fmod@GLIBC_2.38)"),
        (make_elf(version="GLIBC_ABI_DT_RELR"), "native/_x.so needs glibc 2.36 or newer"),
        (make_elf("x86_64"), "native/_x.so is for x86_64, and the layer is for arm64"),
        (make_elf("riscv"), "native/_x.so is for EM_RISCV, and the layer is for arm64"),
        (make_elf()[:80], "native/_x.so is a damaged ELF file"),
    ],
    ids=["glibc", "loader", "architecture", "another", "damaged"],
)
def test_a_wheel_whose_binaries_are_not_what_its_name_says(bench: Workbench, binary: bytes, why: str) -> None:
    """A wheel may promise an older glibc, or another machine, than its files need: they are read."""
    bench.make_wheel("native", "1.0", {"native/__init__.py": "", "native/_x.so": binary}, tag=ARM)

    assert why in refused(bench, "--with", "native")


def test_a_requirement_without_a_wheel_for_the_target(bench: Workbench) -> None:
    """The line has the target and pip's reason."""
    bench.make_wheel("native", "1.0", {"native.py": ""}, tag=ARM.replace("aarch64", "x86_64"))

    line = refused(bench, "--requirements", bench.write("requirements.txt", "native==1.0\n"))
    assert f"no wheels for Python {PYTHON} on aarch64 with glibc 2.34: " in line
    assert "No matching distribution found for native==1.0" in line
    assert "`pip wheel NAME` makes it" in line


@pytest.mark.slow
def test_requirements_that_contradict_each_other(bench: Workbench) -> None:
    """A resolution that fails is one line, too."""
    bench.make_wheel("shop", "1.0", {"shop.py": ""}, more="Requires-Dist: tzdata<1\n")
    requirements = bench.write("requirements.txt", "shop\ntzdata>=2000\n")

    line = refused(bench, "--requirements", requirements)
    assert "no one set of wheels for Python" in line
    assert "shop 1.0 depends on tzdata<1" in line


def test_an_interpreter_that_lacks_a_library(bench: Workbench) -> None:
    """A library that neither the interpreter nor the runtime has is named."""
    bench.make_interpreter(elf=make_elf(needed=("libc.so.6", "libssl.so.3")))

    assert "needs the library libssl.so.3, which neither the interpreter nor provided.al2023" in refused(
        bench
    )


@pytest.mark.slow
def test_a_package_that_lacks_a_library_is_noted(bench: Workbench) -> None:
    """A package may look for its libraries itself, so there it is a note."""
    files = {"native/_x.so": make_elf(needed=("libodd.so.1",))}
    bench.make_wheel("native", "1.0", files, tag=ARM)

    assert any("needs libodd.so.1" in note for note in bench.build("--with", "native")["notes"])


@pytest.mark.slow
def test_more_than_lambda_takes(bench: Workbench) -> None:
    """Above 250 MB unpacked the layer is refused, with its size."""
    bench.make_wheel("huge", "1.0", {"huge/data": bytes(250 * 1024 * 1024)})

    assert "bytes unpacked, and Lambda takes 262,144,000" in refused(bench, "--with", "huge")


def test_another_runtime_frozen_into_the_interpreter(bench: Workbench) -> None:
    """An interpreter with another version of rapid_client inside is refused, with what to do."""
    mark = "ab" * 32
    elf = make_elf(tail=f"rapid-client-frozen:sha256:{mark};".encode())
    bench.make_interpreter(elf=elf, frozen={"sha256": mark, "modules": ["rapid_client"]})

    assert "another version of rapid_client is frozen into" in refused(bench)


def test_a_mark_that_the_interpreter_does_not_have(bench: Workbench) -> None:
    """Where interpreter.json and the executable disagree, neither is believed."""
    bench.make_interpreter(frozen={"sha256": "ab" * 32, "modules": []})

    assert "is not what its interpreter.json says" in refused(bench)


@pytest.mark.parametrize(
    ("details", "why"),
    [
        ({"version": "3.10.2"}, f"is Python 3.10.2, not {PYTHON}"),
        ({"arch": "x86_64"}, "is for x86_64, not arm64"),
        ({"schema": 2}, "is of another version than this builder reads"),
    ],
    ids=["version", "architecture", "schema"],
)
def test_an_interpreter_that_says_it_is_another(bench: Workbench, details: dict[str, Any], why: str) -> None:
    """What interpreter.json says must be what is asked for."""
    bench.make_interpreter(**details)

    assert why in refused(bench)


def test_an_interpreter_of_which_nothing_is_known(bench: Workbench) -> None:
    """Without interpreter.json and headers, one that does not run here has no version."""
    (bench.tree / "interpreter.json").unlink()

    assert f"which release of Python {PYTHON}" in refused(bench)


@pytest.mark.slow
def test_an_interpreter_with_a_package_url_that_is_none(bench: Workbench) -> None:
    """What the bill of materials cannot hold is named, and nothing is left of the layer."""
    component = {"name": "zlib", "version": "1", "package": "https://example.org/zlib.tar.gz"}
    bench.make_interpreter(components=[component])

    assert "has package 'https://example.org/zlib.tar.gz' for zlib, which is no package URL" in refused(bench)


@pytest.mark.slow
def test_a_requirement_that_is_a_folder(bench: Workbench) -> None:
    """Of a folder with a project pip keeps no file; the layer would be without it."""
    project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    backend = """
        import zipfile
        def prepare_metadata_for_build_wheel(folder, settings=None):
            import os
            os.mkdir(folder + "/local-1.0.dist-info")
            with open(folder + "/local-1.0.dist-info/METADATA", "w") as file:
                file.write("Metadata-Version: 2.1\\nName: local\\nVersion: 1.0\\n")
            return "local-1.0.dist-info"
        def build_wheel(folder, settings=None, metadata=None):
            raise SystemExit("never asked for")
        """
    bench.write("src/pyproject.toml", project + '[project]\nname = "local"\nversion = "1.0"\n')
    bench.write("src/backend.py", backend)
    requirements = bench.write("requirements.txt", f"{bench.folder}/src\n")

    assert "local is a folder: build a wheel of it by `pip wheel`" in refused(
        bench, "--requirements", requirements
    )


def test_an_interpreter_that_is_no_binary(bench: Workbench) -> None:
    """A script in the interpreter's place is refused."""
    bench.make_interpreter(elf=b"#!/bin/sh\n")

    assert "is no executable of Linux" in refused(bench)


def test_an_archive_that_is_none(bench: Workbench) -> None:
    """A file that is no archive is named."""
    assert "cannot be unpacked" in refused(bench, "--interpreter", bench.write("python.tar.gz", "nothing"))


@pytest.mark.parametrize("suffix", ["gz", "xz", "bz2"])
def test_an_archive_that_is_damaged(bench: Workbench, suffix: str) -> None:
    """One whose compressed data are wrong in the middle is named like one that is none."""
    path = bench.folder / f"python.tar.{suffix}"
    with tarfile.open(path, f"w:{suffix}") as archive:  # type: ignore[call-overload]
        archive.add(bench.tree, "python")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 9] = bytes(9)
    path.write_bytes(data)

    assert f"{path} cannot be unpacked: " in refused(bench, "--interpreter", path)


@pytest.mark.slow
def test_a_wheel_that_is_damaged(bench: Workbench) -> None:
    """A wheel whose compressed data are wrong is named."""
    path = bench.make_wheel("native", "1.0", {"native.py": "X = 1\n" * 99}, tag=ARM)
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("native.py")
    data = bytearray(path.read_bytes())
    data[entry.header_offset + LOCAL_HEADER + len("native.py") + 2] ^= 0xFF
    path.write_bytes(data)

    assert "native-1.0-" in refused(bench, "--with", "native")


def test_an_archive_with_a_damaged_header(bench: Workbench) -> None:
    """A header that cannot be read is the end of the archive for tarfile: files would be lost in silence."""
    path = bench.folder / "python.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(bench.tree, "python")
    with tarfile.open(path) as archive:
        header = archive.getmembers()[-1].offset
    data = bytearray(path.read_bytes())
    data[header : header + 9] = b"\xff" * 9
    path.write_bytes(data)

    assert f"{path} cannot be unpacked: there is no file's header at byte {header} " in refused(
        bench, "--interpreter", path
    )


def test_an_archive_that_writes_elsewhere(bench: Workbench) -> None:
    """An archive whose files would land outside of the folder is refused, and writes nothing there."""
    path = bench.folder / "python.tar"
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("../../outside")
        archive.addfile(entry, io.BytesIO())

    assert "cannot be unpacked" in refused(bench, "--interpreter", path)


@pytest.mark.slow
def test_uv_says_why_it_cannot(bench: Workbench) -> None:
    """What uv complains about is part of the line."""
    empty = str(bench.write("catalogue.json", "{}"))

    line = refused(bench, "--interpreter", "uv", UV_PYTHON_DOWNLOADS_JSON_URL=empty)
    assert f"uv cannot install cpython-{PYTHON}-linux-aarch64-gnu: " in line


def test_no_tool_to_strip_with(bench: Workbench) -> None:
    """Without a tool for the architecture the line names the packages that bring one."""
    line = refused(bench, "--strip", PATH=str(bench.folder))

    assert "binutils-aarch64-linux-gnu" in line
    assert "--no-strip" in line


def test_no_python_to_make_bytecode_with(bench: Workbench) -> None:
    """A managed layer of a Python that this machine lacks is refused, with how to get one."""
    here = str(bench.folder)
    arguments = ("--runtime", f"python{OTHER}", "--python", OTHER, "--interpreter", "own")
    line = refused(bench, *arguments, PATH=here, HOME=here, PYENV_ROOT=here)

    assert f"no Python {OTHER} runs on this machine" in line


def test_a_folder_that_is_not_ours_stays(bench: Workbench) -> None:
    """--tree does not remove a folder that holds something else."""
    bench.write(f"out/rapid-{RUNTIME}-python{PYTHON}-arm64/mine", "x")
    line = refused(bench, "--tree", "--out", "out")

    assert "holds something else than a layer" in line
    assert os.path.exists(bench.folder / f"out/rapid-{RUNTIME}-python{PYTHON}-arm64/mine")


def test_a_folder_that_cannot_be_made(bench: Workbench) -> None:
    """Where the results cannot be written the line says so."""
    bench.write("file", "")

    assert "the layer cannot be written: file/dist: Not a directory" in refused(bench, "--out", "file/dist")
