"""The function that both runtimes run: the request id says what it does."""

# What people write, good style or not, is what is tested here.
# ruff: noqa: B904, C408, DTZ001, F601, ICN001, LOG015, PLW0108, PYI024, SIM115, UP042

from __future__ import annotations

import asyncio
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import json
import logging
import os
import pathlib
import signal
import sys
import threading
import types
import uuid
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def handler(event: Any, context: Any) -> Any:
    """Do what the part of the request id before the tilde names."""
    return ACTIONS.get(context.aws_request_id.partition("~")[0], show)(event, context)


def show(event: Any, context: Any) -> Any:
    """Return what the event has become."""
    return [type(event).__name__, repr(event)]


# ... the context


def about_context(event: Any, context: Any) -> Any:
    """Return everything of the context."""
    return {
        "repr": repr(context),
        "vars": list(vars(context)),
        "types": [type(item).__name__ for item in vars(context).values()],
        "arn": context.invoked_function_arn,
        "deadline": context._epoch_deadline_time_in_ms,
        "remaining": context.get_remaining_time_in_millis() == 0,
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "tenant": context.tenant_id,
        "memory": context.memory_limit_in_mb,
        "w3c": context.w3c(),
        "identity": [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id],
        "descriptor": os.environ.get("_LAMBDA_TELEMETRY_LOG_FD"),
    }


def about_deadline(event: Any, context: Any) -> Any:
    """Return deadline and whether time is left, without the text that holds both."""
    left = context.get_remaining_time_in_millis()
    return {"deadline": context._epoch_deadline_time_in_ms, "left": "none" if left == 0 else left > 0}


def about_client(event: Any, context: Any) -> Any:
    """Return the client context."""
    client = context.client_context
    return [repr(client), type(client).__name__, client and repr(client.client), context.w3c()]


# ... results


class Colour(enum.Enum):
    """An enum."""

    RED = 1


class Number(enum.IntEnum):
    """An enum of integers."""

    ONE = 1


class Word(str, enum.Enum):
    """An enum of strings."""

    V = "v"


class Bytes(bytes):
    """A kind of bytes."""


class AsDict:
    """An object with `_asdict`."""

    def _asdict(self) -> Any:
        return {"x": 1}


class ForJson:
    """An object with `for_json`, which nobody asks."""

    def for_json(self) -> Any:
        """Return something."""
        return {"x": 1}


@dataclasses.dataclass
class Data:
    """A dataclass."""

    x: int


class Unknown:
    """Nothing that JSON has."""


Point = collections.namedtuple("Point", "x y")
EMPTY: dict[str, int] = {}
SURROGATE = "\ud800"


def circle() -> Any:
    """Return a list in itself."""
    ring: list[Any] = []
    ring.append(ring)
    return ring


def too_deep(kind: Any) -> Any:
    """Return what is nested beyond any limit."""
    value: Any = 1
    for _ in range(200_000):
        value = [value] if kind is list else {"a": value}
    return value


def coroutine() -> Any:
    """Return a coroutine that nobody awaits."""

    async def run() -> Any:
        return 1

    warnings.simplefilter("ignore")
    return run()


