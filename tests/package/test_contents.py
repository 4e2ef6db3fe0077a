"""`rapid package`: what is in the zip file, and what is not."""

from __future__ import annotations

import importlib.util
import json
import marshal
import os
import re
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Final

import pytest

from rapid_client.local import FunctionOptions, invoke
from tests.package.bench import APP, SHOP, Bench, cached

if TYPE_CHECKING:
    from pathlib import Path

UNCHECKED: Final = importlib.util.MAGIC_NUMBER + b"\1\0\0\0"
CACHE_TAG: Final = "Signature: 8a477f597d28d172789f06886806bc55\n"
#: A package with all that no function loads.
LARGE: Final = {
    **SHOP,
    "shop/tests/__init__.py": "",
    "shop/tests/test_price.py": "import shop\n",
    "shop/data/test/one.csv": "1",
    "shop/used/tests/__init__.py": "",
    "shop/used/tests/helper.py": "HELP = 1\n",
    "shop/used/__init__.py": "",
    "shop/used/user.py": "from .tests.helper import HELP\n",
    "shop/named/tests/test_it.py": "",
    "shop/registry.py": 'PLUGINS = ["shop.named.tests.test_it", "shop.colon.tests.test_it:run"]\n',
    "shop/colon/tests/test_it.py": "",
    "shop/point/tests/test_it.py": "",
    "path/tests/test_it.py": "",
    "path/tests/data.json": "",
    "path/__init__.py": 'from pathlib import Path\nDATA = Path(__file__).parent / "tests" / "data.json"\n',
    "shop/tests.pyi": "",
    "shop/__init__.pyi": "",
    "shop/py.typed": "",
    "shop/fast.c": "",
    "shop/fast.pyx": "",
    "shop/include/shop.h": "",
    "shop/include/used.h": "",
    "shop/headers.py": 'PATH = "include/used.h"\n',
    "shop/template.py": "class {{ name }}:\n",
    "shop-1.0.dist-info/INSTALLER": "pip",
    "shop-1.0.dist-info/direct_url.json": "{}",
    "shop-1.0.dist-info/entry_points.txt": "[shop.plugins]\na = shop.inner\n[x]\nb = shop.point.tests:X\n",
    "shop-1.0.dist-info/sboms/shop.json": "{}",
    "shop-1.0.dist-info/pbr.json": "{}",
}


def test_packages_lose_what_no_function_loads(bench: Bench) -> None:
    """Tests, stubs, C sources and installers' notes go, unless a source that stays refers to them."""
    bench.function({"app.py": APP})
    bench.make_wheel("shop", "1.0", LARGE)
    said = bench.package(*bench.require("shop"))
    names = {name for name in bench.contents() if not name.endswith(".pyc")}

    info = "shop-1.0.dist-info"
    assert names == {
        *("app.py", "shop/__init__.py", "shop/inner.py", "shop/data/test/one.csv", "shop/template.py"),
        *("shop/used/__init__.py", "shop/used/user.py", "shop/used/tests/__init__.py"),
        *("shop/used/tests/helper.py", "shop/registry.py", "shop/named/tests/test_it.py"),
        *("shop/headers.py", "shop/include/used.h", "shop/colon/tests/test_it.py"),
        *("shop/point/tests/test_it.py", "path/__init__.py", "path/tests/test_it.py", "path/tests/data.json"),
        *(f"{info}/METADATA", f"{info}/entry_points.txt", f"{info}/licenses/LICENSE", f"{info}/pbr.json"),
        f"{info}/top_level.txt",
    }
    assert {kind: part["files"] for kind, part in said["dropped"].items()} == {
        "tests": 2,
        "type stubs": 3,
        "C sources": 3,
        "installers' notes": 5,
    }
    assert any("shop/template.py is no Python" in note and "line 1" in note for note in said["notes"])
    assert said["steps"][0]["size"] > said["steps"][1]["size"]


def test_stubs_that_are_read_at_run_time_stay(shop: Bench) -> None:
    """lazy_loader takes a package's imports from its stub."""
    source = "import lazy_loader\n__getattr__ = lazy_loader.attach_stub(__name__, __file__)\n"
    shop.make_wheel("lazy", "1.0", {"lazy/__init__.py": source, "lazy/__init__.pyi": "from .a import b\n"})
    shop.package(*shop.require("shop", "lazy"))

    assert "lazy/__init__.pyi" in shop.contents()


