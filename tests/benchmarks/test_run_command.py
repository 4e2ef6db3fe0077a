"""The command: what it writes, what it refuses in one line, and how it ends early."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.output.report import ROOT, save
from tests.benchmarks.made_up import made_up

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the benchmarks are for Linux")

FLOORS = ("--peers", "floor-python,floor-c")


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command with more environment variables."""
    argv = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(argv, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True)


def test_a_run_writes_every_round_and_says_who_is_absent(tmp_path: Path) -> None:
    """A run without a C compiler measures the others; it leaves JSON and plots and prints the tables."""
    pytest.importorskip("rich")
    pytest.importorskip("matplotlib")
    output = tmp_path / "new" / "run.json"
    done = run(*("--only", "16", *FLOORS, "--rounds", "2", "--output", str(output)), CC="no-such-compiler")

    assert done.returncode == 0, done.stderr
    assert "floor-c is absent: no C compiler" in done.stdout
    assert f"wrote {output} and the plots to {output.with_suffix('')}/" in done.stderr
    whole = json.loads(output.read_text())
    assert len(whole["figures"]["cpu/16"]["peers"]["floor-python"]["rounds"]) == 2
    assert "no C compiler" in whole["absent"]["floor-c"]
    assert whole["complete"] is True
    assert {"cpu-light.svg", "cpu-dark.svg"} <= {file.name for file in output.with_suffix("").iterdir()}


def test_a_quick_run_draws_nothing(tmp_path: Path) -> None:
    """It needs no plotting library, and judges nothing."""
    pytest.importorskip("rich")
    packages, output = tmp_path / "packages", tmp_path / "run.json"
    packages.mkdir()
    for name in ("rich", "pygments", "markdown_it", "mdurl"):
        if (spec := importlib.util.find_spec(name)) and spec.origin:
            (packages / name).symlink_to(Path(spec.origin).parent)
    arguments = ("--quick", "--only", "16", *FLOORS, "--rounds", "1", "--output", str(output))
    argv = [sys.executable, "-S", "-m", "benchmarks", *arguments]
    environ = {**os.environ, "PYTHONPATH": str(packages)}
    done = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "`make bench` has them all" in done.stdout
    assert {file.name for file in tmp_path.iterdir()} == {"packages", "run.json"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--peers", "perl"], "--peers: 'perl' is none of "),
        (["--only", "luck"], "--only: 'luck' is none of start, "),
        (["--only", ","], "--only: ',' names none of start, "),
        (["--rounds", "0"], "--rounds must be a number from 1 on, not '0'"),
        (["--rounds", "many"], "--rounds must be a number from 1 on, not 'many'"),
        (["--python", "/no/such/python"], "the interpreter /no/such/python does not run"),
        (["--output", "/proc/no/run.json"], "--output: nothing can be written to /proc/no: "),
        (["--output", "/tmp"], "--output: /tmp is a folder, and must be a file"),
        (["--luck"], "unrecognized arguments: --luck"),
        (["publish"], "the following arguments are required: RESULT.json"),
        (["publish", "/no/such.json"], "/no/such.json cannot be read: "),
        (["repeat", "/no/such.json", "/no/such.json"], "/no/such.json cannot be read: "),
        (["repeat", "README.md", "README.md"], "README.md: it is not the JSON of a run"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_code_2(arguments: list[str], message: str) -> None:
    """Who mistypes learns the value and what there is."""
    pytest.importorskip("rich")
    pytest.importorskip("matplotlib")
    done = run(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert [message in line for line in done.stderr.splitlines()] == [True]


@pytest.mark.parametrize("name", ["rich", "matplotlib"])
def test_what_is_not_installed_is_named_with_the_command_that_installs_it(name: str, tmp_path: Path) -> None:
    """An environment without a library that the run needs is refused before anything is measured."""
    others = {"rich", "matplotlib"} - {name}
    for other in others:
        (tmp_path / f"{other}.py").write_text("")
    argv = [sys.executable, "-S", "-m", "benchmarks", "--output", str(tmp_path / "run.json")]
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert [f"run `pip install {name}`" in line for line in done.stderr.splitlines()] == [True]


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start the command in a session of its own, as a terminal does; nothing of it is left behind."""
    argv = [sys.executable, "-m", "benchmarks", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            for pid in session(process.pid):
                os.kill(pid, signal.SIGKILL)


def session(leader: int) -> list[int]:
    """Return the processes of a session that still run, whatever their group."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = status.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(of) == leader and state != "Z":
            found.append(int(status.parent.name))
    return found


def until_it_runs(words: bytes, process: subprocess.Popen[str]) -> None:
    """Wait until *process* has started another one with *words* in its command line."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for pid in session(process.pid):
            try:
                if words in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return
            except OSError:
                continue
        time.sleep(0.02)
    pytest.fail(f"no {words!r} within a minute")


def test_ctrl_c_keeps_what_there_is_and_leaves_no_process(tmp_path: Path) -> None:
    """The rounds until then are written; the exit code is 130, with one line and no trace."""
    pytest.importorskip("rich")
    pytest.importorskip("matplotlib")
    output = tmp_path / "run.json"
    peer = ("--peers", "floor-python")
    with started("--only", "16", *peer, "--rounds", "100000", "--output", str(output)) as process:
        until_it_runs(b"floor.py", process)
        time.sleep(1.5)  # some rounds, of 0.2 s each
        os.killpg(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
        left = session(process.pid)

    assert process.returncode == 130, stderr
    assert stderr.splitlines() == [
        f"benchmarks: interrupted: wrote what there was to {output} and the plots to {tmp_path / 'run'}/"
    ]
    assert "* the run was interrupted" in stdout
    whole = json.loads(output.read_text())
    assert whole["complete"] is False
    assert len(whole["figures"]["cpu/16"]["peers"]["floor-python"]["rounds"]) >= 1
    assert left == []


def test_ctrl_c_before_anything_is_measured_writes_nothing(tmp_path: Path) -> None:
    """While the clients are still prepared there is nothing to keep, and one line says so."""
    pytest.importorskip("rich")
    pytest.importorskip("matplotlib")
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    output = tmp_path / "run.json"
    with started(*FLOORS, "--python", str(slow), "--output", str(output)) as process:
        until_it_runs(b"sleep", process)
        os.killpg(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
        left = session(process.pid)

    assert (process.returncode, stdout) == (130, "")
    assert stderr.splitlines() == ["benchmarks: interrupted before anything was measured: nothing is written"]
    assert not output.exists()
    assert left == []


def test_a_reader_that_leaves_is_no_trace(tmp_path: Path) -> None:
    """`| head` may close the pipe before all is printed."""
    for name in ("a.json", "b.json"):
        save(made_up(), tmp_path / name)
    read, write = os.pipe()
    os.close(read)
    argv = [sys.executable, "-m", "benchmarks", "repeat", str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    done = subprocess.run(argv, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)

    assert (done.returncode, done.stderr) == (1, "")


def test_the_bar_tells_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins with the seconds that were expected, and nothing is drawn before it is asked for."""
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm")
    from benchmarks.progress import progress_bar

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    with progress_bar(screen) as progress:
        progress.add_task("cpu", total=300.0)
        drawn = len(screen.getvalue())
        time.sleep(0.3)
        assert len(screen.getvalue()) == drawn
        progress.refresh()
    assert "5:00 left" in screen.getvalue()
