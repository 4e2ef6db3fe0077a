"""The JSON contract, fact by fact, for each engine; and how the engine is chosen."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import importlib.util
import json
import subprocess
import sys
import types
import uuid
from pathlib import Path
from typing import NamedTuple

import pytest

from rapid_client._codec import Codec
from rapid_client.errors import FaultError

ROOT = Path(__file__).resolve().parent.parent
ENGINES = [
    "stdlib",
    pytest.param(
        "orjson",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("orjson") is None, reason="orjson is not installed"
        ),
    ),
]


class Point(NamedTuple):
    """A namedtuple, as functions have them."""

    x: object
    y: object


class Row:
    """An object with ``_asdict``, as database libraries have them."""

    def _asdict(self) -> dict[str, object]:
        return {"id": 1, "at": Point(1, 2)}


class Liar:
    """Its ``_asdict`` gives no dict."""

    def _asdict(self) -> list[int]:
        return [1]


class Colour(enum.Enum):
    """An enum of text that is no ``str``."""

    RED = "red"


class Level(enum.IntEnum):
    """An enum of numbers."""

    LOW = 1
    HIGH = 5


class Kind(str, enum.Enum):  # noqa: UP042 - the older way, which is in use
    """An enum whose members are ``str``."""

    A = "a"


class Shouted(str, enum.Enum):  # noqa: UP042 - a StrEnum cannot differ from its value
    """An enum whose members differ from their values."""

    A = "a"

    def __new__(cls, value: str) -> Shouted:  # noqa: PYI034 - Self would need 3.11's typing for nothing
        """Make the member the upper-case text."""
        self = str.__new__(cls, value.upper())
        self._value_ = value
        return self


class Text(str):
    """A str that lies about itself."""

    __slots__ = ()

    def __str__(self) -> str:
        return "a lie"


class Number(int):
    """An int that lies about itself."""

    def __repr__(self) -> str:
        return "a lie"


class Real(float):
    """A float that lies about itself."""

    def __repr__(self) -> str:
        return "a lie"


class Secret(dict):  # type: ignore[type-arg]
    """A dict with an ``_asdict`` of its own, which comes first."""

    def _asdict(self) -> dict[str, object]:
        return {"public": 1}


@dataclasses.dataclass
class Order:
    """A dataclass."""

    total: decimal.Decimal
    items: list[Point]


@pytest.fixture(params=ENGINES)
def codec(request: pytest.FixtureRequest) -> Codec:
    """Each engine, as in the managed runtimes 3.12 and later."""
    return make(request.param)


@pytest.fixture(params=ENGINES)
def ascii_codec(request: pytest.FixtureRequest) -> Codec:
    """Each engine, as in container images and before 3.12."""
    return make(request.param, ascii_only=True)


def make(engine: str, nan: str = "null", *, ascii_only: bool = False) -> Codec:
    """Build a codec with *engine*."""
    codec = Codec(engine, nan, ascii_only, eager=False)
    assert engine == codec.engine
    return codec


def unmarshal_error(codec: Codec, body: bytes) -> str:
    """Decode *body*, which fails; return the text after the prefix."""
    with pytest.raises(FaultError) as caught:
        codec.decode(body)
    assert caught.value.error_type == "Runtime.UnmarshalError"
    assert caught.value.trace == ()
    prefix, text = caught.value.message.split(": ", 1)
    assert prefix == "Unable to unmarshal input"
    return text


def marshal_error(codec: Codec, value: object) -> str:
    """Encode *value*, which fails; return the text after the prefix."""
    with pytest.raises(FaultError) as caught:
        codec.encode(value)
    assert caught.value.error_type == "Runtime.MarshalError"
    prefix, text = caught.value.message.split(": ", 1)
    assert prefix == "Unable to marshal response"
    return text


def nested(levels: int, kind: type = list) -> object:
    """Put 1 into so many containers."""
    value: object = 1
    for _ in range(levels):
        value = {"a": value} if kind is dict else kind((value,))
    return value


# Decoding...


@pytest.mark.parametrize("body", [b'{"a":1}', bytearray(b'{"a":1}'), memoryview(b'{"a":1}')])
def test_any_buffer_is_decoded(codec: Codec, body: bytes) -> None:
    """Bodies may be bytes, a bytearray or a memoryview."""
    assert codec.decode(body) == {"a": 1}


@pytest.mark.parametrize(
    ("body", "column"),
    [
        (b'{"a":NaN}', 6),
        (b'{"a":Infinity}', 6),
        (b'{"a":-Infinity}', 6),
        (b"NaN", 1),
        (b'["NaN", "a\\"NaN", 1, [Infinity', 23),
        (b"", 1),
        (b"   ", 4),
        (b"\xef\xbb\xbf", 2),
        (b"-", 1),
        (b"tru", 1),
        (b"\x0c1", 1),
    ],
)
def test_what_is_no_value_is_refused(codec: Codec, body: bytes, column: int) -> None:
    """NaN, the infinities and nothing at all are refused in awslambdaric's words."""
    expected = f"Expecting value: line 1 column {column} (char {column - 1})"
    assert expected == unmarshal_error(codec, body)


