"""The unpacked layer as Lambda starts it: ``python -m benchmarks.layer --tree FOLDER --python PYTHON``.

Exec of `bootstrap` to the first ``GET /next`` against awslambdaric and the one-file floor on another Python,
and loops in pure Python on both interpreters. The layer lies at /opt, in a mount namespace of this process's
own: it needs root.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from benchmarks.bytecode import NoBytecode, compile_all
from benchmarks.clean_room import NoInterpreter, prepare
from benchmarks.containers.ratios import Ratio, as_json, as_table
from benchmarks.measures.start import canned, check
from benchmarks.output.report import spread
from benchmarks.output.tables import head, row
from benchmarks.payloads import event
from benchmarks.peers import BENCHMARKS, FUNCTIONS, PEERS, environment
from benchmarks.process import Process
from benchmarks.server import PeerError, Server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.clean_room import Machine

OPT: Final = Path("/opt")
INSIDE: Final = "RAPID_BENCH_LAYER"
"""Set in the process that has the layer at /opt."""

LAYER, OFFICIAL, FLOOR, OWN_FLOOR = (
    "the layer's bootstrap",
    "awslambdaric",
    "Python floor",
    "floor, the layer's Python",
)
LIMITS: Final = {OFFICIAL: 0.30, FLOOR: 1.0}
FROZEN_LIMITS: Final = {OFFICIAL: 0.30, FLOOR: 0.90}
LOOPS_LIMIT: Final = 0.85
LOOPS: Final = BENCHMARKS / "loops.py"
ROUNDS_OF_LOOPS: Final = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the JSON.

    Returns:
        0, 1 if a target is missed, 2 if nothing can be measured.
    """
    given = sys.argv[1:] if argv is None else list(argv)
    options = parse(given)
    if INSIDE not in os.environ:
        enter(options.tree, given)
    try:
        with tempfile.TemporaryDirectory() as room, Server() as server:
            machine = prepare(options.python, Path(room) / "room")
            compile_all(machine.python, ())
            result = measure(server, machine, options.rounds)
    except (NoBytecode, NoInterpreter, PeerError, OSError, subprocess.SubprocessError) as exc:
        print(f"benchmarks.layer: {exc}", file=sys.stderr)
        return 2
    reached = targets(result)
    print("\n".join([*table(result), "", *as_table(reached)]))
    if options.output:
        options.output.write_text(json.dumps({**result, "targets": as_json(reached)}, indent=1) + "\n")
    return 0 if all(one.met for one in reached) else 1


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; what is wrong with it ends the program with exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.layer", description=__doc__)
    parser.add_argument("--tree", type=Path, required=True, metavar="FOLDER", help="the unpacked layer")
    parser.add_argument(
        "--python",
        default=sys.executable,
        metavar="PATH",
        help="the Python to compare with, which has awslambdaric",
    )
    parser.add_argument("--rounds", type=int, default=40, help="starts of each (default: 40)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the JSON goes")
    options = parser.parse_args(argv)
    if options.rounds < 2:
        parser.error(f"--rounds must be at least 2, not {options.rounds}")
    if not (options.tree / "bootstrap").is_file():
        parser.error(
            f"--tree {options.tree}: there is no bootstrap in it; `rapid layer build --tree` makes one"
        )
    if os.geteuid() and INSIDE not in os.environ:
        parser.error("it needs root, to have the layer at /opt")
    return options


def enter(tree: Path, argv: Sequence[str]) -> NoReturn:
    """Begin again where *tree* is at /opt; the namespace ends with the process."""
    script = 'mount --bind "$0" /opt && exec "$@"'
    again = [sys.executable, "-m", "benchmarks.layer", *argv]
    environ = {**os.environ, INSIDE: "1"}
    os.execvpe("unshare", ["unshare", "--mount", "sh", "-c", script, str(tree.resolve()), *again], environ)


