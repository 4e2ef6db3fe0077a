"""What two runs cannot have in common is taken out here: times, and the frames of the runtimes themselves."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rapid_client.local import RecordedRequest

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
_RUNTIME_PATH = r'[^"\r\n]*(?:/awslambdaric/|/rapid_client/)[^"\r\n]*'
# rapid_client does what these two do itself, in frames that it cuts where others follow.
_HELPER_PATH = r'[^"\r\n]*/(?:importlib/__init__|awslambdaric/lambda_runtime_hooks_runner)\.py'


def _frame_in_text(path: str) -> str:
    """Match a frame of a log with its source line."""
    source = r"(?:[ \u00a0]{4}(?![ \u00a0]*File)[^\r\n]*[\r\n]*)*"
    return rf'[ \u00a0]+File "{path}", line \d+, in \w+[\r\n]*{source}'


_RUNTIME_FRAME = re.compile(_frame_in_text(_RUNTIME_PATH))
_HELPER_FRAME = re.compile(_frame_in_text(_HELPER_PATH) + r"(?=[ \u00a0]+File)")
# How deep a recursion gets depends on the runtime's own frames.
_REPEATED = re.compile(r"(Previous line repeated) 9\d\d more")
_HEADER = 16


@dataclass(frozen=True)
class Post:
    """One answer of a runtime, comparable."""

    call: str | None
    method: str
    path: str
    headers: tuple[tuple[str, Any], ...]
    body: Any
    only_ascii: bool
    raw_delete: bool


def post(request: RecordedRequest) -> Post:
    """Return what counts of a POST."""
    headers: list[tuple[str, Any]] = []
    # awslambdaric sends init errors without a media type: nobody reads it there.
    if request.call in {"response", "error"}:
        headers.append(("content-type", request.header("content-type")))
    names = ("Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Invocation-Id")
    headers += ((name, request.header(name)) for name in names)
    cause = request.header("Lambda-Runtime-Function-XRay-Error-Cause")
    headers.append(("xray", cause and _cause(cause)))
    body = value(request.body)
    if request.call != "response":
        body = _without_frames(body)
    return Post(
        call=request.call,
        method=request.method,
        path=request.path,
        headers=tuple(headers),
        body=body,
        only_ascii=request.body.isascii(),
        raw_delete=b"\x7f" in request.body,
    )


def value(body: bytes) -> Any:
    """Return JSON by value, exactly: order and repetition of keys, digits of numbers; else the bytes."""
    try:
        return json.loads(
            body.decode(), object_pairs_hook=_Pairs, parse_float=lambda text: Decimal(text).as_tuple()
        )
    except ValueError:
        return body


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as its members in order."""


def plain(body: bytes) -> Any:
    """Return JSON as Python has it; the bytes if it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return body


def text(output: bytes) -> str:
    """Return log text without times and without the runtimes' frames; a traceback of JSON records too."""
    whole = output.decode("utf-8", "surrogateescape")
    whole = _TIME.sub(lambda found: "<time.ms>" if found[1] else "<time>", whole)
    whole = "".join(_line(line) for line in whole.splitlines(keepends=True)) if "{" in whole else whole
    whole = _RUNTIME_FRAME.sub("<runtime>", _HELPER_FRAME.sub("", whole))
    return re.sub("(<runtime>)+", "<runtime>", _REPEATED.sub(r"\1 <many> more", whole))


def frames(data: bytes) -> list[tuple[str, str]]:
    """Split what came through the telemetry descriptor into (type, message)."""
    found = []
    while data:
        size = int.from_bytes(data[4:8], "big")
        stamp = int.from_bytes(data[8:16], "big")
        assert 1.7e15 < stamp < 4e15, "microseconds since the epoch"
        assert len(data) >= _HEADER + size
        found.append((data[:4].hex(), text(data[_HEADER : _HEADER + size])))
        data = data[_HEADER + size :]
    return found


def _line(line: str) -> str:
    try:
        record = json.loads(line)
    except ValueError:
        return line
    if not isinstance(record, dict) or "timestamp" not in record:
        return line
    if isinstance(record.get("stackTrace"), list):
        record["stackTrace"] = _frames(record["stackTrace"])
    ascii_only = "" if line.isascii() else " (not ASCII)"
    return json.dumps(record) + ascii_only + line[len(line.rstrip("\n")) :]


def _frames(trace: list[str]) -> list[str]:
    """Replace the runtimes' own frames at the start of a trace; there is one, or there are none."""
    helper = rf'  File "{_HELPER_PATH}"'
    trace = [entry for entry in trace if not re.match(helper, entry) or entry is trace[-1]]
    kept = [entry for entry in trace if not re.match(rf'  File "{_RUNTIME_PATH}"', entry)]
    cut = ["<runtime>"] if len(kept) < len(trace) else []
    return cut + [_REPEATED.sub(r"\1 <many> more", entry) for entry in kept]


def _without_frames(body: Any) -> Any:
    if not isinstance(body, _Pairs):
        return body
    return _Pairs((key, _frames(item) if key == "stackTrace" else item) for key, item in body)


def _cause(header: str) -> Any:
    cause = json.loads(header)
    runtime = re.compile(_RUNTIME_PATH)
    for exception in cause["exceptions"]:
        frames = [frame for frame in exception["stack"] if not runtime.fullmatch(frame["path"])]
        cut = ["<runtime>"] if len(frames) < len(exception["stack"]) else []
        exception["stack"] = cut + [frame for frame, _ in itertools.groupby(frames)]
    # awslambdaric sends a set.
    cause["paths"] = {"<runtime>" if runtime.fullmatch(path) else path for path in cause["paths"]}
    return cause
