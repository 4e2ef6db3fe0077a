"""orjson, asked only where its answer is provably that of the reference engine.

Decoding. orjson turns integers beyond 64 bits silently into floats, so bodies that hold a number of 19 or
more digits are not shown to it. It refuses more than the reference does (lone surrogates, a byte order mark,
numbers that overflow to infinity), never less: whatever it refuses, the reference decides. It accepts 1,024
levels; CPython 3.11 refuses 995, later versions 1,500 at least, so 3.11 keeps bodies with more than 900
opening brackets to itself.

Encoding. Only values that `is_plain` approves of are shown to it, so its own ideas about dataclasses, dates,
UUIDs, enums and subclasses never matter, and neither does its missing limit on nested tuples. It refuses
integers beyond 64 bits, keys that are not ``str`` and lone surrogates; the reference then writes them. It
writes NaN as ``null``, and nothing but raw UTF-8.
"""

from __future__ import annotations

import sys

import orjson  # noqa: TID253 - to load it is what this module is imported for

from rapid_client._codec import is_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from rapid_client._codec import Body, Decode, Encode

# Before 3.9.15 it overflows the stack on deeply nested input (CVE-2024-27454).
OLDEST: Final = (3, 9, 15)

BRACKETS: Final = 900
BRACKETS_MATTER: Final = sys.version_info < (3, 12)


def _shapes() -> bytes:
    """Build the table that shows where the long numbers are.

    It turns digits into ``0``, what may stand before a number into ``:`` and the rest into a space. The
    sequence numbers of which Kinesis and DynamoDB events are full follow a quote, as no number does.
    """
    table = bytearray(b" " * 256)
    for byte in b"0123456789":
        table[byte] = ord("0")
    for byte in b":,[-+. \t\n\r":
        table[byte] = ord(":")
    return bytes(table)


SHAPES: Final = _shapes()
LONG_NUMBER: Final = b":" + b"0" * 19


def _check_version() -> None:
    version = tuple(int(part) for part in orjson.__version__.split(".")[:3])
    if version < OLDEST:
        raise ImportError(f"orjson {orjson.__version__} is older than {'.'.join(map(str, OLDEST))}")


_check_version()


def decoder(reference: Decode) -> Decode:
    """Build a decoder that falls back to *reference*, which decides all doubtful cases and errors."""
    loads = orjson.loads

    def decode(body: Body) -> object:
        if type(body) is memoryview:
            return reference(body)
        try:
            if not (_has_long_number(body) or (BRACKETS_MATTER and _brackets(body) > BRACKETS)):
                return loads(body)
        except Exception:  # whatever orjson refuses
            pass
        return reference(body)

    return decode


def _has_long_number(body: bytes | bytearray) -> bool:
    # 1.4 us for 2.1 KB, on 4.2 for the decoding. A number that is the whole body may begin at its first byte.
    return body.translate(SHAPES).find(LONG_NUMBER) >= 0 or body[:1].isdigit()


def _brackets(body: bytes | bytearray) -> int:
    return body.count(b"[") + body.count(b"{")


def encoder(reference: Encode, ascii_only: bool) -> Encode:
    """Build an encoder that falls back to *reference*, and writes a NaN as ``null``."""
    dumps = orjson.dumps

    def encode(value: object) -> bytes:
        if is_plain(value):
            try:
                data = dumps(value)
            except Exception:  # what orjson refuses
                return reference(value)
            if not ascii_only or (data.isascii() and b"\x7f" not in data):
                return data
        return reference(value)

    return encode
