r"""What an exception becomes: the body for the caller, the X-Ray cause, the lines of the log.

`describe` turns an exception into a `Fault`, which is text and numbers only; the other functions render
it. Nothing in here raises because of what the exception is: a ``__str__`` that raises, lone surrogates,
endless chains.

The caller and X-Ray get what awslambdaric 4.2.2 sends. The log gets that, too, and then what awslambdaric
drops: notes (``add_note``), ``__cause__``, ``__context__`` and the members of exception groups.

The body stays below 1 MiB, which is what Lambda takes, by cutting long messages and traces and saying so.
"""

from __future__ import annotations

import posix
import sys
import time

from rapid_client._site import MANAGED_PREFIX
from rapid_client.errors import FaultError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType, TracebackType
    from typing import Any, Final

    from rapid_client._logs import LogSettings
    from rapid_client._sink import Sink

    Frame = tuple[str, int | None, str, str | None]

#: Below this size, in bytes, a body is accepted everywhere, and an X-Ray cause is sent at all.
LIMIT: Final = 1024 * 1024
# More causes and group members than this are counted, not described.
_MOST_RELATED: Final = 20
_LAZY_IMPORT: Final = "lazy import of "
# A frame is shown this often in a row, then counted.
_MOST_REPEATED: Final = 3
# Characters that are left of the message and of the trace when the body is too large. The last one always
# suffices: a character takes 12 bytes at most, as two \u escapes, and there are two texts and a type.
_CUTS: Final = (262_144, 65_536, 16_384)

#: What is logged before an init error; users and log filters look for it (value of awslambdaric 4.2.2).
INIT_WARNING: Final = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code."
    " However, in rare cases, a Lambda runtime update can cause unexpected function behavior."
    " For functions using managed runtimes, runtime updates can be triggered by a function change,"
    " or can be applied automatically. To determine if the runtime has been updated,"
    " check the runtime version in the INIT_START log entry. If this error correlates with a change in the"
    " runtime version, you may be able to mitigate this error by temporarily rolling back to the previous"
    " runtime version. For more information, see"
    " https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
)


#: What AWS's managed runtimes have, and this one has not.
_OF_MANAGED_RUNTIMES: Final = ("boto3", "botocore")


class Related:
    """An exception that belongs to another: a cause, a context, a member of a group.

    Args:
        relation: ``Caused by``, ``While handling`` or ``Member 1 of 3``.
        error_type: The name of its class.
        message: Its text.
    """

    __slots__ = ("error_type", "message", "notes", "relation", "trace")

    def __init__(self, relation: str, error_type: str, message: str) -> None:
        self.relation, self.error_type, self.message = relation, error_type, message
        self.notes: list[str] = []
        self.trace: list[str] = []


class Fault:
    """A failure as text.

    Attributes:
        error_type: What the caller sees as ``errorType``.
        message: What the caller sees as ``errorMessage``.
        xray_type: What X-Ray shows as its type.
        stack: Frames, outermost first: file, line number, function, source line.
        trace: What the caller sees as ``stackTrace``: one string a frame.
        notes: The exception's notes, for the log.
        chain: Causes, contexts and group members, for the log.
        one_line: Whether the text log leaves out the trace, which is empty.
    """

    __slots__ = ("chain", "error_type", "message", "notes", "one_line", "stack", "trace", "xray_type")

    def __init__(self, error_type: str, message: str, xray_type: str) -> None:
        self.error_type, self.message, self.xray_type = error_type, message, xray_type
        self.one_line = False
        self.stack: list[Frame] = []
        self.trace: list[str] = []
        self.notes: list[str] = []
        self.chain: list[Related] = []


def describe(error: BaseException, drop: int = 0, *, user_only: bool = False) -> Fault:
    """Describe *error*.

    A `FaultError` says itself what the caller sees, and has no stack. Only an explicit ``__cause__`` adds to
    the log, with the function's own frames, and only if it tells more than the message does.

    Args:
        error: The exception, with its traceback.
        drop: How many frames at the beginning of its traceback are the runtime's own. If there is none
            behind them (the handler is not callable, or not with two arguments), the last of ours is kept,
            as awslambdaric does.
        user_only: Leave out the frames of importlib, too, and then keep none of ours.
    """
    if isinstance(error, FaultError):
        fault = Fault(text_of(error.error_type), text_of(error.message), "LambdaValidationError")
        fault.trace = [text_of(line) for line in error.trace]
        # The cause was caught by the function of ours that raised the fault: that is its first frame.
        # Importlib's are between that and the function's own.
        fault.chain = _chain(error, _FrameChoice(1, user_only=True), cause_only=True)
        if fault.chain and _says_nothing_new(fault.chain[0], fault):
            del fault.chain[0]
    else:
        name = _type_name(error)
        fault = Fault(name, text_of(error), name)
        fault.stack = _frames(_own(error, "__traceback__"), _FrameChoice(drop, user_only))
        fault.trace = _format(fault.stack)
        fault.chain = _chain(error, _FrameChoice(0, user_only))
    fault.notes = [*_notes(error), *_remedies(error)]
    return fault