def measure(server: Server, machine: Machine, rounds: int) -> dict[str, Any]:
    """Start each in turn, then run the loops in turn."""
    load = round(os.getloadavg()[0], 2)
    commands = starts(machine)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(-1, rounds):
        for name in list(commands)[:: -1 if number % 2 else 1]:
            took = first_next(server, commands[name], environ(server.address, machine))
            if number >= 0:  # the first is for the page cache
                times[name].append(took)
    loops = {"layer": dict[str, list[float]](), "other": dict[str, list[float]]()}
    for _ in range(ROUNDS_OF_LOOPS):
        for who, python in ("layer", interpreter()), ("other", base_python(machine)):
            for name, took in json.loads(subprocess.check_output([python, "-S", str(LOOPS)])).items():
                loops[who].setdefault(name, []).append(took)
    result = {
        "load": load,
        "python": machine.versions["python"],
        "first /next, ms": times,
        "loops, ms": loops,
        "frozen": frozen(),
    }
    return {**result, "targets": targets(result)}


def starts(machine: Machine) -> dict[str, list[str]]:
    """Return what is started, by name."""
    official = next(peer for peer in PEERS if peer.name == "awslambdaric")
    floor = str(BENCHMARKS / "floor.py")
    return {
        LAYER: [str(OPT / "bootstrap")],
        OFFICIAL: official.command(machine, "trivial.handler"),
        FLOOR: [base_python(machine), "-S", floor],
        OWN_FLOOR: [interpreter(), "-S", floor],
    }


def environ(address: str, machine: Machine) -> Mapping[str, str]:
    """Return a function's environment on an OS-only runtime; nothing names an interpreter there."""
    official = next(peer for peer in PEERS if peer.name == "awslambdaric")
    variables = dict(environment(official, "trivial", address, machine))
    del variables["RAPID_PYTHON"]
    return variables


def first_next(server: Server, command: list[str], variables: Mapping[str, str]) -> float:
    """Return the milliseconds from exec to the first request for an event; the answer is checked, too."""
    server.hang_up()
    with Process(command, variables, FUNCTIONS) as process:
        server.accept(process)
        asked = server.arrival
        server.serve(1, canned("16"))
        check("trivial", event("16"), server.body)
        return (asked - process.started) / 1e6


def interpreter() -> str:
    """Return the interpreter that the layer's bootstrap names."""
    first, _, _ = (OPT / "bootstrap").read_text().partition("\n")
    return first.removeprefix("#!").split()[0]


def frozen() -> bool:
    """Tell whether the runtime is frozen into the layer's interpreter."""
    code = "import _imp; print(_imp.is_frozen('rapid_client'))"
    return subprocess.check_output([interpreter(), "-S", "-c", code], text=True).strip() == "True"


def base_python(machine: Machine) -> str:
    """Return the interpreter behind the clean room's: a floor needs no virtual environment."""
    return str(Path(machine.python).resolve())


def targets(result: dict[str, Any]) -> list[Ratio]:
    """Return what must be reached."""
    median = {name: statistics.median(times) for name, times in result["first /next, ms"].items()}
    limits = FROZEN_LIMITS if result["frozen"] else LIMITS
    found = [
        Ratio(f"first /next against {name}", round(median[LAYER] / median[name], 3), limit)
        for name, limit in limits.items()
    ]
    ours, other = (sum(map(min, result["loops, ms"][who].values())) for who in ("layer", "other"))
    return [*found, Ratio("loops in pure Python", round(ours / other, 3), LOOPS_LIMIT)]


def table(result: dict[str, Any]) -> list[str]:
    """Return the result as tables in Markdown."""
    lines = head("exec to first `/next`", ["ms", "the layer's is"])
    times = result["first /next, ms"]
    ours = statistics.median(times[LAYER])
    for name, one in times.items():
        middle = statistics.median(one)
        lines.append(row([name, f"{middle:.2f} ± {100 * spread(one):.0f} %", f"{ours / middle:.3f} x"]))
    lines += ["", *head("loops in pure Python", ["the layer, ms", f"Python {result['python']}, ms", "ratio"])]
    loops = result["loops, ms"]
    for name in loops["layer"]:
        layer, other = min(loops["layer"][name]), min(loops["other"][name])
        lines.append(row([name, f"{layer:.2f}", f"{other:.2f}", f"{layer / other:.3f}"]))
    state = "frozen into" if result["frozen"] else "not frozen into"
    return [*lines, "", f"The runtime is {state} the layer's interpreter. Load before: {result['load']}."]


if __name__ == "__main__":
    sys.exit(main())
