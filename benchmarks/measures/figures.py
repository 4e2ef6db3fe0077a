"""What a measure is, what it is given and what it yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.clean_room import Machine
    from benchmarks.peers import Peer
    from benchmarks.server import Server

Sample = Mapping[str, float]
"""Figures of one process, by name."""


class NotMeasured(Exception):
    """One peer cannot be measured this way, though it works; the message says why."""


@dataclass(frozen=True)
class Subject:
    """What is measured: a peer, the machine that it is started on, and the server that it speaks with."""

    server: Server
    peer: Peer
    machine: Machine


def nothing() -> str:
    """Return what hinders a measure that works everywhere."""
    return ""


@dataclass(frozen=True)
class Measure:
    """A way to run a peer once, and what that yields."""

    name: str
    figures: tuple[str, ...]
    """The names of what `run` yields; benchmarks/output/figures.py says what they mean."""
    run: Callable[[Subject], Sample]
    """Start one process and return its figures; raises `NotMeasured`, or `PeerError` if the peer fails."""
    rounds: int
    """Processes per peer, unless the user says otherwise."""
    seconds: float
    """How long one process takes, on average over the peers: for the progress bar and the ten minutes."""
    function: str = "trivial"
    pinned: bool = True
    """Whether client and server share one core."""
    exact: bool = False
    """Whether it counts: then more rounds than its own tell nothing."""
    at_once: int = 1
    """How many peers may be measured side by side."""
    hindrance: Callable[[], str] = nothing
    """Return why this machine does not permit the measure, or an empty string."""
