"""What the project says about itself is true."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

import rapid_client
from rapid_client import _command
from rapid_client.local.samples import sample_names

ROOT: Final = Path(__file__).parent.parent
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VARIABLES: Final = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")
VARIABLE: Final = re.compile(r"\bRAPID_[A-Z][A-Z_]*[A-Z]\b")
SOURCES: Final = [
    ROOT / "bootstrap",
    ROOT / "layer" / "rapid-wrapper",
    *sorted((ROOT / "rapid_client").rglob("*.py")),
]
PAGES: Final = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "layer" / "README.md",
]


def test_every_public_name_resolves() -> None:
    """Lazy exports exist and live in this package."""
    for name in rapid_client.__all__:
        value = getattr(rapid_client, name)
        assert isinstance(value, str) or value.__module__.startswith("rapid_client"), name


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The lazy lookup refuses what it does not know, by name."""
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = rapid_client.no_such_name


def test_one_version() -> None:
    """The package, the project file and the changelog agree."""
    assert PROJECT["project"]["version"] == rapid_client.__version__
    assert f"## [{rapid_client.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8") or (
        "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    )


def test_the_command_exists() -> None:
    """What the script entry names can be called."""
    module, _, name = PROJECT["project"]["scripts"]["rapid"].partition(":")

    assert callable(getattr(importlib.import_module(module), name))


def test_the_command_knows_its_extras() -> None:
    """What the command looks for is what the local half imports, and the extras bring it."""
    local = ROOT / "rapid_client" / "local"
    paths = {*local.rglob("*.py")}
    builders = {"_layer", "_package", "_target"}
    of_layer = {path for path in paths if path.relative_to(local).parts[0] in builders}

    assert _foreign(paths - of_layer) == {*_command.PACKAGES}
    # jsonschema validates, and pip is run: neither is imported.
    needed = {*_command.PACKAGES, *_command.LAYER_PACKAGES}
    assert _foreign(of_layer) | {"h11", "jsonschema", "pip"} == needed
    assert {*_command.PACKAGES} <= _brought("local")
    assert {*_command.PACKAGES, "cyclonedx-python-lib", "pyelftools", "packaging", "pip"} <= _brought("layer")


def test_the_package_is_typed() -> None:
    """Type checkers of those who use the package see its types."""
    assert (ROOT / "rapid_client" / "py.typed").is_file()


def test_every_switch_is_documented() -> None:
    """docs/environment.md explains every RAPID_ variable that the code reads, and no other."""
    used = {name for path in SOURCES for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}

    assert used == set(VARIABLE.findall(VARIABLES))


def test_make_targets_are_one_liners() -> None:
    """Every target of the Makefile is one command: what is longer is a script that can be read and run."""
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    recipes = [
        sum(1 for _ in _recipe(lines[start + 1 :]))
        for start, line in enumerate(lines)
        if re.match(r"[^\s#.][^=]*:(?!=)", line)
    ]

    assert recipes
    assert max(recipes) == 1


def test_the_asked_for_targets_exist() -> None:
    """The targets that the README and the contributors' page name are there."""
    named = {
        name
        for page in PAGES
        for name in re.findall(r"\bmake ([a-z-]+)\b(?=`| {2,}#)", page.read_text(encoding="utf-8"))
    }
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert {"demo", "test"} <= named
    assert {name for name in named if f"\n{name}:" not in makefile} == set()


def test_the_samples_that_pages_name_exist() -> None:
    """The sample events in the pages' commands come with the package."""
    named = {
        name
        for page in PAGES
        for name in re.findall(
            r"(?:rapid event|--event) ([a-z][\w-]*)(?![\w./-])", page.read_text(encoding="utf-8")
        )
    }

    assert {"s3"} <= named <= {*sample_names()}


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them: lower case, no punctuation, dashes."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^#+ (.+?)\s*$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file of the project."""
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))

    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_anchors_are_headings(page: Path) -> None:
    """Every relative link with an anchor names a heading of the page that it leads to."""
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)#([^)\s]+)\)", page.read_text(encoding="utf-8"))
    pages = [(page.parent / target if target else page, anchor) for target, anchor in links]

    assert [(str(path), anchor) for path, anchor in pages if anchor not in headings(path)] == []


def test_clean_removes_what_was_made_and_nothing_else(tmp_path: Path) -> None:
    """`make clean` leaves the sources, and the environments that it was not told of."""
    made = [
        "venv/x",
        ".benchmarks/x",
        "benchmarks/results/latest.json",
        "benchmarks/results/latest/x.svg",
        "rapid_client/__pycache__/x.pyc",
        ".coverage.1",
    ]
    kept = [
        "benchmarks/results/.gitignore",
        "benchmarks/results/published/run.json",
        "rapid_client/x.py",
        ".venv311/lib/__pycache__/x.pyc",
        "scripts/clean",
    ]
    for name in [*made, *kept]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    shutil.copy(ROOT / "scripts" / "clean", tmp_path / "scripts")
    subprocess.run([tmp_path / "scripts" / "clean", "venv"], check=True)

    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == {*kept}
    assert not (tmp_path / "rapid_client" / "__pycache__").exists()


def _foreign(paths: set[Path]) -> set[str]:
    """Return the packages of others that modules import at module level."""
    imported = {
        name.partition(".")[0]
        for path in paths
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        for name in _imported(node)
    }
    return imported - sys.stdlib_module_names - {"rapid_client"}


def _brought(extra: str) -> set[str]:
    """Return the names of what an extra brings."""
    return {re.split(r"[\[>;= ]", line)[0] for line in PROJECT["project"]["optional-dependencies"][extra]}


def _imported(node: ast.stmt) -> list[str]:
    """Return the names of the modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def _recipe(lines: list[str]) -> list[str]:
    """Return the recipe that *lines* begin with."""
    stop = next((index for index, line in enumerate(lines) if not line.startswith("\t")), len(lines))
    return lines[:stop]
