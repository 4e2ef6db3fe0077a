"""JSON in and out: one contract, and the cheapest engine that keeps it.

Decoding means what awslambdaric 4.2.2 means by it: UTF-8 with or without a byte order mark, ``NaN`` and
``Infinity`` refused, integers of any size exact, lone surrogates accepted, the last of two equal keys wins.
Encoding always yields valid JSON in UTF-8. What differs from awslambdaric is listed in docs/compatibility.md.

Two engines obey that contract. The reference is the pair of C callables under the standard library's
``json``, called directly: ``_json`` costs 0.3 ms to import and ``json`` 5.8. orjson is two to three times
faster at large bodies, costs 15-19 ms to import and is asked only where its answer is provably the same; see
`_json_orjson`. Anything unusual, such as an error or a type that JSON does not have, is left to `_json_rare`,
which no ordinary invocation imports.

White space is not part of the contract: the reference writes ``", "`` and ``": "`` as awslambdaric does,
orjson writes none.
"""

from __future__ import annotations

import sys
from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner

import rapid_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Final, NoReturn, TypeAlias

    Body: TypeAlias = bytes | bytearray | memoryview
    Decode: TypeAlias = Callable[[Body], object]
    Encode: TypeAlias = Callable[[object], bytes]
    Scan: TypeAlias = Callable[[str, int], tuple[object, int]]
    Write: TypeAlias = Callable[[object, int], Iterable[str]]
    Count: TypeAlias = Callable[[int], None]

SCALARS: Final = frozenset({str, int, float, bool, type(None)})
WHITESPACE: Final = " \t\n\r"

# No deeper than this is a value walked here and handed to orjson, whose own limit of 254 levels does not hold
# for tuples: 3.13.0 corrupts the heap at 3,000 of them and overflows the stack on a list in a tuple in a
# tuple in itself.
DEPTH: Final = 200

# Bodies up to this size (bytes) do not count: what orjson would save on one is below the noise, and a
# function that sees nothing larger would be paying 19 ms and 3.8 MB for it.
COUNTED_FROM: Final = 1024

# What orjson saves, in nanoseconds per byte, with the checks of `_json_orjson` paid. An API Gateway event of
# 2.1 KB: 8.2 us here and 5.8 there to decode, 13.3 and 5.3 to encode; 100 records of 9.7 KB: 83 and 40, 97
# and 37. CPython 3.13, python -m timeit -s "from rapid_client._codec import Codec;
# codec = Codec('orjson', 'null', False, False); body = open('event.json', 'rb').read()" "codec.decode(body)"
DECODE_SAVES: Final = 2
ENCODE_SAVES: Final = 4

# What importing orjson costs, in nanoseconds: alone, and when the function has loaded what orjson imports.
# python -X importtime -c "import orjson", then with "import json, dataclasses, datetime, uuid, orjson"
IMPORT_ALONE: Final = 19_000_000
IMPORT_SHARED: Final = 400_000
SHARED_MODULES: Final = ("json", "dataclasses", "datetime", "uuid")


def _refuse(constant: str) -> NoReturn:
    """Refuse ``NaN``, ``Infinity`` or ``-Infinity``, which are not JSON."""
    from rapid_client._json_rare import ConstantError  # deferred: 0.4 ms, and only bad events need it

    raise ConstantError(constant)


def make_scan() -> Scan:
    """Return ``scan(text, start) -> (value, end)`` of CPython's JSON scanner.

    The signature is private to CPython, so it is tried once (1 us); where it differs, ``json`` knows how to
    call it.
    """
    try:
        namespace: Any = type(sys.implementation)  # a class of our own takes 15 us
        settings = namespace(
            strict=True,
            object_hook=None,
            object_pairs_hook=None,
            array_hook=None,  # since CPython 3.15
            parse_float=float,
            parse_int=int,
            parse_constant=_refuse,
        )
        scan: Scan = make_scanner(settings)
        if scan('{"a": [1, 2.5, "b", null]}', 0) == ({"a": [1, 2.5, "b", None]}, 26):
            return scan
    except Exception:  # whatever a future signature raises, the answer is the same
        pass
    import json  # deferred: 5.8 ms, and only an interpreter with another private signature needs it

    return json.JSONDecoder(parse_constant=_refuse).scan_once  # type: ignore[attr-defined, no-any-return]


def _unknown(value: object) -> NoReturn:
    """Refuse *value* in awslambdaric's words."""
    raise TypeError(f"Object of type {value.__class__.__name__} is not JSON serializable")


def make_write(ascii_only: bool, allow_nan: bool) -> Write:
    """Return ``write(value, 0) -> chunks of text`` of CPython's JSON encoder, for values without cycles.

    Private and tried once, as in `make_scan`. It is built once: ``json.dumps`` with any option builds one per
    call.
    """
    quote = encode_basestring_ascii if ascii_only else encode_basestring
    try:
        write: Write = make_encoder(None, _unknown, quote, None, ": ", ", ", False, False, allow_nan)
        if "".join(write({"a": [1, 2.5, "b", None]}, 0)) == '{"a": [1, 2.5, "b", null]}':
            return write
    except Exception:  # as above
        pass
    import json  # deferred: as above

    encoder = json.JSONEncoder(
        check_circular=False, ensure_ascii=ascii_only, allow_nan=allow_nan, default=_unknown
    )
    return lambda value, _level: encoder.iterencode(value, True)


