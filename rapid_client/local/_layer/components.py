"""The libraries that are part of an interpreter which somebody else has built."""

from __future__ import annotations

import json
import subprocess
from typing import Final

#: Asked of the interpreter itself: name, version if it can tell.
QUESTION: Final = """
import json, re
found = {}
def ask(name, module, version):
    try:
        imported = __import__(module, fromlist=["*"])
    except ImportError:
        return
    try:
        found[name] = version(imported)
    except AttributeError:
        found[name] = ""
ask("OpenSSL", "ssl", lambda m: re.sub(r"^\\S+ (\\S+).*", r"\\1", m.OPENSSL_VERSION))
ask("SQLite", "sqlite3", lambda m: m.sqlite_version)
ask("zlib", "zlib", lambda m: m.ZLIB_RUNTIME_VERSION)
ask("Expat", "pyexpat", lambda m: m.EXPAT_VERSION.removeprefix("expat_"))
ask("mpdecimal", "_decimal", lambda m: m.__libmpdec_version__)
ask("Zstandard", "_zstd", lambda m: m.zstd_version)
ask("bzip2", "_bz2", lambda m: "")
ask("liblzma", "_lzma", lambda m: "")
ask("libffi", "_ctypes", lambda m: "")
print(json.dumps(found))
"""
#: Modules that need a library, or are left out easily.
EXPECTED: Final = (
    "ssl",
    "sqlite3",
    "ctypes",
    "zlib",
    "bz2",
    "lzma",
    "decimal",
    "pyexpat",
    "hashlib",
    "asyncio",
)
PRESENT: Final = """
import sys
absent = []
for name in sys.argv[1:]:
    try:
        __import__(name)
    except ImportError:
        absent.append(name)
print(", ".join(absent))
"""
#: What does not depend on the version.
LICENCES: Final = {
    "OpenSSL": "Apache-2.0",
    "SQLite": "blessing",
    "zlib": "Zlib",
    "Expat": "MIT",
    "mpdecimal": "BSD-2-Clause",
    "Zstandard": "BSD-3-Clause",
    "bzip2": "bzip2-1.0.6",
    "libffi": "MIT",
}


def ask_components(version: str, command: list[str] | None) -> tuple[list[dict[str, str]], list[str]]:
    """Return CPython and the libraries in it, as far as they can be known.

    Args:
        version: The version of CPython.
        command: How to run the interpreter; None if it does not run here.

    Returns:
        The components, without what is unknown; and what to say about that.
    """
    cpython = {"name": "CPython", "version": version, "licence": "PSF-2.0"}
    if command is None:
        note = "the libraries in the interpreter are unknown: no interpreter.json, and it does not run here"
        return [cpython], [note]
    done = subprocess.run([*command, "-c", QUESTION], capture_output=True, text=True, check=False)
    if done.returncode:
        return [cpython], [
            "the libraries in the interpreter are unknown: it has no interpreter.json, and failed to say"
        ]
    found: dict[str, str] = json.loads(done.stdout)
    libraries = [
        {key: value for key, value in entry.items() if value}
        for name, release in found.items()
        for entry in [{"name": name, "version": release, "licence": LICENCES.get(name, "")}]
    ]
    mute = ", ".join(name for name, release in found.items() if not release)
    note = (
        f"the versions of {mute} in the interpreter are unknown: it has no interpreter.json, and cannot tell"
    )
    return [cpython, *libraries], [note] if mute else []


def missing_modules(command: list[str]) -> list[str]:
    """Return what is to be said of an interpreter that was built without modules that people import.

    CPython's build leaves out what it finds no library for, and succeeds.

    Args:
        command: How to run the interpreter.
    """
    done = subprocess.run([*command, "-c", PRESENT, *EXPECTED], capture_output=True, text=True, check=False)
    absent = done.stdout.strip() if done.returncode == 0 else ", ".join(EXPECTED)
    return [f"the interpreter was built without {absent}: functions cannot import it"] if absent else []
