"""The corpus is whole and pinned; what the benchmark of cold starts makes of times; what it refuses."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.clean_room import Machine
from benchmarks.cold_start import __main__ as command
from benchmarks.cold_start import measure as measuring
from benchmarks.cold_start import packaging, report, variants
from benchmarks.cold_start.corpus import CORPUS, Function, NotThere, functions
from benchmarks.cold_start.measure import Bench
from benchmarks.cold_start.packaging import Packaged
from benchmarks.cold_start.trees import packaged_tree
from benchmarks.cold_start.variants import Variant
from benchmarks.peers import PEERS
from benchmarks.server import Server

if TYPE_CHECKING:
    from pathlib import Path

PINNED = re.compile(r"^[\w.-]+==[\w.]+$")
THEIRS, OURS = variants.THEIRS_VALID, variants.OURS_PACKAGED
BODY = "def handler(event, context):\n    return {}\n"


def test_the_corpus_has_what_people_use() -> None:
    """At least thirty functions, each in a folder that holds all it needs."""
    assert len(functions()) >= 30
    assert {each.name for each in CORPUS.iterdir() if each.is_dir()} == {each.name for each in functions()}


@pytest.mark.parametrize("function", functions(), ids=lambda each: each.name)
def test_a_function_is_pinned_and_has_events(function: Function) -> None:
    """Requirements are comments and single versions, events are JSON, links lead into the corpus."""
    lines = function.requirements.read_text().splitlines()
    assert [line for line in lines if not line.startswith("#") and not PINNED.match(line)] == []
    assert function.events("events")
    for event in function.events().values():
        json.loads(event)
    for path in function.folder.rglob("*"):
        assert path.exists()
        assert path.resolve().is_relative_to(CORPUS)


def test_notes_say_what_does_not_run() -> None:
    """One function has no wheel for 3.15, with the reason; one fails at its start."""
    (orjson,) = functions(["orjson_dump"])
    assert "no wheel" in orjson.hindrance("3.15")
    assert not orjson.hindrance("3.13")
    assert [each.name for each in functions() if each.fails] == ["missing"]


def test_the_cold_call_comes_first() -> None:
    """The events of rare/ come after those of events/, and can be kept from a packager."""
    (shop,) = functions(["shop"])
    assert next(iter(shop.events())) == "events/save.json"
    assert len(shop.events()) == 6
    assert list(shop.events("events")) == ["events/save.json"]


def test_sums_are_over_what_both_can_run() -> None:
    """A function that one of two variants does not run counts for neither."""
    times = {"a": {THEIRS: [100.0, 110.0, 90.0], OURS: [50.0, 50.0, 80.0]}, "b": {THEIRS: [1000.0]}}
    assert report.ratio(times, OURS, THEIRS) == 0.5
    assert report.ratio(times, OURS, THEIRS, "b") is None


def test_targets_of_what_was_measured() -> None:
    """Each target that can be judged is; a lazy variant has targets of its own; a wrong answer misses one."""
    lazy = "ours, lazy, Python 3.15"
    times = {name: {THEIRS: [100.0], OURS: [96.0], lazy: [60.0]} for name in ("shop", "boto3_s3")}
    found = {
        (one.figure, one.value, one.limit, one.met)
        for one in report.targets({"times, ms": times, "differs": ["one"], "size": None})
    }
    assert found == {
        (f"2 functions: {OURS} / {THEIRS}", 0.96, 0.95, False),
        (f"2 functions: {lazy} / {THEIRS}", 0.6, 0.68, True),
        (f"shop: {lazy} / {THEIRS}", 0.6, 0.45, False),
        ("answers that differ", 1, 0, False),
    }


def test_tables_name_machine_versions_and_runs() -> None:
    """Sums, a row for each function, and in what circumstances; what was not measured has its reason."""
    result = {
        "machine": {"cpu": "a processor", "cores": 2},
        "versions": {"python": "3.13.0", "awslambdaric": "4.2.2"},
        "load": 0.1,
        "rounds": 3,
        "times, ms": {"a": {THEIRS: [100.0], OURS: [50.0]}, "b": {THEIRS: [100.0]}},
        "cpu, ms": {"a": {THEIRS: [80.0], OURS: [20.0]}},
        "absent": {"b": {OURS: "no wheel"}},
        "differs": [],
        "size": {
            "function": "f",
            "options": "--small",
            "pip": {"zipped": 4_000_000, "unpacked": 10_000_000},
            "packaged": {"zipped": 1_000_000, "unpacked": 5_000_000},
        },
    }
    lines = list(report.tables(result))
    assert f"| {THEIRS} | 2 | 200 | 1.000 | 1.000 |" in lines
    assert f"| {OURS} | 1 | 50 | 0.500 | 0.250 |" in lines
    assert "| a | 100 ± 0 % | 0.50 |" in lines
    assert "| b | 100 ± 0 % | - |" in lines
    assert "| `rapid package --small` | 1.0 (0.25 x) | 5.0 (0.50 x) |" in lines
    found = {(one.figure, one.value) for one in report.targets(result)}
    assert ("f, --small: zipped size", 0.25) in found
    assert "medians of 3 fresh processes" in lines[-2]
    assert lines[-1] == f"Not measured: b, {OURS}: no wheel."


def test_a_wrong_answer_and_a_failure_are_told(tmp_path: Path) -> None:
    """Who answers otherwise than the first variant, or not at all, is named; only who answers is timed."""
    folder = tmp_path / "f"
    (folder / "events").mkdir(parents=True)
    (folder / "rare").mkdir()
    (folder / "requirements.txt").write_text("")
    (folder / "events" / "a.json").write_text("1")
    (folder / "rare" / "b.json").write_text("2")
    machine = Machine(sys.executable, {})
    module = next(peer for peer in PEERS if peer.name == "module")

    def variant(name: str, result: str) -> Variant:
        tree = tmp_path / name
        tree.mkdir()
        (tree / "app.py").write_text(f"def handler(event, context):\n    return {result}\n")
        command = module.command(machine, "app.handler")
        return Variant(name, lambda _function: tree, command, "3.13", module, module.environ, packaged=True)

    there = [variant("one", "event"), variant("other", "min(event, 1)"), variant("broken", "1 / 0")]
    with Server() as server:
        bench = Bench(server, machine)
        result = measuring.measure(bench, [Function(folder)], there, 2, lambda _line: None)
    wrong, failure = result.differs
    assert wrong == "f, rare/b.json, other: 1, not 2"
    assert failure.startswith("f, events/a.json, broken: ")
    assert {name: len(each) for name, each in result.times["f"].items()} == {"one": 2, "other": 2}
    assert {name: len(each) for name, each in result.cpu["f"].items()} == {"one": 2, "other": 2}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "nothing"], "'nothing' is none of the functions"),
        (["--also", "lazy=x"], "it must be NAME@PYTHON=FOLDER"),
        (["--also", "lazy@3.13=/nowhere"], "FOLDER must be there"),
        (["--python", "/nowhere/python"], "/nowhere/python does not run"),
    ],
)
def test_refusals(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line and exit code 2."""
    assert command.main(arguments) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_refusals_of_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the parser sees is said before anything is made."""
    for arguments in (["--rounds", "0"], ["--layer", str(tmp_path)]):
        with pytest.raises(SystemExit) as caught:
            command.main(arguments)
        assert caught.value.code == 2
        assert arguments[0] in capsys.readouterr().err


def test_packages_are_folders_or_zip_files(tmp_path: Path) -> None:
    """A folder is taken as it is; where there is neither, that is said."""
    (function,) = functions(["optional"])
    with pytest.raises(NotThere, match=r"optional\.zip cannot be unpacked"):
        packaged_tree(tmp_path, function, tmp_path / "scratch")
    (tmp_path / "optional").mkdir()
    assert packaged_tree(tmp_path, function, tmp_path / "scratch") == tmp_path / "optional"


def test_options_after_two_dashes_are_the_packagers(tmp_path: Path) -> None:
    """Whatever they look like."""
    options = packaging.parse(["shop", "--out", str(tmp_path), "--", "--lazy", "--python", "x"])
    assert (options.names, options.python, options.more) == (["shop"], "3.13", ["--lazy", "--python", "x"])


def test_what_is_said_of_a_package() -> None:
    """How many answers are the same, and which prove nothing; what was left out is no failure."""
    events = [{"event": "a", "same": True}, {"event": "b", "same": None}]
    found = Packaged("f", {"trial": {"events": events}, "zip": {"size": 1234}})
    assert packaging.line(found) == "f: 1 the same, fail in the original: b, 1,234 bytes"
    assert [packaging.failed(Packaged("f", problem=text)) for text in ("left out: no wheel", "it broke")] == [
        False,
        True,
    ]
