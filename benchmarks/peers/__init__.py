"""The peers: one entry each, started as its users start it."""

from __future__ import annotations

from typing import Final

from benchmarks.peers.native import FLOOR_C, NATIVE
from benchmarks.peers.ours import OURS
from benchmarks.peers.peer import BENCHMARKS, FUNCTIONS, ROOT, Absent, Peer, environment
from benchmarks.peers.python import FLOOR_PYTHON, PYTHON

__all__ = ["BENCHMARKS", "FUNCTIONS", "PEERS", "ROOT", "Absent", "Peer", "environment"]

PEERS: Final = (*OURS, *PYTHON, *NATIVE, FLOOR_PYTHON, FLOOR_C)
