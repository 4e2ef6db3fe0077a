"""Compile files to bytecode. A script of its own, since the target's Python runs it, whichever that is.

Standard input has one JSON list for each file: the source, the bytecode, the path that tracebacks show, the
level of optimisation. Standard output gets one for each file that is no Python: its source, and why.

The files are compiled one after the other, in one process: what the interpreter has seen before decides a few
bits in the bytecode (which objects may be shared), so that the order must be the same each time.
"""

from __future__ import annotations

import json
import os
import py_compile
import sys
import warnings


def main() -> None:
    """Compile what standard input asks for."""
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        source, bytecode, shown, level = json.loads(line)
        os.makedirs(os.path.dirname(bytecode), exist_ok=True)
        try:
            py_compile.compile(
                source,
                bytecode,
                shown,
                doraise=True,
                optimize=level,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except (py_compile.PyCompileError, RecursionError) as exc:
            print(json.dumps([source, _reason(exc)]))


def _reason(exc: Exception) -> str:
    """Return on one line why a source is no Python, and where."""
    lines = str(exc).strip().splitlines()
    number = getattr(getattr(exc, "exc_value", None), "lineno", None)
    reason = lines[-1] if lines else type(exc).__name__
    return reason if number is None else f"line {number}: {reason}"


if __name__ == "__main__":
    main()