def _says_nothing_new(related: Related, fault: Fault) -> bool:
    """Tell whether the message of *fault* holds all that is known of *related*."""
    return not related.trace and not related.notes and related.message in fault.message


def text_of(value: object) -> str:
    """Return ``str(value)``, or a placeholder if that raises, whatever it raises."""
    try:
        return str.__str__(str(value))  # an exact str: __str__ may return an instance of a subclass
    except BaseException:
        return f"<unprintable {_type_name(value)} object>"


# ... rendering


def body(fault: Fault, request_id: str | None, encode: Callable[[Any], bytes]) -> bytes:
    """Return the body of an error report, in JSON and below 1 MiB.

    Keys in this order: errorMessage, errorType, requestId (empty if None), stackTrace.

    Args:
        fault: What happened.
        request_id: The invocation's id; None during init.
        encode: Turns a dict of text and lists of text into JSON.
    """
    data = encode(_fields(fault, request_id))
    for cut in _CUTS:
        if len(data) < LIMIT:
            break
        shorter = Fault(_cut_text(fault.error_type, 1024), _cut_text(fault.message, cut), "")
        shorter.trace = _cut_trace(fault.trace, cut)
        data = encode(_fields(shorter, request_id))
    return data


def xray(fault: Fault) -> bytes:
    """Return the value of the header ``Lambda-Runtime-Function-XRay-Error-Cause``: JSON in printable ASCII.

    ``b""`` means that the header is to be left out: from 1 MiB on, as awslambdaric 4.2.2 does.
    """
    try:
        directory = posix.getcwd()
    except OSError:  # somebody deleted it
        directory = ""
    stack = [
        f'{{"label": {_json(name)}, "path": {_json(path)}, "line": {_json(line)}}}'
        for path, line, name, _ in fault.stack
    ]
    paths = [_json(path) for path in dict.fromkeys(frame[0] for frame in fault.stack)]
    text = (
        f'{{"working_directory": {_json(directory)}, "exceptions": [{{"message": {_json(fault.message)}, '
        f'"type": {_json(fault.xray_type)}, "stack": [{", ".join(stack)}]}}], "paths": [{", ".join(paths)}]}}'
    )
    data = text.encode("ascii")
    return data if len(data) < LIMIT else b""


def log(fault: Fault, request_id: str | None, sink: Sink, log_format: str) -> None:
    """Log *fault*, through *sink* and not through `logging`, at any level.

    A sink that is broken (standard output was closed) loses the lines, and nothing else: the caller is still
    told.

    Args:
        fault: What happened.
        request_id: The invocation's id; None during init.
        sink: Where it goes.
        log_format: AWS_LAMBDA_LOG_FORMAT as it is set.
    """
    from rapid_client._sink import json_frame, text_frame  # deferred: 0.2 ms, and only failures need it

    try:
        if log_format.upper() == "JSON":
            sink.log_error([log_record(fault, request_id)], json_frame(40))
        else:
            sink.log_error(log_lines(fault), text_frame(40))
    except Exception:  # nowhere is left to say it
        pass


def log_lines(fault: Fault) -> list[str]:
    """Return the lines of the text log.

    The first says ``[ERROR] type: message``; the indentation of the frames is made of no-break spaces
    (U+00A0), which CloudWatch keeps. Notes, causes, contexts and group members follow, where there are any.
    """
    head = "[ERROR]"
    if fault.error_type:
        head += " " + fault.error_type
    if fault.message:
        head += (": " if fault.error_type else " ") + fault.message
    if fault.one_line:
        return [head]
    lines = [head, *_trace_lines(fault.trace), *_note_lines(fault.notes)]
    for related in fault.chain:
        title = f"{related.relation}: {related.error_type}" if related.error_type else related.relation
        lines += f"{title}: {related.message}".splitlines() if related.message else [title]
        if related.trace:
            lines += _trace_lines(related.trace)
        lines += _note_lines(related.notes)
    return lines


