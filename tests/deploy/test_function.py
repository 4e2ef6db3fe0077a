"""The function that the examples of deployment share."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def test_the_function_runs_and_says_who_runs_it(root: Path) -> None:
    """In this runtime the example greets whoever the event names, and names rapid_client."""
    rapid = [sys.executable, "-c", "from rapid_client._command import main; main()"]
    folder = str(root / "examples/deploy/function")
    command = [*rapid, "invoke", "app.handler", "--root", folder, "--event", '{"name": "Ada"}']
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    answer = json.loads(run.stdout)
    assert answer["message"] == "Hello, Ada!"
    assert answer["client"] == "rapid_client"