def test_the_last_of_two_equal_keys_wins(codec: Codec) -> None:
    """A duplicate key replaces the value and keeps the place."""
    value = codec.decode(b'{"a":1,"b":2,"a":3}')
    assert value == {"a": 3, "b": 2}
    assert isinstance(value, dict)
    assert list(value) == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"1e400", "inf"),
        (b"[-1e400]", "[-inf]"),
        (b"-0", "0"),
        (b"[-9223372036854775809]", "[-9223372036854775809]"),
        (b"[-0]", "[0]"),
        (b"[-0.0]", "[-0.0]"),
        (b"[123456789012345678901234567890]", "[123456789012345678901234567890]"),
        (b"[-123456789012345678901234567890]", "[-123456789012345678901234567890]"),
        (b"123456789012345678901234567890", "123456789012345678901234567890"),
        (b"[9223372036854775808,18446744073709551616]", "[9223372036854775808, 18446744073709551616]"),
        (b'{"a" :\n18446744073709551616}', "{'a': 18446744073709551616}"),
        (b"[1.0,1e3,1E-7,0.1]", "[1.0, 1000.0, 1e-07, 0.1]"),
        (b'["49590338271490256608559692538361571095921575989136588898"]', None),
        (b"  1 ", "1"),
        (b'\n{"a": 1}\r\n\t ', "{'a': 1}"),
        (b"true", "True"),
        (b"null", "None"),
    ],
)
def test_numbers_and_scalars(codec: Codec, body: bytes, text: str | None) -> None:
    """Integers of any size are exact, floats overflow to infinity, white space is no matter."""
    assert (text or body.decode().replace('"', "'")) == repr(codec.decode(body))


def test_integers_beyond_the_digit_limit(codec: Codec) -> None:
    """An integer of 5000 digits meets CPython's limit."""
    text = unmarshal_error(codec, b"1" * 5000)
    assert text.startswith(
        "Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits"
    )


@pytest.mark.parametrize("body", [b'\xef\xbb\xbf{"a":1}', b'\xef\xbb\xbf \n{"a":1} '])
def test_a_byte_order_mark_is_accepted(codec: Codec, body: bytes) -> None:
    """UTF-8 may begin with a byte order mark."""
    assert codec.decode(body) == {"a": 1}


@pytest.mark.parametrize("body", [b"{\xff}", b'"\xed\xa0\x80"', '{"a":1}'.encode("utf-16"), b'"\xc3'])
def test_only_utf8_is_accepted(codec: Codec, body: bytes) -> None:
    """Other encodings are refused with what Python says about them."""
    with pytest.raises(UnicodeDecodeError) as caught:
        body.decode()
    assert str(caught.value) == unmarshal_error(codec, body)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{} x", "Extra data: line 1 column 4 - line 1 column 5 (char 3 - 4)"),
        (b"{}xyz\n ", "Extra data: line 1 column 3 - line 2 column 2 (char 2 - 7)"),
        (b'["a"]\n\n"', "Extra data: line 3 column 1 - line 3 column 2 (char 7 - 8)"),
        (b'"a\x01"', r"Invalid control character '\x01' at: line 1 column 3 (char 2)"),
        (b'["a\x1f\x01"]', r"Invalid control character '\x1f' at: line 1 column 4 (char 3)"),
        (b'{"a\n":1}', r"Invalid control character '\n' at: line 1 column 4 (char 3)"),
    ],
)
def test_errors_are_worded_as_awslambdaric_words_them(codec: Codec, body: bytes, text: str) -> None:
    """Two texts that differ from those of the standard library."""
    assert text == unmarshal_error(codec, body)


