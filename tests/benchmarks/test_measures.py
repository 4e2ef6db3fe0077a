"""The measures: each yields its figures, says what hinders it, and notices a client that goes wrong."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest

from benchmarks import cgroup
from benchmarks.clean_room import Machine, prepare
from benchmarks.measures import MEASURES, Measure, NotMeasured, Subject, layer_size
from benchmarks.measures.counts import Calls, modules
from benchmarks.measures.instructions import instructions, no_valgrind
from benchmarks.measures.invocations import Load, invocations, percentile
from benchmarks.measures.registry import budget
from benchmarks.measures.start import cold_start, start, trial
from benchmarks.output.figures import describe
from benchmarks.output.report import Result
from benchmarks.payloads import LIMIT, MADE, event
from benchmarks.peers import PEERS, ROOT, Peer
from benchmarks.process import Process, cores, pinned
from benchmarks.runner import Run, Setup, schedule
from benchmarks.server import PeerError, Reply, Server, replies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.server.connections import Watched

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the benchmarks are for Linux")

MACHINE: Final = Machine(sys.executable, {})
BY_NAME: Final = {peer.name: peer for peer in PEERS}
FLOOR: Final = BY_NAME["floor-python"]
BOOTSTRAP: Final = BY_NAME["bootstrap"]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine with a clean room, which our own runtime is started from."""
    machine = prepare(sys.executable, tmp_path_factory.mktemp("clean") / "room")
    BOOTSTRAP.prepare(machine, print)
    return machine


ANSWERS: Final = (
    "    sock.sendall(post(name(sock.recv(65536))))\n    sock.recv(65536)\n    sock.sendall(ask)\n"
)


# Each measure...


def quick(measure: Measure) -> bool:
    """Whether a floor can run *measure*, in half a second; with cores of their own they do the same."""
    slow = {"instructions", "size", "5mb"} | {m.name for m in MEASURES if m.name.endswith("@unpinned")}
    return measure.function == "trivial" and measure.name not in slow - {"16@unpinned"}


QUICK: Final = [measure for measure in MEASURES if quick(measure)]
SLOW: Final = [
    measure for measure in MEASURES if measure not in QUICK and measure.function not in {"log", "fail"}
]


@pytest.mark.parametrize("measure", QUICK, ids=lambda measure: measure.name)
def test_a_measure_yields_exactly_its_figures(measure: Measure, server: Server) -> None:
    """One process of the Python floor, whose function is the trivial one, yields a number for each figure."""
    if hindrance := measure.hindrance():
        pytest.skip(hindrance)
    sample = measure.run(Subject(server, FLOOR, MACHINE))

    assert set(sample) == set(measure.figures)
    assert all(value > 0 for value in sample.values())


@pytest.mark.parametrize("function", ["log", "fail"])
def test_a_function_that_logs_or_fails_is_measured(function: str, server: Server, clean: Machine) -> None:
    """Its figures carry the function's name; an error counts as the answer of the one that fails."""
    load = Load("16", 20, 200, function)

    assert set(invocations(load)(Subject(server, BOOTSTRAP, clean))) == {
        *(f"{what}/{function}" for what in ("cpu", "p50", "p99")),
    }


@pytest.mark.slow
@pytest.mark.parametrize("measure", SLOW, ids=lambda measure: measure.name)
def test_a_slow_measure_yields_exactly_its_figures(measure: Measure, clean: Machine) -> None:
    """The same with what takes seconds, or what a floor cannot do."""
    if hindrance := measure.hindrance():
        pytest.skip(hindrance)
    if measure.function in {"imports", "clients"} and "boto3" not in clean.versions:
        pytest.skip("boto3, pydantic and requests are not installed for this interpreter")

    with Server() as patient:  # as patient as the benchmark's: a start under valgrind takes seconds
        sample = measure.run(Subject(patient, BOOTSTRAP, clean))

    assert set(sample) == set(measure.figures)


def test_instructions_are_those_of_an_invocation() -> None:
    """Start-up, a thousand times as much, drops out: the Python floor takes some 51,000 per invocation."""
    if reason := no_valgrind():
        pytest.skip(reason)
    with Server() as patient:  # valgrind may take its time on a busy machine
        sample = instructions(Subject(patient, FLOOR, MACHINE))

    assert set(sample) == {"instructions"}
    assert 30_000 < sample["instructions"] < 90_000


