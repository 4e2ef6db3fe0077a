"""Headers and events as they reach the function."""

from __future__ import annotations

import json

from rapid_client.local import InvokeOptions
from tests.differential.model import BOOTSTRAP, NO_ORJSON, ORJSON, UTF8, Case, Expect, Setting

IMPORTS_LATE = """
def handler(event, context):
    if event == "look":
        import os
        return os.environ.get("_X_AMZN_TRACE_ID")
"""
WITHOUT_OS = Setting(files={"app.py": IMPORTS_LATE}, bootstrap=True)
PAST = InvokeOptions(deadline_ms=1)
FRAMED = Setting(frames=True)
CLIENT_CONTEXT = json.dumps(
    {
        "custom": {"a": 1},
        "env": {"e": 2},
        "client": {
            "installation_id": "i",
            "app_title": "t",
            "app_version_name": "n",
            "app_version_code": "c",
            "app_package_name": "p",
            "more": 1,
        },
        "more": 1,
    }
)
W3C = json.dumps(
    {"w3c": {"traceparent": "00-a-b-01", "tracestate": 5, "baggage": "k=v", "other": "o"}, "custom": {"a": 1}}
)


def _header(case_id: str, name: str, value: str, action: str = "context") -> Case:
    return Case(id=case_id, action=action, options=InvokeOptions(headers=((name, value),), deadline_ms=1))


def _without(case_id: str, name: str, action: str = "context") -> Case:
    return Case(id=case_id, action=action, options=InvokeOptions(omit=(name,), deadline_ms=1))


def _mixed() -> Case:
    names = (
        "Lambda-Runtime-Aws-Request-Id",
        "Lambda-Runtime-Deadline-Ms",
        "Lambda-Runtime-Invoked-Function-Arn",
        "Lambda-Runtime-Invocation-Id",
        "Content-Type",
    )
    values = ("context~mixed", "5", "arn:x", "INV-9", "application/json")
    headers = tuple((name.swapcase(), value) for name, value in zip(names, values, strict=True))
    return Case(
        id="header-names-in-mixed-case",
        options=InvokeOptions(headers=headers, omit=names, request_id="context~mixed"),
    )