@pytest.mark.parametrize(
    "body", [b"[1", b"[1,]", b'{"a"}', b"{a}", b'"abc', b'"\\x"', b'"\\u12"', b"01", b"{}\x00", b"{}\x0c"]
)
def test_what_is_malformed_is_refused(codec: Codec, body: bytes) -> None:
    """Any other mistake is named, with its place."""
    assert "line 1 column" in unmarshal_error(codec, body)


def test_lone_surrogates_are_accepted(codec: Codec) -> None:
    """Half a surrogate pair becomes half a surrogate pair."""
    assert codec.decode(rb'["\ud800","\udc00x","\ud83d\ude00"]') == ["\ud800", "\udc00x", "😀"]


@pytest.mark.parametrize(("opening", "name"), [(b"[", "array"), (b'{"a":', "object")])
def test_nesting_without_end_is_refused(codec: Codec, opening: bytes, name: str) -> None:
    """A body that is nested too deeply is an error with a name, not a crash."""
    expected = f"maximum recursion depth exceeded while decoding a JSON {name} from a string"
    assert expected == unmarshal_error(codec, opening * 200_000)


@pytest.mark.parametrize("levels", [890, 990, 1010, 1030])
def test_both_engines_accept_the_same_depth(levels: int) -> None:
    """Between the limits of orjson and of CPython 3.11 the reference decides."""
    pytest.importorskip("orjson")
    body = b"[" * levels + b"]" * levels
    results = []
    for engine in ("stdlib", "orjson"):
        try:
            results.append(repr(type(make(engine).decode(body))))
        except FaultError as exc:
            results.append(exc.message)
    assert results[0] == results[1]


# Encoding...


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "text",
        1.5,
        {},
        [],
        (),
        {"statusCode": 200, "headers": {"a": "b"}, "body": "{}", "list": [1, 2.5, None, False]},
        {"é": "\u2028\U0001f600\x7f\x00\b\f\n\r\t\\/<"},
        [10**30, -(10**30), 2**63, 2**64, -(2**63)],
        [1e16, 1e-07, 0.30000000000000004, 5e-324, 1.7976931348623157e308],
        collections.OrderedDict([("b", 1), ("a", 2)]),
        collections.defaultdict(list, a=[1]),
    ],
)
def test_plain_values(codec: Codec, value: object) -> None:
    """What JSON can express survives, in order."""
    again = json.loads(codec.encode(value))
    assert json.loads(json.dumps(value)) == again
    if isinstance(value, dict):
        assert list(value) == list(again)


def test_the_reference_writes_what_awslambdaric_writes() -> None:
    """The standard engine writes a space after commas and colons."""
    assert make("stdlib").encode({"a": [1, 2], "b": None}) == b'{"a": [1, 2], "b": null}'
    assert (
        make("stdlib").encode([1e16, 1e-7, 0.1 + 0.2, -0.0]) == b"[1e+16, 1e-07, 0.30000000000000004, -0.0]"
    )


def test_the_sign_of_zero(codec: Codec) -> None:
    """Minus zero stays."""
    assert codec.encode([-0.0]) == b"[-0.0]"


@pytest.mark.parametrize(
    "value", [bytearray(b"a"), memoryview(b"a"), {1}, frozenset({1}), 1j, fractions.Fraction(1)]
)
def test_other_types_are_refused(codec: Codec, value: object) -> None:
    """What has no form in JSON is named, at the top and inside."""
    expected = f"Object of type {type(value).__name__} is not JSON serializable"
    assert expected == marshal_error(codec, value)
    assert expected == marshal_error(codec, {"a": [value]})


