"""What the function raises, and how it ends the process."""

from __future__ import annotations

from tests.differential.model import BOOTSTRAP, PLAIN, UTF8, Case, Expect, Setting

#: The body, the X-Ray cause and the log are the same.
SAME = [
    "value-error",
    "no-message",
    "key-error",
    "two-arguments",
    "unicode-message",
    "lines-message",
    "nested-class",
    "deep",
    "endless",
    "middle",
    "several-lines",
    "generated",
    "os-error",
    "assert",
    "large-message",
    "stop-iteration",
    "syntax",
    "import-error",
    "unicode-error",
    "json-error",
    "class-error",
    "empty-name",
    "str-subclass",
    "spaces",
    "control-characters",
    "timeout",
    "warning",
]
#: The body is the same; the log has more: what awslambdaric drops.
MORE_IN_THE_LOG = {
    "chained": r"Caused by: KeyError: 'k'",
    "in-context": r"While handling: KeyError: 'k'",
    "noted": r"Note: a note",
    "group": r"Member 1 of 2: ValueError: one.*Member 2 of 2: TypeError: other",
}
JSON_LOG = Setting(env={"AWS_LAMBDA_LOG_FORMAT": "JSON"})
FRAMED = Setting(frames=True)
FRAMED_JSON = Setting(frames=True, env={"AWS_LAMBDA_LOG_FORMAT": "JSON"})
NO_CAUSE = {"Lambda-Runtime-Function-XRay-Error-Cause": None}
WITH_TYPE = Setting(env={"RAPID_ERROR_TYPE_HEADER": "1"})


def _error(name: str, setting: Setting | None = None, suffix: str = "") -> Case:
    case_id = f"error-{name}{suffix}"
    if setting is None:
        return Case(id=case_id, action="error", event=name)
    return Case(id=case_id, action="error", event=name, setting=setting)


def _end(name: str, ours: Expect, theirs: Expect) -> Case:
    return Case(id=f"ends-{name}", action="error", event=name, fresh=True, ours=ours, theirs=theirs)


ERRORS = [
    *(_error(name) for name in SAME),
    *(_error(name, UTF8, "-in-a-utf8-environment") for name in SAME),
    *(_error(name, BOOTSTRAP, "-under-bootstrap") for name in SAME),
    *(_error(name, JSON_LOG, "-json-log") for name in SAME),
    *(_error(name, FRAMED, "-framed") for name in SAME),
    *(_error(name, FRAMED_JSON, "-framed-json") for name in SAME),
    *(
        Case(id=f"error-{name}-for-the-caller", action="error", event=name, more_log=True)
        for name in MORE_IN_THE_LOG
    ),
    *(
        Case(
            id=f"error-{name}-in-the-log",
            action="error",
            event=name,
            ours=Expect(call="error", log=text, exit="lives"),
        )
        for name, text in MORE_IN_THE_LOG.items()
    ),
    *(
        Case(
            id=f"error-surrogate-message{suffix}",
            action="error",
            event="surrogate-message",
            setting=setting,
            ours=Expect(call="error", error_type="ValueError", message="\ud800", exit="lives"),
            theirs=Expect(call="nothing", exit=1),
        )
        for suffix, setting in (("", PLAIN), ("-in-a-utf8-environment", UTF8), ("-framed", FRAMED))
    ),
    Case(
        id="error-without-a-text",
        action="error",
        event="silent",
        ours=Expect(call="error", error_type="Silent", exit="lives"),
        theirs=Expect(call="nothing", exit=1),
    ),
    Case(
        id="error-whose-text-is-no-text",
        action="error",
        event="str-not-str",
        ours=Expect(call="error", error_type="E", exit="lives"),
        theirs=Expect(call="nothing", exit=1),
    ),
    Case(
        id="error-of-more-than-a-megabyte",
        action="error",
        event="huge-message",
        ours=Expect(
            call="error",
            error_type="ValueError",
            message="m{10000,} \\.\\.\\. \\[.*cut by the runtime\\]",
            headers=NO_CAUSE,
        ),
        theirs=Expect(call="error", error_type="ValueError", message="m{1100000}", headers=NO_CAUSE),
    ),
    Case(
        id="error-type-header-on-request",
        action="error",
        event="value-error",
        setting=WITH_TYPE,
        ours=Expect(call="error", headers={"Lambda-Runtime-Function-Error-Type": "ValueError"}),
        theirs=Expect(call="error", headers={"Lambda-Runtime-Function-Error-Type": None}),
    ),
    Case(
        id="error-cause-is-ascii-in-every-environment",
        action="error",
        event="unicode-message",
        setting=UTF8,
        ours=Expect(call="error", headers={"Lambda-Runtime-Function-XRay-Error-Cause": r"[ -~]+"}),
        theirs=Expect(call="error", headers={"Lambda-Runtime-Function-XRay-Error-Cause": r".*[^ -~].*"}),
    ),
]

NOT_CALLABLE = Setting(handler="app.SURROGATE")
ONE_ARGUMENT = Setting(handler="app.deep")
CLASS = Setting(handler="app.Data")

HANDLERS = [
    Case(id="handler-not-callable", setting=NOT_CALLABLE),
    Case(id="handler-with-one-argument", setting=ONE_ARGUMENT),
    Case(id="handler-is-a-class", setting=CLASS),
]

ENDS = [
    _end(
        "with-exit-7".removeprefix("with-"),
        Expect(call="error", error_type="SystemExit", message="7", exit=7),
        Expect(call="nothing", exit=7),
    ),
    _end(
        "exit-0",
        Expect(call="error", error_type="SystemExit", message="0", exit=1),
        Expect(call="nothing", exit=0),
    ),
    _end("exit-none", Expect(call="error", error_type="SystemExit", exit=1), Expect(call="nothing", exit=0)),
    _end(
        "exit-text",
        Expect(call="error", error_type="SystemExit", message="text", exit=1),
        Expect(call="nothing", exit=1),
    ),
    _end(
        "interrupt",
        Expect(call="error", error_type="KeyboardInterrupt", exit=130),
        Expect(call="nothing", exit=-2),
    ),
    _end(
        "generator-exit",
        Expect(call="error", error_type="GeneratorExit", exit="lives"),
        Expect(call="nothing", exit=1),
    ),
    _end(
        "cancelled",
        Expect(call="error", error_type="CancelledError", exit="lives"),
        Expect(call="nothing", exit=1),
    ),
    _end(
        "base",
        Expect(call="error", error_type="BaseException", message="base", exit="lives"),
        Expect(call="nothing", exit=1),
    ),
    Case(id="ends-os-exit", action="error", event="os-exit", fresh=True),
]

CASES = [*ERRORS, *HANDLERS, *ENDS]