def test_modules_are_those_before_the_function(server: Server, clean: Machine) -> None:
    """Ours are among them; what the bare interpreter has, and the function itself, are not."""
    names = modules(Subject(server, BOOTSTRAP, clean))

    assert "rapid_client._runtime" in names
    assert not {"sys", "builtins", "modules"} & set(names)


def test_figures_and_measures_have_names_of_their_own() -> None:
    """No two measures share a name or a figure, and all figures are known to the tables."""
    figures = [figure for measure in MEASURES for figure in measure.figures]

    assert len({measure.name for measure in MEASURES}) == len(MEASURES)
    assert len(set(figures)) == len(figures)
    assert [describe(figure).name for figure in figures] == figures


def test_a_whole_run_is_meant_to_take_ten_minutes_at_most() -> None:
    """Rounds x seconds x peers stay below 600 seconds when all thirteen are there."""
    functions = {measure.function for measure in MEASURES}
    able = {name: sum(name in peer.functions for peer in PEERS) for name in functions}

    assert 200 < budget(able) <= 560


@pytest.mark.parametrize("name", MADE)
def test_a_made_event_has_the_size_that_its_name_promises(name: str) -> None:
    """It is at most one record longer, and JSON."""
    assert MADE[name] <= len(event(name)) <= MADE[name] + 600
    assert json.loads(event(name))["records"]


def test_events_have_the_sizes_that_their_names_promise() -> None:
    """One API Gateway event comes with a length and one chunked; the large one's echo fits the limit."""
    assert len(event("16")) == 16
    assert len(event("apigw-small")) <= LIMIT < len(event("apigw"))
    assert len(json.loads(event("sqs-100"))["Records"]) == 100
    assert len(event("5mb")) >= 5_000_000
    assert len(json.dumps(json.loads(event("5mb")))) <= 6_291_556


def test_a_layer_is_measured_without_sources() -> None:
    """Bytecode alone is smaller than sources with bytecode, and both hold the whole runtime."""
    size = layer_size(Machine(sys.executable, {}))
    own = [path for path in (ROOT / "rapid_client").glob("*.py") if path.name != "_command.py"]

    assert 0 < size.bytecode < size.with_sources
    assert size.with_sources - size.bytecode >= sum(path.stat().st_size for path in own)


def test_client_and_server_share_a_core_or_have_their_own() -> None:
    """With one core to use both are on it; with more the client may use all but the server's."""
    seen: list[tuple[set[int], set[int]]] = []

    class Watching(Server):
        def accept(self, process: Watched) -> None:
            self.pid = process.pid
            super().accept(process)

        def serve(self, count: int, canned: list[Reply]) -> list[int]:
            seen.append((os.sched_getaffinity(0), os.sched_getaffinity(self.pid)))
            return super().serve(count, canned)

    everything = cores()
    with Watching() as watched:
        subject = Subject(watched, FLOOR, MACHINE)
        with pinned(everything[-1:]):
            invocations(Load("16", 1, 10))(subject)
        if len(everything) > 1:
            invocations(Load("16", 1, 10))(subject)

    assert seen[:2] == [({everything[-1]}, {everything[-1]})] * 2
    assert seen[2:] == [({everything[0]}, set(everything[1:]))] * (2 if len(everything) > 1 else 0)
    assert cores() == everything


# Percentiles...


def test_a_percentile_is_the_value_at_its_rank() -> None:
    """Of 1 to 10,000 half are at most 5,000, and 0.1 % more than 9,990; one value is all of them."""
    times = [*range(10_000, 0, -1)]

    assert [percentile(times, name) for name in ("p50", "p99", "p999")] == [5000, 9900, 9990]
    assert [percentile([7], name) for name in ("p50", "p99", "p999")] == [7, 7, 7]


def test_a_percentile_needs_invocations() -> None:
    """p99 is told from 200 invocations on, p99.9 from 2,000."""
    assert [len(Load("16", 1, count).percentiles()) for count in (199, 200, 1999, 2000)] == [1, 2, 2, 3]


