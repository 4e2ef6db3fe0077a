"""Two runs compared: each client against how all have changed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.output.repeat import Pair, as_markdown, pairs
from benchmarks.output.report import ROOT, save
from tests.benchmarks.made_up import made_up, of

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.output.report import Result


def compared(figure: str, one: dict[str, float], other: dict[str, float]) -> list[Pair]:
    """Compare two runs with one figure."""
    return pairs(of(figure, **one), of(figure, **other))


def test_a_machine_that_is_twice_as_fast_changes_no_ratio() -> None:
    """Only how a client's figure changes against those of all is compared."""
    found = compared("cpu/16", {"go": 60.0, "floor_c": 15.0}, {"go": 30.0, "floor_c": 7.5})

    assert [(pair.drift, pair.apart, pair.differs) for pair in found] == [(0.5, 0.0, False)] * 2


@pytest.mark.parametrize(
    ("figure", "limit"),
    [
        ("cpu/16", 0.03),
        ("cpu/apigw", 0.10),
        ("cpu/16@unpinned", 0.10),
        ("p50/16", 0.10),
        ("first-response", 0.10),
        ("first-response@128", 0.10),
        ("peak", 0.10),
    ],
)
def test_a_ratio_differs_above_its_limit_in_either_direction(figure: str, limit: float) -> None:
    """What is just within agrees, what is just outside does not, whichever run is the slower one."""
    for factor, differs in ((1 + limit - 0.001, False), (1 + limit + 0.001, True)):
        fast, slow = ({"go": 10.0 * f, "floor_c": 10.0, "floor_python": 10.0} for f in (1.0, factor))

        assert [p.differs for p in compared(figure, fast, slow) if p.peer == "go"] == [differs]
        assert [p.differs for p in compared(figure, slow, fast) if p.peer == "go"] == [differs]


def test_one_client_that_changes_does_not_make_the_others_differ() -> None:
    """All are compared with the change in the middle, not with one which may have changed itself."""
    one = {"go": 10.0, "rust": 20.0, "node": 30.0, "floor_c": 1.0}
    found = compared("p50/5mb", one, {**one, "floor_c": 2.0})

    assert {pair.peer: pair.differs for pair in found} == {
        "go": False,
        "rust": False,
        "node": False,
        "floor-c": True,
    }


@pytest.mark.parametrize("figure", ["p99/16", "p999/16", "p99/16@unpinned"])
def test_tails_carry_their_spread_and_are_not_judged(figure: str) -> None:
    """A tail that is ten times as long in one run is shown with its spread, and is no difference."""
    same = {"floor_c": 1.0, "floor_python": 1.0}
    one, other = of(figure, go=10.0, **same), of(figure, go=100.0, **same)
    other.add("go", {figure: 300.0})
    found = pairs(one, other)

    assert {(pair.limit, pair.differs) for pair in found} == {(None, False)}
    assert "| 10.0 ± 0.0 % | 200 ± 25.0 % | x 1.000 | 1900.0 % | - |  |" in as_markdown(found)


def test_an_unsteady_figure_is_not_judged_either() -> None:
    """Where the rounds of a run have no middle to speak of, they are shown with their spread."""
    same = {"rust": 1.0, "node": 1.0}
    one, other = of("first-next@128", go=1.0, **same), of("first-next@128", go=1.0, **same)
    for value in (1.0, 3.0, 3.0):
        other.add("go", {"first-next@128": value})
    found = {pair.peer: pair for pair in pairs(one, other)}

    assert (found["go"].limit, found["go"].differs, found["rust"].limit) == (None, False, 0.10)
    assert "and 1 figures whose rounds spread by more than 25 %" in as_markdown(list(found.values()))


def test_what_only_one_run_has_is_left_out() -> None:
    """A figure or a peer that is missing in one of them is no difference, nor is one peer alone a ratio."""
    assert compared(
        "peak", {"go": 1.0, "node": 1.0, "floor_c": 1.0}, {"go": 1.0, "floor_c": 1.0}
    ) == compared("peak", {"go": 1.0, "floor_c": 1.0}, {"go": 1.0, "node": 5.0, "floor_c": 1.0})
    assert pairs(of("peak", go=1.0, floor_c=1.0), of("steady", go=1.0, floor_c=1.0)) == []
    assert compared("peak", {"go": 1.0}, {"go": 5.0}) == []


def test_differences_come_first_and_are_summed_up() -> None:
    """The table begins with what differs; the last line counts it and names the worst."""
    floors = {"floor_c": 10.0, "floor_python": 10.0}
    text = as_markdown(
        compared("peak", {"go": 10.0, "node": 10.0, **floors}, {"go": 10.1, "node": 20.0, **floors})
    )

    assert text.splitlines()[2].startswith("| peak memory after 10,000 invocations, node | 10.0 ± 0.0 %")
    assert text.splitlines()[2].endswith("| **differs** |")
    assert text.splitlines()[3].endswith("| same |")
    assert text.splitlines()[-1].startswith(
        "1 of 4 ratios differ; they are 0.5 % apart in the middle, at most 99.0 %"
    )


@pytest.mark.parametrize(
    ("other", "code", "word"),
    [
        (made_up(), 0, "0 of "),
        (made_up(1.2), 1, "**differs**"),
        (of("peak", node=1.0), 1, "no figure in common"),
    ],
    ids=["same", "different", "strangers"],
)
def test_the_exit_code_says_whether_two_runs_agree(
    tmp_path: Path, other: Result, code: int, word: str
) -> None:
    """0 for agreement; 1 for a difference, and for runs that cannot be compared."""
    save(made_up(), tmp_path / "a.json")
    save(other, tmp_path / "b.json")
    argv = [sys.executable, "-m", "benchmarks", "repeat", str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (code, "")
    assert word in done.stdout