HEADERS = [
    _mixed(),
    Case(id="every-field-of-the-context", action="context", options=InvokeOptions(deadline_ms=1)),
    Case(
        id="no-request-id-ends-the-process",
        options=InvokeOptions(omit=("Lambda-Runtime-Aws-Request-Id",)),
        fresh=True,
        ours=Expect(call="nothing", exit=1, stderr="rapid_client: .*without Lambda-Runtime-Aws-Request-Id"),
        theirs=Expect(call="nothing", exit=1, log="Failed to find header"),
    ),
    Case(
        id="a-request-id-of-any-characters-is-percent-encoded",
        options=InvokeOptions(request_id="a/b?c d%"),
        fresh=True,
        ours=Expect(call="response", exit="lives", path="invocation/a%2Fb%3Fc%20d%25/response"),
        theirs=Expect(exit=1),
    ),
    _without("no-deadline", "Lambda-Runtime-Deadline-Ms"),
    Case(id="deadline-in-the-past", action="context", options=InvokeOptions(deadline_ms=1000)),
    Case(
        id="unreadable-deadline",
        action="deadline",
        options=InvokeOptions(
            omit=("Lambda-Runtime-Deadline-Ms",), headers=(("Lambda-Runtime-Deadline-Ms", "abc"),)
        ),
        fresh=True,
        ours=Expect(call="response", value={"deadline": 0, "left": "none"}, exit="lives"),
        theirs=Expect(call="nothing", exit=-6),
    ),
    Case(
        id="deadline-in-the-far-future",
        action="deadline",
        options=InvokeOptions(deadline_ms=9999999999999),
        ours=Expect(call="response", value={"deadline": 9999999999999, "left": True}),
        theirs=Expect(call="response", value={"deadline": -8446744073710, "left": "none"}),
    ),
    _without("no-arn", "Lambda-Runtime-Invoked-Function-Arn"),
    _header("trace-id", "Lambda-Runtime-Trace-Id", "Root=1-2-3;Parent=4;Sampled=1"),
    Case(id="trace-id-is-gone-again", action="context", options=InvokeOptions(deadline_ms=1)),
    Case(
        id="trace-id-before-anybody-imports-os",
        event="wait",
        options=InvokeOptions(trace_id="Root=1-2-3", deadline_ms=1),
        setting=WITHOUT_OS,
    ),
    Case(id="trace-id-is-gone-when-os-is-imported", event="look", setting=WITHOUT_OS),
    Case(
        id="trace-id-after-os-is-imported",
        event="look",
        options=InvokeOptions(trace_id="Root=4-5-6"),
        setting=WITHOUT_OS,
    ),
    _header("trace-id-empty", "Lambda-Runtime-Trace-Id", ""),
    _header("tenant", "Lambda-Runtime-Aws-Tenant-Id", "t1"),
    _header("tenant-empty", "Lambda-Runtime-Aws-Tenant-Id", ""),
    _header("client-context", "Lambda-Runtime-Client-Context", CLIENT_CONTEXT, "client"),
    _header("client-context-in-repr", "Lambda-Runtime-Client-Context", CLIENT_CONTEXT),
    _header("client-context-w3c", "Lambda-Runtime-Client-Context", W3C, "client"),
    _header("client-context-w3c-no-object", "Lambda-Runtime-Client-Context", '{"w3c": 5}', "client"),
    _header("client-context-empty", "Lambda-Runtime-Client-Context", "", "client"),
    _header("client-context-null", "Lambda-Runtime-Client-Context", "null", "client"),
    _header("client-context-no-fields", "Lambda-Runtime-Client-Context", "{}", "client"),
    _header("client-context-utf8", "Lambda-Runtime-Client-Context", '{"custom": "é €"}', "client"),
    _header("client-context-list", "Lambda-Runtime-Client-Context", "[1]"),
    _header("client-context-number", "Lambda-Runtime-Client-Context", "1"),
    _header("client-context-malformed", "Lambda-Runtime-Client-Context", "{bad"),
    _header("cognito-identity-malformed", "Lambda-Runtime-Cognito-Identity", "{bad"),
    _header("cognito-identity-null", "Lambda-Runtime-Cognito-Identity", "null"),
    _header("cognito-identity-list", "Lambda-Runtime-Cognito-Identity", "[1]"),
    _header(
        "cognito-identity",
        "Lambda-Runtime-Cognito-Identity",
        '{"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}',
    ),
    Case(
        id="invocation-id-is-echoed-with-a-response",
        options=InvokeOptions(
            omit=("Lambda-Runtime-Invocation-Id",), headers=(("Lambda-Runtime-Invocation-Id", "INV-9"),)
        ),
    ),
    Case(
        id="invocation-id-is-echoed-with-an-error",
        action="error",
        event="value-error",
        options=InvokeOptions(
            omit=("Lambda-Runtime-Invocation-Id",), headers=(("Lambda-Runtime-Invocation-Id", "INV-9"),)
        ),
    ),
    _without("no-invocation-id-is-not-sent", "Lambda-Runtime-Invocation-Id"),
    Case(id="the-telemetry-variable-is-gone", action="environment"),
    Case(id="the-telemetry-variable-is-gone-where-it-was-set", action="environment", setting=FRAMED),
    Case(id="the-standard-streams", action="streams"),
    Case(id="the-process-around-the-function", action="process"),
    Case(id="the-process-around-the-function-under-bootstrap", action="process", setting=BOOTSTRAP),
    Case(id="the-environment-under-bootstrap", action="environment", setting=BOOTSTRAP),
    Case(id="the-standard-streams-under-bootstrap", action="streams", setting=BOOTSTRAP),
    Case(id="every-field-of-the-context-under-bootstrap", action="context", options=PAST, setting=BOOTSTRAP),
]


def _type(case_id: str, content_type: str, body: bytes = b'{"a":1}') -> Case:
    return Case(id=case_id, event=body, options=InvokeOptions(content_type=content_type))


def _as_json(case_id: str, content_type: str) -> Case:
    return Case(
        id=case_id,
        event=b'{"a":1}',
        options=InvokeOptions(content_type=content_type),
        ours=Expect(call="response", value=["dict", "{'a': 1}"]),
        theirs=Expect(call="response", value=["bytes", "b'{\"a\":1}'"]),
    )


def _crash(case_id: str, content_type: str | None) -> Case:
    return Case(
        id=case_id,
        event=b'{"a":1}',
        options=InvokeOptions(content_type=content_type),
        fresh=True,
        ours=Expect(call="response", value=["dict", "{'a': 1}"], exit="lives"),
        theirs=Expect(call="nothing", exit=-11),
    )


TYPES = [
    _type("media-type-json", "application/json"),
    _type("media-type-text-is-bytes", "text/plain"),
    _type("media-type-octets-are-bytes", "application/octet-stream", b"\x00\xff"),
    _type("media-type-json-suffix-is-bytes", "application/cloudevents+json"),
    _as_json("media-type-json-with-parameters", "application/json; charset=utf-8"),
    _as_json("media-type-json-in-capitals", "Application/JSON"),
    _crash("media-type-missing", None),
    _crash("media-type-empty", ""),
]

