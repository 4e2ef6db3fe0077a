"""Small ELF files for any architecture, made without a compiler: what a layer refuses is in their tables."""

from __future__ import annotations

import struct
from typing import Final

MACHINES: Final = {"x86_64": 62, "arm64": 183, "riscv": 243}
SECTION: Final = "<IIQQQQIIQQ"
PROGRAM: Final = "<IIQQQQQQ"


class _Strings:
    """A table of strings, each ended by a NUL."""

    def __init__(self) -> None:
        self.data = b"\0"

    def add(self, text: str) -> int:
        """Add a string; return where it begins."""
        place = len(self.data)
        self.data += text.encode() + b"\0"
        return place


def make_elf(
    arch: str = "arm64",
    version: str = "GLIBC_2.17",
    needed: tuple[str, ...] = ("libc.so.6",),
    tail: bytes = b"",
) -> bytes:
    """Return a shared object that needs one symbol, ``fmod``, in a *version* of the C library.

    Args:
        arch: A key of `MACHINES`.
        version: The version's name.
        needed: The libraries that it needs.
        tail: What stands at its end.
    """
    names, sections = _Strings(), _Strings()
    libraries = [names.add(name) for name in needed]
    fmod, wanted, library = names.add("fmod"), names.add(version), names.add("libm.so.6")
    symbols = bytes(24) + struct.pack("<IBBHQQ", fmod, 0x12, 0, 0, 0, 0)
    versions = struct.pack("<HH", 0, 2)
    needs = struct.pack("<HHIII", 1, 1, library, 16, 0) + struct.pack("<IHHII", 0, 0, 2, wanted, 0)
    start = 64 + 2 * struct.calcsize(PROGRAM)
    parts = {".dynstr": names.data, ".dynsym": symbols, ".gnu.version": versions, ".gnu.version_r": needs}
    places, body = {}, b""
    for name, data in parts.items():
        body += bytes(-len(body) % 8)
        places[name] = start + len(body)
        body += data
    body += bytes(-len(body) % 8)
    tags = [(1, place) for place in libraries]
    tags += [(5, places[".dynstr"]), (6, places[".dynsym"]), (10, len(names.data)), (11, 24), (0, 0)]
    places[".dynamic"] = start + len(body)
    parts[".dynamic"] = b"".join(struct.pack("<QQ", *tag) for tag in tags)
    body += parts[".dynamic"]
    kinds = {
        ".dynstr": 3,
        ".dynsym": 11,
        ".gnu.version": 0x6FFFFFFF,
        ".gnu.version_r": 0x6FFFFFFE,
        ".dynamic": 6,
    }
    sizes = {".dynsym": 24, ".gnu.version": 2, ".dynamic": 16}
    table = bytes(64)
    for name, data in parts.items():
        link, info = (0, 0) if name == ".dynstr" else (2 if name == ".gnu.version" else 1, 1)
        place = places[name]
        head = sections.add(name), kinds[name], 2, place, place, len(data), link, info, 8, sizes.get(name, 0)
        table += struct.pack(SECTION, *head)
    label = sections.add(".shstrtab")
    at = start + len(body)
    table += struct.pack(SECTION, label, 3, 0, 0, at, len(sections.data), 0, 0, 1, 0)
    body += sections.data
    body += bytes(-len(body) % 8)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack(
        "<HHIQQQIHHHHHH",
        3,
        MACHINES[arch],
        1,
        0,
        64,
        start + len(body),
        0,
        64,
        56,
        2,
        64,
        len(parts) + 2,
        len(parts) + 1,
    )
    whole = start + len(body) + len(table) + len(tail)
    dynamic = places[".dynamic"]
    size = len(parts[".dynamic"])
    programs = struct.pack(PROGRAM, 1, 5, 0, 0, 0, whole, whole, 4096)
    programs += struct.pack(PROGRAM, 2, 6, dynamic, dynamic, dynamic, size, size, 8)
    return ident + header + programs + body + table + tail
