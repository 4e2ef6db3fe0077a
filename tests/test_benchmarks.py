"""The benchmark: what it sends, how it judges, and what it says when something is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.bytecode import NoBytecode, compile_all
from benchmarks.clean_room import Machine, NoInterpreter, prepare
from benchmarks.measures import LayerSize, layer_size
from benchmarks.payloads import LIMIT, event
from benchmarks.peers import PEERS, ROOT
from benchmarks.report import Result, as_json, as_markdown, spread
from benchmarks.server import Reply
from benchmarks.targets import TARGETS, judge, judge_modules, judge_size

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the benchmarks are for Linux")


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command with more environment variables."""
    argv = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(argv, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True)


# What is sent...


def test_events_have_the_sizes_that_their_names_promise() -> None:
    """One API Gateway event comes with a length and one chunked; the large one's echo fits the limit."""
    assert len(event("16")) == 16
    assert len(event("apigw-small")) <= LIMIT < len(event("apigw"))
    assert len(json.loads(event("sqs-100"))["Records"]) == 100
    assert len(event("5mb")) >= 5_000_000
    assert len(json.dumps(json.loads(event("5mb")))) <= 6_291_556


def test_a_short_event_is_sent_as_the_runtime_api_sends_it() -> None:
    """The head has Go's order and casing, with Date and Content-Length behind the sorted headers."""
    names = [line.split(b":")[0] for line in Reply(b"{}", "id", 1).wire.split(b"\r\n")[1:-2]]

    assert names == [
        b"Content-Type",
        b"Lambda-Runtime-Aws-Request-Id",
        b"Lambda-Runtime-Deadline-Ms",
        b"Lambda-Runtime-Invoked-Function-Arn",
        b"Lambda-Runtime-Trace-Id",
        b"Date",
        b"Content-Length",
    ]


def test_a_long_event_is_sent_chunked() -> None:
    """Over 2,048 bytes an event comes as one chunk and an empty one."""
    short, long = Reply(b"1" * LIMIT, "id", 1).wire, Reply(b"1" * (LIMIT + 1), "id", 1).wire

    assert short.endswith(b"\r\nContent-Length: 2048\r\n\r\n" + b"1" * 2048)
    assert long.endswith(b"\r\nTransfer-Encoding: chunked\r\n\r\n801\r\n" + b"1" * 2049 + b"\r\n0\r\n\r\n")


# How it is judged...


def test_a_target_is_met_at_its_limit_and_missed_above() -> None:
    """The limit itself counts as met."""
    limit = {"floor-python": 8.0, "awslambdaric": 1000.0}
    met = judge({"first-next": {"bootstrap": 10.0, **limit}}, str)
    missed = judge({"first-next": {"bootstrap": 10.1, **limit}}, str)

    assert [verdict.met for verdict in met] == [True, True]
    assert [verdict.met for verdict in missed] == [False, True]


def test_a_target_without_its_peer_is_neither_met_nor_missed() -> None:
    """What was not measured is said so."""
    [verdict, _] = judge({"first-next": {"bootstrap": 10.0, "awslambdaric": 30.0}}, str)

    assert verdict.met is None
    assert verdict.value == "floor-python was not measured"


def test_targets_name_figures_and_peers_that_exist() -> None:
    """No target is left out because of a wrong name."""
    from benchmarks.report import TITLES

    assert {target.figure for target in TARGETS} <= set(TITLES)
    assert {target.peer for target in TARGETS} <= {peer.name for peer in PEERS}


def test_modules_are_judged_by_name_and_number() -> None:
    """Three standard modules and fourteen of ours pass; one more of either does not."""
    ours = ["__main__", *(f"rapid_client.m{number}" for number in range(13))]
    standard = ["_socket", "_json", "__future__"]

    assert judge_modules([*ours, *standard]).met
    assert not judge_modules([*ours, "rapid_client", *standard]).met
    assert not judge_modules([*ours, *standard, "os"]).met


def test_the_size_of_the_layer_is_judged_in_bytes() -> None:
    """300,000 bytes pass."""
    assert judge_size(300_000).met
    assert not judge_size(300_001).met


