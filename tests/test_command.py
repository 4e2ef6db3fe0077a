"""The command `rapid` where it cannot run: one line, with what to type."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from rapid_client import _command

ROOT: Final = Path(__file__).parent.parent
INSTALLED: Final = "/venv/lib/python3.13/site-packages/rapid_client/_command.py"


def test_nothing_stands_in_the_way_where_everything_is_there() -> None:
    """Linux and macOS with the packages are fine."""
    assert [_command.obstacle(platform, ("json", "email")) for platform in ("linux", "darwin")] == [
        None,
        None,
    ]


def test_another_system_is_named() -> None:
    """Windows gets one clear line."""
    assert _command.obstacle("win32", ()) == "rapid: it runs on Linux and macOS, not on 'win32'"


def test_the_missing_package_is_named() -> None:
    """The line names the first package that is missing, and the command that brings it."""
    line = _command.obstacle("linux", ("json", "no_such_package_a", "no_such_package_b"))

    assert line is not None
    assert "'no_such_package_a' is missing" in line
    assert line.endswith(f'{sys.executable} -m pip install "{ROOT}[local]"')


def test_the_extra_of_a_sub_command_is_named() -> None:
    """What only `rapid layer` needs comes with an extra of its own."""
    line = _command.obstacle("linux", ("no_such_package",), "layer")

    assert line is not None
    assert "which the extra 'layer' brings" in line
    assert line.endswith(f'{sys.executable} -m pip install "{ROOT}[layer]"')


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("file:///home/me/my%20wheels/r-0.1.0.whl", "/home/me/my wheels/r-0.1.0.whl[local]"),
        ("https://example.org/r-0.1.0.whl", "rapid-lambda-runtime[local] @ https://example.org/r-0.1.0.whl"),
        ("", "rapid-lambda-runtime[local] @ file://PATH-OF-THE-WHEEL"),
    ],
)
def test_the_requirement_names_where_it_came_from(url: str, wanted: str) -> None:
    """Installed, it names its wheel: by its bare name pip would take somebody else's, or nothing."""
    assert _command.requirement(INSTALLED, url) == wanted


def test_without_the_extra_the_command_exits_2(unmeasured_environ: dict[str, str]) -> None:
    """Without the extra's packages `rapid --help` prints that line alone, and exits 2."""
    probe = (
        "import sys; sys.path.insert(0, sys.argv.pop(1));"
        "from rapid_client._command import main; sys.exit(main())"
    )
    command = [sys.executable, "-I", "-S", "-c", probe, str(ROOT), "--help"]
    done = subprocess.run(command, env=unmeasured_environ, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert f'-m pip install "{ROOT}[local]"' in done.stderr


def test_without_the_extra_the_mock_says_the_same(unmeasured_environ: dict[str, str]) -> None:
    """Without the extra's packages the mock's import error is that line, and no chain of others."""
    probe = (
        "import sys; sys.path.insert(0, sys.argv.pop(1));"
        "from rapid_client import _command; print(_command.obstacle(sys.platform, _command.PACKAGES));"
        "from rapid_client.local import MockRuntimeApi"
    )
    command = [sys.executable, "-I", "-S", "-c", probe, str(ROOT)]
    done = subprocess.run(command, env=unmeasured_environ, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "the package 'click' is missing, which the extra 'local' brings" in done.stdout
    assert done.stderr.splitlines()[-1] == f"ImportError: {done.stdout.strip()}"
    assert done.stderr.count("Traceback") == 1


def test_with_the_extra_the_command_runs(child_environ: dict[str, str]) -> None:
    """With them the local half's command takes over: its help is on stdout, and the exit code is 0."""
    probe = "import sys; from rapid_client._command import main; sys.exit(main())"
    command = [sys.executable, "-c", probe, "--help"]
    done = subprocess.run(command, env=child_environ, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "invoke" in done.stdout
