"""What a run leaves: JSON that holds all of it, and tables that hide nobody."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from benchmarks.measures import MEASURES
from benchmarks.output.figures import OFS, WHATS, WHERES, UnknownFigure, describe
from benchmarks.output.report import NoResult, Result, as_json, commit, from_json, load, save, spread
from benchmarks.output.tables import as_markdown, full_tables, short_table
from benchmarks.output.targets import judge
from tests.benchmarks.made_up import made_up, of, without

if TYPE_CHECKING:
    from pathlib import Path


# Figures...


def test_every_figure_that_is_measured_has_a_title() -> None:
    """No measure yields a name that the tables do not know."""
    names = [name for measure in MEASURES for name in measure.figures]

    assert names
    assert [describe(name).name for name in names] == names


@pytest.mark.parametrize("name", ["luck", "cpu/luck", "cpu/16@home"])
def test_an_unknown_figure_is_refused_by_name(name: str) -> None:
    """What, event and place are each checked."""
    with pytest.raises(UnknownFigure, match=f"'{name}' is no figure"):
        Result({}).add("bootstrap", {name: 1.0})


def test_a_title_says_what_of_what_and_where() -> None:
    """The parts of the name are words in the title, and the unit stands apart."""
    figure = describe("p999/apigw@unpinned")

    assert (figure.title, figure.unit) == ("p99.9, API Gateway event, 3.1 KB, on cores of their own", "µs")


def test_titles_differ_where_names_do() -> None:
    """Two figures never look the same in a table."""
    names = [
        f"{what}{'/' * bool(of)}{of}{'@' * bool(where)}{where}"
        for what in WHATS
        for of in OFS
        for where in WHERES
    ]

    assert len({describe(name).title for name in names}) == len(names)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("size", 0.0034, "0.003"),
        ("cpu/16", 0.944, "0.94"),
        ("cpu/16", 9.994, "9.99"),
        ("cpu/16", 9.996, "10.0"),
        ("cpu/16", 99.94, "99.9"),
        ("cpu/16", 99.96, "100"),
        ("instructions", 1234567.0, "1,234,567"),
        ("modules", 14.0, "14"),
    ],
)
def test_a_value_is_written_with_three_digits_and_a_count_as_it_is(
    name: str, value: float, text: str
) -> None:
    """Rounding up does not add a fourth digit."""
    assert describe(name).write(value) == text


# JSON...


def test_json_round_trips() -> None:
    """A run that is written and read again is the same, and so is its JSON."""
    result = without(made_up(), "go", "no Go toolchain")
    result.failed["node: memory"] = "it ended: [2,  3]"
    result.note("callgrind is not there")
    result.modules["bootstrap"] = ["_socket"]
    result.layer = {"bytecode": 1, "with_sources": 2}
    again = from_json(as_json(result))

    assert again == result
    assert as_json(again) == as_json(result)


def test_json_holds_every_round_machine_versions_and_date() -> None:
    """All that is asked for is there under its name; rounds of one process are one line."""
    text = as_json(made_up())
    whole = json.loads(text)

    assert whole["figures"]["cpu/16"]["peers"]["go"]["rounds"] == [13.72, 14.0, 14.56]
    assert whole["figures"]["cpu/16"]["peers"]["go"]["median"] == 14.0
    assert whole["figures"]["cpu/16"]["unit"] == "µs"
    assert whole["machine"]["cpu"] == "A Processor"
    assert whole["versions"]["awslambdaric"] == "4.2.2"
    assert whole["clients"]["go"] == "aws-lambda-go v1.55.1, go1.26.8"
    assert whole["date"] == "2026-11-21T10:00:00+00:00"
    assert whole["commit"].startswith("0123456789abcdef")
    assert '"rounds": [ 13.72, 14.0, 14.56 ]\n' in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"titles": {}}',
        '{"titles": {}, "figures": {"luck": {"peers": {"go": {"rounds": [1]}}}}}',
    ],
)
def test_what_is_no_result_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    """Broken JSON, other JSON and unknown figures are one error that names the file."""
    file = tmp_path / "other.json"
    file.write_text(text)

    with pytest.raises(NoResult, match=r"other\.json: it is not the JSON of a run"):
        load(file)


def test_saving_replaces_and_leaves_no_other_file(tmp_path: Path) -> None:
    """The folder is made, and what stood there is replaced as a whole."""
    file = tmp_path / "new" / "run.json"
    save(made_up(), file)
    save(of("peak", go=1.0), file)

    assert load(file) == of("peak", go=1.0)
    assert [*file.parent.iterdir()] == [file]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_says_whether_files_differ(tmp_path: Path) -> None:
    """A clean tree is its commit, a changed one is marked, a folder without a checkout is nothing."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=A", "-c", "user.email=a@b.c"]
    assert commit(tmp_path) == ""
    (tmp_path / "file").write_text("1")
    for arguments in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *arguments], check=True)
    head = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()

    assert commit(tmp_path) == head
    (tmp_path / "file").write_text("2")
    assert commit(tmp_path) == f"{head}-dirty"


