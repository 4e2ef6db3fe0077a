"""The run: a trial of every peer, then round after round of each measure, the peers taking turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measures import layer_size, modules, trial
from benchmarks.payloads import event
from benchmarks.peers import Absent
from benchmarks.process import cores, pinned
from benchmarks.server import PeerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress

    from benchmarks.measures import Measure
    from benchmarks.peers import Peer
    from benchmarks.report import Result
    from benchmarks.server import Server


class Run:
    """A run under way: it fills *result*, and *progress* shows how far it is."""

    def __init__(self, server: Server, result: Result, progress: Progress) -> None:
        """Begin a run; nothing is started yet."""
        self._server, self._machine = server, result.machine
        self._result, self._progress = result, progress
        self._core = cores()[-1:]  # the last one: interrupts mostly go to the first

    def trials(self) -> None:
        """Let every peer answer one event; who cannot is absent, with the reason."""
        for peer in self._result.peers:
            try:
                trial(self._server, peer, self._machine, "trivial", event("16"))
            except (Absent, PeerError) as exc:
                self._result.absent[peer.name] = str(exc)

    def present(self, function: str) -> list[Peer]:
        """Return the peers that are here and can run *function*."""
        return [
            peer
            for peer in self._result.peers
            if peer.name not in self._result.absent and function in peer.functions
        ]

    def counts(self, only: Sequence[str]) -> None:
        """Count what needs no rounds: the modules before the handler, and the size of a layer."""
        if "modules" in only:
            for peer in self.present("modules"):
                try:
                    self._result.modules[peer.name] = modules(self._server, peer, self._machine)
                except (PeerError, ValueError) as exc:
                    self._result.failed[f"{peer.name}: modules"] = str(exc)
        if "size" in only:
            self._result.layer = layer_size(self._machine)

    def measures(self, chosen: Sequence[Measure], rounds: int | None) -> None:
        """Take the *chosen* measures one by one; without *rounds*, each in its own number of them."""
        work = [(measure, rounds or measure.rounds) for measure in chosen]
        task = self._progress.add_task("", total=sum(n * len(self.present(m.function)) for m, n in work))
        for measure, count in work:
            self._progress.update(task, description=f"{measure.name:12}")
            with pinned(self._core if measure.pinned else cores()) as permitted:
                self._result.pinned = self._result.pinned and permitted
                for _ in range(count):
                    for peer in self.present(measure.function):
                        self._one(measure, peer)
                        self._progress.update(task, advance=1)
                    self._progress.refresh()

    def _one(self, measure: Measure, peer: Peer) -> None:
        failure = f"{peer.name}: {measure.name}"
        if failure in self._result.failed:
            return
        try:
            self._result.add(peer.name, measure.run(self._server, peer, self._machine))
        except PeerError as exc:
            self._result.failed[failure] = str(exc)
