"""What `rapid package` refuses: one line, and no zip file."""

from __future__ import annotations

import os
import platform
import zipfile
from typing import TYPE_CHECKING, Final

import pytest

from tests.layer.elves import make_elf
from tests.layer.workbench import DIGITS

if TYPE_CHECKING:
    from tests.package.bench import Bench

HERE: Final = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
ELSEWHERE: Final = {"arm64": "x86_64", "x86_64": "arm64"}[HERE]


def test_code_that_is_no_python(shop: Bench) -> None:
    """The user's own code must be valid Python for the target: file and line are named."""
    shop.function({"sub/broken.py": "x = 1\n\ndef f(:\n    pass\n"})
    line = shop.refused(*shop.require("shop"))

    assert line.startswith("rapid: sub/broken.py, line 3: SyntaxError: ")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--event", "{}"], "--handler is needed"),
        (["--handler", "app.handler"], "there is nothing to run it with: add --event"),
        (["--runtime", "python2.7"], "'python2.7' is none that a function can be built for: provided.al2,"),
        (["--arch", "mips"], "--arch 'mips' is none that Lambda has"),
        (["--handler", "app.handler", "--event", "nothing.json"], "there is no file 'nothing.json'"),
        (["--handler", "app.handler", "--event", "{}", "--env", "A"], "--env 'A' is not NAME=VALUE"),
        (["--out", "src"], "--out 'src' is a folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_command_line(shop: Bench, arguments: list[str], why: str) -> None:
    """What is wrong is named, and the exit code is 2."""
    assert why in shop.refused(*arguments, code=2)


def test_the_source_is_not_overwritten(shop: Bench) -> None:
    """The result goes elsewhere, or a trial that fails would take the source with it."""
    shop.package(*shop.require("shop"))
    done = shop.run("out.zip", "--out", "./out.zip")

    assert (done.returncode, "is the source itself" in done.stderr) == (2, True)
    assert (shop.folder / "out.zip").exists()


@pytest.mark.parametrize("handler", ["app.nothing", "nothing.handler", "handler"])
def test_a_handler_that_is_not_there(shop: Bench, handler: str) -> None:
    """It is the command line that is wrong, not the events."""
    done = shop.run("src", "--out", "out.zip", *shop.require("shop"), "--handler", handler, "--event", "{}")

    assert done.returncode == 1
    assert f"rapid: --handler {handler}: the function has no such handler: " in done.stderr
    assert not (shop.folder / "out.zip").exists()


def test_an_empty_folder_of_events(shop: Bench) -> None:
    """A folder without events proves nothing."""
    (shop.folder / "events").mkdir()
    line = shop.refused("--handler", "app.handler", "--event", "events", code=2)

    assert "the folder 'events' has no .json file" in line


def test_a_package_that_cannot_be_had(shop: Bench) -> None:
    """Pip's own reason is shown."""
    assert "no wheels for Python" in shop.refused(*shop.require("no-such-package"))


def test_two_files_of_the_same_name(shop: Bench) -> None:
    """The user's module and a package's are not merged."""
    shop.function({"shop/__init__.py": "mine = 1\n"})

    assert "is in the function's own code and in the package shop" in shop.refused(*shop.require("shop"))


def test_binaries_for_another_machine(shop: Bench) -> None:
    """A package's would not load; a program of the user's is noted."""
    tag = f"cp{DIGITS}-cp{DIGITS}-manylinux_2_17_{platform.machine()}"
    shop.make_wheel("native", "1.0", {"native/_x.so": make_elf(ELSEWHERE)}, tag=tag)
    line = shop.refused(*shop.require("native"), "--arch", HERE)
    assert f"native/_x.so is for {ELSEWHERE}, and the function is for {HERE}" in line

    shop.function({"bin/tool": make_elf(ELSEWHERE), "bin/broken": b"\x7fELF"})
    said = shop.package(*shop.require("shop"), "--arch", HERE)
    assert any(note.startswith("bin/broken is a damaged ELF file") for note in said["notes"])
    assert f"bin/tool is for {ELSEWHERE}, and the function is for {HERE}" in said["notes"]


def test_extension_modules_of_another_python(shop: Bench) -> None:
    """They are never imported, and that is noted."""
    shop.function({"native.cpython-36m-x86_64-linux-gnu.so": make_elf(HERE)})
    said = shop.package(*shop.require("shop"), "--arch", HERE)

    assert any(note.startswith("native.cpython-36m-x86_64-linux-gnu.so is not for") for note in said["notes"])


def test_too_large(shop: Bench) -> None:
    """More than Lambda takes is refused with the number."""
    with (shop.folder / "src" / "model.bin").open("wb") as file:
        file.truncate(251 * 1024 * 1024)

    assert "the function would be 263," in shop.refused(*shop.require("shop"))


@pytest.mark.slow
def test_what_must_go_through_s3(shop: Bench) -> None:
    """A zip file above 50 MB is written, and S3 is mentioned."""
    shop.function({"model.bin": os.urandom(51 * 1024 * 1024)})
    said = shop.package(*shop.require("shop"))

    assert any("must go through S3" in note for note in said["notes"])


@pytest.mark.parametrize(
    ("name", "mode", "data", "why"),
    [
        ("../out.py", 0o100644, "", "would not stay in its folder"),
        ("/etc/x", 0o100644, "", "would not stay in its folder"),
        ("link", 0o120777, "../../etc/passwd", "a link link that leads out of it"),
    ],
)
def test_a_zip_file_that_leads_out(shop: Bench, name: str, mode: int, data: str, why: str) -> None:
    """Nothing is written outside of the function's folder."""
    with zipfile.ZipFile(shop.folder / "bad.zip", "w") as archive:
        archive.writestr("app.py", "")
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, data)
    done = shop.run("bad.zip", "--out", "out.zip")

    assert done.returncode == 1
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


def test_damaged_and_odd_sources(shop: Bench) -> None:
    """A zip file cut short, a file that is none, links to nothing and in circles: a line each."""
    whole = shop.package(*shop.require("shop"))["zip"]["path"]
    data = (shop.folder / whole).read_bytes()
    (shop.folder / whole).unlink()
    broken = bytearray(data)
    broken[60:90] = bytes(30)
    shop.write("broken.zip", bytes(broken))
    shop.write("text.zip", "no zip file")
    assert "is damaged" in shop.run("broken.zip", "--out", "out.zip").stderr
    done = shop.run("text.zip", "--out", "out.zip")
    assert (done.returncode, "neither a folder nor a zip file" in done.stderr) == (2, True)

    (shop.folder / "src" / "gone").symlink_to("nowhere")
    assert "is a link to nothing: nowhere" in shop.refused()
    (shop.folder / "src" / "gone").unlink()
    (shop.folder / "src" / "round").symlink_to(".")
    assert "is a link to a folder that it is in" in shop.refused()


def test_an_empty_source(shop: Bench) -> None:
    """A folder without code is no function."""
    (shop.folder / "src" / "app.py").unlink()

    assert "holds no code" in shop.refused()
    shop.function({"__pycache__/app.cpython-39.pyc": ""})
    assert "all of it is in __pycache__/" in shop.refused()


def test_a_name_that_no_zip_file_can_have(shop: Bench) -> None:
    """It is one line, not a traceback."""
    (shop.folder / "src" / os.fsdecode(b"a\xff.txt")).write_text("")

    assert "a\\xff.txt' is no UTF-8" in shop.refused(*shop.require("shop"))
