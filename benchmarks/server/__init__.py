"""One raw-socket server with canned replies: one thread, blocking, as little work as can be.

`replies` makes what is sent ahead of the run; `connections` reads the requests of one client, on as many
connections as it opens; `server` answers them, and takes the times. It does in Python what cannot be avoided:
four socket calls and two clock reads per invocation. On one core its time is part of what it measures, the
same for every peer.
"""

from benchmarks.server.connections import PeerError
from benchmarks.server.replies import ACCEPTED, Reply, replies
from benchmarks.server.server import Server

__all__ = ["ACCEPTED", "PeerError", "Reply", "Server", "replies"]
