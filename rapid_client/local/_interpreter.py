"""Why an interpreter cannot run a runtime: asked only once it has failed to, as asking costs a process."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rapid_client.local.process import Program

OWN: Final = "rapid_client"
OLDEST: Final = (3, 11)
#: Seconds that an interpreter may take to say what it is; it needs 0.1.
PATIENCE: Final = 10.0
#: It runs on any Python, 2.7 too: the version, and whether a module is there that ``-m`` can run.
PROBE: Final = """
import json, sys
try:
    from importlib.util import find_spec
    spec = find_spec(sys.argv[1])
    if spec is not None and spec.submodule_search_locations is not None:
        spec = find_spec(sys.argv[1] + ".__main__")
    found = spec is not None
except Exception:
    found = False
print(json.dumps([list(sys.version_info[:3]), found]))
"""


def why_not(program: Program, module: str, beside: bool) -> str | None:
    """Return the line that says why an interpreter cannot run *module*; None if nothing is in the way.

    Args:
        program: Its command is the interpreter alone; environment and folder are the function's.
        module: The runtime, ``rapid_client`` for one.
        beside: Whether `bootstrap` brings our own runtime along, so that nothing has to be installed.
    """
    python = program.command[0]
    remedy = f"name Python {OLDEST[0]}.{OLDEST[1]} or newer, with {module} installed"
    try:
        done = subprocess.run(
            [*program.command, "-c", PROBE, module],
            env=program.environ,
            cwd=program.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        version, found = json.loads(done.stdout)
        name = f"the interpreter {python!r} is Python {'.'.join(map(str, version))}"
    except (OSError, subprocess.SubprocessError, ValueError, TypeError):
        return f"the interpreter {python!r} does not run as Python does: {remedy}"
    if module == OWN and tuple(version) < OLDEST:
        return f"{name}, which is too old: {remedy}"
    if not found and not beside:
        if module == OWN:
            return f"{name} without {module}: install it there, or {remedy}"
        return f"{name}, without a module {module!r} that could be the runtime: install it, or name another"
    return None