def log_record(fault: Fault, request_id: str | None) -> str:
    """Return the JSON object of the log, in ASCII: timestamp, level, the body's fields.

    ``notes`` and ``causes`` follow, where there are any.
    """
    record: dict[str, Any] = {
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "level": "ERROR",
        **_fields(fault, request_id),
    }
    if fault.notes:
        record["notes"] = fault.notes
    if fault.chain:
        record["causes"] = [_related_fields(related) for related in fault.chain]
    return _json(record)


def init_warning(settings: LogSettings) -> None:
    """Log `INIT_WARNING` as ``logging.warning`` would, without importing `logging` for it (9 ms).

    If it is loaded already, it does the work, with whatever level and handlers the function has set up.

    Args:
        settings: Format, level and sink, as `rapid_client._logs` takes them.
    """
    try:
        logging = sys.modules.get("logging")
        if logging is not None:
            logging.warning(INIT_WARNING)
        else:
            advise(settings, INIT_WARNING)
    except Exception:  # what happened to the function is worth more than this line
        pass


def advise(settings: LogSettings, message: str) -> None:
    """Write a warning of this runtime's own, which awslambdaric has not, past the function's `logging`.

    Its level counts, if it is loaded. Its handlers and formatters do not see the line: they may need
    attributes that it lacks, and ``logging.warning`` adds a handler where the root logger has none.

    Args:
        settings: Format, level and sink, as `rapid_client._logs` takes them.
        message: One line, before the first invocation.
    """
    try:
        logging = sys.modules.get("logging")
        enabled = logging is None or logging.root.isEnabledFor(30)
        if enabled and settings.log_level.upper() not in {"ERROR", "CRITICAL", "FATAL"}:
            _write_warning(settings, message)
    except Exception:  # what happens to the function is worth more than this line
        pass


def _write_warning(settings: LogSettings, message: str) -> None:
    """Write the record that `logging` would have made."""
    from rapid_client._sink import json_frame, text_frame  # deferred: 0.2 ms, and only failures need it

    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    if settings.log_format.upper() == "JSON":
        record = {
            "timestamp": stamp + "Z",
            "level": "WARNING",
            "message": message,
            "logger": "root",
            "requestId": "",
        }
        settings.sink.log(_json(record) + "\n", json_frame(30))
    else:
        line = f"[WARNING]\t{stamp}.{int(now % 1 * 1000):03d}Z\t\t{message}\n"
        settings.sink.log(line, text_frame(30) if settings.log_level else None)


# ... reading exceptions


class _FrameChoice:
    """Which frames of a traceback count: see `describe`."""

    __slots__ = ("drop", "user_only")

    def __init__(self, drop: int, user_only: bool) -> None:
        self.drop, self.user_only = drop, user_only

    def select(self, trace: TracebackType | None) -> list[TracebackType]:
        """Return the entries of *trace* that count."""
        drop = self.drop
        while drop > 0 and trace is not None and (trace.tb_next is not None or self.user_only):
            trace, drop = trace.tb_next, drop - 1
        chosen = []
        while trace is not None:
            if not (self.user_only and _is_importlib(trace.tb_frame)):
                chosen.append(trace)
            trace = trace.tb_next
        return chosen


def _is_importlib(frame: FrameType) -> bool:
    """Tell whether *frame* runs code of importlib, whose modules are renamed when somebody imports it."""
    module = frame.f_globals.get("__name__")
    return isinstance(module, str) and module.startswith(("importlib", "_frozen_importlib"))


def _frames(trace: TracebackType | None, choice: _FrameChoice) -> list[Frame]:
    """Return the chosen frames of *trace*, with their source lines where these can be read."""
    chosen = choice.select(trace)
    if not chosen:
        return []
    if "traceback" not in sys.modules:
        frames = _plain_frames(chosen)
        if frames is not None:
            return frames
    import traceback  # deferred: 6.5 to 20 ms, and only frames without plain source need it

    try:
        summary = traceback.StackSummary.extract((entry.tb_frame, entry.tb_lineno) for entry in chosen)
        return [(frame.filename, frame.lineno, frame.name, frame.line) for frame in summary]
    except Exception:  # a module's loader is asked for source lines, and may raise anything
        codes = ((entry.tb_frame.f_code, entry.tb_lineno) for entry in chosen)
        return [(code.co_filename, line, code.co_name, "") for code, line in codes]


