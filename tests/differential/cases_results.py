"""What the function returns, and what is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.differential.model import NO_ORJSON, ORJSON, PLAIN, UTF8, Case, Expect, Setting

#: What JSON has, and what both refuse in the same words.
SAME = [
    "none",
    "true",
    "dict",
    "list",
    "string",
    "nested",
    "bytes",
    "bytes-empty",
    "bytes-subclass",
    "bytearray",
    "memoryview",
    "bytes-inside",
    "bytes-inside-invalid",
    "tuple",
    "namedtuple",
    "asdict",
    "for-json",
    "decimal",
    "keys",
    "keys-equal",
    "key-tuple",
    "int-enum",
    "str-enum",
    "set",
    "frozenset",
    "generator",
    "coroutine",
    "deque",
    "mappingproxy",
    "fraction",
    "complex",
    "object",
    "class",
    "circular",
    "circular-dict",
    "unicode",
    "delete",
    "huge-int",
    "big-int",
    "floats",
    "ordered",
    "defaultdict",
    "counter",
    "user-dict",
    "str-subclass",
    "int-subclass",
    "ellipsis",
    "range",
    "key-bool",
    "key-none",
    "key-int-enum",
    "key-enum",
    "key-decimal",
    "key-big-int",
    "key-float",
    "key-datetime",
    "key-str-subclass",
    "key-bytes-invalid",
    "asdict-no-dict",
    "asdict-attribute",
    "asdict-of-a-dict",
    "asdict-class",
    "asdict-fails",
    "list-subclass",
    "tuple-subclass",
    "dict-subclass",
    "odd-int",
    "odd-float",
    "odd-str",
    "bytearray-inside",
    "memoryview-inside",
    "bytes-subclass-inside",
    "generator-inside",
    "empty-text",
    "zero",
    "minus-zero",
    "float",
    "controls",
    "decimal-odd",
    "decimal-alone",
    "exception",
    "function",
    "type-error-in-repr",
    "timedelta",
    "path",
    "surrogate-pair",
    "large",
]
#: What we send where awslambdaric sends no JSON, or an error: (result, ours, theirs).
BETTER: list[tuple[str, Any, Expect]] = [
    ("decimal-nan", [None] * 3, Expect(call="response", raw=b"[NaN, NaN, Infinity]")),
    ("float-nan", [None] * 3, Expect(call="response", raw=b"[NaN, Infinity, -Infinity]")),
    (
        "enum",
        1,
        Expect(call="error", message=r"Unable to marshal response: .*Colour is not .*"),
    ),
    (
        "datetime",
        ["2026-01-02T03:04:05", "2026-01-02"],
        Expect(call="error", message=r"Unable to marshal response: Object of type datetime .*"),
    ),
    ("decimal-subclass", [2.5], Expect(call="response", raw=b"[x]")),
    ("uuid", "00000000-0000-0000-0000-000000000001", Expect(call="error", message=".*type UUID is not.*")),
    ("dataclass", {"x": 1}, Expect(call="error", message=".*type Data is not JSON serializable")),
]
TOO_DEEP = Expect(
    call="error",
    error_type="Runtime.MarshalError",
    message="Unable to marshal response: (maximum recursion|Stack overflow).*",
    exit="lives",
)
LITERAL = Setting(env={"RAPID_JSON_NAN": "literal"})
REFUSING = Setting(env={"RAPID_JSON_NAN": "error"})
RAW = Setting(env={"RAPID_BYTES_LIKE": "raw"})


def _result(name: str, setting: Setting, suffix: str) -> Case:
    return Case(id=f"result-{name}{suffix}", action="result", event=name, setting=setting)


CASES = [
    *(_result(name, PLAIN, "") for name in SAME),
    *(_result(name, UTF8, "-in-a-utf8-environment") for name in SAME if name != "surrogate-pair"),
    *(replace(_result(name, ORJSON, "-with-orjson"), skip=NO_ORJSON) for name in SAME),
    *(
        Case(
            id=f"result-{name}",
            action="result",
            event=name,
            ours=Expect(call="response", value=value, exit="lives"),
            theirs=theirs,
        )
        for name, value, theirs in BETTER
    ),
    # What interpreters say of too deep a recursion differs from version to version.
    *(
        Case(
            id=f"result-{name}",
            action="result",
            event=name,
            ours=TOO_DEEP,
            theirs=TOO_DEEP,
        )
        for name in ("too-deep", "too-deep-dict")
    ),
    *(_result(name, LITERAL, "-literal") for name in ("decimal-nan", "float-nan")),
    *(
        Case(
            id=f"result-{name}-refused",
            action="result",
            event=name,
            setting=REFUSING,
            ours=Expect(call="error", error_type="Runtime.MarshalError", message="Unable to marshal.*"),
        )
        for name in ("decimal-nan", "float-nan")
    ),
    *(
        Case(
            id=f"result-{name}-raw",
            action="result",
            event=name,
            setting=RAW,
            ours=Expect(call="response", raw=b"x"),
            theirs=Expect(call="error", error_type="Runtime.MarshalError"),
        )
        for name in ("bytearray", "memoryview")
    ),
    _result("surrogate", PLAIN, ""),
    *(
        Case(
            id=f"result-{name}-in-a-utf8-environment",
            action="result",
            event=name,
            setting=UTF8,
            ours=Expect(call="response", raw=raw, exit="lives"),
            theirs=Expect(call="nothing", exit=1),
        )
        for name, raw in (("surrogate", b'["\\ud800"]'), ("surrogate-pair", b'"\\ud83d\\ude00"'))
    ),
]