# What hinders...


def test_a_machine_without_groups_for_the_cpu_is_told_so(tmp_path: Path) -> None:
    """Nothing mounted is a reason, and so is nothing to read."""
    (tmp_path / "mountinfo").write_text("22 1 0:21 / /sys rw - sysfs sysfs rw\n")
    (tmp_path / "cgroup").write_text("0::/\n")

    for proc in (tmp_path, tmp_path / "none"):
        with pytest.raises(cgroup.NotPermitted, match=r"no control groups for the CPU are mounted\): run as"):
            cgroup.find(proc)


@pytest.mark.parametrize(
    ("kind", "options", "ours"),
    [("cgroup", "rw,cpu,cpuacct", "3:cpu,cpuacct:/a/b"), ("cgroup2", "rw", "0::/a/b")],
)
def test_a_group_that_takes_no_quota_is_a_reason(tmp_path: Path, kind: str, options: str, ours: str) -> None:
    """Our own group and all above it are tried; the last refusal is told, and no folder is left behind."""
    mount = tmp_path / "mount"
    (mount / "a" / "b").mkdir(parents=True)
    (tmp_path / "mountinfo").write_text(f"30 1 0:9 / {mount} rw shared:7 - {kind} {kind} {options}\n")
    (tmp_path / "cgroup").write_text(f"{ours}\n")

    with pytest.raises(cgroup.NotPermitted, match=rf"No such file.*{mount}/rapid-bench-\w+/cpu\."):
        cgroup.find(tmp_path)
    assert [path.name for path in mount.rglob("*")] == ["a", "b"]


def test_a_share_slows_a_process_down_and_leaves_no_group(tmp_path: Path) -> None:
    """At 128 MB's share 20 ms of CPU take more than three periods; afterwards the group is gone."""
    try:
        place = cgroup.find()
    except cgroup.NotPermitted as exc:
        pytest.skip(str(exc))
    work = (
        "import time\nbegun = time.time()\nwhile time.process_time() < 0.05: pass\nprint(time.time() - begun)"
    )
    with cgroup.Group(place, 128) as group:
        folder = group.members.parent
        with Process([sys.executable, "-S", "-c", work], {}, tmp_path, group) as process:
            assert process.wait(20)
            assert float(process.last_words()[2:]) > 3 * cgroup.PERIOD / 1e6

    assert not folder.exists()


def test_a_group_that_cannot_be_joined_is_a_failure_to_start(tmp_path: Path) -> None:
    """The shell's own words are the reason, and nothing hangs."""

    class Gone(cgroup.Group):
        def __init__(self) -> None:
            self.members = tmp_path / "gone" / "cgroup.procs"

        def settle(self, pid: int) -> None:
            time.sleep(0.2)
            raise TimeoutError("no process could join the group")

    with pytest.raises(OSError, match=r"no process could join the group: .*gone/cgroup\.procs"):
        Process(["/bin/true"], {}, tmp_path, Gone())


@pytest.mark.parametrize(("function", "tool"), [("no_strace", "strace"), ("no_valgrind", "valgrind")])
def test_a_tool_that_is_absent_is_named(function: str, tool: str) -> None:
    """Without the tool the measure's hindrance is one line that names it."""
    code = (
        "from benchmarks.measures.counts import no_strace\n"
        "from benchmarks.measures.instructions import no_valgrind\n"
        f"print({function}())"
    )
    environ = {**os.environ, "PATH": "/nowhere"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, cwd=ROOT, capture_output=True, text=True)

    assert done.stdout == f"{tool} is not installed\n", done.stderr


# What strace writes...


