"""What the pages show is what the published run holds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from benchmarks.output.publish import BEGIN, END, PUBLISHED, RUN, NotPublished, between, parts, publish
from benchmarks.output.report import ROOT, load
from tests.benchmarks.made_up import made_up, without

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with the two pages."""
    for name in ("README.md", "docs/benchmarks.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"before\n{BEGIN}\nstale\n{END}\nafter\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("page", ["README.md", "docs/benchmarks.md"])
def test_a_page_agrees_with_the_published_run(page: str) -> None:
    """Nobody has changed a figure by hand, or published without committing all of it."""
    assert between(ROOT / page) == parts(load(ROOT / RUN))[page]


def test_the_readme_shows_plots_that_are_there() -> None:
    """Each picture has a file for a light and for a dark page; each file is valid, and shown."""
    shown = {*re.findall(r'(?:src|srcset)="([^"]+)"', between(ROOT / "README.md"))}

    assert shown == {f"{PUBLISHED}/{file.name}" for file in (ROOT / PUBLISHED).glob("*.svg")}
    assert len(shown) >= 2
    for name in shown:
        assert ET.parse(ROOT / name).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_publishing_writes_between_the_markers_alone(project: Path) -> None:
    """What stands around them stays, and what is between is what the JSON beside the plots says."""
    pytest.importorskip("matplotlib")
    result = without(made_up(), "go", "no Go toolchain")
    result.failed |= {"node: 16": "it ended", "node: instructions": "no way"}
    files = publish(result, project)
    readme = (project / "README.md").read_text(encoding="utf-8")

    assert readme.startswith(
        f"before\n{BEGIN}\n`make bench` on A Processor, 2 cores, CPython 3.13.0, 2026-11-21"
    )
    assert readme.endswith(f"\n{END}\nafter\n")
    assert "stale" not in readme
    assert "* go is absent: no Go toolchain" in readme
    assert "* node: 16 failed: it ended" in readme
    assert "node: instructions" not in readme  # the README does not show them
    assert "* node: instructions failed: no way" in (project / "docs" / "benchmarks.md").read_text("utf-8")
    assert "| C floor | 10.0 | 110 | 14.0 | 14.0 | 30.0 | 20.0 | 9.00 |" in readme
    assert re.search(
        r"\n\d+ of \d+ targets are met: \[all figures and targets\]\(docs/benchmarks\.md\)", readme
    )
    assert {file.relative_to(project) for file in files} == {
        file.relative_to(project) for file in project.rglob("*") if file.is_file()
    }
    for page, part in parts(load(project / RUN)).items():
        assert between(project / page) == part


def test_publishing_again_changes_nothing_and_leaves_no_old_plot(project: Path) -> None:
    """The same run gives the same bytes; a plot that a run has no figures for goes."""
    pytest.importorskip("matplotlib")
    first = {file: file.read_bytes() for file in publish(made_up(), project)}
    assert {file: file.read_bytes() for file in publish(made_up(), project)} == first

    result = made_up()
    del result.values["peak"], result.values["steady"]
    publish(result, project)
    assert not [*project.rglob("memory-*.svg")]
    assert "memory-" not in (project / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("quick", True, "this run was quick: publish one of `make bench`"),
        ("complete", False, "this run was interrupted"),
        ("partial", True, "this run was of some measures, clients or rounds"),
        ("values", {}, "this run was empty"),
    ],
)
def test_half_a_run_is_not_published(project: Path, field: str, value: object, message: str) -> None:
    """Nothing is written of a run that must not be shown."""
    result = made_up()
    setattr(result, field, value)

    with pytest.raises(NotPublished, match=message):
        publish(result, project)
    assert not (project / PUBLISHED).exists()


@pytest.mark.parametrize(
    "text", ["", BEGIN, f"{END}\n{BEGIN}\n", f"{BEGIN}\n{END}\n" * 2, f"{BEGIN}\n" * 2 + END]
)
def test_a_page_without_a_place_is_refused_before_anything_is_written(project: Path, text: str) -> None:
    """Markers that are missing, turned round or there twice are named with the page."""
    pytest.importorskip("matplotlib")
    (project / "docs" / "benchmarks.md").write_text(text, encoding="utf-8")

    with pytest.raises(NotPublished, match=r"docs/benchmarks\.md needs the lines"):
        publish(made_up(), project)
    assert not (project / PUBLISHED).exists()
    assert "stale" in (project / "README.md").read_text(encoding="utf-8")