def test_spread_is_half_the_distance_between_the_quartiles() -> None:
    """One round has no spread; five have what their middle three say."""
    assert spread([10.0]) == 0
    assert spread([8.0, 9.0, 10.0, 11.0, 99.0]) == pytest.approx(0.1)


# Tables...


def test_an_absent_peer_keeps_its_row_and_its_reason() -> None:
    """Who could not be started or measured is in every table, and the reason below them, in a line."""
    result = without(made_up(), "go", "no Go toolchain")
    result.values["peak"].pop("node")
    result.failed["node: memory"] = "silent | <b>\nfor " + "30 s, " * 100
    text = as_markdown(result)

    assert "* node: memory failed: silent &#124; &lt;b> for 30 s, 30 s" in text
    assert max(len(line) for line in text.splitlines() if line.startswith("* ")) < 200
    assert "| Node.js | failed | 8.00 ± 1.5 % |" in text
    assert "| Go | absent | absent | absent | absent | absent | absent | absent |" in short_table(result)
    assert full_tables(result).count("| Go | absent | absent |") == 2  # start-up, memory
    assert "* go is absent: no Go toolchain" in text


def test_every_figure_and_every_peer_is_in_the_full_tables() -> None:
    """Each median stands in a row with its spread; the rows keep the peers' order."""
    result = made_up()
    result.add("floor-c", {"cpu/sqs-100": 23.4})
    lines = full_tables(result)
    start = lines.index("**Start-up**")

    assert [line.split(" | ")[0][2:] for line in lines[start + 4 : start + 15]] == [*result.titles.values()]
    assert "| Go | 10.0 ± 1.5 % | 110 ± 1.5 % |" in lines
    assert "| Go | 14.0 ± 1.5 % | 14.0 ± 1.5 % | 30.0 ± 1.5 % | 60.0 ± 1.5 % |" in lines
    assert lines.count("| C floor | 23.4 |") == 1
    assert "| Go | 23.4 |" not in lines


def test_a_peer_that_a_measure_is_not_for_has_no_row() -> None:
    """Only who has a figure of a table, or is absent, is in it."""
    result = made_up()
    result.add("bootstrap", {"first-response/imports": 300.0})
    lines = full_tables(result)
    start = lines.index("**Start-up of functions that import libraries**")

    assert lines[start + 4 : start + 6] == ["| us, `./bootstrap` | 300 |", ""]


def test_the_short_table_has_medians_and_ours_in_bold() -> None:
    """A missing figure is a dash, not bold."""
    result = made_up()
    del result.values["peak"]["bootstrap"]

    assert (
        "| **us, `./bootstrap`** | **10.0** | **110** | **14.0** | **14.0** | **30.0** | **20.0** | - |"
        in short_table(result)
    )
    assert "| Go | 10.0 | 110 | 14.0 | 14.0 | 30.0 | 20.0 | 9.00 |" in short_table(result)


def test_the_tables_say_what_was_not_as_meant() -> None:
    """Failures, notes, pinning that was refused, a busy machine and an interruption are told."""
    result = made_up()
    result.failed["node: memory"] = "it ended"
    result.note("no strace")
    result.note("no strace")
    result.pinned, result.complete, result.load = False, False, 0.7
    text = as_markdown(result)

    assert "* node: memory failed: it ended" in text
    assert text.count("* no strace") == 1
    assert "* pinning is not permitted here: all figures are unpinned" in text
    assert "* the run was interrupted" in text
    assert "load average 0.7" in text
    assert "* " not in as_markdown(made_up()).replace("**", "")


def test_the_tables_say_on_what_they_were_measured() -> None:
    """Date, duration, commit, machine, versions and clients stand above them."""
    text = as_markdown(made_up())

    assert text.startswith(
        "2026-11-21T10:00:00+00:00, 8.0 minutes, commit 0123456789ab with changes; "
        "A Processor, 2 cores, Linux 6.1.\n"
        "Python and its packages: awslambdaric 4.2.2, python 3.13.0.\n"
        "Clients: aws-lambda-go v1.55.1, go1.26.8.\n"
    )


def test_a_quick_run_judges_nothing() -> None:
    """Its few rounds make tables of figures and none of targets: it says where those are."""
    whole, quick = made_up(), made_up()
    quick.quick = True

    assert judge(quick) == []
    assert "| target | value |" in as_markdown(whole)
    assert "| target | value |" not in as_markdown(quick)
    assert "`make bench` has them all" in as_markdown(quick)