def test_calls_are_counted_until_the_first_request() -> None:
    """Interrupted calls count once, with the result that comes later; failures open and read nothing."""
    trace = """\
7 execve("/usr/bin/python3", ["python3"], 0x7ffd /* 5 vars */) = 0
7 openat(AT_FDCWD, "/etc/none", O_RDONLY) = -1 ENOENT (No such file or directory)
7 openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3
7 read(3, "(x) = 9"..., 832)              = 832
7 pread64(3, "\\0"..., 784, 64) = 100
7 read(3,  <unfinished ...>
8 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7f15
7 <... read resumed>"x", 10)     = 1
8 read(4, 0x7ffd, 100) = -1 EAGAIN (Resource temporarily unavailable)
7 --- SIGCHLD {si_signo=SIGCHLD} ---
7 sendto(3, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\n"..., 90, 0, NULL, 0) = 90
7 read(3, "much"..., 832)              = 832
""".splitlines()

    assert vars(Calls.until_first_request(trace)) == {"syscalls": 9, "files": 1, "bytes": 933}
    with pytest.raises(NotMeasured, match="no call that asks for the first event"):
        Calls.until_first_request(trace[:5])


# A client that goes wrong...


def test_a_client_that_ends_in_the_middle_is_told_with_its_last_words(
    client: Callable[[str], Subject],
) -> None:
    """What it wrote last is part of the reason."""
    subject = client("    if number == 50: sys.exit('out of cheese')\n" + ANSWERS)

    with pytest.raises(PeerError, match=r"(ended|broke).*: out of cheese"):
        invocations(Load("16", 20, 100))(subject)


def test_a_client_that_hangs_in_the_middle_is_told(client: Callable[[str], Subject]) -> None:
    """The measure ends when the server's patience does."""
    subject = client("    if number == 50: time.sleep(60)\n" + ANSWERS)

    with pytest.raises(PeerError, match="silent for 2 s"):
        invocations(Load("16", 20, 100))(subject)


def test_a_wrong_answer_is_not_measured(client: Callable[[str], Subject]) -> None:
    """Neither by a trial, nor cold, nor warm."""
    subject = client(ANSWERS.replace("65536))))", "65536)), b'[1]'))"))

    for run in (trial, cold_start("trivial"), invocations(Load("16", 1, 1))):
        with pytest.raises(PeerError, match=r"the answer was b'\[1\]'"):
            run(subject)


def test_a_client_that_writes_much_is_never_held_up(client: Callable[[str], Subject]) -> None:
    """Ten megabytes of output go through the pipe while it is served; its end is kept."""
    subject = client("    os.write(1, b'x' * 9_999 + b'\\n')\n" + ANSWERS)
    with start(subject, "trivial") as process:
        assert len(subject.server.serve(1_000, replies(event("16")))) == 1_000
        assert process.last_words() == ": " + "x" * 9_999


def test_what_a_process_started_ends_with_it(tmp_path: Path) -> None:
    """A tracer's child does not outlive it."""
    with Process(["/bin/sh", "-c", "sleep 60 & echo $!; wait"], {}, tmp_path) as process:
        while not (words := process.last_words()):
            time.sleep(0.01)
        child = int(words[2:])
    limit = time.monotonic() + 10
    while time.monotonic() < limit and os.path.exists(f"/proc/{child}/exe"):
        time.sleep(0.01)

    assert not os.path.exists(f"/proc/{child}/exe")


# The run...


class Quiet:
    """A progress bar that nobody sees."""

    def __init__(self) -> None:
        self.total = self.done = 0.0

    def add_task(self, description: str, *, total: float) -> int:
        """Take the seconds that are expected."""
        self.total = total
        return 0

    def update(self, task: int, *, advance: float = 0, description: str = "") -> None:
        """Take the seconds that are over."""
        self.done += advance

    def refresh(self) -> None:
        """Draw nothing."""


def run_of(server: Server, *peers: Peer) -> tuple[Run, Result, Quiet]:
    """Return a run over *peers*, its result and its progress."""
    result, progress = Result({peer.name: peer.title for peer in peers}), Quiet()
    return Run(server, Setup(peers, MACHINE), result, progress), result, progress


def measure_that(run: Callable[[Subject], dict[str, float]], **options: object) -> Measure:
    """Return a measure of one figure."""
    fields: dict[str, object] = {"rounds": 3, "seconds": 0.5, **options}
    return Measure("cheap", ("cpu/16",), run, **fields)  # type: ignore[arg-type]


