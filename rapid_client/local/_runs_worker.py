"""The process that runs a user's function for `_runs`, where there is no network if that can be had.

Standard input has one JSON object a line: first what to run, then one for each cold start. Standard output
gets one answer for each.
"""

from __future__ import annotations

import base64
import json
import shutil
import signal
import sys
import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from rapid_client.errors import ConfigError
from rapid_client.local._runs_isolation import adopt_orphans, cut_network, end_children, own_mounts, read_only
from rapid_client.local._scripted import ScriptedFunction
from rapid_client.local.environment import FunctionOptions
from rapid_client.local.function import LocalFunction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from rapid_client.local.function import InvokeResult

    #: Gets the handler, how it is run, and the line that was asked.
    Answer = Callable[[str, FunctionOptions, dict[str, Any]], dict[str, Any]]


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
        writable = own_mounts()
        adopt_orphans()
        _say({"ready": True, "writable": writable})
        options = FunctionOptions(**order["options"])
        with tempfile.TemporaryDirectory(prefix="rapid-runs-", ignore_cleanup_errors=True) as scratch:
            # The same path for all, since it may be part of an answer.
            tmp = Path(scratch, "tmp")
            options = replace(options, env={"TMPDIR": str(tmp), **options.env})
            for line in sys.stdin:
                asked = json.loads(line)
                here = replace(options, root=asked["root"])
                with _guarded(here.folder, tmp, protected=writable is None):
                    said = (answer or _run)(order["handler"], here, asked)
                _say(said)
    except (KeyboardInterrupt, BrokenPipeError):
        pass  # who asked has gone, or goes


@contextmanager
def _guarded(root: Path, tmp: Path, *, protected: bool) -> Iterator[None]:
    """Let the block run a function as on Lambda: its folder is read-only, *tmp* is empty at the start.

    What it has started, and detached, ends with it.
    """
    tmp.mkdir()
    try:
        # A folder that is not there is the block's to complain of.
        with read_only(root) if protected and root.is_dir() else nullcontext():
            yield
            end_children()
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


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