def test_a_layer_is_measured_without_sources() -> None:
    """Bytecode alone is smaller than sources with bytecode, and both hold the whole runtime."""
    size = layer_size(Machine(sys.executable, {}))
    own = [path for path in (ROOT / "rapid_client").glob("*.py") if path.name != "_command.py"]

    assert 0 < size.bytecode < size.with_sources
    assert size.with_sources - size.bytecode >= sum(path.stat().st_size for path in own)


def test_a_quick_run_judges_nothing() -> None:
    """Its few rounds make a table of figures and none of targets: it says where those are."""
    size = LayerSize(400_000, 800_000)
    whole, quick = (
        Result(list(PEERS), Machine("python", {}), "today", quick=q, layer=size) for q in (False, True)
    )
    for result in (whole, quick):
        result.add("bootstrap", {"first-next": 99.0})
        result.add("awslambdaric", {"first-next": 1.0})

    assert as_markdown(whole).count("**missed**") == 2
    assert "missed" not in as_markdown(quick)
    assert "`make bench` has them all" in as_markdown(quick)
    assert json.loads(as_json(quick))["targets"] == []


def test_sources_in_a_layer_are_told_and_not_judged() -> None:
    """The size with sources has no target, and no verdict."""
    result = Result([], Machine("python", {}), "today", layer=LayerSize(1000, 900_000))

    assert "| the same with sources and `__pycache__` |  | 900 KB |  |" in as_markdown(result)


def test_spread_is_half_the_distance_between_the_quartiles() -> None:
    """One round has no spread; five have what their middle three say."""
    assert spread([10.0]) == 0
    assert spread([8.0, 9.0, 10.0, 11.0, 99.0]) == pytest.approx(0.1)


def test_an_absent_peer_keeps_its_column_and_its_reason() -> None:
    """A peer that could not be started is never dropped silently."""
    result = Result(list(PEERS), Machine("python", {}), "today", absent={"httpx": "it went home"})
    result.add("floor-c", {"cpu-16": 14.0})
    text = as_markdown(result)

    assert "| CPU per invocation, 16 bytes, us | - | - | - | - | absent | - | 14.00 ± 0.0 % |" in text
    assert "* httpx is absent: it went home" in text


# The command...


def test_a_run_writes_every_round_and_says_who_is_absent(tmp_path: Path) -> None:
    """A run without a C compiler measures the others, prints Markdown and keeps all rounds as JSON."""
    pytest.importorskip("rich")
    output = tmp_path / "run.json"
    done = run(
        *("--only", "16", "--peers", "floor-python,floor-c", "--rounds", "2", "--output", str(output)),
        CC="no-such-compiler",
    )

    assert done.returncode == 0, done.stderr
    assert "floor-c is absent: no C compiler" in done.stdout
    whole = json.loads(output.read_text())
    assert len(whole["figures"]["cpu-16"]["peers"]["floor-python"]["rounds"]) == 2
    assert "no C compiler" in whole["absent"]["floor-c"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--peers", "perl"], "--peers: 'perl' is none of bootstrap, "),
        (["--only", "luck"], "--only: 'luck' is none of start, "),
        (["--rounds", "0"], "--rounds must be at least 1, not 0"),
        (["--python", "/no/such/python"], "the interpreter /no/such/python does not run"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_code_2(arguments: list[str], message: str) -> None:
    """Who mistypes learns the value and what there is."""
    pytest.importorskip("rich")
    done = run(*arguments)

    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_nothing_is_measured_without_bytecode(tmp_path: Path) -> None:
    """A package that cannot be compiled is named, and the run is refused."""
    package = tmp_path / "broken_package"
    package.mkdir()
    (package / "__init__.py").write_text("def (\n")
    room = tmp_path / "room"
    machine = prepare(sys.executable, room)
    [library] = room.glob("lib/python*/site-packages")
    package.rename(library / "broken_package")

    with pytest.raises(NoBytecode, match=r"no valid \.pyc for .*broken_package/__init__\.py"):
        compile_all(machine.python, ["broken_package"])


def test_an_interpreter_that_fails_is_named(tmp_path: Path) -> None:
    """What is no Python is said in one line."""
    with pytest.raises(NoInterpreter, match="/bin/false could not make"):
        prepare("/bin/false", tmp_path / "room")
