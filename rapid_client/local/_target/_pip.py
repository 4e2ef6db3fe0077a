"""Run pip as if on another machine. A script of its own: pip is a program, not a library.

The options that pip has for that (--platform, --python-version, --abi) choose wheels; the conditions in
requirements (``; python_version < "3.12"``) it would still judge by the Python that it runs on.

The first argument is the JSON object of the target's conditions (PEP 508), the others are pip's.
"""

from __future__ import annotations

import json
import runpy
import sys
from typing import Any

from pip._vendor.packaging import markers


def main() -> None:
    """Run pip with the process's arguments."""
    target: Any = json.loads(sys.argv.pop(1))
    markers.default_environment = lambda: target
    if not markers.Marker(f"platform_machine == '{target['platform_machine']}'").evaluate():
        sys.exit("ERROR: this version of pip cannot be told the target's conditions; use another one")
    runpy.run_module("pip", run_name="__main__")


if __name__ == "__main__":
    main()
