"""The image's entry point where it is not Lambda that starts it; tests/containers has the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rapid_client._emulator import EMULATOR
from rapid_client.local import MockRuntimeApi
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


@pytest.mark.parametrize("shell", [(), ("/bin/sh",)])
def test_on_lambda_it_is_the_runtime(
    shell: tuple[str, ...],
    tmp_path: Path,
    function_folder: Callable[[str], Path],
    child_environ: dict[str, str],
) -> None:
    """It runs the handler of its argument, and says its name in `_HANDLER`; started by sh, too."""
    task = function_folder("import os\n\ndef handler(event, context):\n    return os.environ['_HANDLER']\n")
    script = tmp_path / "lambda-entrypoint.sh"
    first, rest = f"#!{sys.executable} -S\n", ENTRYPOINT.read_text().partition("\n")[2]
    script.write_text(first + rest)
    script.chmod(0o755)
    with MockRuntimeApi() as mock:
        environ = {**child_environ, "AWS_LAMBDA_RUNTIME_API": mock.address, "LAMBDA_TASK_ROOT": str(task)}
        process = subprocess.Popen([*shell, str(script), "app.handler"], env=environ, cwd=task)
        try:
            outcome = mock.invoke({}).result(30)
        finally:
            process.kill()
            process.wait()
    assert outcome.body == b'"app.handler"'


@pytest.mark.skipif(Path(EMULATOR).exists(), reason="the emulator is installed here")
def test_without_an_emulator_one_line_says_where_it_is(child_environ: dict[str, str]) -> None:
    """Outside Lambda a machine without the emulator cannot go on."""
    code, (line,) = ended(child_environ, "app.handler")
    assert code == 127
    assert f"/aws-lambda-rie:{EMULATOR}:ro" in line
