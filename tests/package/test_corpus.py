"""`rapid package` on functions as people write them: every answer is the original's.

A part of benchmarks/corpus, chosen for what it covers; all of it is packaged by
``python -m benchmarks.cold_start.packaging --out FOLDER``. Wheels are fetched once, into the cache.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.cold_start import forky
from benchmarks.cold_start.corpus import NotThere, functions
from benchmarks.peers import ROOT

if TYPE_CHECKING:
    from pathlib import Path

#: A busy machine takes minutes for what takes twenty seconds otherwise, and the first run fetches wheels.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

#: Clients with data files; templates and metadata; binaries; modules that nothing imports by name; failures.
PARTS = {
    "3.13": ("boto3_pydantic_requests", "flask_wsgi", "numpy_linalg", "registry", "optional", "missing"),
    "3.15": ("powertools_parser", "sqlalchemy_sqlite", "jwt_rs256", "registry", "missing"),
}


@pytest.mark.parametrize(("python", "name"), [(python, name) for python in PARTS for name in PARTS[python]])
def test_a_packaged_function_answers_as_before(python: str, name: str, tmp_path: Path) -> None:
    """Every event that succeeds in the original has the same answer; what does not start is not run."""
    if python in forky.VERSIONS:
        try:
            forky.root()
        except NotThere as exc:
            pytest.skip(str(exc))
    elif f"{sys.version_info[0]}.{sys.version_info[1]}" != python:
        pytest.skip(f"these tests run on another Python than {python}")
    (function,) = functions([name])
    out = tmp_path / "out"
    command = [sys.executable, "-m", "benchmarks.cold_start.packaging", "--python", python, "--out", str(out)]
    done = subprocess.run([*command, name], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)[0]["report"]
    assert report["bytecode"].startswith(f"{python}.")
    verdicts = [one["same"] for one in (report["trial"] or {"events": []})["events"]]
    assert verdicts == ([] if function.fails else [True] * len(function.events()))
    assert (out / f"{name}.zip").stat().st_size == report["zip"]["size"]
