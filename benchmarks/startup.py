"""Where the time of a start goes, step by step: ``python -m benchmarks.startup --python PYTHON``.

A process takes the steps of `bootstrap` one at a time and notes the clock after each. ``-X importtime`` would
show less: `rapid_client.preload` imports nothing.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

from benchmarks.peers import FUNCTIONS, ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

STEPS: Final = """
from time import monotonic_ns
steps = [("interpreter, up to the first line of the script", monotonic_ns())]
def step(name):
    steps.append((name, monotonic_ns()))
import sys
import rapid_client
step("import rapid_client")
import gc
gc.disable()
step("no garbage collection")
import __future__
step("import __future__")
import _socket
step("import _socket")
import _json
step("import _json")
def each():  # asked for the next name once a module has been loaded
    for name in ("_site", *rapid_client.COLD_PATH):
        yield name
        step("preload " + name)
spec = rapid_client.__spec__
rapid_client._load(each(), type(spec.loader), rapid_client.__file__, spec.cached)
gc.freeze()
gc.enable()
from rapid_client import _runtime, _site
_site.prepare()
step("what site would have done")
import trivial
step("import of the function")
for name, at in steps:
    print(at, name)
sys.stdout.flush()
_runtime.main(["bootstrap"])
"""
LAST: Final = "settings, hooks, codec, loop, connection, up to GET /next"


def once(server: socket.socket, python: str) -> dict[str, float]:
    """Start one process; return its steps and what each took, in microseconds."""
    host, port = server.getsockname()
    environ = {
        "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}",
        "_HANDLER": "trivial.handler",
        "LAMBDA_TASK_ROOT": str(FUNCTIONS),
        "LANG": "en_US.UTF-8",
        "PATH": os.defpath,
    }
    before = time.monotonic_ns()
    command = [python, "-S", "-c", STEPS]
    with subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                arrival = time.monotonic_ns()
                process.kill()
                out, _ = process.communicate()
        finally:
            process.kill()
    took = {}
    for line in [*out.splitlines(), f"{arrival} {LAST}"]:
        at, name = line.split(" ", 1)
        took[name] = (int(at) - before) / 1000
        before = int(at)
    return took


def main(arguments: Sequence[str]) -> None:
    """Print the median of each step as a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="the interpreter to start")
    parser.add_argument("--rounds", type=int, default=100, help="how many starts (default: 100)")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1, not {options.rounds}")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        try:
            once(server, options.python)  # it may have to compile
            rounds = [once(server, options.python) for _ in range(options.rounds)]
        except OSError as exc:  # a TimeoutError is one: it ended, or hangs
            sys.exit(f"benchmarks.startup: {options.python} did not start and ask for an event: {exc}")
    print("| step | us |\n|---|---:|")
    total = 0.0
    for name in rounds[0]:
        median = statistics.median(each[name] for each in rounds)
        total += median
        print(f"| {name} | {median:.0f} |")
    print(f"| **all** | **{total:.0f}** |")


if __name__ == "__main__":
    main(sys.argv[1:])
