"""Compile files to bytecode. A script of its own, since the target's Python runs it, whichever that is.

Standard input has one JSON list for each file: the source, the bytecode, the path that tracebacks show, the
level of optimisation. Standard output gets one for each file that is no Python: its source, and why.

The files are compiled one after the other, in one process: what the interpreter has seen before decides a few
bits in the bytecode (which objects may be shared), so that the order must be the same each time.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import py_compile
import sys
import warnings
from importlib import _bootstrap_external


def main() -> None:
    """Compile what standard input asks for."""
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        source, bytecode, shown, level = json.loads(line)
        os.makedirs(os.path.dirname(bytecode), exist_ok=True)
        try:
            if level:
                compile_bare(source, bytecode, shown)
                continue
            py_compile.compile(
                source,
                bytecode,
                shown,
                doraise=True,
                optimize=0,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except (py_compile.PyCompileError, RecursionError) as exc:
            print(json.dumps([source, _reason(exc)]))


class Bare(ast.NodeTransformer):
    """Takes out what only people and type checkers read: annotations, and what is under ``TYPE_CHECKING``."""

    def visit_If(self, node: ast.If) -> ast.AST:
        """Keep nothing of ``if TYPE_CHECKING:``; a block must not be empty."""
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" and not node.orelse:
            return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Make it an assignment, if there is a value."""
        self.generic_visit(node)
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Drop the annotation."""
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Drop the annotation of what is returned."""
        node.returns = None
        return self.generic_visit(node)


def compile_bare(source: str, bytecode: str, shown: str) -> None:
    """Compile our own source without docstrings, assertions and annotations: fewer bytes to read at a start.

    Args:
        source: The source.
        bytecode: Where the bytecode goes, unchecked (PEP 552).
        shown: The path of the source as tracebacks show it.
    """
    with open(source, "rb") as file:
        data = file.read()
    code = compile(Bare().visit(ast.parse(data)), shown, "exec", dont_inherit=True, optimize=2)
    # As py_compile does it, which takes no tree.
    encode = vars(_bootstrap_external)["_code_to_hash_pyc"]
    with open(bytecode, "wb") as file:
        file.write(encode(code, importlib.util.source_hash(data), False))


def _reason(exc: Exception) -> str:
    """Return on one line why a source is no Python, and where."""
    lines = str(exc).strip().splitlines()
    number = getattr(getattr(exc, "exc_value", None), "lineno", None)
    reason = lines[-1] if lines else type(exc).__name__
    return reason if number is None else f"line {number}: {reason}"


if __name__ == "__main__":
    main()
