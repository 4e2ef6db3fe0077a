"""One run from the first preparation to the last file, however it ends."""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.bytecode import NoBytecode, compile_all
from benchmarks.clean_room import NoInterpreter, prepare
from benchmarks.measures import MEASURES, layer_size
from benchmarks.output import report
from benchmarks.output.tables import as_markdown
from benchmarks.peers import PEERS, Absent
from benchmarks.runner import Run, Setup
from benchmarks.server import Server

if TYPE_CHECKING:
    import argparse

    from benchmarks.output.report import Result

SECONDS: Final = 570
"""How long a run may measure unless its user names the rounds: the rest fits into ten minutes, too."""

NEEDS: Final = {"rich": "the progress bar", "matplotlib": "the plots"}


class Unusable(Exception):
    """A run cannot begin; the message says why and what to do."""


def run(options: argparse.Namespace) -> int:
    """Run what *options* ask for; return 0, or 130 if the user stopped it: then what there is was kept.

    Raises:
        Unusable: If something is missing that the run needs.
    """
    check(options)
    titles = {peer.name: peer.title for peer in PEERS if peer.name in options.peers}
    load = round(os.getloadavg()[0], 2)
    result = report.Result(titles, quick=options.quick, partial=options.partial, load=load)
    result.date = dt.datetime.now().astimezone().isoformat(timespec="seconds")
    before = signal.signal(signal.SIGINT, _stop)
    try:
        measure(result, options)
    except KeyboardInterrupt:
        result.complete = False
        end_children()
    except (NoInterpreter, NoBytecode) as exc:
        raise Unusable(str(exc)) from exc
    finally:
        signal.signal(signal.SIGINT, before)
    return keep(result, options.output)


def check(options: argparse.Namespace) -> None:
    """Make sure that the run will neither fail in the middle nor lose its figures at the end.

    Raises:
        Unusable: If it would.
    """
    if not sys.platform.startswith("linux"):
        raise Unusable("the benchmarks read Linux's /proc and CPU clocks: run them on Linux")
    for name in ["rich"] if options.quick else NEEDS:
        if importlib.util.find_spec(name) is None:
            raise Unusable(f"{name} is not installed (for {NEEDS[name]}): run `pip install {name}`")
    folder = options.output.absolute().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as exc:
        raise Unusable(f"--output: nothing can be written to {folder}: {exc.strerror}") from exc
    if options.output.is_dir():
        raise Unusable(f"--output: {options.output} is a folder, and must be a file")


def _stop(number: int, frame: object) -> None:
    """End the run at Ctrl-C; a second one must not disturb the cleaning up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def measure(result: Result, options: argparse.Namespace) -> None:
    """Fill *result* with what *options* ask for.

    Raises:
        NoInterpreter, NoBytecode: If the Python peers cannot be started as they should be.
    """
    from benchmarks.progress import progress_bar  # deferred: rich may be missing, and `check` says so

    with tempfile.TemporaryDirectory(prefix="rapid-bench-") as room, progress_bar(sys.stderr) as progress:
        setup = prepared(result, options.python, Path(room))
        begun = time.monotonic()
        try:
            with Server() as server:
                run = Run(server, setup, result, progress)
                run.trials()
                if "modules" in options.only:
                    run.modules()
                if "size" in options.only:
                    try:
                        result.layer = dict(vars(layer_size(setup.machine)))
                    except Absent as exc:
                        result.note(f"the size of a layer was not measured: {exc}")
                if options.rounds is None:
                    run.deadline = begun + SECONDS
                run.measures([one for one in MEASURES if one.name in options.only], options.rounds)
        finally:
            result.seconds = round(time.monotonic() - begun, 1)


def prepared(result: Result, python: str, room: Path) -> Setup:
    """Make in *room* what the peers are started from; note versions, and who is absent."""
    result.machine, result.commit = report.describe_machine(), report.commit()
    machine = prepare(python, room)
    result.versions = dict(machine.versions)
    peers = [peer for peer in PEERS if peer.name in result.titles]
    for peer in peers:
        try:
            peer.prepare(machine, say)
            result.clients[peer.name] = peer.version(machine)
        except Absent as exc:
            result.absent[peer.name] = str(exc)
    compile_all(machine.python, [package for peer in peers for package in peer.packages])
    return Setup(peers, machine)


def say(message: str) -> None:
    """Write a line for the user; tables go to stdout, everything else to stderr."""
    print(f"benchmarks: {message}", file=sys.stderr)


def end_children() -> None:
    """Kill what is left of the processes that this one has started, with their groups; wait for their end."""
    for listed in Path("/proc/self/task").glob("*/children"):
        for pid in map(int, listed.read_text().split()):
            if os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def keep(result: Result, output: Path) -> int:
    """Write JSON and plots, print the tables; return the exit code."""
    if not result.values and not result.complete:
        say("interrupted before anything was measured: nothing is written")
        return 130
    report.save(result, output)
    written = str(output)
    if not result.quick:
        from benchmarks.output.drawing import write_plots  # deferred: 0.5 s, and after the measuring only

        folder = output.with_suffix("")
        if write_plots(result, folder):
            written += f" and the plots to {folder}/"
    print(as_markdown(result), flush=True)
    if result.complete:
        say(f"wrote {written}")
        return 0
    say(f"interrupted: wrote what there was to {written}")
    return 130