@pytest.mark.parametrize(
    "value",
    [
        collections.deque(),
        types.MappingProxyType({}),
        iter(()),
        dt.timedelta(1),
        Order,
        Point,
        object(),
        range(1),
    ],
)
def test_more_types_that_are_refused(codec: Codec, value: object) -> None:
    """So are iterables of other kinds, and classes."""
    assert f"Object of type {type(value).__name__} is not JSON serializable" == marshal_error(codec, [value])


def test_nested_bytes_are_text(codec: Codec) -> None:
    """Bytes inside a result are taken for UTF-8."""
    assert json.loads(codec.encode({"b": "é".encode(), "c": [b"x"]})) == {"b": "é", "c": ["x"]}
    expected = "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"
    assert expected == marshal_error(codec, {"b": b"\xff"})


def test_tuples_and_what_has_asdict(codec: Codec) -> None:
    """A tuple is an array; a namedtuple and anything with _asdict is an object."""
    value = {"t": (1, 2), "n": Point(1, (Point(3, 4),)), "r": Row(), "s": Secret(a=2)}
    assert json.loads(codec.encode(value)) == {
        "t": [1, 2],
        "n": {"x": 1, "y": [{"x": 3, "y": 4}]},
        "r": {"id": 1, "at": {"x": 1, "y": 2}},
        "s": {"public": 1},
    }
    assert json.loads(codec.encode(Point(1, 2))) == {"x": 1, "y": 2}
    assert marshal_error(codec, Liar()) == "_asdict() must return a dict, not list"


@pytest.mark.parametrize(
    "text", ["1.10", "1E+5", "-0", "0E-10", "123456789012345678901234567890.5", "1e-400"]
)
def test_decimals_keep_their_text(ascii_codec: Codec, codec: Codec, text: str) -> None:
    """A Decimal is written digit by digit."""
    number = decimal.Decimal(text)
    for each in (codec, ascii_codec):
        assert f"{number}".encode() == each.encode(number)
        assert b'[%b, "x"]' % f"{number}".encode() == each.encode([number, "x"])


@pytest.mark.parametrize(
    "text",
    [
        "\x01",
        "\x01\x02",
        "\\u0001",
        '"\x01',
        "\\\x01",
        "".join(map(chr, range(128))),
        "".join(map(chr, range(0xD900))),
    ],
    ids=["mark", "two", "escape", "quote", "backslash", "controls", "surrogates"],
)
def test_text_cannot_pass_for_a_decimal(ascii_codec: Codec, codec: Codec, text: str) -> None:
    """Whatever strings hold, only Decimals are written raw."""
    for each in (codec, ascii_codec):
        data = each.encode({text: [decimal.Decimal("1.10"), text]})
        assert {text: [decimal.Decimal("1.10"), text]} == json.loads(data, parse_float=decimal.Decimal)


NOT_FINITE = [
    float("nan"),
    float("inf"),
    float("-inf"),
    *map(decimal.Decimal, ("NaN", "-NaN", "sNaN", "-Infinity")),
]


@pytest.mark.parametrize("value", [*NOT_FINITE, Real("nan")], ids=repr)
def test_nan_is_null(codec: Codec, value: object) -> None:
    """NaN and the infinities become null, since JSON has no word for them."""
    assert json.loads(codec.encode({"a": [1.5, value]})) == {"a": [1.5, None]}
    assert codec.encode(value) == b"null"


@pytest.mark.parametrize("engine", ENGINES)
def test_nan_can_be_literal(engine: str) -> None:
    """With the switch set, NaN and the infinities are written as awslambdaric writes them."""
    codec = make(engine, "literal")
    names = "NaN Infinity -Infinity NaN NaN NaN -Infinity"
    assert f"[{', '.join(names.split())}]".encode() == codec.encode(NOT_FINITE)
    assert codec.encode(NOT_FINITE[:2]) == b"[NaN, Infinity]"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("value", NOT_FINITE, ids=repr)