def test_the_users_own_code_stays(shop: Bench) -> None:
    """Nothing is left out of it but caches, version control and virtual environments, and that is said."""
    shop.function(
        {
            "tests/__init__.py": "",
            "tests/test_app.py": "",
            "types.pyi": "",
            "py.typed": "",
            "fast.c": "",
            "data/.env": "A=1",
            ".gitignore": "",
            "a-b/other.py": "",
            "notes.txt": "x",
            ".git/HEAD": "ref",
            "env/pyvenv.cfg": "",
            "env/bin/python": "",
            ".tox/x/y": "",
            "__pycache__/app.cpython-39.pyc": "old",
            ".mypy_cache/x.json": "{}",
            "lib/.git": "gitdir: x",
            "odd/CACHEDIR.TAG": CACHE_TAG,
            "odd/x": "",
            "CACHEDIR.TAG": CACHE_TAG,
        }
    )
    (shop.folder / "src" / "empty").mkdir()
    said = shop.package(*shop.require("shop"))
    names = {name for name in shop.contents() if not name.startswith("shop")}

    assert names - {"lib/"} == {
        *("app.py", "tests/__init__.py", "tests/test_app.py", "types.pyi", "py.typed", "fast.c"),
        *(
            "data/.env",
            ".gitignore",
            "a-b/other.py",
            "notes.txt",
            "CACHEDIR.TAG",
            "odd/CACHEDIR.TAG",
            "odd/x",
            "empty/",
        ),
        *map(cached, ("app.py", "tests/__init__.py", "tests/test_app.py", "a-b/other.py")),
    }
    assert said["left_out"] == [".git/", ".mypy_cache/", ".tox/", "__pycache__/", "env/", "lib/.git"]
    assert said["dropped"]["caches"]["files"] == 2


def test_a_record_that_cannot_be_read(shop: Bench) -> None:
    """What it would list, and what has a digest that cannot be checked, is the user's own."""
    shop.function({"dep-1.dist-info/RECORD": b"\xff,,\n", "dep/tests/test_x.py": ""})
    shop.function(
        {"far-1.dist-info/RECORD": "far/tests/test_x.py,shake_128=x,0\n", "far/tests/test_x.py": ""}
    )
    shop.package(*shop.require("shop"))

    assert {"dep/tests/test_x.py", "far/tests/test_x.py"} <= set(shop.contents())


def test_bytecode_is_trusted_and_names_lambdas_folder(shop: Bench) -> None:
    """Every module has bytecode that is not compared with its source, for /var/task."""
    shop.package(*shop.require("shop"))
    contents = shop.contents()
    sources = {name for name in contents if name.endswith(".py")}

    assert {name for name in contents if name.endswith(".pyc")} == set(map(cached, sources))
    for name in sources:
        data = contents[cached(name)]
        assert data[:8] == UNCHECKED
        assert marshal.loads(data[16:]).co_filename == f"/var/task/{name}"
        assert data[8:16] == importlib.util.source_hash(contents[name])


