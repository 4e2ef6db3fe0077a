"""Cold starts of the corpus's functions: ``python -m benchmarks.cold_start``.

awslambdaric and ours on files with valid, without and with stale bytecode, ours on what `rapid package` makes
of them, with ``--layer`` on the layer's interpreter, with ``--also`` on packages that are there already.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.clean_room import NoInterpreter, prepare
from benchmarks.cold_start import forky, mounts, report, variants
from benchmarks.cold_start.corpus import NotThere, cache, functions
from benchmarks.cold_start.measure import Bench, measure
from benchmarks.cold_start.trees import Trees, sizes
from benchmarks.containers.ratios import as_json, as_table
from benchmarks.output.report import commit, describe_machine
from benchmarks.peers import Absent
from benchmarks.server import PeerError, Server

if TYPE_CHECKING:
    from collections.abc import Sequence

MODULE: Final = "benchmarks.cold_start"
#: What awslambdaric needs; the functions bring the rest.
PEERS: Final = ("awslambdaric", "snapshot-restore-py")
#: Its package is weighed.
SIZED: Final = "boto3_pydantic_requests"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the JSON.

    Returns:
        0, 1 if a target is missed, 2 if nothing can be measured.
    """
    given = sys.argv[1:] if argv is None else list(argv)
    options = parse(given)
    try:
        mounts.enter(MODULE, given, pairs(options))
        with tempfile.TemporaryDirectory() as name:
            result = run(options, Path(name))
    except (Absent, NotThere, NoInterpreter, PeerError, OSError) as exc:
        print(f"{MODULE}: {exc}", file=sys.stderr)
        return 2
    reached = report.targets(result)
    print("\n".join([*report.tables(result), "", *as_table(reached)]))
    if options.output:
        options.output.write_text(json.dumps({**result, "targets": as_json(reached)}, indent=1) + "\n")
    return 0 if all(one.met for one in reached) else 1


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; what is wrong with it ends the program with exit code 2."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    add = parser.add_argument
    add("--only", default="", metavar="NAMES", help="measure only these functions, comma-separated")
    add("--rounds", type=int, default=7, help="starts of each (default: 7)")
    add("--python", default=sys.executable, metavar="PATH", help="a Python that has awslambdaric and pip")
    add(
        "--layer", type=Path, metavar="FOLDER", help="an unpacked layer, which is mounted at /opt: needs root"
    )
    add(
        "--also",
        action="append",
        default=[],
        metavar="NAME@PYTHON=FOLDER",
        help="functions that are packaged already (FOLDER/FUNCTION.zip, or a folder), and the Python to run "
        "them: 3.13, or one of the forky root's, for which it needs root; may be repeated",
    )
    add("--output", type=Path, metavar="FILE", help="where the JSON goes")
    options = parser.parse_args(argv)
    options.only = [name.strip() for name in options.only.split(",") if name.strip()]
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1, not {options.rounds}")
    if options.layer and not (options.layer / "bootstrap").is_file():
        parser.error(
            f"--layer {options.layer}: there is no bootstrap in it; `rapid layer build --tree` makes one"
        )
    return options


def pairs(options: argparse.Namespace) -> list[tuple[Path, Path]]:
    """Return what must be mounted, and where.

    Raises:
        NotThere: If ``--also`` or ``--layer`` cannot be had.
    """
    found = []
    if any(variants.read(given)[1] in forky.VERSIONS for given in options.also):
        found += forky.mounts((cache(), *(variants.read(given)[2] for given in options.also)))
    if options.layer:
        if os.geteuid():
            raise NotThere("--layer needs root, to have the layer at /opt")
        found.append((options.layer.resolve(), variants.OPT))
    return found


def run(options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Make the trees, start everything, weigh one package."""
    chosen = [function for function in functions(options.only) if not function.fails]
    trees = Trees(options.python)
    machine = prepare(options.python, scratch / "room", PEERS)
    found = variants.standard(machine, trees, layer=options.layer is not None)
    found += [variants.also(given, machine, scratch) for given in options.also]
    for function in chosen:
        say(f"{function.name}: files")
        for variant in found:
            if not function.hindrance(variant.python):
                variant.tree(function)
    load = round(os.getloadavg()[0], 2)
    with Server() as server:
        result = measure(Bench(server, machine), chosen, found, options.rounds, say)
    size = None
    if not options.only:
        weighed = functions([SIZED])[0]
        size = sizes(weighed, options.python, scratch / "size", "--boto3-services", "s3")
    return {
        "machine": describe_machine(),
        "versions": dict(machine.versions),
        "commit": commit(),
        "load": load,
        "rounds": options.rounds,
        "times, ms": result.times,
        "cpu, ms": result.cpu,
        "absent": {name: each for name, each in result.absent.items() if each},
        "differs": result.differs,
        "size": size,
    }


def say(line: str) -> None:
    """Say how far it is, on standard error."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
