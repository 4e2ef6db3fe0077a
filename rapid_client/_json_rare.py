"""What JSON needs now and then: errors in awslambdaric's words, and the types that JSON does not have.

Not imported before the first body or result that needs it.
"""

from __future__ import annotations

import builtins
import sys

from rapid_client._codec import SCALARS, WHITESPACE
from rapid_client.errors import FaultError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from rapid_client._codec import Body, Scan, Write

BOM: Final = "\ufeff"

# What is to be written raw stands in a string between two of one of these, one that the value itself does not
# hold: a control character that is written as \uXXXX, so that the text stays ASCII, or else a lone surrogate.
MARKS: Final = (*map(chr, range(1, 8)), *map(chr, range(14, 32)), *map(chr, range(0xD800, 0xE000)))

# A float may be a NaN.
UNCHANGED: Final = SCALARS - {float}
CONTAINERS: Final = frozenset({dict, list, tuple})

# A builtin of CPython 3.15 that is no subclass of dict.
MAPPINGS: Final = (dict, getattr(builtins, "frozendict", dict))


class ConstantError(ValueError):
    """The body holds ``NaN``, ``Infinity`` or ``-Infinity``, which are not JSON."""


def decode(scan: Scan, body: Body) -> object:
    """Decode *body* with all that the quick way leaves out, or say what is wrong with it.

    Raises:
        FaultError: ``Runtime.UnmarshalError``. The texts are those of simplejson, which awslambdaric uses.
    """
    try:
        text = str(body, "utf-8")
        start = _skip(text, 1 if text.startswith(BOM) else 0)
        value, end = _scan(scan, text, start)
        _check_rest(text, _skip(text, end))
    except Exception as exc:
        message = f"Unable to unmarshal input: {exc}"
        raise FaultError("Runtime.UnmarshalError", message) from None
    return value


def _skip(text: str, start: int) -> int:
    return len(text) - len(text[start:].lstrip(WHITESPACE))


def _check_rest(text: str, end: int) -> None:
    if end != len(text):
        place = f"{_line(text, end)} - {_line(text, len(text))} (char {end} - {len(text)})"
        raise ValueError(f"Extra data: {place}")


def _line(text: str, at: int) -> str:
    return f"line {text.count(chr(10), 0, at) + 1} column {at - text.rfind(chr(10), 0, at)}"


def _at(text: str, at: int, what: str) -> ValueError:
    return ValueError(f"{what}: {_line(text, at)} (char {at})")


def _scan(scan: Scan, text: str, start: int) -> tuple[object, int]:
    """Scan one value; raise ValueError or RecursionError in simplejson's words."""
    try:
        return scan(text, start)
    except StopIteration as stop:
        raise _at(text, stop.value, "Expecting value") from None
    except ConstantError:
        raise _at(text, _constant(text, start), "Expecting value") from None
    except RecursionError as exc:
        kind = "object" if "JSON object" in str(exc) else "array"
        raise RecursionError(
            f"maximum recursion depth exceeded while decoding a JSON {kind} from a string"
        ) from None
    except SystemError:
        if "json.decoder" in sys.modules:
            raise
        # CPython 3.11's scanner cannot raise its own error before `json.decoder` is loaded.
        import json.decoder  # deferred: 5.8 ms, and only malformed bodies need it

        _ = json.decoder
        return _scan(scan, text, start)
    except ValueError as exc:
        at = getattr(exc, "pos", None)
        if at is not None and str(exc).startswith("Invalid control character"):
            raise _at(text, at, f"Invalid control character {text[at]!r} at") from None
        raise


def _constant(text: str, start: int) -> int:
    """Find the first NaN or Infinity outside a string; what precedes it has been scanned: it is valid."""
    import re  # deferred: 5.3 ms, and only such bodies need it

    for match in re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|NaN|-?Infinity', re.DOTALL).finditer(text, start):
        if match[0][0] != '"':
            return match.start()
    return start


def encode(value: object, write: Write, nan: str) -> bytes:
    """Encode *value*, whatever it is made of.

    Raises:
        FaultError: ``Runtime.MarshalError``, if it cannot be.
    """
    try:
        text = _text(value, write, nan)
    except Exception as exc:
        message = f"Unable to marshal response: {exc}"
        raise FaultError("Runtime.MarshalError", message) from None
    # UTF-8 has room for all but lone surrogates, and this error handler writes those as JSON does: \ud800.
    return text.encode("utf-8", "backslashreplace")


def _text(value: object, write: Write, nan: str) -> str:
    for mark in MARKS:
        tree = _Tree(nan, mark)
        try:
            plain = tree.convert(value)
        except RecursionError:
            return _deep(value, write)
        text = "".join(write(plain, 0))
        if not tree.marked:
            return text
        escaped = "".join(write(mark, 0)).strip('"')
        if text.count(escaped) == 2 * tree.marked:
            return text.replace('"' + escaped, "").replace(escaped + '"', "")
    raise ValueError("a Decimal beside text that holds all control characters and lone surrogates")


def _deep(value: object, write: Write) -> str:
    """Encode a value that is nested too deeply to be converted: for plain lists and dicts there is a way."""
    if not _is_plain_at_any_depth(value):
        raise RecursionError("maximum recursion depth exceeded while encoding a JSON object")
    import json  # deferred: 5.8 ms, and only such values need it

    # Refuses a cycle, which `write` would follow to the end of the stack.
    json.JSONEncoder().encode(value)
    return "".join(write(value, 0))