RESULTS: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "true": lambda: True,
    "dict": lambda: {"a": 1, "b": [1, 2, {"c": None}], "d": "text"},
    "list": lambda: [1, "a", None, True, False, 1.5, [], {}],
    "string": lambda: 'q"\\/\b\f\n\r\t\x00\x1f<>&',
    "nested": lambda: [[[[[[[1]]]]]]],
    "bytes": lambda: b"\x00\xff raw",
    "bytes-empty": lambda: b"",
    "bytes-subclass": lambda: Bytes(b"sub"),
    "bytearray": lambda: bytearray(b"x"),
    "memoryview": lambda: memoryview(b"x"),
    "bytes-inside": lambda: {"b": b"abc", "l": [b"d"], b"k": 1},
    "bytes-inside-invalid": lambda: {"b": b"\xff"},
    "tuple": lambda: (1, (2, 3)),
    "namedtuple": lambda: Point(1, Point(2, 3)),
    "asdict": lambda: [AsDict()],
    "for-json": lambda: ForJson(),
    "decimal": lambda: [decimal.Decimal("1.10"), decimal.Decimal("1E+5"), decimal.Decimal("-0.0")],
    "decimal-nan": lambda: [decimal.Decimal("NaN"), decimal.Decimal("-NaN"), decimal.Decimal("Infinity")],
    "float-nan": lambda: [float("nan"), float("inf"), float("-inf")],
    "keys": lambda: {1: 2, None: 3, 1.5: 4, "a": 5},
    "keys-equal": lambda: {1: 1, True: 2},
    "key-tuple": lambda: {(1, 2): 3},
    "enum": lambda: Colour.RED,
    "int-enum": lambda: [Number.ONE],
    "str-enum": lambda: [Word.V, {Word.V: 1}],
    "set": lambda: {1},
    "frozenset": lambda: frozenset({1}),
    "datetime": lambda: [datetime.datetime(2026, 1, 2, 3, 4, 5), datetime.date(2026, 1, 2)],
    "uuid": lambda: uuid.UUID(int=1),
    "dataclass": lambda: Data(1),
    "generator": lambda: (item for item in [1]),
    "coroutine": coroutine,
    "deque": lambda: collections.deque([1]),
    "mappingproxy": lambda: types.MappingProxyType({}),
    "fraction": lambda: fractions.Fraction(1, 2),
    "complex": lambda: 1j,
    "object": lambda: [Unknown()],
    "class": lambda: Unknown,
    "circular": circle,
    "circular-dict": lambda: {"a": circle()},
    "unicode": lambda: {"é": "\u2028\u2029 \U0001f600 \x7f ü"},
    "delete": lambda: "\x7f",
    "surrogate": lambda: [SURROGATE],
    "surrogate-pair": lambda: "\ud83d\ude00",
    "huge-int": lambda: 10**5000,
    "big-int": lambda: [2**63, -(2**64), 10**300],
    "floats": lambda: [1e16, 1e-7, 0.1 + 0.2, -0.0, 1.0, 1e22, 1.7976931348623157e308, 5e-324, 123456789.123],
    "ordered": lambda: collections.OrderedDict([("z", 1), ("a", 2)]),
    "defaultdict": lambda: collections.defaultdict(list, {"b": [1], "a": []}),
    "counter": lambda: collections.Counter("aab"),
    "user-dict": lambda: collections.UserDict({"a": 1}),
    "str-subclass": lambda: [type("S", (str,), {})("s")],
    "int-subclass": lambda: [type("I", (int,), {})(5), type("F", (float,), {})(5.5)],
    "key-bool": lambda: {True: 1, False: 2},
    "key-none": lambda: {None: 1, "null": 2},
    "key-int-enum": lambda: {Number.ONE: 1},
    "key-enum": lambda: {Colour.RED: 1},
    "key-decimal": lambda: {decimal.Decimal("1.5"): 1},
    "key-big-int": lambda: {10**30: 1},
    "key-float": lambda: {1e16: 1, 0.1: 2},
    "key-datetime": lambda: {datetime.date(2026, 1, 1): 1},
    "key-str-subclass": lambda: {type("S", (str,), {})("s"): 1},
    "key-bytes-invalid": lambda: {b"\xff": 1},
    "asdict-no-dict": lambda: [type("D", (), {"_asdict": lambda self: [1]})()],
    "asdict-attribute": lambda: [type("D", (dict,), {"_asdict": 5})(a=1)],
    "asdict-of-a-dict": lambda: type("D", (dict,), {"_asdict": lambda self: {"b": 2}})(a=1),
    "asdict-class": lambda: AsDict,
    "asdict-fails": lambda: type("D", (), {"_asdict": lambda self: EMPTY["k"]})(),
    "list-subclass": lambda: type("L", (list,), {})([1, 2]),
    "tuple-subclass": lambda: type("T", (tuple,), {})((1, 2)),
    "dict-subclass": lambda: type("D", (dict,), {})(a=1),
    "odd-int": lambda: type("I", (int,), {"__str__": lambda self: "x", "__repr__": lambda self: "y"})(5),
    "odd-float": lambda: type("F", (float,), {"__str__": lambda self: "x", "__repr__": lambda self: "y"})(
        5.5
    ),
    "odd-str": lambda: type("S", (str,), {"__str__": lambda self: "x", "__repr__": lambda self: "y"})("z"),
    "bytearray-inside": lambda: [bytearray(b"x")],
    "memoryview-inside": lambda: {"a": memoryview(b"x")},
    "bytes-subclass-inside": lambda: [Bytes(b"x")],
    "generator-inside": lambda: [1, (item for item in [1])],
    "empty-text": lambda: "",
    "zero": lambda: 0,
    "minus-zero": lambda: -0.0,
    "float": lambda: 5e-324,
    "controls": lambda: "".join(map(chr, range(0x20))) + "\x7f\x80\x9f\xa0",
    "decimal-odd": lambda: [
        decimal.Decimal(text) for text in ("0E-10", "-0", "1E-7", "123456789012345678901.5")
    ],
    "decimal-alone": lambda: decimal.Decimal("1.0"),
    "decimal-subclass": lambda: [type("D", (decimal.Decimal,), {"__str__": lambda self: "x"})("2.50")],
    "too-deep": lambda: too_deep(list),
    "too-deep-dict": lambda: too_deep(dict),
    "exception": lambda: ValueError("v"),
    "function": lambda: len,
    "type-error-in-repr": lambda: [type("R", (), {"__repr__": lambda self: 1 / 0})()],
    "time": lambda: datetime.time(1, 2),
    "timedelta": lambda: datetime.timedelta(1),
    "path": lambda: pathlib.Path("/x"),
    "ellipsis": lambda: ...,
    "range": lambda: range(3),
    "large": lambda: [{"key": index, "text": "é" * 5, "number": index / 7} for index in range(300)],
}


