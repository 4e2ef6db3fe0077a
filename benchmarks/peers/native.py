"""The clients in other languages, and the C floor: each with the trivial function, all built here.

They are built as their own documentation says: Go by the README of aws-lambda-go, Rust with what ``cargo
lambda build --release`` sets, Node.js by ``npm``, which compiles aws-lambda-ric's C++.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.peers.building import Build, Tool, built, made_by, version
from benchmarks.peers.peer import BENCHMARKS, TRIVIAL, Peer, files_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from benchmarks.clean_room import Machine
    from benchmarks.peers.peer import Say

HERE: Final = BENCHMARKS / "peers"
RIC: Final = "node_modules/aws-lambda-ric"
NODE: Final = Tool("node", "Node.js", ("-p", "process.version + ' ' + process.execPath"))
"""Its version, and where it really is: what version managers put on the path is something before it."""


# How each is built...


def go() -> Build:
    """Return how the Go client is built: without cgo, as its README wants it on Linux."""
    return Build(
        "go",
        "the Go client",
        (HERE / "go",),
        (Tool("go", "Go toolchain", ("version",)),),
        (("go", "build", "-tags", "lambda.norpc", "-o", "bootstrap", "."),),
        ("bootstrap",),
        environ={"CGO_ENABLED": "0", "GOWORK": "off"},
    )


def rust() -> Build:
    """Return how the Rust clients are built: one crate, two programs."""
    return Build(
        "rust",
        "the Rust clients",
        (HERE / "rust",),
        (Tool("rustc", "Rust compiler"), Tool("cargo", "Rust package manager")),
        (("cargo", "build", "--release", "--locked", "--target-dir", "target"),),
        ("target/release/rust", "target/release/rust-current"),
    )


def node() -> Build:
    """Return how the Node.js client is built: its newest version, before Node.js 22 the newest for that.

    Raises:
        Absent: If Node.js, whose version decides, does not run.
    """
    modern = int(version(NODE).removeprefix("v").partition(".")[0]) >= 22
    folder = HERE / "node" if modern else HERE / "node" / "before-22"
    autotools = () if modern else ("autoconf", "automake", "libtoolize")
    return Build(
        "node",
        "the Node.js client",
        (folder / "package.json", folder / "package-lock.json"),
        (NODE, Tool("npm", "Node.js package manager")),
        (("npm", "ci", "--foreground-scripts", "--no-audit", "--no-fund"),),
        ("node_modules",),
        needs=("make", "cmake", "c++", *autotools),
    )


def floor() -> Build:
    """Return how the C floor is built; CC names another compiler."""
    compiler = os.environ.get("CC") or "cc"
    return Build(
        "floor-c",
        "the C floor",
        (BENCHMARKS / "floor.c",),
        (Tool(compiler, "C compiler"),),
        ((compiler, "-O2", "-o", "floor", "floor.c"),),
        ("floor",),
    )


# What is made of the folder that a build left...


@dataclass(frozen=True)
class Native:
    """A client that is built, and what to make of the folder that its build leaves."""

    name: str
    recipe: Callable[[], Build]
    file: str
    """What is installed of that folder: a program, or a folder of files."""
    describe: Callable[[Path, str], str]
    """Makes the line for the report of that folder and the version of the tool that built it."""
    argv: Callable[[Path, str], list[str]] | None = None
    """Makes the command of that folder and the handler; without it the program is the command."""

    def prepare(self, machine: Machine, say: Say) -> None:
        """Build it, unless that has been done."""
        built(self.name, self.recipe, machine, say)

    def command(self, machine: Machine, handler: str) -> list[str]:
        """Return the command."""
        folder = built(self.name, self.recipe, machine)
        return self.argv(folder, handler) if self.argv else [str(folder / self.file)]

    def version(self, machine: Machine) -> str:
        """Return the versions of the client and of its tool."""
        folder = built(self.name, self.recipe, machine)
        return self.describe(folder, made_by(folder))

    def installed(self, machine: Machine) -> list[Path]:
        """Return the program, or the files of the folder that is installed."""
        path = built(self.name, self.recipe, machine) / self.file
        return files_in(path) if path.is_dir() else [path]


def _pinned(file: str, pattern: str) -> str:
    found = re.search(pattern, (HERE / file).read_text())
    assert found, f"{file} names no version"
    return found[1]


def _go_version(folder: Path, tool: str) -> str:
    client = _pinned("go/go.mod", r"aws-lambda-go v(\S+)")
    return f"aws-lambda-go {client}, {tool.removeprefix('go version ')}"


def _rust_version(folder: Path, tool: str) -> str:
    client = _pinned("rust/Cargo.lock", r'name = "lambda_runtime"\nversion = "(.+)"')
    return f"lambda_runtime {client}, {tool}"


def _node_version(folder: Path, tool: str) -> str:
    return f"aws-lambda-ric {_package(folder)['version']}, Node.js {tool.partition(' ')[0]}"


def _c_version(folder: Path, tool: str) -> str:
    return tool


def _node_command(folder: Path, handler: str) -> list[str]:
    """Return what ``npx aws-lambda-ric`` comes to, without npx: half a second."""
    program, script = made_by(folder).partition(" ")[2], _package(folder)["bin"]["aws-lambda-ric"]
    return [program, os.path.normpath(folder / RIC / script), handler]


def _package(folder: Path) -> Any:
    return json.loads((folder / RIC / "package.json").read_text())


# The peers...


def _peer(name: str, title: str, language: str, native: Native) -> Peer:
    return Peer(
        name,
        title,
        native.command,
        native.version,
        native.installed,
        native.prepare,
        language,
        functions=TRIVIAL,
    )


NATIVE: Final = (
    _peer("go", "Go", "Go", Native("go", go, "bootstrap", _go_version)),
    _peer("rust", "Rust", "Rust", Native("rust", rust, "rust", _rust_version)),
    _peer(
        "rust-current",
        "Rust, current-thread runtime",
        "Rust",
        Native("rust", rust, "rust-current", _rust_version),
    ),
    _peer("node", "Node.js", "Node.js", Native("node", node, "node_modules", _node_version, _node_command)),
)
FLOOR_C: Final = _peer("floor-c", "C floor", "C", Native("floor-c", floor, "floor", _c_version))
