"""The engines of the codec where they are unusual: another `_json`, a broken orjson, one that pays later."""

from __future__ import annotations

import decimal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rapid_client import _json_rare
from rapid_client._codec import Codec, make_scan, make_write
from rapid_client.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# What `json` was built with stays in it; `rapid_client` finds private functions of another kind.
OTHER_PRIVATE = """
import json, sys, types
import _json as real
other = types.ModuleType("_json")
for name in ("encode_basestring", "encode_basestring_ascii", "scanstring"):
    setattr(other, name, getattr(real, name))
other.make_scanner, other.make_encoder = {scanner}, {encoder}
sys.modules["_json"] = other
from rapid_client._codec import Codec
from rapid_client.errors import FaultError
codec = Codec("stdlib", "null", {ascii_only}, False)
"""
RAISING = ("lambda: None", "lambda *, settings: None")
ANSWERING_WRONG = ("lambda _: lambda text, at: ('?', 1)", "lambda *_: lambda value, level: ['?']")


@pytest.fixture
def run(child_environ: dict[str, str], tmp_path: Path) -> Callable[[str], str]:
    """Return a function that runs code in a fresh interpreter, `tmp_path` first; it returns the output."""

    def run(code: str) -> str:
        environ = {**child_environ, "PYTHONPATH": f"{tmp_path}:{child_environ['PYTHONPATH']}"}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.strip()

    return run


@pytest.mark.parametrize("private", [RAISING, ANSWERING_WRONG], ids=["raising", "answering wrong"])
def test_another_private_signature_changes_nothing(
    run: Callable[[str], str], private: tuple[str, str]
) -> None:
    """Where `_json` has another signature or another answer, `json` is asked, with the same results."""
    scanner, encoder = private
    code = OTHER_PRIVATE.format(scanner=scanner, encoder=encoder, ascii_only=False)
    code += """
print(codec.decode(b'{"a": [1, 2.5, null, "\\xc3\\xa9"]}'), codec.encode({"b": [1, 2.5, "\\xe9", None]}))
for body in (b'[NaN]', b'{"a" 1}'):
    try:
        codec.decode(body)
    except FaultError as exc:
        print(exc.error_type, exc)
try:
    codec.encode(object())
except FaultError as exc:
    print(exc.error_type, exc)
"""
    assert run(code).split("\n") == [
        r"""{'a': [1, 2.5, None, 'é']} b'{"b": [1, 2.5, "\xc3\xa9", null]}'""",
        "Runtime.UnmarshalError Unable to unmarshal input: Expecting value: line 1 column 2 (char 1)",
        "Runtime.UnmarshalError Unable to unmarshal input: Expecting ':' delimiter: line 1 column 6 (char 5)",
        "Runtime.MarshalError Unable to marshal response: Object of type object is not JSON serializable",
    ]


def test_another_private_encoder_escapes_as_well(run: Callable[[str], str]) -> None:
    """What `json` writes in place of the private encoder obeys the setting for ASCII."""
    code = OTHER_PRIVATE.format(scanner=RAISING[0], encoder=RAISING[1], ascii_only=True)

    assert run(code + "print(codec.encode('\\xe9'))") == r"""b'"\\u00e9"'"""


def test_the_encoder_refuses_what_it_is_not_meant_for() -> None:
    """A value that JSON does not have is a TypeError in awslambdaric's words, also deep inside."""
    with pytest.raises(TypeError) as caught:
        list(make_write(False, False)({"a": [object()]}, 0))

    assert str(caught.value) == "Object of type object is not JSON serializable"  # 3.14 adds notes


def test_an_orjson_that_cannot_be_loaded_is_done_without(run: Callable[[str], str], tmp_path: Path) -> None:
    """With `auto`, an orjson built for another platform leaves the standard library in use, for good."""
    (tmp_path / "orjson.py").write_text("raise ImportError('wrong ELF class')\n", encoding="utf-8")
    code = """
from rapid_client._codec import Codec
codec = Codec("auto", "null", False, True)
print(codec.engine, codec.due, codec.decode(b'[' + b'1,' * 10**6 + b'2]')[-1], codec.due, codec.encode([3]))
"""
    assert run(code) == "stdlib False 2 False b'[3]'"


