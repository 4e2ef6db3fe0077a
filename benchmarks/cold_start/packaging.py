"""`rapid package` on the functions of the corpus: ``python -m benchmarks.cold_start.packaging``.

Each is packaged with its events, and so is run beside the original: what answers otherwise is not packaged.
The zip files are what ``python -m benchmarks.cold_start --also`` takes. Options after ``--`` are `rapid
package`'s.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.cold_start import forky, mounts
from benchmarks.cold_start.corpus import ARCH, RUNTIME, NotThere, cache, functions, wheels
from benchmarks.peers import ROOT
from rapid_client.local._target.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.cold_start.corpus import Function

MODULE: Final = "benchmarks.cold_start.packaging"


@dataclass(frozen=True)
class How:
    """How functions are packaged: for which Python, into which folder, with which further options."""

    python: str
    out: Path
    options: Sequence[str] = ()
    kinds: tuple[str, ...] = ("events", "rare")
    """The folders of events that the packager is given."""
    search: str | None = None
    """A folder in which an interpreter of this Python is, in front of PATH."""


@dataclass(frozen=True)
class Packaged:
    """What came of one function: the packager's report, or why there is none."""

    name: str
    report: Mapping[str, Any] | None = None
    problem: str = ""

    @property
    def same(self) -> int:
        """How many events were answered as by the original."""
        return sum(one["same"] is True for one in self._events())

    @property
    def unproven(self) -> list[str]:
        """The events that fail in the original."""
        return [one["event"] for one in self._events() if one["same"] is None]

    def _events(self) -> list[Any]:
        trial = (self.report or {}).get("trial") or {}
        events: list[Any] = trial.get("events", [])
        return events


def package(function: Function, how: How) -> Packaged:
    """Package one function into ``how.out/NAME.zip``."""
    how.out.mkdir(parents=True, exist_ok=True)
    try:
        links = wheels(function, how.python)
    except BuildError as exc:
        return Packaged(function.name, problem=exc.message)
    proof = [f"--event={function.folder / name}" for name in function.events(*how.kinds)]
    proof += ["--handler", "app.handler", "--runs", "1", *how.options]
    if function.fails:  # what does not start is not packaged with events, and proves nothing
        proof = []
    command = [
        *(sys.executable, "-m", "rapid_client.local.cli", "package", str(function.folder), "--json"),
        *("--runtime", RUNTIME, "--arch", ARCH, "--python", how.python),
        *("--requirements", str(function.requirements), "--out", str(how.out / f"{function.name}.zip")),
        *proof,
    ]
    path = os.pathsep.join(filter(None, (how.search, os.environ.get("PATH", os.defpath))))
    environ = {**os.environ, "PATH": path, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(links)}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    if done.returncode:
        return Packaged(function.name, problem=done.stderr.strip() or f"exit code {done.returncode}")
    return Packaged(function.name, json.loads(done.stdout))


def package_all(chosen: Sequence[Function], how: How, at_once: int = 1) -> list[Packaged]:
    """Package functions, so many *at_once*; those that do not run on this Python say why."""

    def one(function: Function) -> Packaged:
        hindrance = function.hindrance(how.python)
        found = (
            Packaged(function.name, problem=f"left out: {hindrance}") if hindrance else package(function, how)
        )
        print(line(found), file=sys.stderr, flush=True)
        return found

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(one, chosen))


def line(found: Packaged) -> str:
    """Return what is said of one function."""
    if found.report is None:
        return f"{found.name}: {found.problem}"
    fails = f", fail in the original: {', '.join(found.unproven)}" if found.unproven else ""
    return f"{found.name}: {found.same} the same{fails}, {found.report['zip']['size']:,} bytes"


def failed(found: Packaged) -> bool:
    """Tell whether a function could not be packaged, and was not left out for a reason."""
    return found.report is None and not found.problem.startswith("left out: ")


def main(argv: Sequence[str] | None = None) -> int:
    """Package functions.

    Returns:
        0, 1 if one of them could not be packaged, 2 if nothing can be done.
    """
    given = sys.argv[1:] if argv is None else list(argv)
    options = parse(given)
    try:
        chosen = functions(options.names)
        with ExitStack() as stack:
            search = None
            if options.python in forky.VERSIONS:
                out = options.out.absolute()
                out.mkdir(parents=True, exist_ok=True)
                mounts.enter(MODULE, given, forky.mounts((cache(), out)))
                search = stack.enter_context(tempfile.TemporaryDirectory())
                forky.python(options.python, Path(search))
            kinds = ("events",) if options.cold_calls else ("events", "rare")
            how = How(options.python, options.out.absolute(), options.more, kinds, search)
            found = package_all(chosen, how, options.at_once)
    except (NotThere, OSError) as exc:
        print(f"benchmarks.cold_start.packaging: {exc}", file=sys.stderr)
        return 2
    print(json.dumps([{"name": one.name, "problem": one.problem, "report": one.report} for one in found]))
    return 1 if any(map(failed, found)) else 0


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; what is wrong with it ends the program with exit code 2."""
    given = list(argv)
    cut = given.index("--") if "--" in given else len(given)
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="the functions (default: all)")
    add("--python", default="3.13", metavar="X.Y", help="the Python to package for (default: 3.13)")
    add("--out", type=Path, required=True, metavar="FOLDER", help="where the zip files go")
    add("--at-once", type=int, default=1, metavar="N", help="how many at the same time (default: 1)")
    add(
        "--cold-calls",
        action="store_true",
        help="tell the packager nothing of the routes in rare/",
    )
    options = parser.parse_args(given[:cut])
    if options.at_once < 1:
        parser.error(f"--at-once must be at least 1, not {options.at_once}")
    options.more = given[cut + 1 :]
    return options


if __name__ == "__main__":
    sys.exit(main())