def test_metadata_still_works(bench: Bench) -> None:
    """importlib.metadata finds version, entry points, and which package has which module."""
    bench.function({"app.py": APP})
    bench.make_wheel("shop", "1.0", {**LARGE, "top.py": ""})
    bench.package(*bench.require("shop"))
    probe = """
import json, sys
sys.path[:0] = [sys.argv[1]]
from importlib import metadata
found = metadata.packages_distributions()
points = [each.value for each in metadata.entry_points(group="shop.plugins")]
print(json.dumps([metadata.version("shop"), points, found["shop"], found["top"]]))
"""
    command = [sys.executable, "-S", "-c", probe, str(bench.unpacked())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == ["1.0", ["shop.inner"], ["shop"], ["shop"]]


def install_into_source(bench: Bench) -> None:
    """Install the shop into the function's folder, as pip does."""
    target = str(bench.folder / "src")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", target, "shop"]
    subprocess.run(command, env=bench.environ, check=True)


def test_packages_that_came_with_the_code_are_known(bench: Bench) -> None:
    """What RECORD lists as it is belongs to a package; what was changed, or has no RECORD, is the user's."""
    bench.function({"app.py": APP, "other/tests/test_it.py": "", "other-1.0.dist-info/METADATA": ""})
    bench.make_wheel("shop", "1.0", LARGE)
    install_into_source(bench)
    bench.write("src/shop/fast.c", "changed")
    bench.write("src/shop/tests/test_price.py", "changed = 1\n")
    said = bench.package()
    names = set(bench.contents())

    assert {"shop/fast.c", "shop/tests/test_price.py", "other/tests/test_it.py"} <= names
    assert not {"shop/fast.pyx", "shop/py.typed", "shop-1.0.dist-info/RECORD"} & names
    assert said["dropped"]["caches"]["files"] > 3


def test_what_is_required_takes_the_place_of_an_older_one(bench: Bench) -> None:
    """A package that came with the code is replaced by the required version, and that is said."""
    bench.function({"app.py": APP})
    bench.make_wheel("shop", "0.9", {**SHOP, "shop/old.py": ""})
    install_into_source(bench)
    bench.make_wheel("shop", "1.0", SHOP)
    said = bench.package(*bench.require("shop==1.0"))
    names = set(bench.contents())

    assert "shop/old.py" not in names
    assert not any("0.9" in name for name in names)
    assert "shop 0.9 was there, and is 1.0 now, as required" in said["notes"]


def test_a_file_of_two_packages(bench: Bench) -> None:
    """One of them takes the place of the other's, which is said where they are not the same."""
    bench.function({"app.py": APP})
    bench.make_wheel("one", "1.0", {"both.py": "A = 1\n", "same.py": ""})
    bench.make_wheel("two", "1.0", {"both.py": "A = 2\n", "same.py": ""})
    said = bench.package(*bench.require("one==1.0", "two==1.0"))

    (note,) = [note for note in said["notes"] if "not the same" in note]
    assert re.fullmatch(
        r"both\.py is in (one and two|two and one), and not the same: that of \w+ is shipped", note
    )


def test_what_looks_like_a_secret_is_named(shop: Bench) -> None:
    """It is the user's own, and shipped; a file of a package is not named."""
    shop.make_wheel("shop", "1.1", {**SHOP, "shop/.env": ""})
    shop.function({"app.py": APP, ".env": "KEY=1\n", "conf/.aws/credentials": "", "credentials": ""})
    said = shop.package(*shop.require("shop==1.1"))

    (note,) = [note for note in said["notes"] if "secret" in note]
    assert note.startswith(".env, conf/.aws/credentials: shipped, and looks like a secret or state")
    assert shop.contents()[".env"] == b"KEY=1\n"


def test_a_zip_file_is_as_good_as_a_folder(shop: Bench) -> None:
    """The same code gives the same bytes, whether it comes as a folder or zipped."""
    shop.function({".git/HEAD": "", "venv/pyvenv.cfg": "", "venv/x": "", "run.sh": "#!/bin/sh\n"})
    (shop.folder / "src" / "run.sh").chmod(0o700)
    with zipfile.ZipFile(shop.folder / "src.zip", "w") as archive:
        for path in sorted((shop.folder / "src").rglob("*")):
            archive.write(path, path.relative_to(shop.folder / "src"))
    folder = shop.package(*shop.require("shop"))
    zipped = shop.package(*shop.require("shop"), source="src.zip", out="zipped.zip")

    assert zipped["left_out"] == folder["left_out"] == [".git/", "venv/"]
    assert zipped["zip"]["sha256"] == folder["zip"]["sha256"]
    modes = {
        entry.filename: entry.external_attr >> 16
        for entry in zipfile.ZipFile(shop.folder / "zipped.zip").infolist()
    }
    assert (modes["run.sh"], modes["app.py"]) == (0o100755, 0o100644)


def test_the_same_bytes_everywhere(shop: Bench, tmp_path: Path) -> None:
    """Folder, umask, time zone, hash seed and the files' times make no difference."""
    first = shop.package(*shop.require("shop"))
    other = Bench_in(tmp_path / "elsewhere" / "deeper")
    other.function({"app.py": APP})
    os.utime(other.folder / "src" / "app.py", (1, 1))
    other.make_wheel("shop", "1.0", SHOP)
    before = os.umask(0o077)
    try:
        second = other.package(*other.require("shop"), TZ="Asia/Tokyo", PYTHONHASHSEED="7")
    finally:
        os.umask(before)

    assert first["zip"]["sha256"] == second["zip"]["sha256"]


def Bench_in(folder: Path) -> Bench:
    """Return a bench in a folder to be made."""
    folder.mkdir(parents=True)
    return Bench(folder)


def test_an_older_result_is_no_part_of_the_function(shop: Bench) -> None:
    """A function that is packaged into its own folder twice is the same twice."""
    first = shop.package(*shop.require("shop"), out="src/out.zip")
    second = shop.package(*shop.require("shop"), out="src/out.zip")

    assert second["left_out"] == ["out.zip (the result)"]
    assert first["zip"]["sha256"] == second["zip"]["sha256"]


def test_links_are_followed(shop: Bench) -> None:
    """What a link in a folder leads to is shipped, as zip tools do."""
    shop.write("shared/common.py", "X = 1\n")
    (shop.folder / "src" / "common").symlink_to("../shared")
    shop.package(*shop.require("shop"))

    assert shop.contents()["common/common.py"] == b"X = 1\n"


def test_without_sources(shop: Bench) -> None:
    """Flat bytecode runs; what that means for tracebacks is said; what is no Python stays."""
    shop.make_wheel("shop", "1.0", {**SHOP, "shop/template.py": "class {{ name }}:\n"})
    said = shop.package(*shop.require("shop"), "--no-sources")
    contents = shop.contents()

    assert {name for name in contents if name.endswith((".py", ".pyc"))} == {
        *("app.pyc", "shop/__init__.pyc", "shop/inner.pyc", "shop/template.py")
    }
    assert any("tracebacks show no lines" in note for note in said["notes"])
    options = FunctionOptions(root=shop.unpacked())
    assert invoke("app.handler", {"name": "abc"}, options).json() == {"price": 3}


SERVICES: Final = {
    "botocore/__init__.py": "",
    "botocore/data/endpoints.json": "{}",
    "botocore/data/_retry.json": "{}",
    **{
        f"botocore/data/{name}/2020-01-01/service-2.json.gz": name
        for name in ("s3", "dynamodb", "ec2", "sts", "sso", "sso-oidc", "signin", "s3control")
    },
    "boto3/__init__.py": "",
    "boto3/data/ec2/2020-01-01/resources-1.json": "{}",
    "boto3/data/s3/2020-01-01/resources-1.json": "{}",
}


def test_models_of_other_services_go(shop: Bench) -> None:
    """The named services stay, with those that credentials need, and what belongs to all."""
    shop.make_wheel("botocore", "1.0", SERVICES)
    said = shop.package(*shop.require("shop", "botocore"), "--boto3-services", "s3, dynamodb")
    names = {name for name in shop.contents() if name.startswith(("botocore/data", "boto3/data"))}

    kept = {"dynamodb", "s3", "signin", "sso", "sso-oidc", "sts"}
    assert said["services"] == sorted(kept)
    assert names == {
        *(f"botocore/data/{name}/2020-01-01/service-2.json.gz" for name in kept),
        *("botocore/data/endpoints.json", "botocore/data/_retry.json"),
        "boto3/data/s3/2020-01-01/resources-1.json",
    }


@pytest.mark.parametrize(
    ("name", "hint"),
    [("dynamo", "did you mean dynamodb?"), ("zzzz", "get_available_services() lists them")],
)
def test_an_unknown_service_is_an_error(shop: Bench, name: str, hint: str) -> None:
    """Its name is shown, with those that are near."""
    shop.make_wheel("botocore", "1.0", SERVICES)
    line = shop.refused(*shop.require("shop", "botocore"), "--boto3-services", f"s3,{name}", code=2)

    assert f"no service {name!r}" in line
    assert hint in line


def test_services_need_botocore(shop: Bench) -> None:
    """Without botocore in the function there is nothing to leave out."""
    line = shop.refused(*shop.require("shop"), "--boto3-services", "s3")

    assert "--boto3-services needs botocore in the function, and it has none" in line


def test_models_that_could_be_left_out(bench: Bench) -> None:
    """Who ships the models of all services is told how many bytes they are, and what keeps a few."""
    files = {
        "botocore/__init__.py": "",
        "botocore/data/s3/2006/service-2.json": "{}",
        "botocore/data/x.json": "",
    }
    bench.make_wheel("botocore", "1.0", files)
    bench.function({"app.py": ""})
    said = bench.package(*bench.require("botocore"))

    assert [
        note for note in said["notes"] if note.startswith("botocore has the models of 1 services, 2 bytes")
    ]
    assert not bench.package(*bench.require("botocore"), "--boto3-services", "s3")["notes"]