def test_peers_take_turns_and_every_second_round_is_turned(server: Server) -> None:
    """Each measures once per round; the progress ends at what was expected."""
    seen: list[str] = []

    def note(subject: Subject) -> dict[str, float]:
        seen.append(subject.peer.name)
        return {"cpu/16": 1.0}

    run, result, progress = run_of(server, FLOOR, BOOTSTRAP)
    run.measures([measure_that(note)])

    assert seen == ["floor-python", "bootstrap", "bootstrap", "floor-python", "floor-python", "bootstrap"]
    assert result.values == {"cpu/16": {"floor-python": [1.0] * 3, "bootstrap": [1.0] * 3}}
    assert progress.done == progress.total == pytest.approx(3.0)


def test_rounds_of_all_measures_are_spread_over_the_run() -> None:
    """A measure of one round stands in the middle of one of three."""
    many, one = (measure_that(lambda subject: {}, rounds=number) for number in (3, 1))

    assert [measure.rounds for _, measure in schedule({many: 3, one: 1})] == [3, 3, 1, 3]
    assert [number for number, _ in schedule({many: 3, one: 1})] == [0, 1, 0, 2]


def test_a_peer_that_failed_once_is_not_measured_again_that_way(server: Server) -> None:
    """Its reason is told once, and the others go on."""
    tried: list[str] = []

    def fail(subject: Subject) -> dict[str, float]:
        tried.append(subject.peer.name)
        if subject.peer is FLOOR:
            raise PeerError("it went home")
        return {"cpu/16": 1.0}

    run, result, _ = run_of(server, FLOOR, BOOTSTRAP)
    run.measures([measure_that(fail)], 2)

    assert tried == ["floor-python", "bootstrap", "bootstrap"]
    assert result.failed == {"floor-python: cheap": "it went home"}
    assert result.values == {"cpu/16": {"bootstrap": [1.0, 1.0]}}


def test_what_the_machine_does_not_permit_is_a_note(server: Server) -> None:
    """No process is started for it."""
    run, result, _ = run_of(server, FLOOR)
    run.measures([measure_that(lambda subject: {}, hindrance=lambda: "the moon is wrong")])

    assert result.notes == ["cheap was not measured: the moon is wrong"]


def test_no_round_begins_after_the_deadline(server: Server) -> None:
    """What was measured until then stays, and a note says that it is less than asked for."""
    run, result, _ = run_of(server, FLOOR)

    def slow(subject: Subject) -> dict[str, float]:
        run.deadline = time.monotonic()
        return {"cpu/16": 1.0}

    run.measures([measure_that(slow)])

    assert result.values == {"cpu/16": {"floor-python": [1.0]}}
    assert result.notes == ["the time was over: there are fewer rounds than asked for"]


def test_exact_measures_are_not_repeated_because_others_are(server: Server) -> None:
    """More rounds are for what varies; fewer are for all."""
    run, result, _ = run_of(server, FLOOR)
    run.measures([measure_that(lambda subject: {"cpu/16": 1.0}, exact=True)], 9)

    assert result.values == {"cpu/16": {"floor-python": [1.0] * 3}}


def test_peers_beside_each_other_have_servers_of_their_own(server: Server) -> None:
    """Four at once: each is answered, by a server that nobody else speaks with."""
    run, result, _ = run_of(server, FLOOR, dataclasses.replace(FLOOR, name="twin"))
    start_up = cold_start("trivial")
    addresses: list[str] = []

    def note(subject: Subject) -> dict[str, float]:
        addresses.append(subject.server.address)
        return {"cpu/16": start_up(subject)["first-response"]}

    run.measures([measure_that(note, at_once=4)], 2)

    assert {peer: len(rounds) for peer, rounds in result.values["cpu/16"].items()} == {
        "floor-python": 2,
        "twin": 2,
    }
    assert server.address not in addresses
    assert result.failed == {}


def test_a_peer_that_does_not_answer_is_absent(client: Callable[[str], Subject], server: Server) -> None:
    """A trial leaves its reason, and it is measured by nothing."""
    fake = client("    sys.exit('not today')\n").peer
    run, result, _ = run_of(server, FLOOR, fake)
    run.trials()

    assert list(result.absent) == ["fake"]
    assert "not today" in result.absent["fake"]
    assert [peer.name for peer in run.present("trivial")] == ["floor-python"]
