"""The command: ``python -m benchmarks.containers``, for which `scripts/image` makes images and network."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.containers.gate import SHARES, ContainerError, Gated, podman
from benchmarks.containers.ratios import Ratio, as_json, as_table
from benchmarks.containers.reading import trace
from benchmarks.measures.start import canned, check
from benchmarks.output.report import spread
from benchmarks.output.tables import head, row
from benchmarks.payloads import event
from benchmarks.server import PeerError, Server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.containers.reading import Reading

OURS: Final = "localhost/bench-ours"
THEIRS: Final = "localhost/bench-awslambdaric"
BASE: Final = "docker.io/library/debian:bullseye-slim"
ENVIRON: Final = {
    "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_REGION": "eu-central-1",
}
MEGABYTES: Final = 40
"""What the image may have over its base, of 1,000,000 bytes."""

START, SIZE, COUNTED = "cold start, ms", "MB over its base", ("files opened", "bytes read")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the JSON.

    Returns:
        0, 1 if a target is missed, 2 if nothing can be measured.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.containers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="starts per image and share (default: 15)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the JSON goes")
    options = parser.parse_args(argv)
    if options.rounds < 2:
        parser.error(f"--rounds must be at least 2, not {options.rounds}")
    if "NAMESPACE" not in os.environ:
        parser.error("start it as `scripts/image PYTHON bench`: that makes the images and the network")
    try:
        with Server() as server:
            result = measure(server, options.rounds)
    except (ContainerError, PeerError) as exc:
        print(f"benchmarks.containers: {exc}", file=sys.stderr)
        return 2
    reached = targets(result)
    print("\n".join([*table(result), "", *as_table(reached)]))
    if options.output:
        options.output.write_text(json.dumps({**result, "targets": as_json(reached)}, indent=1) + "\n")
    return 0 if all(one.met for one in reached) else 1


def measure(server: Server, rounds: int) -> dict[str, Any]:
    """Start both images in turn, *rounds* times for each share of a CPU, and once each under strace."""
    load = round(os.getloadavg()[0], 2)
    starts: dict[str, dict[str, list[float]]] = {}
    for share in SHARES:
        both: dict[str, list[float]] = {OURS: [], THEIRS: []}
        for number in range(rounds):
            for image in (OURS, THEIRS)[:: -1 if number % 2 else 1]:
                both[image].append(cold_start(server, image, share))
        starts[share] = {"ours": both[OURS], "awslambdaric": both[THEIRS]}
    ours, theirs = (traced(server, image) for image in (OURS, THEIRS))
    size = [int(podman("image", "inspect", "--format={{.Size}}", image)) for image in (OURS, BASE)]
    return {
        "load": load,
        START: starts,
        "files opened": counted(ours.opened, theirs.opened),
        "bytes read": counted(ours.read, theirs.read),
        SIZE: round((size[0] - size[1]) / 1e6, 2),
    }


def cold_start(server: Server, image: str, share: str) -> float:
    """Return the milliseconds from exec of the entry point to the first response."""
    with contained(server, image, share) as container:
        container.open()
        server.accept(container)
        server.serve(1, canned("16"))
        check("trivial", event("16"), server.body)
        return (server.arrival - container.started) / 1e6


def traced(server: Server, image: str) -> Reading:
    """Return what a start opens and reads."""
    with contained(server, image, "100 ms") as container:
        return trace(container, server)


def contained(server: Server, image: str, share: str) -> Gated:
    """Return *image* in a container that can reach *server*."""
    server.hang_up()
    network = f"--network=ns:/run/netns/{os.environ['NAMESPACE']}"
    return Gated(image, {**ENVIRON, "AWS_LAMBDA_RUNTIME_API": server.address}, [network, *SHARES[share]])


def counted(ours: dict[str, int], theirs: dict[str, int]) -> dict[str, Any]:
    """Return both sums, and what ours is made of."""
    parts = dict(sorted(ours.items(), key=lambda item: -item[1]))
    return {"ours": sum(ours.values()), "awslambdaric": sum(theirs.values()), "our parts": parts}


def targets(result: dict[str, Any]) -> list[Ratio]:
    """Return what must be reached."""
    found = []
    for share, one in result[START].items():
        ratio = statistics.median(one["ours"]) / statistics.median(one["awslambdaric"])
        found.append(Ratio(f"cold start, share refilled every {share}", round(ratio, 3), 0.5))
    for name in COUNTED:
        ratio = result[name]["ours"] / result[name]["awslambdaric"]
        found.append(Ratio(name, round(ratio, 3), 0.5))
    return [*found, Ratio(SIZE, result[SIZE], MEGABYTES)]


def table(result: dict[str, Any]) -> list[str]:
    """Return the result as a table in Markdown."""
    sides = ("ours", "awslambdaric")
    lines = head("in the image, 128 MB and 7 % of a CPU", ["ours", "the same image with awslambdaric"])
    for share, one in result[START].items():
        cells = [f"{statistics.median(one[side]):.0f} ms ± {100 * spread(one[side]):.0f} %" for side in sides]
        lines.append(row([f"exec to first response, share refilled every {share}", *cells]))
    lines += [row([name, *(f"{result[name][side]:,}" for side in sides)]) for name in COUNTED]
    says = "Medians of starts in turn, ± half the distance between the quartiles."
    return [*lines, "", f"{says} Load before: {result['load']}."]


if __name__ == "__main__":
    sys.exit(main())
