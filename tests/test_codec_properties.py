"""The JSON contract over generated bodies and values: both engines agree, and both agree with awslambdaric.

The witnesses are simplejson, on which awslambdaric rests, and awslambdaric's own marshaller.
"""

from __future__ import annotations

import collections
import decimal
import functools
import json
import math
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rapid_client._codec import Codec
from rapid_client.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Callable

pytest.importorskip("orjson", reason="the two engines are compared")

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)

STANDARD = Codec("stdlib", "null", ascii_only=False, eager=False)
FAST = Codec("orjson", "null", ascii_only=False, eager=False)
PAIRS = [
    (Codec("stdlib", nan, ascii_only, eager=False), Codec("orjson", nan, ascii_only, eager=False))
    for nan in ("null", "literal", "error")
    for ascii_only in (False, True)
]


class Point(NamedTuple):
    """A namedtuple, as functions have them."""

    x: object
    y: object


# Bodies: JSON texts of any kind, then texts with something wrong in them...
digits = st.text("0123456789", min_size=1, max_size=26)
numbers = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-", "-", "+"]),
    digits,
    st.one_of(st.just(""), digits.map(".{}".format)),
    st.one_of(
        st.just(""),
        st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "-", "+"]), digits),
    ),
)
floats = st.floats().map(repr)
escapes = st.sampled_from(
    [
        r"\ud800",
        r"\udc00",
        r"\ud83d\ude00",
        r"\u0000",
        r"\n",
        r"\/",
        r"\"",
        r"\\",
        "\x7f",
        "é",
        "€",
        "😀",
        "\x1f",
        "[",
        "{",
    ]
)
strings = (
    st.lists(st.one_of(escapes, digits, st.text(max_size=3)), max_size=5).map("".join).map('"{}"'.format)
)
words = st.sampled_from(
    ["null", "true", "false", "NaN", "Infinity", "-Infinity", "nul", "", "01", "1.", ".5", "-", "\f"]
)
space = st.sampled_from(["", "", "", " ", "\n", "\t\r"])


def containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Build arrays and objects of *inner*."""
    arrays = st.lists(inner, max_size=4).flatmap(
        lambda items: space.map(lambda gap: f"[{gap}{f',{gap}'.join(items)}]")
    )
    keys = st.one_of(strings, st.sampled_from(['"a"', '"b"']))
    members = st.builds("{}{}:{}".format, keys, space, inner)
    objects = st.lists(members, max_size=4).map(lambda items: f"{{{','.join(items)}}}")
    return st.one_of(arrays, objects)


texts = st.recursive(st.one_of(numbers, floats, strings, strings, words), containers, max_leaves=12)
bodies = st.builds("{}{}{}{}".format, st.sampled_from(["", "", "", "\ufeff"]), space, texts, space).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)

# Values...
plain = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(-(2**65), 2**65),
        st.floats(),
        st.text(st.characters(codec=None)),
        st.sampled_from(["\x7f", "\ud800", "\udfff", "\u2028", "<&/>"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=3), inner, max_size=4),
        st.dictionaries(st.one_of(st.none(), st.booleans(), st.integers(), st.floats()), inner, max_size=3),
        st.builds(Point, inner, inner),
    ),
    max_leaves=12,
)
rich = st.recursive(
    st.one_of(
        plain, st.decimals(), st.binary(max_size=4), st.uuids(), st.datetimes(), st.dates(), st.times()
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=3), inner, max_size=4).map(collections.OrderedDict),
        st.builds(Point, inner, inner),
        st.dictionaries(st.one_of(st.binary(max_size=2), st.dates(), st.text(max_size=2)), inner, max_size=3),
    ),
    max_leaves=8,
)


def outcome(call: Callable[[Any], object], argument: object) -> object:
    """What came of a call, an error included, in a form that tells 1 from 1.0 and from True."""
    try:
        return repr(call(argument))
    except FaultError as exc:
        return exc.error_type, exc.message


def decoded(codec: Codec, value: object) -> object:
    """What a reader of the encoded value sees."""
    return json.loads(codec.encode(value), parse_float=decimal.Decimal)


@SETTINGS
@given(bodies)
@example(b'{"a": 18446744073709551616}')
@example(b"[0.12345678901234567890123, 1e400, -0, 0e99999999999999999999]")
@example(b"{}\x00")
def test_both_engines_decode_alike(body: bytes) -> None:
    """A body gives the same value, or the same error, on both engines."""
    assert outcome(STANDARD.decode, body) == outcome(FAST.decode, body)


@SETTINGS
@given(bodies, st.data())
def test_both_engines_decode_damaged_bodies_alike(body: bytes, data: st.DataObject) -> None:
    """So does a body with a byte replaced, added or missing."""
    at = data.draw(st.integers(0, len(body)))
    gone = data.draw(st.integers(0, 2))
    damaged = body[:at] + data.draw(st.binary(max_size=2)) + body[at + gone :]
    assert outcome(STANDARD.decode, damaged) == outcome(FAST.decode, damaged)


@SETTINGS
@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 40))
def test_both_engines_read_numbers_to_the_last_bit(number: float, places: int) -> None:
    """However a number is written, both engines read the float that Python reads."""
    text = f"{number:.{places}e}"
    assert [float(text)] == STANDARD.decode(f"[{text}]".encode()) == FAST.decode(f"[{text}]".encode())


@SETTINGS
@given(rich, st.sampled_from(PAIRS))
def test_both_engines_encode_alike(value: object, pair: tuple[Codec, Codec]) -> None:
    """A value gives JSON of the same meaning, or the same error, on both engines."""
    standard, fast = (outcome(functools.partial(decoded, codec), value) for codec in pair)
    if isinstance(standard, str) and isinstance(fast, str):
        assert one_notation(standard) == one_notation(fast)
    else:
        assert standard == fast


def one_notation(text: str) -> str:
    """Write exponents in one way: 1e-07 and 1e-7 are the same number."""
    return text.replace("e-0", "e-").replace("E-0", "E-")


@SETTINGS
@given(plain)
def test_what_is_encoded_is_valid(value: object) -> None:
    """Every result is JSON in UTF-8, without the NaN that is not, or an error with a name."""
    for standard, fast in PAIRS[:2]:
        for codec in (standard, fast):
            try:
                data = codec.encode(value)
            except FaultError:
                continue
            json.loads(data.decode(), parse_constant=pytest.fail)


@SETTINGS
@given(plain)
def test_a_round_trip_changes_nothing(value: object) -> None:
    """What one engine writes, both engines read back alike."""
    for codec in (STANDARD, FAST):
        try:
            data = codec.encode(value)
        except FaultError:
            continue
        assert outcome(STANDARD.decode, data) == outcome(FAST.decode, data)


@SETTINGS
@given(bodies)
def test_bodies_are_read_as_simplejson_reads_them(body: bytes) -> None:
    """The value is simplejson's, and an error is one for both."""
    simplejson = pytest.importorskip("simplejson", reason="awslambdaric is not installed")
    try:
        expected: object = repr(simplejson.loads(body))
    except Exception as exc:
        with pytest.raises(FaultError) as caught:
            STANDARD.decode(body)
        text = str(exc)
        if text.startswith(("Expecting value: ", "Extra data", "Invalid control", "'utf-8'", "Exceeds")):
            assert f"Unable to unmarshal input: {text}" == caught.value.message
        return
    assert expected == outcome(STANDARD.decode, body) == outcome(FAST.decode, body)