def _plain_frames(chosen: list[TracebackType]) -> list[Frame] | None:
    """Return what `traceback` would (20 ms where nothing is loaded), or None where that is not certain.

    Certain is: source files with absolute names, in UTF-8, read as they are.
    """
    if hasattr(sys, "tracebacklimit"):
        return None
    sources: dict[str, list[str] | None] = {}
    frames: list[Frame] = []
    for entry in chosen:
        code, number = entry.tb_frame.f_code, entry.tb_lineno
        path = code.co_filename
        if path not in sources:
            sources[path] = _plain_source(path)
        lines = sources[path]
        if lines is None or not 0 < (number or 0) <= len(lines):
            return None
        frames.append((path, number, code.co_name, lines[number - 1].strip()))
    return frames


def _plain_source(path: str) -> list[str] | None:
    """Return the lines of a source file, None if it is not plain UTF-8 or cannot be read."""
    if not path.startswith("/"):
        return None
    try:
        with open(path, "rb") as file:
            text = str(file.read(), "utf-8")
    except (OSError, ValueError):
        return None
    lines = text.split("\n")
    if "\r" in text or text.startswith("\ufeff") or "coding" in lines[0] + "".join(lines[1:2]):
        return None
    return lines


def _format(frames: list[Frame]) -> list[str]:
    """Return one string a frame, as `traceback` does it without columns: no ~~~^^^ markers.

    A frame that is repeated more than three times, as in a RecursionError, is counted.
    """
    trace: list[str] = []
    last, more = None, -_MOST_REPEATED
    for path, number, name, line in frames:
        if (path, number, name) != last:
            trace += _repetitions(more)
            last, more = (path, number, name), -_MOST_REPEATED
        more += 1
        if more <= 0:
            trace.append(f'  File "{path}", line {number}, in {name}\n' + (f"    {line}\n" if line else ""))
    return trace + _repetitions(more)


def _repetitions(more: int) -> list[str]:
    """Return the line, if any, that says how often the frame before it came again."""
    return [f"  [Previous line repeated {more} more time{'s' if more > 1 else ''}]\n"] if more > 0 else []


def _chain(error: BaseException, choice: _FrameChoice, *, cause_only: bool = False) -> list[Related]:
    """Return what belongs to *error*, each exception once and at most `_MOST_RELATED` of them.

    *choice* holds for the direct relatives.
    """
    chain: list[Related] = []
    seen = {id(error)}
    waiting = [(relation, other, choice) for relation, other in _relatives(error, cause_only=cause_only)]
    while waiting:
        relation, other, choice = waiting.pop(0)
        if id(other) in seen:
            continue
        if len(chain) == _MOST_RELATED:
            chain.append(Related("And more exceptions that are not shown", "", ""))
            break
        seen.add(id(other))
        related = Related(relation, _type_name(other), text_of(other))
        related.trace = _format(_frames(_own(other, "__traceback__"), choice))
        related.notes = _notes(other)
        chain.append(related)
        rest = _FrameChoice(0, choice.user_only)
        waiting[:0] = [(deeper, another, rest) for deeper, another in _relatives(other)]
    return chain


def _relatives(error: BaseException, *, cause_only: bool = False) -> list[tuple[str, BaseException]]:
    """Return the exceptions that *error* itself points to, with what they are to it."""
    found: list[tuple[str, BaseException]] = []
    cause, context = _own(error, "__cause__"), _own(error, "__context__")
    if cause is not None:
        found.append(("Caused by", cause))
    elif context is not None and not _own(error, "__suppress_context__") and not cause_only:
        found.append(("While handling", context))
    if isinstance(error, BaseExceptionGroup):
        members = error.exceptions
        titles = (f"Member {number} of {len(members)}" for number in range(1, _MOST_RELATED + 2))
        found += zip(titles, members, strict=False)
    return found


def _remedies(error: BaseException) -> list[str]:
    """Return what to do where *error* comes of what this runtime does otherwise than AWS's managed ones.

    It need not be *error* itself: what wraps it (`_handler.load`, a library) has it as cause or context.
    """
    pending: BaseException | None = error
    for _ in range(_MOST_RELATED):
        if pending is None:
            break
        remedy = _missing(pending) or _lazy(pending)
        if remedy is not None:
            return [remedy]
        pending = _own(pending, "__cause__") or _own(pending, "__context__")
    return []


def _missing(error: BaseException) -> str | None:
    """Return what to do where a package is missing that AWS's managed runtimes have."""
    if sys.base_prefix == MANAGED_PREFIX or not isinstance(error, ModuleNotFoundError):
        return None
    name = vars(ImportError)["name"].__get__(error)
    if name not in _OF_MANAGED_RUNTIMES:
        return None
    where = "add it to requirements.txt, or build the layer with it: rapid layer build --with boto3"
    return f"AWS's managed runtimes have {name}, this runtime has not; {where}"


