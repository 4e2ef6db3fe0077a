"""`rapid layer build --runtime python3.X`: the layer for AWS's own interpreters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from tests.layer.test_build import UNCHECKED, code_of
from tests.layer.workbench import MANAGED, Workbench

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = f"rapid-{MANAGED}-x86_64"


def test_the_layer_has_the_agreed_tree(tmp_path: Path) -> None:
    """The wrapper is at the top, all else under rapid/: flat bytecode, no interpreter, no sources."""
    bench = Workbench(tmp_path)
    bench.make_core()
    done = bench.rapid("build", "--runtime", MANAGED, "--no-strip", "--json")
    assert done.returncode == 0, done.stderr
    archive = bench.archive(name=NAME)
    names = set(archive.namelist())

    assert {
        *("rapid-wrapper", "rapid/start.py", "rapid/manifest.json", "rapid/licenses/rapid_client.txt"),
        *("rapid/lib/rapid_client/__init__.pyc", "rapid/lib/rapid_client/_runtime.pyc"),
        *("rapid/lib/orjson/__init__.pyc", "rapid/lib/orjson/orjson.so"),
        "rapid/lib/snapshot_restore_py/__init__.pyc",
    } <= names
    assert {name.partition("/")[0] for name in names} == {"rapid-wrapper", "rapid"}
    assert [name for name in names if name.endswith(".py")] == ["rapid/start.py"]
    compiled = {name: archive.read(name) for name in names if name.endswith(".pyc")}
    assert {data[:8] for data in compiled.values()} == {UNCHECKED}
    assert all(code_of(data).co_filename == f"/opt/{name[:-1]}" for name, data in compiled.items())
    assert archive.getinfo("rapid-wrapper").external_attr >> 16 == 0o100755
    assert "interpreter" not in json.loads(done.stdout)


@pytest.mark.slow
def test_without_orjson(tmp_path: Path) -> None:
    """--without orjson leaves it out, and both manifest and command say so."""
    bench = Workbench(tmp_path)
    bench.make_core()
    done = bench.rapid("build", "--runtime", MANAGED, "--without", "orjson")

    assert done.returncode == 0, done.stderr
    assert "note: orjson was left out" in done.stderr
    assert not [name for name in bench.archive(name=NAME).namelist() if "orjson/" in name]


@pytest.mark.slow
def test_where_orjson_has_no_wheel(tmp_path: Path) -> None:
    """Where orjson has no wheel the layer is without it, and says so: the runtime does not need it."""
    bench = Workbench(tmp_path)
    bench.make_core(orjson=False)
    done = bench.rapid("build", "--runtime", MANAGED, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)

    assert [package["name"] for package in summary["packages"]] == ["snapshot-restore-py"]
    assert summary["notes"][0].startswith("orjson has no wheel for Python")


def test_without_any_wheel_it_is_not_orjsons_fault(tmp_path: Path) -> None:
    """Where there are no wheels at all, for want of a network, nothing is left out silently."""
    done = Workbench(tmp_path).rapid("build", "--runtime", MANAGED)

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "No matching distribution found for snapshot-restore-py" in done.stderr


@pytest.mark.slow
def test_a_users_packages_keep_their_sources(tmp_path: Path) -> None:
    """What is added to the layer of a managed runtime comes with its sources, as in the other layer."""
    bench = Workbench(tmp_path)
    bench.make_core()
    bench.make_wheel("shop", "1.0", {"shop.py": "X = 1\n"})
    bench.make_wheel("urllib3", "2.0", {"urllib3.py": "X = 1\n"})
    done = bench.rapid("build", "--runtime", MANAGED, "--with", "shop", "--with", "urllib3", "--no-strip")

    assert done.returncode == 0, done.stderr
    assert "rapid/lib/shop.py" in bench.archive(name=NAME).namelist()
    assert "note: urllib3: AWS's own comes before this layer's" in done.stderr