def is_plain(value: object, depth: int = DEPTH) -> bool:
    """Say whether *value* is made of nothing but JSON's own types, at most *depth* levels deep.

    Both engines write such a value alike. ``make_encoder`` has to be kept from anything else: it writes a
    namedtuple as a list without asking. The walk is 28 us on 95 for 100 records of six fields. Keys are left
    to the engines.
    """
    kind = type(value)
    if kind is dict:
        items: Iterable[object] = value.values()  # type: ignore[attr-defined]  # it is a dict
    elif kind is list or kind is tuple:
        items = value  # type: ignore[assignment]  # it is a sequence
    else:
        return kind in SCALARS
    if not depth:
        return False
    scalars = SCALARS
    for item in items:  # noqa: SIM110 - `all` over a generator takes twice as long
        if type(item) not in scalars and not is_plain(item, depth - 1):
            return False
    return True


def reference_decode(scan: Scan, count: Count) -> Decode:
    """Build the decoder of the reference engine; *count* hears what orjson would save, in nanoseconds."""

    def decode(body: Body) -> object:
        try:
            text = body.decode()  # type: ignore[union-attr]  # a memoryview takes the slow way below
            value, end = scan(text, 0)
            unread = end != len(text) and text[end:].strip(WHITESPACE)
        except Exception:  # leading white space, a byte order mark, or an error to be put into words
            unread = True
        if unread:
            from rapid_client import _json_rare  # deferred: 0.4 ms, and only unusual bodies need it

            return _json_rare.decode(scan, body)
        if end > COUNTED_FROM:
            count(end * DECODE_SAVES)
        return value

    return decode


def reference_encode(write: Write, count: Count, nan: str) -> Encode:
    """Build the encoder of the reference engine; *count* as for `reference_decode`."""

    def encode(value: object) -> bytes:
        try:
            if is_plain(value):
                data = "".join(write(value, 0)).encode()
                size = len(data)
                if size > COUNTED_FROM:
                    count(size * ENCODE_SAVES)
                return data
        except Exception:  # NaN, a lone surrogate, a key: below, with what cannot be encoded
            pass
        from rapid_client import _json_rare  # deferred: 0.4 ms, and only unusual values need it

        return _json_rare.encode(value, write, nan)

    return encode


class Codec:
    """Decode events and encode results.

    Args:
        engine: ``auto``, ``orjson`` or ``stdlib``.
        nan: What a NaN or an infinity in a result becomes: ``null``, ``literal`` (as awslambdaric writes it,
            which is not JSON) or ``error``.
        ascii_only: Escape everything beyond ASCII, as awslambdaric does unless ``AWS_EXECUTION_ENV`` names
            one of the managed runtimes 3.12 to 3.15.
        eager: The environment is initialised ahead of traffic, so that time spent now costs nobody anything.

    Raises:
        ConfigError: If *engine* is ``orjson`` and it cannot be imported.

    Attributes:
        decode: Call it with the body of an event; returns the value. Raises FaultError
            ``Runtime.UnmarshalError``.
        encode: Call it with a result that is not ``bytes``; returns JSON in UTF-8. Raises FaultError
            ``Runtime.MarshalError``.
        engine: The name of the engine in use, ``stdlib`` or ``orjson``.
        due: Loading orjson now would pay: call `upgrade` once a response has been accepted, before the next
            event is asked for (pipelined, after). Both callables change then, so look them up each time.
    """

    __slots__ = ("_saved", "_scan", "_settings", "_write", "decode", "due", "encode", "engine")

    decode: Decode
    encode: Encode
    engine: str
    due: bool

    def __init__(self, engine: str, nan: str, ascii_only: bool, eager: bool) -> None:
        self._settings = (nan, ascii_only)
        self._scan = make_scan()
        self._write = make_write(ascii_only, nan == "literal")
        self._saved = 0
        self.due = False
        self._use_reference(self._count if engine == "auto" else _ignore)
        if engine == "orjson":
            self._require()
        elif engine == "auto" and (eager or _is_cheap()):
            self.upgrade()

    def upgrade(self) -> None:
        """Load orjson and use it from now on; where that fails, stay with the standard library for good."""
        self.due = False
        try:
            self._use_orjson()
        except Exception:  # absent, built for another platform or too old: all the same here
            self._use_reference(_ignore)

    def _require(self) -> None:
        try:
            self._use_orjson()
        except Exception as exc:
            raise rapid_client.errors.ConfigError(
                f"RAPID_JSON=orjson, but orjson cannot be used ({exc}): install it, or choose auto or stdlib"
            ) from exc

    def _use_reference(self, count: Count) -> None:
        nan, _ = self._settings
        self.decode = reference_decode(self._scan, count)
        self.encode = reference_encode(self._write, count, nan)
        self.engine = "stdlib"

    def _use_orjson(self) -> None:
        from rapid_client import _json_orjson  # deferred: 15-19 ms, and only when it pays

        self._use_reference(_ignore)
        nan, ascii_only = self._settings
        self.decode = _json_orjson.decoder(self.decode)
        if nan == "null":  # orjson knows no other
            self.encode = _json_orjson.encoder(self.encode, ascii_only)
        self.engine = "orjson"

    def _count(self, saved: int) -> None:
        self._saved = total = self._saved + saved
        if total > IMPORT_SHARED and (total > IMPORT_ALONE or _is_cheap()):
            self.due = True


def _ignore(saved: int) -> None:
    """Count nothing: the choice has been made."""


def _is_cheap() -> bool:
    """Say whether the function has loaded orjson, or all that makes it slow to load."""
    modules = sys.modules
    return "orjson" in modules or all(name in modules for name in SHARED_MODULES)
