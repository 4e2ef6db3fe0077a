"""The run: a trial of every peer, then round after round of all measures, the peers taking turns."""

from __future__ import annotations

import gc
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.measures.counts import modules
from benchmarks.measures.figures import NotMeasured, Subject
from benchmarks.measures.start import trial
from benchmarks.peers import Absent
from benchmarks.process import cores, pinned
from benchmarks.server import PeerError, Server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.clean_room import Machine
    from benchmarks.measures.figures import Measure, Sample
    from benchmarks.output.report import Result
    from benchmarks.peers import Peer


class Progress(Protocol):
    """What a run needs of `rich.progress.Progress`; it is never drawn while something is measured."""

    def add_task(self, description: str, *, total: float) -> Any:
        """Begin a task of *total* seconds and return its number."""

    def update(self, task: Any, /, *, advance: float = 0, description: str = "") -> None:
        """Advance a task by seconds that were expected, or say what it is at."""

    def refresh(self) -> None:
        """Draw."""


@dataclass(frozen=True)
class Setup:
    """What a run is about: these peers on this machine."""

    peers: Sequence[Peer]
    machine: Machine


class Run:
    """A run under way: it fills *result*, and *progress* shows how far it is, in seconds that were expected.

    `deadline` is when no further round begins, by the monotonic clock; None means never.
    """

    def __init__(self, server: Server, setup: Setup, result: Result, progress: Progress) -> None:
        """Begin a run; nothing is started yet."""
        self.deadline: float | None = None
        self._server, self._setup = server, setup
        self._result, self._progress = result, progress
        self._core = cores()[-1:]  # the last one: interrupts mostly go to the first

    def trials(self) -> None:
        """Let every peer answer one event; who cannot is absent, with the reason."""
        for peer in self._setup.peers:
            if peer.name in self._result.absent:
                continue
            try:
                trial(self._subject(peer))
            except (Absent, PeerError) as exc:
                self._result.absent[peer.name] = str(exc)

    def present(self, function: str) -> list[Peer]:
        """Return the peers that are here and can run *function*."""
        absent = self._result.absent
        return [peer for peer in self._setup.peers if peer.name not in absent and function in peer.functions]

    def modules(self) -> None:
        """Note the names of the modules that each peer loads before the handler."""
        for peer in self.present("modules"):
            try:
                self._result.modules[peer.name] = modules(self._subject(peer))
            except (PeerError, ValueError) as exc:
                self._result.failed[f"{peer.name}: modules"] = str(exc)

    def measures(self, chosen: Iterable[Measure], rounds: int | None = None) -> None:
        """Take the *chosen* measures; without *rounds*, each in its own number of them.

        Their rounds are spread evenly over the run: if it is stopped early there are some of each, and a
        machine that gets slower or faster on the way does so for all.
        """
        counts = {measure: self._rounds(measure, rounds) for measure in self._permitted(chosen)}
        total = sum(self._seconds(measure) * count for measure, count in counts.items())
        task = self._progress.add_task("", total=total)
        with no_collection():
            for number, measure in schedule(counts):
                if self.deadline is not None and time.monotonic() > self.deadline:
                    self._result.note("the time was over: there are fewer rounds than asked for")
                    break
                self._progress.update(task, description=f"{measure.name:20}")
                self._progress.refresh()
                gc.collect()
                with pinned(self._core if measure.pinned else cores()) as permitted:
                    self._result.pinned = self._result.pinned and permitted
                    self._round(measure, number)
                self._progress.update(task, advance=self._seconds(measure))
            self._progress.refresh()

    def _permitted(self, chosen: Iterable[Measure]) -> Iterator[Measure]:
        for measure in chosen:
            if reason := measure.hindrance():
                self._result.note(f"{measure.name} was not measured: {reason}")
            else:
                yield measure

    def _rounds(self, measure: Measure, rounds: int | None) -> int:
        if rounds is None:
            return measure.rounds
        return min(rounds, measure.rounds) if measure.exact else rounds

    def _seconds(self, measure: Measure) -> float:
        return measure.seconds * len(self.present(measure.function))

    def _round(self, measure: Measure, number: int) -> None:
        """Measure each peer once, in turned order every second time: what a neighbour leaves evens out.

        Those measured side by side are shuffled, or the same ones would always be together.
        """
        peers = self.present(measure.function)[:: -1 if number % 2 else 1]
        if measure.at_once == 1:
            for peer in peers:
                self._one(measure, self._subject(peer))
            return
        random.Random(number).shuffle(peers)
        with ThreadPoolExecutor(measure.at_once) as pool:
            try:
                for done in [pool.submit(self._aside, measure, peer) for peer in peers]:
                    done.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _aside(self, measure: Measure, peer: Peer) -> None:
        """Measure one peer beside others, on a server of its own."""
        with Server() as server:
            self._one(measure, Subject(server, peer, self._setup.machine))

    def _subject(self, peer: Peer) -> Subject:
        return Subject(self._server, peer, self._setup.machine)

    def _one(self, measure: Measure, subject: Subject) -> None:
        name = subject.peer.name
        failure = f"{name}: {measure.name}"
        if failure in self._result.failed:
            return
        try:
            sample: Sample = measure.run(subject)
            self._result.add(name, sample)
        except (Absent, NotMeasured, PeerError) as exc:
            self._result.failed[failure] = str(exc)


def schedule(counts: dict[Measure, int]) -> list[tuple[int, Measure]]:
    """Return the rounds of all measures in the order in which they are taken, each with its number.

    The middle of each of *n* rounds stands at its place if all measures took the whole run.
    """
    places = [
        ((number + 0.5) / count, number, measure)
        for measure, count in counts.items()
        for number in range(count)
    ]
    return [(number, measure) for _, number, measure in sorted(places, key=lambda place: place[0])]


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep the garbage collector away; what there is now never needs to be looked at again."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