@pytest.fixture(scope="module", params=["", "AWS_Lambda_python3.13"])
def marshaller(request: pytest.FixtureRequest) -> Any:
    """Awslambdaric's own marshaller, for both kinds of environment."""
    module = pytest.importorskip(
        "awslambdaric.lambda_runtime_marshaller", reason="awslambdaric is not installed"
    )
    before = os.environ.get("AWS_EXECUTION_ENV")
    os.environ["AWS_EXECUTION_ENV"] = request.param
    try:
        return module.LambdaMarshaller()
    finally:
        del os.environ["AWS_EXECUTION_ENV"]
        if before is not None:
            os.environ["AWS_EXECUTION_ENV"] = before


def finite(value: object) -> bool:
    """Say whether there is no NaN or infinity in *value*, keys apart."""
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(finite, value))
    return not isinstance(value, float) or math.isfinite(value)


values_of_awslambdaric = st.recursive(
    st.one_of(plain, st.decimals(allow_nan=False, allow_infinity=False), st.binary(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.builds(Point, inner, inner)),
    max_leaves=8,
)


@SETTINGS
@given(value=values_of_awslambdaric)
def test_values_are_written_as_awslambdaric_writes_them(marshaller: Any, value: object) -> None:
    """To the byte, by the reference engine with the switch that keeps NaN."""
    utf8 = not marshaller.jsonEncoder.ensure_ascii
    codec = Codec("stdlib", "literal", not utf8, eager=False)
    error, text, content_type = None, "", ""
    try:
        text, content_type = marshaller.marshal_response(value)
    except Exception as exc:
        error = exc.args[1]
    if error:
        assert outcome(codec.encode, value) == ("Runtime.MarshalError", error)
        return
    if content_type != "application/json":  # bytes: the caller of the codec sends them as they are
        return
    assert text.encode("utf-8", "backslashreplace") == codec.encode(value)
    if finite(value):
        mine = decoded(Codec("orjson", "null", not utf8, eager=False), value)
        assert one_notation(repr(json.loads(text, parse_float=decimal.Decimal))) == one_notation(repr(mine))
