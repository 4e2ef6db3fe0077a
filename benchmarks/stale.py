"""What trusted bytecode saves: ``python -m benchmarks.stale --packages FOLDER --python PYTHON``.

A function makes an S3 client with the boto3 in FOLDER (``pip install --target FOLDER boto3``), and every
``.pyc`` has another time than its source, as after a zip tool that drops times. awslambdaric and this runtime
start on the same files in turn, where no bytecode can be written; the clock runs from exec to the first
response.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.payloads import event
from benchmarks.peers import ROOT
from benchmarks.process import Process
from benchmarks.server import PeerError, Server, replies

if TYPE_CHECKING:
    from collections.abc import Sequence

FUNCTION: Final = """
import boto3
client = boto3.client("s3", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
def handler(event, context):
    return {"ok": True}
"""
OFFICIAL, OURS, TRUSTING, VALID = (
    "awslambdaric, stale .pyc",
    "rapid_client, stale .pyc",
    "rapid_client, stale .pyc, RAPID_TRUST_PYC=1",
    "awslambdaric, valid .pyc",
)
#: Seconds since 1970 that a build tool gives all files: 1980-01-01, the first date that a zip can hold.
NO_TIME: Final = 315532800


class Bench:
    """Two copies of the function, one with stale bytecode, and what starts them.

    Args:
        folder: An empty folder.
        packages: Where boto3 is installed.
        python: The interpreter, which has awslambdaric.
    """

    def __init__(self, folder: Path, packages: Path, python: str) -> None:
        self.python = python
        self.stale, self.valid = folder / "stale", folder / "valid"
        shutil.copytree(packages, self.valid, ignore=shutil.ignore_patterns("__pycache__", "bin"))
        (self.valid / "app.py").write_text(FUNCTION, encoding="utf-8")
        places = [str(self.valid), str(ROOT / "rapid_client")]
        subprocess.run([python, "-m", "compileall", "-q", *places], check=False, stdout=subprocess.DEVNULL)
        shutil.copytree(self.valid, self.stale)
        for source in self.stale.rglob("*.py"):
            os.utime(source, (NO_TIME, NO_TIME))

    def cold_start(self, name: str) -> float:
        """Return the milliseconds from exec to the first response.

        Raises:
            PeerError: If there is none.
        """
        task = self.valid if name == VALID else self.stale
        official = [self.python, "-m", "awslambdaric", "app.handler"]
        command = official if name in (OFFICIAL, VALID) else [self.python, "-S", str(ROOT / "bootstrap")]
        with Server() as server:
            environ = {
                "PATH": os.defpath,
                "LANG": "en_US.UTF-8",
                "PYTHONDONTWRITEBYTECODE": "1",
                "AWS_LAMBDA_RUNTIME_API": server.address,
                "LAMBDA_TASK_ROOT": str(task),
                "_HANDLER": "app.handler",
                "RAPID_TRUST_PYC": "1" if name == TRUSTING else "0",
            }
            made = replies(event("16"))
            with Process(command, environ, task) as process:
                server.accept(process)
                server.serve(1, made)
                if b"ok" not in server.body:
                    raise PeerError(f"{name} has answered {server.body[:200]!r}")
                return (server.arrival - process.started) / 1e6


def main(arguments: Sequence[str]) -> None:
    """Print the medians, the best, and the ratios to awslambdaric on the same files, as a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stale", description=__doc__)
    parser.add_argument("--packages", type=Path, required=True, help="the folder that boto3 is installed in")
    parser.add_argument("--python", default=sys.executable, help="the interpreter, with awslambdaric")
    parser.add_argument("--rounds", type=int, default=15, help="how many starts of each (default: 15)")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1, not {options.rounds}")
    if not (options.packages / "boto3" / "__init__.py").is_file():
        parser.error(f"--packages: there is no boto3 in {options.packages}")
    python = shutil.which(options.python)
    if python is None:
        parser.error(f"--python: {options.python} cannot be executed")
    names = (OFFICIAL, OURS, TRUSTING, VALID)
    with tempfile.TemporaryDirectory() as name:
        try:
            bench = Bench(Path(name), options.packages, os.path.abspath(python))
            for each in names:
                bench.cold_start(each)  # what is read for the first time comes from the disk
            rounds = [[bench.cold_start(each) for each in names] for _ in range(options.rounds)]
        except (OSError, PeerError) as exc:
            sys.exit(f"benchmarks.stale: {python} did not start and answer: {exc}")
    columns = dict(zip(names, zip(*rounds, strict=True), strict=True))
    official = columns[OFFICIAL]
    print("| exec to first response | median, ms | best, ms | ratio of the medians | of the best |")
    print("|---|---:|---:|---:|---:|")
    for each, times in columns.items():
        median, best = statistics.median(times), min(times)
        ratios = f"{median / statistics.median(official):.2f} | {best / min(official):.2f}"
        print(f"| {each} | {median:.0f} | {best:.0f} | {ratios} |")


if __name__ == "__main__":
    main(sys.argv[1:])