def test_nan_can_be_an_error(engine: str, value: object) -> None:
    """With the switch set, a NaN is refused."""
    assert marshal_error(make(engine, "error"), [value]).startswith(
        "Out of range float values are not JSON compliant"
    )
    assert make(engine, "error").encode([1.5]) == b"[1.5]"


def test_keys_that_are_not_strings(codec: Codec) -> None:
    """Keys are written as json writes them; text in bytes and enums of text are text."""
    value = {2: 2, True: 3, None: 4, 1.5: 5, False: 6, Kind.A: 7, b"b": 8, Level.HIGH: 9, Text("t"): 10}
    assert json.loads(codec.encode(value)) == {
        "2": 2,
        "true": 3,
        "null": 4,
        "1.5": 5,
        "false": 6,
        "a": 7,
        "b": 8,
        "5": 9,
        "t": 10,
    }
    assert json.loads(codec.encode({float("nan"): 1})) == {"NaN": 1}


@pytest.mark.parametrize("key", [(1, 2), Colour.RED, decimal.Decimal(1), dt.date(2026, 1, 1)])
def test_keys_that_are_refused(codec: Codec, key: object) -> None:
    """Other keys are named."""
    assert f"keys must be str, int, float, bool or None, not {type(key).__name__}" == marshal_error(
        codec, {key: 1}
    )


def test_enums(codec: Codec) -> None:
    """An enum is written by value, unless its members are text or numbers themselves."""
    assert json.loads(codec.encode([Colour.RED, Level.LOW, Kind.A, Shouted.A])) == ["red", 1, "a", "A"]
    assert codec.encode(Colour.RED) == b'"red"'


def test_subclasses_of_scalars(codec: Codec) -> None:
    """What a subclass says about itself does not matter."""
    assert json.loads(codec.encode([Text("t"), Number(1), Real(1.5)])) == ["t", 1, 1.5]


def test_types_that_awslambdaric_refuses(codec: Codec) -> None:
    """Dates, UUIDs and dataclasses have a form of their own."""
    zone = dt.timezone(dt.timedelta(hours=2))
    value = {
        "datetime": [dt.datetime(2026, 1, 2, 3, 4, 5, 6, zone), dt.datetime(2026, 1, 2)],  # noqa: DTZ001
        "date": dt.date(2026, 1, 2),
        "time": dt.time(3, 4),
        "uuid": uuid.UUID(int=1),
        "order": Order(decimal.Decimal("1.10"), [Point(1, 2)]),
    }
    assert json.loads(codec.encode(value)) == {
        "datetime": ["2026-01-02T03:04:05.000006+02:00", "2026-01-02T00:00:00"],
        "date": "2026-01-02",
        "time": "03:04:00",
        "uuid": "00000000-0000-0000-0000-000000000001",
        "order": {"total": 1.10, "items": [{"x": 1, "y": 2}]},
    }


def cycles() -> list[object]:
    """Build values that hold themselves."""
    found: list[object] = []
    one: list[object] = []
    one.append(one)
    two: dict[str, object] = {}
    two["a"] = [two]
    three: list[object] = []
    three.append(((three,),))
    four: list[object] = [decimal.Decimal(1), Point(1, 2)]
    four.append({"a": four})
    five: list[object] = ["x" * 100_000]
    five += [five, five]
    found += [one, two, three, four, five]
    return found


@pytest.mark.parametrize("index", range(5))
def test_circular_references(codec: Codec, index: int) -> None:
    """A value inside itself is an error, even where orjson would overflow the stack."""
    assert marshal_error(codec, cycles()[index]) == "Circular reference detected"


def test_a_value_may_occur_twice(codec: Codec) -> None:
    """The same object beside itself is no circle."""
    twice = Point([], [])
    assert json.loads(codec.encode([twice, twice])) == [{"x": [], "y": []}] * 2


@pytest.mark.parametrize("kind", [list, tuple, dict])
@pytest.mark.parametrize("levels", [190, 199, 210, 300, 600])
def test_deep_values(codec: Codec, levels: int, kind: type) -> None:
    """Values deeper than orjson writes are written."""
    data = codec.encode(nested(levels, kind)).replace(b" ", b"")
    start, end = (b'{"a":', b"}") if kind is dict else (b"[", b"]")
    assert start * levels + b"1" + end * levels == data


