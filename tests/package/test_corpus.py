"""`rapid package` on functions as people write them: every answer is the original's.

A part of benchmarks/corpus, chosen for what it covers; all of it is packaged by
``python -m benchmarks.cold_start.packaging --out FOLDER``. Wheels are fetched once, into the cache.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.cold_start import forky
from benchmarks.cold_start.corpus import NotThere, functions
from benchmarks.peers import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

#: Clients with data files; templates and metadata; binaries; modules that nothing imports by name; failures.
PARTS = {
    "3.13": ("boto3_pydantic_requests", "flask_wsgi", "numpy_linalg", "registry", "optional", "missing"),
    "3.15": ("powertools_parser", "sqlalchemy_sqlite", "jwt_rs256", "registry", "missing"),
}


def package(python: str, names: tuple[str, ...], out: Path) -> dict[str, Any]:
    """Package functions; return the reports by their names."""
    command = [sys.executable, "-m", "benchmarks.cold_start.packaging", "--python", python, "--out", str(out)]
    done = subprocess.run([*command, *names], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {one["name"]: one["report"] for one in json.loads(done.stdout)}


@pytest.mark.parametrize("python", PARTS)
def test_packaged_functions_answer_as_before(python: str, tmp_path: Path) -> None:
    """Every event that succeeds in the original has the same answer; what fails in the original is named."""
    if python in forky.VERSIONS:
        try:
            forky.root()
        except NotThere as exc:
            pytest.skip(str(exc))
    elif f"{sys.version_info[0]}.{sys.version_info[1]}" != python:
        pytest.skip(f"these tests run on another Python than {python}")
    reports = package(python, PARTS[python], tmp_path / "out")
    for function in functions(PARTS[python]):
        report = reports[function.name]
        assert report["bytecode"].startswith(f"{python}.")
        verdicts = [one["same"] for one in report["trial"]["events"]]
        assert verdicts == [None if function.fails else True] * len(function.events())
        assert (tmp_path / "out" / f"{function.name}.zip").stat().st_size == report["zip"]["size"]
