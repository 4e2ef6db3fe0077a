"""The image's entry point where it is not Lambda that starts it; tests/containers has the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rapid_client._emulator import EMULATOR
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

ENTRYPOINT = ROOT / "layer" / "lambda-entrypoint.sh"


def ended(environ: Mapping[str, str], *arguments: str) -> tuple[int, list[str]]:
    """Start the entry point with this interpreter; return its exit code and its lines on stderr."""
    command = [sys.executable, str(ENTRYPOINT), *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("arguments", [(), ("app.handler", "more"), ("/bin/sh", "-c", "app.handler")])
def test_one_handler_is_wanted(arguments: tuple[str, ...], child_environ: dict[str, str]) -> None:
    """No argument, or more than one, ends with AWS's code and a line that shows what came."""
    code, (line,) = ended(child_environ, *arguments)
    assert code == 142
    assert line == (
        'lambda-entrypoint: the one argument must be the handler, as in CMD ["app.handler"],'
        f" not {' '.join(arguments) or 'nothing'}"
    )


@pytest.mark.skipif(Path(EMULATOR).exists(), reason="the emulator is installed here")
def test_without_an_emulator_one_line_says_where_it_is(child_environ: dict[str, str]) -> None:
    """Outside Lambda a machine without the emulator cannot go on."""
    code, (line,) = ended(child_environ, "app.handler")
    assert code == 127
    assert f"/aws-lambda-rie:{EMULATOR}:ro" in line