@pytest.mark.parametrize("kind", [list, tuple, dict])
def test_values_that_are_too_deep(codec: Codec, kind: type) -> None:
    """Nesting without end is an error, even where orjson would corrupt its memory."""
    value = nested(200_000, kind)
    try:
        message = marshal_error(codec, value).lower()
        assert "recursion" in message or "stack overflow" in message  # the latter since CPython 3.14
    finally:
        while not isinstance(value, int):  # taken apart by hand: on 3.11 freeing it could overflow the stack
            value = value["a"] if isinstance(value, dict) else value[0]  # type: ignore[index]


def test_ascii_only(ascii_codec: Codec) -> None:
    """Everything beyond ASCII is escaped, and DEL with it."""
    assert ascii_codec.encode("é\u2028😀\x7f\ud800") == rb'"\u00e9\u2028\ud83d\ude00\u007f\ud800"'
    assert ascii_codec.encode(["\\\x7f"]).replace(b" ", b"") == rb'["\\\u007f"]'
    assert ascii_codec.encode(["\x7f", decimal.Decimal("1.10")]) == rb'["\u007f", 1.10]'


def test_raw_utf8(codec: Codec) -> None:
    """UTF-8 goes out raw, DEL too; lone surrogates are escaped."""
    assert '"é\u2028😀\x7f"'.encode() == codec.encode("é\u2028😀\x7f")
    assert codec.encode(["\ud800é"]) == b'["\\ud800\xc3\xa9"]'
    assert json.loads(codec.encode({"\udfff": "\ud83d"})) == {"\udfff": "\ud83d"}


def test_integers_that_cannot_be_written(codec: Codec) -> None:
    """An integer of more than 4300 digits meets CPython's limit."""
    assert marshal_error(codec, [10**5000]).startswith(
        "Exceeds the limit (4300 digits) for integer string conversion"
    )


def test_errors_of_the_function_are_reported(codec: Codec) -> None:
    """What a method of the value raises becomes the message."""

    class Broken:
        def _asdict(self) -> dict[str, object]:
            message = "no database"
            raise OSError(message)

    assert marshal_error(codec, [Broken()]) == "no database"


# The choice of the engine, each in a process of its own...


