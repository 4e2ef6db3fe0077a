"""Starting a peer: on its own, to see that it answers right, and to measure how long it takes."""

from __future__ import annotations

import json
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING

from benchmarks.cgroup import Group, NotPermitted, find
from benchmarks.payloads import event
from benchmarks.peers import FUNCTIONS, environment
from benchmarks.process import Process
from benchmarks.server import PeerError, replies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.cgroup import Place
    from benchmarks.measures.figures import Sample, Subject
    from benchmarks.server import Reply

_made = cache(lambda name, outcome: replies(event(name), outcome))


def canned(name: str, outcome: str = "response") -> list[Reply]:
    """Return the replies that carry the event *name*: made once, 40 ms, so not while a clock runs."""
    return _made(name, outcome)


def start(subject: Subject, function: str, group: Group | None = None, prefix: Sequence[str] = ()) -> Process:
    """Start the peer on *function*, below the command *prefix*, and wait until it asks for its first event.

    Raises:
        PeerError: If it does not.
    """
    peer, machine, server = subject.peer, subject.machine, subject.server
    server.hang_up()
    environ = environment(peer, function, server.address, machine)
    try:
        command = [*prefix, *peer.command(machine, f"{function}.handler")]
        process = Process(command, environ, FUNCTIONS, group)
    except OSError as exc:
        raise PeerError(f"it cannot be started: {exc}") from exc
    try:
        server.accept(process)
    except BaseException:
        process.__exit__()
        raise
    return process


def check(function: str, sent: bytes, body: bytes) -> None:
    """Make sure that *body* is what *function* answers to the event *sent*.

    Raises:
        PeerError: If it is not.
    """
    try:
        answer = json.loads(body)
    except ValueError:
        answer = body
    if function == "echo":
        right = answer == json.loads(sent)
    elif function == "fail":
        right = isinstance(answer, dict) and answer.get("errorType") == "ValueError"
    else:
        right = answer == {"ok": True}
    if not right:
        raise PeerError(f"the answer was {body[:200]!r}")


def trial(subject: Subject, function: str = "trivial", name: str = "16") -> None:
    """Let the peer answer once, and check the answer: nothing wrong is measured.

    Raises:
        PeerError: If it answers something else, or nothing.
    """
    with start(subject, function):
        subject.server.serve(1, canned(name, outcome_of(function)))
        check(function, event(name), subject.server.body)


def outcome_of(function: str) -> str:
    """Return where the answer of *function* goes to: "response", or "error"."""
    return "error" if function == "fail" else "response"


def cold_start(function: str, megabytes: int | None = None) -> Callable[[Subject], Sample]:
    """Measure from just before exec to the first ``GET /next``, and to the first response, in milliseconds.

    With *megabytes*, at the share of a CPU that goes with so much memory. Of a function that imports much,
    only the response is told: some clients import it before their first request, some after.
    """
    where = f"@{megabytes}" if megabytes else ""
    of = "" if function == "trivial" else f"/{function}"

    def run(subject: Subject) -> Sample:
        server, replies = subject.server, canned("16")
        with ExitStack() as stack:
            group = stack.enter_context(Group(place(), megabytes)) if megabytes else None
            process = stack.enter_context(start(subject, function, group))
            asked = server.arrival
            server.serve(1, replies)
            answered = server.arrival
            check(function, event("16"), server.body)
        sample = {f"first-response{of}{where}": (answered - process.started) / 1e6}
        return sample if of else {f"first-next{where}": (asked - process.started) / 1e6, **sample}

    return run


@cache
def place() -> Place:
    """Return where groups with a quota can be made, looked for once.

    Raises:
        NotPermitted: If nowhere.
    """
    return find()


def no_quota() -> str:
    """Return why no share of a CPU can be set on this machine, or an empty string."""
    try:
        place()
    except NotPermitted as exc:
        return str(exc)
    return ""