def test_an_orjson_that_is_demanded_and_cannot_be_loaded_is_an_error(
    run: Callable[[str], str], tmp_path: Path
) -> None:
    """With `orjson`, the error says why it cannot be used, and what to do."""
    (tmp_path / "orjson.py").write_text("raise ImportError('wrong ELF class')\n", encoding="utf-8")
    code = """
from rapid_client._codec import Codec
from rapid_client.errors import ConfigError
try:
    Codec("orjson", "null", False, False)
except ConfigError as exc:
    print(exc)
"""
    assert run(code) == (
        "RAPID_JSON=orjson, but orjson cannot be used (wrong ELF class): install it, or choose auto or stdlib"
    )


def test_orjson_is_due_once_it_has_paid(run: Callable[[str], str]) -> None:
    """Small bodies never count; enough large ones make orjson due, and an upgrade then takes it."""
    pytest.importorskip("orjson")
    code = """
import sys
from rapid_client._codec import Codec
for name in ("orjson", "uuid"):  # as in a function that has imported neither
    sys.modules.pop(name, None)
codec = Codec("auto", "null", False, False)
small, large = b'"' + b'x' * 900 + b'"', b'"' + b'x' * 10**6 + b'"'
print(codec.engine, codec.due)
for _ in range(11_000):  # 19.8 ms in all, if they counted
    codec.decode(small)
print(codec.due)
for _ in range(9):
    codec.decode(large)
print(codec.due)
codec.encode(large.decode())
print(codec.due)
codec.upgrade()
print(codec.engine, codec.due)
"""
    assert run(code).split("\n") == ["stdlib False", "False", "False", "True", "orjson False"]


def test_a_scanner_that_needs_json_decoder_gets_it(run: Callable[[str], str]) -> None:
    """CPython 3.11's scanner fails with SystemError before `json.decoder` is there; it is asked again."""
    code = """
import sys
from rapid_client import _json_rare
from rapid_client._codec import make_scan
from rapid_client.errors import FaultError
real, before = make_scan(), []
def scan(text, start):
    before.append("json.decoder" in sys.modules)
    if not before[-1]:
        raise SystemError("error return without exception set")
    return real(text, start)
for name in [name for name in sys.modules if name.partition(".")[0] == "json"]:
    del sys.modules[name]
print(_json_rare.decode(scan, b" [1]"), before)
"""
    assert run(code) == "[1] [False, True]"


def test_a_scanner_that_stays_broken_is_an_error() -> None:
    """A SystemError that has another reason is reported as a body that cannot be decoded."""

    def scan(text: str, start: int) -> tuple[object, int]:
        raise SystemError(f"broken at {start} of {len(text)}")

    with pytest.raises(FaultError, match=r"^Unable to unmarshal input: broken at 1 of 2$"):
        _json_rare.decode(scan, b" 1")


def test_decimal_beside_every_mark_is_an_error() -> None:
    """Where the value's own text leaves no mark for a Decimal, the result is refused, not written wrong."""
    codec = Codec("stdlib", "null", False, False)

    with pytest.raises(FaultError, match="a Decimal beside text that holds all control characters"):
        codec.encode([decimal.Decimal("1.5"), list(_json_rare.MARKS)])
    assert codec.encode([decimal.Decimal("1.5"), list(_json_rare.MARKS[1:])]).startswith(b"[1.5, ")


def test_deep_and_not_plain_is_an_error() -> None:
    """A value too deep to be converted is encoded only if it is made of lists and dicts alone."""
    codec = Codec("stdlib", "null", False, False)
    value: object = {1, 2}
    for _ in range(sys.getrecursionlimit() * 2):
        value = [value]

    with pytest.raises(FaultError, match="maximum recursion depth exceeded while encoding a JSON object"):
        codec.encode(value)


def test_subclasses_of_list_and_decimal_are_what_they_are_based_on() -> None:
    """A list of the function's own class is an array, a Decimal of its own class a number."""

    class Rows(list[int]):
        """As an ORM returns them."""

    class Money(decimal.Decimal):
        """As a shop has it."""

    codec = Codec("stdlib", "null", False, False)
    assert codec.encode({"rows": Rows([1, 2]), "sum": Money("2.50")}) == b'{"rows": [1, 2], "sum": 2.50}'


def test_scan_is_the_private_one_here() -> None:
    """On this interpreter the private scanner is called directly, without `json`."""
    assert type(make_scan()).__module__ == "_json"
