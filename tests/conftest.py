"""What several test modules need: folders, a child's environment, the official client."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support import Starter

ROOT: Final = Path(__file__).parent.parent
OFFICIAL: Final = "4.2.2"
# Besides these a child gets what a test gives it, so that the machine's own settings change no result.
KEPT: Final = ("PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR")
# With them a child's lines count as covered; without them it runs unmeasured.
MEASURING: Final = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "COVERAGE_FILE")

# No test asserts a time, and on a loaded machine hypothesis's deadlines would.
# `--hypothesis-profile=thorough` tries more examples.
settings.register_profile("quick", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=2000)
settings.load_profile("quick")


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the project's top folder."""
    return ROOT


@pytest.fixture
def child_environ() -> dict[str, str]:
    """Return a small environment for a child process that can import `rapid_client`, and is measured."""
    environ = {name: os.environ[name] for name in (*KEPT, *MEASURING) if name in os.environ}
    return {**environ, "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}


@pytest.fixture
def unmeasured_environ(child_environ: dict[str, str]) -> dict[str, str]:
    """Return `child_environ` without coverage, whose own imports would show in a list of loaded modules."""
    return {name: value for name, value in child_environ.items() if name not in MEASURING}


@pytest.fixture
def function_folder(tmp_path: Path) -> Callable[[str], Path]:
    """Return a writer of `app.py`: it takes the source and returns the folder to run in."""

    def write(source: str) -> Path:
        folder = tmp_path / "task"
        folder.mkdir(exist_ok=True)
        (folder / "app.py").write_text(source, encoding="utf-8")
        return folder

    return write


@pytest.fixture(scope="session")
def clean_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an interpreter as a function has it: its `site` finds no start-up file of a test tool."""
    folder = tmp_path_factory.mktemp("clean")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def official() -> str:
    """Skip where awslambdaric 4.2.2 is not installed; return its version."""
    try:
        found = metadata.version("awslambdaric")
    except metadata.PackageNotFoundError:
        found = "none"
    if found != OFFICIAL:
        pytest.skip(f"it compares with awslambdaric {OFFICIAL}, and here is {found}")
    return found


@pytest.fixture(scope="session")
def emulator_path() -> Path:
    """Return the real Runtime Interface Emulator, fetched once into the cache; else skip."""
    command = [str(ROOT / "scripts" / "rie"), sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the Runtime Interface Emulator cannot be fetched: {done.stderr.strip()[-200:]}")
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def libraries_path() -> Path:
    """Return the folder with the libraries that people run on Lambda, for a child's PYTHONPATH; else skip."""
    folder = Path(sys.prefix) / "compat"
    if not (folder / ".ready").is_file():
        pytest.skip("the libraries are not installed: `make test-all` does it")
    return folder


@pytest.fixture(params=["bootstrap", "module"])
def start(request: pytest.FixtureRequest, tmp_path: Path, child_environ: dict[str, str]) -> Iterator[Starter]:
    """Return what starts the runtime against a mock, in each of the two ways; it ends with the test."""
    from tests.support import Starter

    with Starter(request.param, tmp_path, child_environ) as starter:
        yield starter