def _is_plain_at_any_depth(value: object) -> bool:
    seen = set[int]()
    pending = [value]
    for node in pending:
        if type(node) not in CONTAINERS:
            return False
        if id(node) not in seen:
            seen.add(id(node))
            items: Iterable[object] = node.values() if type(node) is dict else node  # type: ignore[assignment]
            pending += [item for item in items if type(item) not in SCALARS]
    return True


class _Tree:
    """Turns a value into one that is plain: exact builtin types, without cycles.

    Args:
        nan: As for `Codec`.
        mark: One of MARKS.
    """

    __slots__ = ("_decimal_type", "_modules", "_path", "mark", "marked", "nan")

    def __init__(self, nan: str, mark: str) -> None:
        self.nan, self.mark, self.marked = nan, mark, 0
        self._path: set[int] = set()
        self._modules = sys.modules
        decimal = sys.modules.get("decimal")
        self._decimal_type = decimal.Decimal if decimal else None

    def convert(self, value: object) -> object:
        """Return the plain equivalent of *value*.

        Raises:
            ValueError, TypeError, RecursionError: If it has none.
        """
        kind = type(value)
        if kind is float:
            return value if value - value == 0.0 else self._nan(value)  # type: ignore[operator]
        if kind in UNCHANGED:
            return value
        if kind is self._decimal_type:  # by far the most frequent: boto3 reads DynamoDB's numbers so
            return self._decimal(str(value))
        if id(value) in self._path:
            raise ValueError("Circular reference detected")
        self._path.add(id(value))
        if kind is dict:
            plain: object = self._object(value)  # type: ignore[arg-type]
        elif kind is list or kind is tuple:
            plain = self._array(value)  # type: ignore[arg-type]
        else:
            plain = self._special(value)
        self._path.discard(id(value))
        return plain

    def _object(self, value: dict[object, object]) -> dict[object, object]:
        plain = {}
        for key, item in value.items():
            name = key if type(key) is str else self._key(key)
            plain[name] = item if type(item) in UNCHANGED else self.convert(item)
        return plain

    def _array(self, value: Iterable[object]) -> list[object]:
        plain = []
        for item in value:  # a comprehension is a second frame per level on 3.11
            plain.append(item if type(item) in UNCHANGED else self.convert(item))  # noqa: PERF401
        return plain

    def _key(self, key: object) -> object:
        if isinstance(key, bytes):
            return str(key, "utf-8")
        if isinstance(key, float) and float.__sub__(key, key) != 0.0 and self.nan != "error":
            return _constant_name(key)
        if key is None or isinstance(key, (str, int, float)):
            return key
        raise TypeError(f"keys must be str, int, float, bool or None, not {key.__class__.__name__}")

    def _special(self, value: object) -> object:
        """Convert what is not of an exact builtin type; the order of the questions is simplejson's."""
        if isinstance(value, (str, int)):
            return value
        if isinstance(value, bytes):
            return str(value, "utf-8")
        if isinstance(value, float):
            return value if float.__sub__(value, value) == 0.0 else self._nan(value)
        found, fields = _asdict(value)
        if found:
            if not isinstance(fields, dict):
                raise TypeError(f"_asdict() must return a dict, not {type(fields).__name__}")
            return self._object(fields)
        if isinstance(value, (list, tuple)):
            return self._array(value)
        if isinstance(value, MAPPINGS):
            return self._object(value)
        return self._library_type(value)

    def _library_type(self, value: object) -> object:
        # A type whose module nobody has imported has no values, so nothing is imported to ask.
        if self._decimal_type and isinstance(value, self._decimal_type):
            return self._decimal(self._decimal_type.__str__(value))
        if (enum := self._modules.get("enum")) and isinstance(value, enum.Enum):
            return self.convert(value.value)
        if (datetime := self._modules.get("datetime")) and isinstance(value, (datetime.date, datetime.time)):
            return value.isoformat()
        if (uuid := self._modules.get("uuid")) and isinstance(value, uuid.UUID):
            return str(value)
        dataclasses = self._modules.get("dataclasses")
        if dataclasses and dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._object({f.name: getattr(value, f.name) for f in dataclasses.fields(value)})
        raise TypeError(f"Object of type {value.__class__.__name__} is not JSON serializable")

    def _decimal(self, text: str) -> object:
        digits = text.lstrip("-")
        if digits[0].isdigit():
            self.marked += 1
            return f"{self.mark}{text}{self.mark}"
        if digits[0] == "I":
            return self._nan(float(text))
        return self._nan(float("nan"))

    def _nan(self, value: object) -> object:
        if self.nan == "null":
            return None
        if self.nan == "literal":
            return float(value)  # type: ignore[arg-type]
        message = f"Out of range float values are not JSON compliant: {float(value)!r}"  # type: ignore[arg-type]
        raise ValueError(message)


def _constant_name(value: float) -> str:
    if value != value:  # noqa: PLR0124 - the test for NaN that needs no import
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _asdict(value: object) -> tuple[bool, object]:
    """Call ``value._asdict()``; a TypeError means, as it does for simplejson, that there is none."""
    method = getattr(value, "_asdict", None)
    if callable(method):
        try:
            return True, method()
        except TypeError:
            pass
    return False, None
