"""Imports point inwards, and none of them is careless: read from the source of every module."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parent.parent
PACKAGE: Final = ROOT / "rapid_client"

# From the inside out. At module level a module imports from its own ring or from one further in.
COLD_RINGS: Final = (
    ("__init__", "errors", "_config", "context"),  # vocabulary, no I/O; the package itself is always loaded
    ("_wire", "_protocol"),  # sans-I/O core
    ("_handler", "_import_hook", "_stdio", "_site"),  # edges
    ("_client", "_codec"),
    ("_loop",),
    ("_runtime",),  # composition root
    ("__main__", "_command"),  # entry points
)
# Beyond the cold-path boundary, from the inside out: loaded when they are needed, so that nobody before the
# boundary imports them at module level.
DEFERRED: Final = (
    "_bytecode",
    "_emulator",
    "_exec",
    "_parser",
    "_flushing",
    "_json_rare",
    "_json_orjson",
    "_lazy",
    "_sink",
    "_faults",
    "_logs",
    "_refusal",
    "_report",
    "_hint",
    "_snapstart",
    "_trace",
    "_seam",
    "_caller",
    "_pipeline",
)
# Every interpreter has these loaded.
BARE: Final = {
    "sys",
    "posix",
    "time",
    "builtins",
    "_io",
    "_imp",
    "_frozen_importlib",
    "_frozen_importlib_external",
}
CHEAP: Final = {"__future__", "_socket", "_json"} | BARE
REASON: Final = re.compile(r"#.*\b(deferred: |noqa: PLC0415(,| -) )\S")
# It is the import of logging that gets `_logs` imported; `_json_orjson` is what importing orjson is for.
LOADED: Final = {"_logs": {"logging"}, "_json_orjson": {"orjson"}, "_trace": {"_ctypes"}}

COLD: Final = {name: ring for ring, names in enumerate(COLD_RINGS) for name in names}
PLACES: Final = {**COLD, **{name: ring for ring, name in enumerate(DEFERRED, start=len(COLD_RINGS))}}
ENTRY: Final = COLD["_command"]


class Import(NamedTuple):
    """One imported module: where, what, and whether the importing module runs it when it is imported."""

    line: int
    target: str
    at_module_level: bool


def modules(folder: Path) -> list[Path]:
    """Return the modules directly in *folder*."""
    return sorted(folder.glob("*.py"))


RUNTIME: Final = modules(PACKAGE)
EVERYTHING: Final = sorted(PACKAGE.rglob("*.py"))


def is_type_checking(node: ast.AST) -> bool:
    """Say whether *node* is an `if TYPE_CHECKING:` without an else."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def names_of(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[str]:
    """Yield the full names of the modules that *node* imports, in a module that lives in *package*."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    parents = package.split(".")
    base = ".".join([*parents[: len(parents) - node.level + 1], *filter(None, [node.module])])
    module = base if node.level else (node.module or "")
    for alias in node.names:
        inner = f"{module}.{alias.name}"
        path = ROOT / inner.replace(".", "/")
        yield inner if path.with_suffix(".py").is_file() or path.is_dir() else module


def walk(node: ast.AST, package: str, *, module_level: bool) -> Iterator[Import]:
    """Yield every import under *node*, those for the type checker apart."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for name in names_of(child, package):
                yield Import(child.lineno, name, module_level)
        elif is_type_checking(child):
            assert isinstance(child, ast.If)
            for statement in child.orelse:
                yield from walk(statement, package, module_level=module_level)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(child, package, module_level=module_level and not inside)


def imports(path: Path) -> list[Import]:
    """Return what the module at *path* imports."""
    package = ".".join(path.parent.relative_to(ROOT).parts)
    return list(walk(ast.parse(path.read_bytes()), package, module_level=True))


def ours(target: str) -> str | None:
    """Return the name of our runtime module that *target* means, or None for somebody else's."""
    head, _, rest = target.partition(".")
    if head != "rapid_client":
        return None
    return rest.partition(".")[0] or "__init__"


def by_name(path: Path) -> str:
    """Name a test case after its module."""
    return str(path.relative_to(PACKAGE).with_suffix(""))


def test_every_module_has_a_ring() -> None:
    """A new module of the runtime is given its place here."""
    assert {path.stem for path in RUNTIME} - set(PLACES) == set()


@pytest.mark.parametrize("path", RUNTIME, ids=by_name)
def test_the_runtime_does_not_know_the_local_half(path: Path) -> None:
    """Nothing outside `local` imports it; the command line's entry point alone does, when it is called."""
    local = [found for found in imports(path) if ours(found.target) == "local"]

    if path.stem == "_command":
        local = [found for found in local if found.at_module_level]
    assert local == []


def points_inwards(importer: str, imported: str) -> bool:
    """Say whether *importer* may import *imported* at module level."""
    if importer in DEFERRED and COLD.get(imported) == ENTRY:
        return False
    return PLACES[imported] <= PLACES[importer]


@pytest.mark.parametrize("path", RUNTIME, ids=by_name)
def test_imports_point_inwards(path: Path) -> None:
    """At module level a module imports its own ring or one further in, and nothing beyond the boundary."""
    wrong = [
        found
        for found in imports(path)
        if found.at_module_level and (name := ours(found.target)) and not points_inwards(path.stem, name)
    ]

    assert wrong == []


def test_no_two_modules_need_each_other() -> None:
    """The imports at module level have an order."""
    graph = {
        path.stem: {
            name
            for found in imports(path)
            if found.at_module_level and (name := ours(found.target)) and name != "__init__"
        }
        for path in RUNTIME
    }

    assert len(list(TopologicalSorter(graph).static_order())) >= len(RUNTIME)


@pytest.mark.parametrize("path", RUNTIME, ids=by_name)
def test_the_runtime_imports_what_is_cheap(path: Path) -> None:
    """At module level the runtime imports two C modules and what the interpreter has loaded anyway."""
    allowed = CHEAP | LOADED.get(path.stem, set())
    costly = [
        found
        for found in imports(path)
        if found.at_module_level and ours(found.target) is None and found.target not in allowed
    ]

    assert costly == []


@pytest.mark.parametrize("path", EVERYTHING, ids=by_name)
def test_a_deferred_import_says_why(path: Path) -> None:
    """Every import inside a function carries its reason on the same line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    silent = [
        found
        for found in imports(path)
        if not found.at_module_level and not REASON.search(lines[found.line - 1])
    ]

    assert silent == []
