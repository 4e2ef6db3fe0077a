"""The process that runs a user's function for `_runs`, where there is no network if that can be had.

Standard input has one JSON object a line: first what to run, then one for each cold start. Standard output
gets one answer for each.
"""

from __future__ import annotations

import base64
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from rapid_client.errors import ConfigError
from rapid_client.local._scripted import ScriptedFunction
from rapid_client.local.environment import FunctionOptions
from rapid_client.local.function import LocalFunction

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from rapid_client.local.function import InvokeResult

    #: Gets the handler, how it is run, and the line that was asked.
    Answer = Callable[[str, FunctionOptions, dict[str, Any]], dict[str, Any]]

#: <linux/sched.h>
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000
#: <linux/sockios.h>, <linux/if.h>
SIOCSIFFLAGS: Final = 0x8914
IFF_UP: Final = 1


def main(answer: Answer | None = None) -> None:
    """Answer until standard input ends, or SIGTERM comes.

    Args:
        answer: What makes the answer to a line; without it that is one cold start, and one event.
    """
    signal.signal(signal.SIGTERM, _end)
    try:
        order = json.loads(sys.stdin.readline() or "{}")
        problem = None if order["network"] else cut_network()
        if problem is not None:
            _say({"failed": problem})
            return
        _say({"ready": True})
        options = FunctionOptions(**order["options"])
        for line in sys.stdin:
            asked = json.loads(line)
            here = replace(options, root=asked["root"])
            _say((answer or _run)(order["handler"], here, asked))
    except (KeyboardInterrupt, BrokenPipeError):
        pass  # who asked has gone, or goes


def cut_network() -> str | None:
    """Put this process and those that it starts into a network that has nothing but its own loopback.

    As root that takes one call; others get it together with a user namespace in which they are who they were.

    Returns:
        Why it could not be done. The process may then be without any network, its own loopback among it.
    """
    platform: str = sys.platform  # the type checker would call one half unreachable
    if platform != "linux":
        return "only Linux has network namespaces"
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if libc.unshare(CLONE_NEWNET) != 0:
            if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
                return os.strerror(ctypes.get_errno())
            Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    except OSError as exc:
        return exc.strerror or str(exc)
    return None


def _function(handler: str, options: FunctionOptions, script: list[str]) -> LocalFunction:
    """Return the function, with the *script* that starts it where there is one."""
    return ScriptedFunction(handler, options, script) if script else LocalFunction(handler, options)


def _run(handler: str, options: FunctionOptions, asked: dict[str, Any]) -> dict[str, Any]:
    """Start the function, invoke it once, end it; return what came of it."""
    event = base64.b64decode(asked["event"])
    try:
        with _function(handler, options, asked["script"]) as function:
            result = function.invoke(event)
    except ConfigError as exc:
        return {"refused": str(exc)}
    return {"result": described(result)}


def described(result: InvokeResult) -> dict[str, Any]:
    """Return *result* as JSON can have it."""
    binary = {name: base64.b64encode(getattr(result, name)).decode() for name in ("payload", "log")}
    return {**asdict(result), **binary}


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    """Unwind, so that the function's process is ended, too."""
    raise SystemExit
