"""Binaries are stripped, and shipped as they came where that would break them."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.layer.workbench import MANAGED, Workbench

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = f"rapid-{MANAGED}-x86_64"
pytestmark = pytest.mark.slow
PLACE: Final = "rapid/lib/native/_x.so"


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """Return a workbench with a wheel that has a real library, with debugging information."""
    bench = Workbench(tmp_path)
    bench.make_core(orjson=False)
    bench.make_native()
    return bench


def build(bench: Workbench, **variables: str) -> dict[str, Any]:
    """Build the layer with that wheel; return what is said of it."""
    done = bench.rapid("build", "--runtime", MANAGED, "--with", "native", "--json", **variables)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_a_stripped_library_still_works(bench: Workbench) -> None:
    """What nobody can call is gone, what can be called is there, and the manifest names the tool."""
    said = build(bench)
    stripped = bench.archive(name=NAME).read(PLACE)
    library = bench.write("stripped.so", stripped)
    probe = "import ctypes, sys; sys.exit(ctypes.CDLL(sys.argv[1]).seen(20))"

    assert len(stripped) < (bench.folder / "x.so").stat().st_size
    assert b"unseen" not in stripped
    assert subprocess.run(["python3", "-c", probe, library]).returncode == 41
    assert "strip" in said["tools"]["strip"].lower()


@pytest.mark.parametrize(
    "damage",
    [
        'head -c 2000 "$3" >"$2"',
        'sed \'s/seen/gone/\' "$3" >"$2"',
        "exit 1",
    ],
    ids=["cut off", "another symbol", "failure"],
)
def test_a_library_that_stripping_breaks_is_as_it_came(bench: Workbench, damage: str) -> None:
    """A tool that damages a library changes nothing, and a note says so."""
    tool = bench.write(
        "bin/x86_64-linux-gnu-strip", f"#!/bin/sh\n[ $# = 3 ] || {{ echo odd strip 1.0; exit; }}\n{damage}\n"
    )
    tool.chmod(0o755)
    said = build(bench, PATH=f"{tool.parent}:{bench.environ['PATH']}")

    assert bench.archive(name=NAME).read(PLACE) == (bench.folder / "x.so").read_bytes()
    assert f"{PLACE} would not load any more when stripped: it is as it came" in said["notes"]
