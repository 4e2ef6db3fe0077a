"""The last link: modules that every start loads, frozen into the executable. It takes seconds.

Frozen code is bytecode in the executable's read-only data: no file is looked for, opened or read. It is
compiled by the interpreter of this machine, of exactly the same version,
and is the same for all architectures.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from driver import toolchain
from driver.manifest import HERE
from driver.problem import Problem

if TYPE_CHECKING:
    from driver.toolchain import Toolchain

PACKAGE = HERE.parent.parent / "rapid_client"
sys.path.insert(0, str(PACKAGE.parent))

from rapid_client.local._layer import frozen  # noqa: E402 - from the checkout that this script lies in

#: What every start of Python reads from disk, and what half of all modules import and none needs.
STDLIB = ("encodings", "encodings.aliases", "encodings.utf_8", "__future__")
#: Where the tracebacks of the runtime's modules say that they are.
SHIPPED = "/opt/rapid/lib/python{minor}/rapid_client/"
#: Libraries of the C library's own, last in the link line.
SYSTEM = ("-lm", "-lpthread", "-ldl", "-lutil", "-lrt")
#: Compiles sources named on standard input; writes the bytecode, length first. Drops docstrings and asserts,
#: and `from __future__ import annotations`: as a flag of the compiler it imports nothing.
_COMPILER = """
import __future__, ast, json, marshal, sys
for path, name in json.load(sys.stdin):
    with open(path, "rb") as file:
        tree = ast.parse(file.read(), name)
    flags = 0
    for node in tree.body[:]:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                flags |= getattr(__future__, alias.name).compiler_flag
            tree.body.remove(node)
    code = marshal.dumps(compile(tree, name, "exec", flags, dont_inherit=True, optimize=2))
    sys.stdout.buffer.write(len(code).to_bytes(4, "little") + code)
"""


@dataclass(frozen=True)
class Module:
    """A module to freeze: its source, and the file name that its code will have."""

    name: str
    source: Path
    filename: str

    @property
    def is_package(self) -> bool:
        """Whether it is a package."""
        return self.source.name == "__init__.py"


def modules(minor: str, stdlib: Path, ours: bool) -> list[Module]:
    """List what is frozen, in the order of the table.

    Args:
        minor: The minor version, 3.13.
        stdlib: The folder of the standard library's sources.
        ours: Whether the runtime is frozen, too.
    """
    found = []
    for name in STDLIB:
        path = stdlib / name.replace(".", "/")
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        found.append(Module(name, source, f"<frozen {name}>"))
    for name in frozen.FROZEN if ours else ():
        source = Path(frozen.source_path(str(PACKAGE), name))
        found.append(Module(name, source, SHIPPED.format(minor=minor) + source.name))
    return found


def digest() -> str:
    """Return the digest of the runtime's frozen modules, as they are now."""
    return frozen.frozen_digest(str(PACKAGE))


def link(tools: Toolchain, bases: tuple[Path, Path], target: Path, mark: str | None) -> list[str]:
    """Compile the frozen modules and link the executable.

    Args:
        tools: The compiler for the architecture.
        bases: What the executable is linked of; and the base of this machine, which makes the bytecode.
        target: The executable.
        mark: The digest of the runtime, or None to leave it out.

    Returns:
        The names of what is frozen.

    Raises:
        Problem: If something does not compile or link.
    """
    base, native = bases
    minor = next((base / "tree/lib").glob("python3.*")).name.removeprefix("python")
    chosen = modules(minor, base / "tree/lib" / f"python{minor}", ours=mark is not None)
    work = target.parent
    (work / "frozen.c").write_text(c_source(chosen, bytecode(chosen, native), mark))
    needed = base / "link"
    python = f"{needed}/lib/libpython{minor}.a"
    others = sorted(str(path) for path in (needed / "lib").glob("*.a") if str(path) != python)
    # Everything of libpython: extension modules may call any part of its interface.
    _run(tools, work, ["zclang", "-O2", "-g0", f"-I{needed}/include", "-c", "frozen.c", "-o", "frozen.o"])
    _run(
        tools, work,
        ["zclang", "-no-pie", "-Wl,--gc-sections", "-Wl,--export-dynamic", "-o", str(target),
         "frozen.o", "-Wl,--whole-archive", python, "-Wl,--no-whole-archive",
         "-Wl,--start-group", *others, "-Wl,--end-group", *SYSTEM],
    )  # fmt: skip
    # zig's start files say where they were compiled; its own --strip-debug would drop all names, too.
    _run(tools, work, [toolchain.STRIP[tools.arch], "--strip-debug", str(target)])
    return [module.name for module in chosen]


def bytecode(chosen: list[Module], native: Path) -> list[bytes]:
    """Compile the sources with the interpreter of this machine."""
    python = native / "python/bin/python3"
    done = subprocess.run(
        [str(python), "-B", "-S", "-c", _COMPILER],
        input=json.dumps([(str(module.source), module.filename) for module in chosen]).encode(),
        env={"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Problem(f"the runtime does not compile: {done.stderr.decode().strip().splitlines()[-1]}")
    found, rest = [], done.stdout
    while rest:
        size = int.from_bytes(rest[:4], "little")
        found.append(rest[4 : 4 + size])
        rest = rest[4 + size :]
    return found


def c_source(chosen: list[Module], codes: list[bytes], mark: str | None) -> str:
    """Return the C source of an interpreter with these modules in it."""
    marker = f"{frozen.MARKER.decode()}{mark};" if mark else ""
    lines = ["#include <Python.h>", ""]
    rows = []
    for module, code in zip(chosen, codes, strict=True):
        array = "code_" + re.sub(r"\W", "_", module.name)
        lines.append(f"static const unsigned char {array}[{len(code)}] = {{{','.join(map(str, code))}}};")
        rows.append(
            f'    {{.name = "{module.name}", .code = {array}, .size = {len(code)},'
            f" .is_package = {int(module.is_package)}}},"
        )
    lines += ["", "static const struct _frozen modules[] = {", *rows, "    {0},", "};", ""]
    lines += [
        f'static const char marker[] = "{marker}";',
        "",
        "int main(int argc, char **argv)",
        "{",
        '    __asm__ volatile("" : : "r"(marker));  // or the linker drops it',
        "    PyImport_FrozenModules = modules;",
        "    return Py_BytesMain(argc, argv);",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _run(tools: Toolchain, work: Path, command: list[str]) -> None:
    """Run the compiler or the linker."""
    done = subprocess.run(command, env=tools.environ(), cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Problem(
            f"linking for {tools.arch} failed: {(done.stderr.strip() or done.stdout.strip())[-2000:]}"
        )
