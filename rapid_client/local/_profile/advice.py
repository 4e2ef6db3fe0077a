"""What to do about a cold start, in plain sentences, with what it would save."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rapid_client.local._share import SIZES, in_call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rapid_client.local._profile.model import Import, Profile

#: Less than this many milliseconds is not worth a sentence.
WORTH: Final = 1.0
#: Module-level code that takes longer is named: a line of it, or where lines are unknown, all of it.
SLOW_LINE: Final = 5.0
SLOW: Final = 20.0


@dataclass(frozen=True, slots=True)
class Advice:
    """A sentence and its figures.

    Attributes:
        text: What to do.
        init_ms: What it saves in each cold start's init.
        call_ms: What a first call pays in addition, by memory size in MB, if it needs what was deferred.
    """

    text: str
    init_ms: float
    call_ms: dict[int, float]


def advise(profile: Profile) -> list[Advice]:
    """Return the advice, what saves most first."""
    if profile.error is not None:
        return []
    found = [*_bytecode(profile), *_unused(profile)]
    found += _slow(profile) if profile.lines is None else _slow_lines(profile)
    return sorted((item for item in found if item.init_ms >= WORTH), key=lambda item: -item.init_ms)


def _in_calls(ms: float) -> dict[int, float]:
    """Return what *ms* of work take within a call, by memory size."""
    return {size: round(in_call(ms, size), 1) for size in SIZES}


def _bytecode(profile: Profile) -> Iterator[Advice]:
    for state, remedy in (
        ("missing", "ship valid .pyc: `rapid package` makes them"),
        ("stale", "ship valid .pyc (`rapid package` makes them), or set RAPID_TRUST_PYC=1"),
    ):
        hit = [item for item in profile.imports if item.when == "init" and item.pyc == state]
        if hit:
            saved = sum(item.compile_ms for item in hit)
            modules = f"{len(hit)} modules have" if len(hit) > 1 else f"{hit[0].name} has"
            verb = "no" if state == "missing" else "a stale"
            yield Advice(
                f"{modules} {verb} .pyc and must be compiled in each cold start: {remedy}.",
                round(saved, 1),
                {},
            )


def _unused(profile: Profile) -> Iterator[Advice]:
    """Imports of the handler's module that neither its top-level code nor the events touch."""
    top = next((index for index, item in enumerate(profile.imports) if item.when == "init"), None)
    if top is None:
        return
    within = [profile.imports[index] for index in profile.children(top)]
    candidates = [item for item in within if item.used is False and _whole_unused(profile, item)]
    for file in {item.file for item in candidates}:
        names = _untouched(Path(file), {line for path, line in profile.ran if path == file})
        for item in candidates:
            if item.file == file and item.name in names.get(item.line, ()):
                text = (
                    f"{item.name} ({Path(file).name}:{item.line}) ran no code during the events: unless its"
                    " import does something that you need, import it inside the function that needs it, or"
                    " drop it."
                )
                yield Advice(text, item.total_ms, _in_calls(item.total_ms))


def _whole_unused(profile: Profile, item: Import) -> bool:
    """Whether the top package, too, is unused: `import a.b` binds ``a``."""
    root = item.name.partition(".")[0]
    return all(other.used is False for other in profile.imports if other.name == root)


def _untouched(file: Path, ran: set[int]) -> dict[int, set[str]]:
    """Return, by line, the modules of top-level imports whose names no code reads that has run.

    Code that has run is the module's own, class bodies included, and the functions whose first lines are in
    *ran*. An import in a block of any kind is left alone: it is there for a reason.
    """
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    read = set(_read(tree, ran))
    found: dict[int, set[str]] = {}
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)) and not _bound(node) & (read | {"*"}):
            names = (
                {alias.name for alias in node.names} if isinstance(node, ast.Import) else {node.module or ""}
            )
            roots = {name[:place] for name in names for place in _dots(name)}
            found[node.lineno] = names | roots
    return found


def _dots(name: str) -> list[int]:
    return [place for place, letter in enumerate(name) if letter == "."]


def _bound(node: ast.Import | ast.ImportFrom) -> set[str]:
    return {alias.asname or alias.name.partition(".")[0] for alias in node.names}


def _read(node: ast.AST, ran: set[int]) -> Iterator[str]:
    """Yield the names that are read in code that has run; decorators and defaults run with the module."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring may say what it likes
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
        yield node.id
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from node.value.replace(".", " ").replace("[", " ").replace("]", " ").split()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) and not _has_run(child, ran):
            for part in (*child.decorator_list, child.args, child.returns):
                if part is not None:
                    yield from _read(part, ran)
        else:
            yield from _read(child, ran)


def _has_run(node: ast.FunctionDef | ast.AsyncFunctionDef, ran: set[int]) -> bool:
    return bool({node.lineno, *(decorator.lineno for decorator in node.decorator_list)} & ran)


def _slow_lines(profile: Profile) -> Iterator[Advice]:
    """Slow lines of the handler's module whose results no code reads that has run; what is used stays."""
    top = next((index for index, item in enumerate(profile.imports) if item.when == "init"), None)
    for line in profile.lines or ():
        if line.parent != top or line.own_ms < SLOW_LINE:
            continue
        names = _assigned(Path(line.file), line.line, {at for path, at in profile.ran if path == line.file})
        if names:
            text = (
                f"{Path(line.file).name}:{line.line} `{line.text}` takes {line.total_ms:.0f} ms at import,"
                f" and nothing that the events ran reads {' or '.join(sorted(names))}: make it when it is"
                " first needed."
            )
            yield Advice(text, line.total_ms, _in_calls(line.total_ms))


def _assigned(file: Path, line: int, ran: set[int]) -> set[str]:
    """Return the names that the assignment at *line* binds; none where one is read."""
    if not ran:  # what the events use is unknown
        return set()
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    here = [node for node in tree.body if node.lineno <= line <= (node.end_lineno or node.lineno)]
    if len(here) != 1 or not isinstance(here[0], (ast.Assign, ast.AnnAssign)):
        return set()
    targets = here[0].targets if isinstance(here[0], ast.Assign) else [here[0].target]
    names = {target.id for target in targets if isinstance(target, ast.Name)}
    plain = all(isinstance(target, ast.Name) for target in targets)
    return names if plain and not names & set(_read(tree, ran)) else set()


def _slow(profile: Profile) -> Iterator[Advice]:
    for item in profile.imports:
        mine = (
            item.name.partition(".")[0] in profile.own
        )  # a library's own code is not for its user to change
        if mine and item.when == "init" and item.body_ms >= SLOW:
            text = (
                f"The module-level code of {item.name} takes {item.body_ms:.0f} ms without its imports: look"
                " for clients, connections and tables built there, and build what the events do not use"
                " on demand."
            )
            yield Advice(text, item.body_ms, _in_calls(item.body_ms))