BODIES: list[tuple[str, bytes]] = [
    ("object", b'{"a": [1, 2.5, "x", null, true, false]}'),
    ("nan", b'{"a":NaN}'),
    ("infinity", b'{"a":Infinity}'),
    ("minus-infinity", b"[-Infinity]"),
    ("nan-alone", b"NaN"),
    ("duplicate-keys", b'{"a":1,"b":2,"a":3}'),
    ("float-overflow", b"1e400"),
    ("minus-zero", b"-0"),
    ("minus-zero-float", b"-0.0"),
    ("int-of-30-digits", b"123456789012345678901234567890"),
    ("int-of-5000-digits", b"1" * 5000),
    ("byte-order-mark", b'\xef\xbb\xbf{"a":1}'),
    ("invalid-utf8", b'"\xff"'),
    ("invalid-utf8-later", b'{"a": "\xc3\x28"}'),
    ("utf16", '{"a":1}'.encode("utf-16")),
    ("empty", b""),
    ("white-space-only", b"  "),
    ("extra-data", b"{} x"),
    ("extra-data-on-other-lines", b"{}\n\n x\ny"),
    ("control-character", b'"a\x01"'),
    ("newline-in-string", b'"a\nb"'),
    ("lone-surrogate", b'"\\ud800"'),
    ("surrogate-pair", b'"\\ud83d\\ude00"'),
    ("white-space-around", b"  1 \r\n\t"),
    ("null", b"null"),
    ("true", b"true"),
    ("string", '"é €"'.encode()),
    ("escapes", b'"\\" \\\\ \\/ \\b\\f\\n\\r\\t\\u0041"'),
    ("nested-objects", b'{"a":{"b":{"c":[]}}}'),
    ("float", b"[1.0, 1E5, 1e-7, 0.1, 123456789.123456789]"),
    ("unicode-keys", '{"é": 1, "\U0001f600": 2}'.encode()),
    ("delete", b'"\x7f"'),
    ("empty-containers", b'[{}, [], ""]'),
    ("missing-value", b'{"a":}'),
    ("missing-value-at-the-end", b"[1,"),
    ("word", b"nope"),
]
# The messages of simplejson and of the standard library differ here: the type and the prefix are compared.
WORDS_DIFFER: list[tuple[str, bytes]] = [
    ("utf16-without-a-mark", '{"a":1}'.encode("utf-16-le")),
    ("unterminated-string", b'"a'),
    ("missing-comma", b"[1 2]"),
    ("missing-colon", b'{"a" 1}'),
    ("key-without-quotes", b"{a:1}"),
    ("trailing-comma-in-object", b'{"a":1,}'),
    ("trailing-comma-in-array", b"[1,]"),
    ("bad-escape", b'"\\x"'),
    ("bad-unicode-escape", b'"\\u12"'),
    ("unclosed-object", b"{"),
    ("unclosed-array", b"["),
    ("leading-zero", b"01"),
    ("plus-sign", b"+1"),
]
DEPTH = 200_000
OURS_TOO_DEEP = (
    "Unable to unmarshal input: maximum recursion depth exceeded while decoding a JSON {} from a string"
)
# Newer interpreters say how much of the stack was used; ours says the same everywhere.
THEIRS_TOO_DEEP = OURS_TOO_DEEP.replace(
    "maximum recursion depth exceeded", r"(?:maximum recursion depth exceeded|Stack overflow \(.*\))"
)

EVENTS = [
    *(Case(id=f"event-{name}", event=body) for name, body in BODIES),
    *(
        Case(id=f"event-{name}-with-orjson", event=body, setting=ORJSON, skip=NO_ORJSON)
        for name, body in BODIES
    ),
    *(
        Case(
            id=f"event-{name}",
            event=body,
            ours=Expect(call="error", error_type="Runtime.UnmarshalError", log="Unable to unmarshal input: "),
            theirs=Expect(call="error", error_type="Runtime.UnmarshalError"),
        )
        for name, body in WORDS_DIFFER
    ),
    *(
        Case(
            id=f"event-too-deep-{kind}",
            event=body,
            ours=Expect(
                call="error", error_type="Runtime.UnmarshalError", message=OURS_TOO_DEEP.format(kind)
            ),
            theirs=Expect(
                call="error", error_type="Runtime.UnmarshalError", message=THEIRS_TOO_DEEP.format(kind)
            ),
        )
        for kind, body in (
            ("array", b"[" * DEPTH + b"]" * DEPTH),
            ("object", b'{"a":' * DEPTH + b"1" + b"}" * DEPTH),
        )
    ),
    Case(id="event-above-one-chunk", event={"text": "é" * 5000}),
    Case(id="event-of-a-megabyte", event={"text": "x" * 1_000_000}),
    Case(id="event-in-a-utf8-environment", event={"é": "ü"}, setting=UTF8),
]

CASES = [*HEADERS, *TYPES, *EVENTS]
