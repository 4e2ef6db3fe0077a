"""What the sources of the function's own modules read, as far as their code has run."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence


class Sources:
    """The function's own sources, read once each; one that cannot be read, or parsed, tells nothing.

    Code that has run is that of modules and classes, and of the functions of which *ran* has the first line.

    Args:
        files: The sources.
        ran: File and first line of each function that ran, in init or with the events.
    """

    def __init__(self, files: Collection[str], ran: Collection[tuple[str, int]]) -> None:
        self._trees = {file: tree for file in files if (tree := _parsed(file)) is not None}
        lines: dict[str, set[int]] = {}
        for file, line in ran:
            lines.setdefault(file, set()).add(line)
        #: What each reads, and what modules may take from others.
        self._read = {file: set(_names(tree, lines.get(file, set()))) for file, tree in self._trees.items()}
        self._taken = {file: set(_taken(tree)) for file, tree in self._trees.items()}

    def unread_imports(self, file: str) -> dict[int, set[str]]:
        """Return, by line, the modules of top-level imports whose names no code reads that has run.

        An import in a block of any kind is left alone: it is there for a reason.
        """
        found: dict[int, set[str]] = {}
        read = self._wanted(file)
        for node in self._body(file):
            if isinstance(node, (ast.Import, ast.ImportFrom)) and not _bound(node) & (read | {"*"}):
                names = (
                    {alias.name for alias in node.names}
                    if isinstance(node, ast.Import)
                    else {node.module or ""}
                )
                found[node.lineno] = names | {name[:place] for name in names for place in _dots(name)}
        return found

    def unread_assignment(self, file: str, line: int) -> set[str]:
        """Return the names that the plain assignment at *line* binds; none where one of them is read."""
        here = [node for node in self._body(file) if node.lineno <= line <= (node.end_lineno or node.lineno)]
        if len(here) != 1 or not isinstance(here[0], (ast.Assign, ast.AnnAssign)):
            return set()
        targets = here[0].targets if isinstance(here[0], ast.Assign) else [here[0].target]
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        plain = all(isinstance(target, ast.Name) for target in targets)
        return names if plain and not names & self._wanted(file) else set()

    def _body(self, file: str) -> Sequence[ast.stmt]:
        return self._trees[file].body if file in self._trees else ()

    def _wanted(self, file: str) -> set[str]:
        """Return what code of *file* that has run reads, and what other modules may take from it."""
        return self._read.get(file, set()).union(
            *(taken for other, taken in self._taken.items() if other != file)
        )


def _parsed(file: str) -> ast.Module | None:
    try:
        return ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


def _dots(name: str) -> list[int]:
    return [place for place, letter in enumerate(name) if letter == "."]


def _bound(node: ast.Import | ast.ImportFrom) -> set[str]:
    return {alias.asname or alias.name.partition(".")[0] for alias in node.names}


def _taken(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module may take from another: attributes, and those of ``from`` imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)


def _names(node: ast.AST, ran: set[int]) -> Iterator[str]:
    """Yield the names that are read in code that has run; decorators and defaults run with the module."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring may say what it likes
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
        yield node.id
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from re.findall(r"\w+", node.value)  # an annotation, or what __all__ lists
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) and not _has_run(child, ran):
            for part in (*child.decorator_list, child.args, child.returns):
                if part is not None:
                    yield from _names(part, ran)
        else:
            yield from _names(child, ran)


def _has_run(node: ast.FunctionDef | ast.AsyncFunctionDef, ran: set[int]) -> bool:
    return bool({node.lineno, *(decorator.lineno for decorator in node.decorator_list)} & ran)