def result(event: Any, context: Any) -> Any:
    """Return the result that the event names."""
    return RESULTS[event]()


# ... errors


class A:
    """Holds a class."""

    class Nested(Exception):
        """A nested error."""


class Silent(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def deep(count: Any) -> Any:
    """Call itself."""
    if count == 0:
        raise ValueError("deep")
    deep(count - 1)


def endless() -> Any:
    """Call itself for ever."""
    endless()


def group() -> Any:
    """Raise a group."""
    raise ExceptionGroup("two", [ValueError("one"), TypeError("other")])


def chained() -> Any:
    """Raise an error from another one."""
    try:
        EMPTY["k"]
    except KeyError as error:
        raise ValueError("outer") from error


def in_context() -> Any:
    """Raise an error while handling another one."""
    try:
        EMPTY["k"]
    except KeyError:
        raise ValueError("outer")


def noted() -> Any:
    """Raise an error with a note."""
    error = ValueError("m")
    error.add_note("a note")
    raise error


def throw(error: Any) -> Any:
    """Raise *error*."""
    raise error


def middle() -> Any:
    """Fail in the middle of a line."""
    return [1, 2, 3] + [item / 0 for item in [1]]


def leave(code: Any) -> Any:
    """Leave."""
    sys.exit(code)


def generated() -> Any:
    """Fail in code that has no source."""
    exec("def f() -> Any:\n    raise ValueError('no source')\nf()", {})


def several_lines() -> Any:
    """Fail in a call of several lines."""
    return dict(
        a=1,
        b=throw(
            ValueError("in the middle"),
        ),
    )


ERRORS: dict[str, Callable[[], Any]] = {
    "value-error": lambda: throw(ValueError("boom")),
    "no-message": lambda: throw(ValueError()),
    "key-error": lambda: throw(KeyError("k")),
    "two-arguments": lambda: throw(ValueError("m", "n")),
    "unicode-message": lambda: throw(ValueError("é \u2028 \U0001f600 \x7f")),
    "lines-message": lambda: throw(ValueError("a\n  b\r\nc")),
    "surrogate-message": lambda: throw(ValueError(SURROGATE)),
    "nested-class": lambda: throw(A.Nested("n")),
    "silent": lambda: throw(Silent()),
    "deep": lambda: deep(10),
    "endless": endless,
    "group": group,
    "chained": chained,
    "in-context": in_context,
    "noted": noted,
    "middle": middle,
    "several-lines": several_lines,
    "generated": generated,
    "os-error": lambda: open("/no/such/file"),
    "assert": lambda: throw(AssertionError("a")),
    "large-message": lambda: throw(ValueError("m" * 300_000)),
    "huge-message": lambda: throw(ValueError("m" * 1_100_000)),
    "exit-7": lambda: leave(7),
    "exit-0": lambda: leave(0),
    "exit-none": lambda: leave(None),
    "exit-text": lambda: leave("text"),
    "interrupt": lambda: throw(KeyboardInterrupt()),
    "generator-exit": lambda: throw(GeneratorExit()),
    "cancelled": lambda: throw(asyncio.CancelledError()),
    "syntax": lambda: compile("a = = 1", "<text>", "exec"),
    "import-error": lambda: __import__("nosuchmod"),
    "unicode-error": lambda: b"\xff".decode(),
    "json-error": lambda: json.loads("{"),
    "class-error": lambda: throw(ValueError),
    "empty-name": lambda: throw(type("", (Exception,), {})("nameless")),
    "str-subclass": lambda: throw(ValueError(type("S", (str,), {"__str__": lambda self: "other"})("s"))),
    "str-not-str": lambda: throw(type("E", (Exception,), {"__str__": lambda self: 5})()),
    "spaces": lambda: throw(ValueError("  indented\n    more\n\n")),
    "control-characters": lambda: throw(ValueError("\x00\x01\x1b[31m\x85\x0b\x0c")),
    "timeout": lambda: throw(TimeoutError(110, "timed out")),
    "warning": lambda: throw(UserWarning("w")),
    "base": lambda: throw(BaseException("base")),
    "stop-iteration": lambda: throw(StopIteration(1)),
    "os-exit": lambda: os._exit(3),
}


def error(event: Any, context: Any) -> Any:
    """Raise what the event names."""
    return ERRORS[event]()


# ... logs


def log_exception() -> Any:
    """Log a traceback, then a line."""
    try:
        raise ValueError("logged")
    except ValueError:
        logging.exception("failed %s", "so")
    logging.warning("next")


def log_stack() -> Any:
    """Log with the stack."""
    logging.getLogger("stack").warning("here", stack_info=False, exc_info=None)


def log_levels() -> Any:
    """Log at every level."""
    logger = logging.getLogger("levels")
    for level in (1, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 100):
        logger.log(level, "at %d", level)


def log_bad_exception() -> Any:
    """Log a traceback of nothing."""
    logging.error("nothing", exc_info=False)


def log_from_child() -> Any:
    """Log below a logger with a level of its own."""
    child = logging.getLogger("a.b")
    child.setLevel(logging.DEBUG)
    child.debug("debugged")
    child.setLevel(logging.NOTSET)


def log_and_print() -> Any:
    """Mix logging with print."""
    print("one")
    logging.warning("two")
    print("three", end="")
    logging.warning("four")
    print("five", file=sys.stderr)
    sys.stdout.write("six\n")
    sys.stdout.writelines(["seven\n", "eight\n"])
    os.write(1, b"nine\n")


LOGS: dict[str, Callable[[], Any]] = {
    "warning": lambda: logging.warning("text %s", "arg"),
    "info": lambda: logging.info("text"),
    "levels": log_levels,
    "exception": log_exception,
    "stack": log_stack,
    "bad-exception": log_bad_exception,
    "child": log_from_child,
    "print": log_and_print,
    "dict": lambda: logging.warning({"a": 1, "b": [1, {2}]}),
    "dict-arguments": lambda: logging.warning("%(a)s", {"a": 1}),
    "extra": lambda: logging.getLogger("x").error("m", extra={"one": 1, "none": None, "set": {1}, "é": "ü"}),
    "extra-order": lambda: logging.getLogger("x").error("m", extra={"z": 1, "a": [1.5], "tenant": "t"}),
    "unicode": lambda: logging.warning("é \u2028 \U0001f600"),
    "lines": lambda: logging.warning("a\nb\r\nc"),
    "empty": lambda: logging.warning(""),
    "object": lambda: logging.warning(Unknown.__name__),
    "number": lambda: logging.warning(5),
    "wrong-argument": lambda: logging.warning("%d", "x"),
    "tuple-key": lambda: logging.warning({(1, 2): 3}),
    "surrogate": lambda: logging.warning(SURROGATE),
    "no-exception": lambda: logging.error("nothing", exc_info=True),  # noqa: LOG014
    "root-level": lambda: print(logging.getLogger().level, len(logging.getLogger().handlers)),
    "names": lambda: print(
        [type(h).__name__ for h in logging.getLogger().handlers],
        [type(f).__name__ for h in logging.getLogger().handlers for f in h.filters][:0],
    ),
}


def log(event: Any, context: Any) -> Any:
    """Log what the event names."""
    LOGS[event]()


def context_log(event: Any, context: Any) -> Any:
    """Log through the context."""
    context.log("x")
    context.log("y\n")
    context.log("é")
    context.log({"a": 1})
    context.log(5)
    context.log("")


def environment(event: Any, context: Any) -> Any:
    """Return what is left of the environment."""
    return sorted(name for name in os.environ if name.startswith(("_", "AWS", "LAMBDA")))


def process(event: Any, context: Any) -> Any:
    """Return what is around the function."""
    return {
        "path": [entry.replace(sys.prefix, "<prefix>") for entry in sys.path],
        "arguments": sys.argv[1:],
        "folder": os.getcwd(),
        "module": [__name__, __file__, getattr(__spec__, "name", None)],
        "main": sys.modules["__main__"].__name__,
        "thread": threading.current_thread() is threading.main_thread(),
        "recursion": sys.getrecursionlimit(),
        "signals": [
            str(signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGPIPE, signal.SIGHUP)
        ],
        "hooks": [sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__],
        "files": len(os.listdir("/proc/self/fd")) < 20,
        "user": os.getpid() == os.getpgid(0),
    }


def streams(event: Any, context: Any) -> Any:
    """Return what the standard streams can do."""
    return [
        [stream.encoding, stream.errors, stream.isatty(), stream.fileno(), stream.writable()]
        for stream in (sys.stdout, sys.stderr)
    ]


ACTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "context": about_context,
    "deadline": about_deadline,
    "client": about_client,
    "result": result,
    "error": error,
    "log": log,
    "context-log": context_log,
    "environment": environment,
    "process": process,
    "streams": streams,
}
