"""What runs say about a function's imports, on made-up functions; and the list that comes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from rapid_client.local._package.lazy import Finder, Laziness, count_lazy, write_list
from rapid_client.local._target.errors import BuildError
from rapid_client.local.function import InvokeResult

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rapid_client.local._package.lazy_search import Edge

APP, SHOP, LATE, ODD = ("app", "used"), ("app", "shop"), ("shop", "late"), ("odd", "inside")


@dataclass
class Made:
    """A made-up function: it uses APP; what it answers while ODD is lazy is *odd*; LATE loads unless *fails*.

    Attributes:
        answers: What it answers to the runs one after the other, the last for all further ones.
        status: How they end.
        fails: What LATE raises.
        complete: Whether what is left is loaded to the end.
    """

    answers: list[Any] = field(default_factory=lambda: [{"n": 1}])
    status: Any = "response"
    odd: Any = "odd"
    fails: str | None = None
    complete: bool = True
    runs: int = 0

    def start(
        self, _event: bytes, edges: Iterable[Edge] | None, _alone: bool
    ) -> tuple[InvokeResult, dict[str, Any]]:
        """Run it once."""
        lazy = set(edges or ())
        value = self.answers[min(self.runs, len(self.answers) - 1)]
        self.runs += 1
        payload = json.dumps(self.odd if ODD in lazy else value).encode()
        result = InvokeResult(
            status=self.status, request_id="r", payload=payload, memory_size_mb=128, log=b""
        )
        left = sorted(lazy & {SHOP, LATE, ODD})
        recording = {
            "asked": [APP, SHOP, LATE, ODD, ("app", "effect"), ("shop", "effect")],
            "unfit": [("app", "effect", "why"), ("shop", "effect", "")],
            "used": sorted(lazy & {APP}),
            "left": left,
            "failed": [(*LATE, self.fails)] if self.fails and LATE in lazy else [],
            "ms": [(*edge, 2.0) for edge in left],
            "complete": self.complete,
        }
        return result, recording

    def find(self, *events: str) -> Laziness:
        """Look for what can be lazy."""
        return Finder(self.start, dict.fromkeys(events or ("e",), b"{}")).find()


def test_what_is_kept_and_why_the_rest_is_not() -> None:
    """What is used stays eager without a word; what breaks an answer or does not load is named."""
    made = Made(fails="ImportError: no")
    found = made.find()

    assert [(edge.importer, edge.target, edge.ms) for edge in found.edges] == [(*SHOP, 2.0)]
    assert found.edges[0].missed_ms == pytest.approx(2.0 * 1769 / 128)
    assert found.eager == {
        ("app", "effect"): "why",
        LATE: "ImportError: no",
        ODD: 'e: $: {"n": 1} became "odd"',
    }
    assert (found.problem, found.varies, found.starts) == (None, {}, made.runs)
    lines = list(found.lines())
    assert lines[0] == f"lazy: 1 imports that no event uses, 2.0 ms of init; {made.runs} starts to find them"
    assert lines[-1] == "  shop imports late: not used, and not lazy: ImportError: no"
    assert found.to_dict()["edges"][0]["missed_ms_at_128_mb"] == 27.6


def test_what_varies_is_masked() -> None:
    """A value that is another in each eager run is named, and may be another in the lazy one."""
    made = Made(answers=[{"n": 1, "id": number} for number in range(99)], odd={"n": 1, "id": 777})
    found = made.find()

    assert found.varies == {"e": ["$.id"]}
    assert {(edge.importer, edge.target) for edge in found.edges} == {SHOP, LATE, ODD}
    assert "  e: varies when all is eager, and was not compared: $.id" in list(found.lines())


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (
            Made(answers=[[1], [1, 2]]),
            "e: the eager function's answers vary beyond values: $: [1] became [1, 2]",
        ),
        (
            Made(status="error"),
            "no event succeeds, and what fails does not show which imports it would have used",
        ),
    ],
)
def test_why_nothing_is_lazy(made: Made, why: str) -> None:
    """The report says so, and nothing is tried."""
    found = made.find()

    assert (found.problem, found.edges, made.runs) == (why, [], 4)
    assert list(found.lines())[-1] == f"nothing is lazy: {why}"


def test_what_cannot_be_loaded_to_the_end() -> None:
    """A process that ends while what is left is loaded proves nothing lazy."""
    found = Made(complete=False).find()

    assert found.edges == []
    why = "e: what is lazy cannot be loaded afterwards: the process ends, or takes too long"
    assert {found.eager[edge] for edge in (SHOP, LATE)} == {why}


def test_what_varies_seldom_is_masked_by_a_later_eager_run() -> None:
    """A difference is looked at twice: the value that the fourth eager run has, too, is no difference."""
    made = Made(answers=[{"n": 1}] * 4 + [{"n": 2}] * 99, odd={"n": 2})

    assert {(edge.importer, edge.target) for edge in made.find().edges} == {SHOP, LATE, ODD}


def test_an_eager_failure_excuses_no_lazy_one() -> None:
    """A function that fails now and then when all is eager proves nothing, however late that shows."""
    made = Made(answers=[{"n": 1}] * 4 + ["failed"] * 99, odd="failed")
    found = made.find()

    assert (
        found.problem
        == """e: the eager function's answers vary beyond values: $: {"n": 1} became "failed\""""
    )
    assert found.edges == []


def test_how_often_it_is_started() -> None:
    """What is announced holds."""
    made = Made(odd="odd")
    found = made.find("a", "b")
    least, most = count_lazy(2)

    assert least <= found.starts <= most


def test_the_list(tmp_path: Path) -> None:
    """It has the versions of all packages, with or without a RECORD, by the names in their metadata."""
    (tmp_path / "Some_Shop-1.2.dist-info").mkdir()
    (tmp_path / "Some_Shop-1.2.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: Some.Shop\n")
    (tmp_path / "bare-3.dist-info").mkdir()
    found = Made().find()
    write_list(tmp_path, "3.15", found.edges)

    assert json.loads((tmp_path / "rapid-lazy.json").read_text()) == {
        "schema": 1,
        "python": "3.15",
        "distributions": {"Some.Shop": "1.2", "bare": "3"},
        "edges": {"app": ["shop"], "shop": ["late"]},
    }
    with pytest.raises(BuildError, match=r"^rapid-lazy\.json is in the source already"):
        write_list(tmp_path, "3.15", found.edges)