def _lazy(error: BaseException) -> str | None:
    """Return what to do where an import of ours that waits failed once its name was used."""
    path = _declared(error)
    if path is None:
        return None
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", {})
        waits: Any = names.get("__lazy_modules__")
        # Its author may have made it wait; and without sources the file is the bytecode's.
        if type(waits).__module__ == "rapid_client._lazy" and names.get("__file__") in {path, path + "c"}:
            return f"this import waited until its name was used; {waits.remedy}"
    return None


def _declared(error: BaseException) -> str | None:
    """Return the file with the lazy import that *error* ended; CPython names it in a cause or in a note."""
    cause = _own(error, "__cause__")
    if isinstance(cause, ImportError) and text_of(cause).startswith(_LAZY_IMPORT):
        trace = _own(cause, "__traceback__")
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        return trace.tb_frame.f_code.co_filename if trace else None
    for note in _notes(error):
        if note.startswith(_LAZY_IMPORT):
            return note.rpartition(" at ")[2].rpartition(":")[0]
    return None


def _own(error: BaseException, name: str) -> Any:
    """Return what *error* holds as *name*, even if its class puts a property that raises over it."""
    return getattr(BaseException, name).__get__(error)


def _notes(error: BaseException) -> list[str]:
    """Return the notes of *error* as text."""
    try:
        notes = getattr(error, "__notes__", None)
    except BaseException:  # a __getattr__ of the function's own
        return []
    if notes is None:
        return []
    if isinstance(notes, list | tuple):
        return [text_of(note) for note in notes]
    return [text_of(notes)]


def _type_name(value: object) -> str:
    """Return the name of the class of *value*, also where its metaclass plays tricks."""
    try:
        name = type(value).__name__
        if isinstance(name, str):
            return str.__str__(name)
    except BaseException:
        pass
    name = type.__dict__["__name__"].__get__(type(value))
    return str(name)


# ... text


def _fields(fault: Fault, request_id: str | None) -> dict[str, Any]:
    """Return the fields of an error report in their order."""
    return {
        "errorMessage": fault.message,
        "errorType": fault.error_type,
        "requestId": request_id or "",
        "stackTrace": fault.trace,
    }


def _related_fields(related: Related) -> dict[str, Any]:
    """Return *related* for the JSON log."""
    fields: dict[str, Any] = {
        "relation": related.relation,
        "errorMessage": related.message,
        "errorType": related.error_type,
        "stackTrace": related.trace,
    }
    if related.notes:
        fields["notes"] = related.notes
    return fields


def _trace_lines(trace: Iterable[str]) -> list[str]:
    """Return the lines of a traceback, indented by no-break spaces; the title is there for an empty one."""
    lines = ["Traceback (most recent call last):"]
    for entry in trace:
        lines += [_indent(line) for line in entry.splitlines()] if entry else [""]
    return lines


def _note_lines(notes: Iterable[str]) -> list[str]:
    """Return the lines of *notes*."""
    return [_indent(line) for note in notes for line in f"Note: {note}".splitlines()]


def _indent(line: str) -> str:
    """Return *line* with its leading spaces as no-break spaces."""
    rest = line.lstrip(" ")
    return "\u00a0" * (len(line) - len(rest)) + rest


def _cut_text(text: str, most: int) -> str:
    """Return the first *most* characters of *text*, and say so if that is not all of it."""
    if len(text) <= most:
        return text
    return f"{text[:most]} ... [{len(text) - most} more characters cut by the runtime]"


def _cut_trace(trace: list[str], most: int) -> list[str]:
    """Return the last entries of *trace*, *most* characters of them in all, and say so if that is not all."""
    kept: list[str] = []
    left = most
    for entry in reversed(trace):
        if left <= 0:
            break
        kept.append(_cut_text(entry, left))
        left -= len(entry) + 3  # with quotes and comma: empty entries count, too
    kept.reverse()
    if len(kept) < len(trace):
        kept.insert(0, f"  [{len(trace) - len(kept)} more frames cut by the runtime]\n")
    return kept


def _json(value: Any) -> str:
    """Return *value*, of dict, list, str, int and None, as JSON in printable ASCII."""
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_json(key)}: {_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_json(item) for item in value) + "]"
    return "null" if value is None else str(value)


def _quote(text: str) -> str:
    """Return *text* as a JSON string in ASCII; lone surrogates become escapes."""
    from _json import encode_basestring_ascii as quote  # noqa: PLC0415 - loaded by _codec; a bound name here

    return quote(text)