def run(code: str, *options: str) -> list[str]:
    """Run *code* in a fresh interpreter; return the words that it printed."""
    setup = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from rapid_client._codec import Codec\n"
    command = [sys.executable, "-S", *options, "-c", setup + code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def with_packages(code: str) -> list[str]:
    """As `run`, where orjson can be found."""
    spec = importlib.util.find_spec("orjson")
    if spec is None or spec.origin is None:
        pytest.skip("orjson is not installed")
    return run(f"sys.path.append({str(Path(spec.origin).parent.parent)!r})\n{code}")


def test_an_ordinary_invocation_imports_nothing() -> None:
    """Neither json nor orjson nor any module of ours is loaded for an ordinary event and result."""
    code = """
before = set(sys.modules)
codec = Codec("auto", "null", True, False)
assert codec.decode(b'{"key": [1, 2.5, null, "x"]} \\n') == {"key": [1, 2.5, None, "x"]}
assert codec.encode({"statusCode": 200, "body": "{}"}) == b'{"statusCode": 200, "body": "{}"}'
print(codec.engine, codec.due, *(set(sys.modules) - before))
"""
    assert run(code) == ["stdlib", "False"]


def test_small_bodies_never_make_orjson_due() -> None:
    """However many small bodies there are, orjson is not worth loading for them."""
    code = """
codec = Codec("auto", "null", False, False)
for _ in range(20_000):
    codec.encode(codec.decode(b'{"key": "%s"}' % (b"x" * 1000)))
print(codec.due)
"""
    assert with_packages(code) == ["False"]


def test_large_bodies_make_orjson_due() -> None:
    """When large bodies have cost what orjson costs, upgrading is due, and works."""
    code = """
codec = Codec("auto", "null", False, False)
body = b'["%s"]' % (b"x" * 1_000_000)
value = codec.decode(body)
print(codec.due, codec.engine)
for _ in range(10):
    assert codec.encode(value) == body
    assert codec.decode(body) == value
print(codec.due, codec.engine)
codec.upgrade()
print(codec.due, codec.engine)
for _ in range(10):
    assert codec.encode(value) == body
    assert codec.decode(body) == value
print(codec.due, codec.engine)
"""
    expected = "False stdlib True stdlib False orjson False orjson"
    assert expected.split() == with_packages(code)


def test_an_upgrade_without_orjson_is_tried_once() -> None:
    """Where there is no orjson the standard library goes on, and nothing is due again."""
    code = """
codec = Codec("auto", "null", False, False)
body = b'["%s"]' % (b"x" * 1_000_000)
for _ in range(2):
    for _ in range(12):
        codec.decode(body)
    print(codec.due, codec.engine)
    codec.upgrade()
"""
    assert run(code) == ["True", "stdlib", "False", "stdlib"]


def test_orjson_is_used_at_once_where_it_is_cheap() -> None:
    """A function that has loaded orjson, or what makes it slow to load, gets it from the start."""
    cheap = 'import json, dataclasses, datetime, uuid; print(Codec("auto", "null", False, False).engine)'
    assert with_packages(cheap) == ["orjson"]
    assert run(cheap) == ["stdlib"]
    assert with_packages('import orjson; print(Codec("auto", "null", False, False).engine)') == ["orjson"]


def test_orjson_becomes_due_sooner_where_it_is_cheap() -> None:
    """Modules that the function loads later count as well."""
    code = """
codec = Codec("auto", "null", False, False)
body = b'["%s"]' % (b"x" * 300_000)
codec.decode(body)
print(codec.due)
import orjson
codec.decode(body)
print(codec.due)
"""
    assert with_packages(code) == ["False", "True"]


def test_orjson_is_loaded_ahead_of_traffic() -> None:
    """In an environment that is initialised ahead of traffic orjson is used from the start."""
    code = 'print(Codec("auto", "null", False, True).engine, Codec("stdlib", "null", False, True).engine)'
    assert with_packages(code) == ["orjson", "stdlib"]


def test_orjson_that_is_missing_is_named() -> None:
    """Asking for orjson without having it is an error of configuration."""
    code = """
from rapid_client.errors import ConfigError
try:
    Codec("orjson", "null", False, False)
except ConfigError as exc:
    print(exc)
"""
    words = run(code)
    assert words[:1] == ["RAPID_JSON=orjson,"]


def test_an_orjson_that_is_too_old_is_refused(tmp_path: Path) -> None:
    """A version with a known stack overflow is not used."""
    (tmp_path / "orjson.py").write_text("__version__ = '3.9.14'\nloads = dumps = None\n", encoding="utf-8")
    code = f"""
sys.path.insert(0, {str(tmp_path)!r})
print(Codec("auto", "null", False, True).engine)
from rapid_client.errors import ConfigError
try:
    Codec("orjson", "null", False, False)
except ConfigError as exc:
    print("3.9.14" in str(exc))
"""
    assert run(code) == ["stdlib", "True"]


@pytest.mark.parametrize("missing", ["make_scanner", "make_encoder"])
def test_another_private_signature(missing: str) -> None:
    """Where CPython's private functions take other arguments, its json module is asked how to call them."""
    code = f"""
import _json
calls = []
original = _json.{missing}
def other(*args):
    calls.append(args)
    if len(calls) == 1:
        raise TypeError("another signature")
    return original(*args)
_json.{missing} = other
for name in [name for name in sys.modules if name.startswith("rapid_client")]:
    del sys.modules[name]
from rapid_client._codec import Codec
codec = Codec("stdlib", "null", False, False)
assert codec.decode(b'{{"a": [1, 2.5]}}') == {{"a": [1, 2.5]}}
assert codec.encode({{"a": [1, 2.5, (None,)]}}) == b'{{"a": [1, 2.5, [null]]}}'
print("json" in sys.modules)
"""
    assert run(code) == ["True"]
