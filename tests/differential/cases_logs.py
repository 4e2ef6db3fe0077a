"""What the function logs, under every format, level and sink."""

from __future__ import annotations

from rapid_client.local import InvokeOptions
from tests.differential.model import Case, Expect, Setting

#: Written alike under every setting.
SAME = [
    "warning",
    "info",
    "levels",
    "stack",
    "bad-exception",
    "child",
    "print",
    "dict",
    "dict-arguments",
    "extra",
    "extra-order",
    "unicode",
    "lines",
    "empty",
    "object",
    "number",
    "root-level",
    "names",
]
JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}
LEVEL = {"AWS_LAMBDA_LOG_LEVEL": "INFO"}
SETTINGS = {
    "text": Setting(),
    "text-level": Setting(env=LEVEL),
    "text-framed": Setting(frames=True),
    "text-framed-level": Setting(frames=True, env=LEVEL),
    "json": Setting(env=JSON),
    "json-small-letters": Setting(env={"AWS_LAMBDA_LOG_FORMAT": "json"}),
    "json-level-debug": Setting(env={**JSON, "AWS_LAMBDA_LOG_LEVEL": "DEBUG"}),
    "json-framed": Setting(frames=True, env=JSON),
    "under-bootstrap": Setting(bootstrap=True),
    "json-under-bootstrap": Setting(bootstrap=True, env=JSON),
    "unknown-format": Setting(env={"AWS_LAMBDA_LOG_FORMAT": "xml"}),
}
LEVELS = (
    "DEBUG",
    "INFO",
    "WARNING",
    "WARN",
    "ERROR",
    "CRITICAL",
    "FATAL",
    "TRACE",
    "NOTSET",
    "debug",
    "Info",
    "nope",
    "",
    "10",
)
FAILS = Expect(call="error", error_type="TypeError")
BASIC = """
import logging
logging.basicConfig(format="mine %(message)s", level=logging.INFO, force=False)
def handler(event, context):
    logging.info("invisible")
    logging.warning("seen")
"""
OWN = """
import logging, sys
logger = logging.getLogger("own")
logger.addHandler(logging.StreamHandler(sys.stdout))
logger.setLevel(logging.INFO)
def handler(event, context):
    logger.info("twice")
    logger.propagate = False
    logger.info("once")
"""
AT_IMPORT = """
import logging
logging.warning("at import")
def handler(event, context):
    logging.warning("later")
"""
REPLACED = """
import logging
for item in logging.getLogger().handlers:
    item.setFormatter(logging.Formatter("[%(aws_request_id)s] %(message)s\\n"))
def handler(event, context):
    logging.warning("formatted")
"""
LATE = """
def handler(event, context):
    import logging
    logging.warning("late")
"""
FORCED = """
import logging
logging.basicConfig(format="mine %(message)s", level=logging.INFO, force=True)
def handler(event, context):
    logging.info("to stderr")
"""
MODULES = {
    "basic-config-has-no-effect": BASIC,
    "own-handler": OWN,
    "at-import": AT_IMPORT,
    "formatter-replaced": REPLACED,
    "imported-by-the-handler": LATE,
    "basic-config-by-force": FORCED,
}

CASES = [
    *(
        Case(id=f"log-{name}-{kind}", action="log", event=name, setting=setting)
        for kind, setting in SETTINGS.items()
        for name in SAME
    ),
    *(
        Case(id=f"log-exception-{kind}", action="log", event="exception", setting=SETTINGS[kind])
        for kind in ("json", "json-framed", "json-level-debug")
    ),
    *(
        Case(
            id=f"log-exception-{kind}",
            action="log",
            event="exception",
            setting=SETTINGS[kind],
            ours=Expect(log="logged\n\\[WARNING\\]"),
            theirs=Expect(log="logged\\[WARNING\\]"),
        )
        for kind in ("text", "text-level")
    ),
    *(
        Case(id=f"context-log-{kind}", action="context-log", setting=setting)
        for kind, setting in SETTINGS.items()
    ),
    *(
        Case(
            id=f"log-level-{level or 'empty'}",
            action="log",
            event="root-level",
            setting=Setting(env={"AWS_LAMBDA_LOG_LEVEL": level}),
        )
        for level in LEVELS
    ),
    *(
        Case(
            id=f"log-{name}-with-a-tenant-{kind}",
            action="log",
            event=name,
            setting=SETTINGS[kind],
            options=InvokeOptions(tenant_id="t1"),
        )
        for kind in ("text", "json", "json-framed")
        for name in ("warning", "extra-order")
    ),
    *(
        Case(
            id=f"log-{name}-{kind}",
            action="log",
            event=name,
            setting=SETTINGS[kind],
            fresh=True,
            ours=Expect(call="response", exit="lives", log=log, stderr=stderr),
            theirs=theirs,
        )
        for name, kind, log, stderr, theirs in (
            ("wrong-argument", "text", None, "--- Logging error ---.*TypeError", FAILS),
            ("wrong-argument", "json", None, "--- Logging error ---.*TypeError", FAILS),
            ("tuple-key", "json", r"\(1, 2\)", None, FAILS),
            ("surrogate", "text", r"\\ud800", None, Expect(call="error", error_type="UnicodeEncodeError")),
            ("no-exception", "text", "nothing\nNoneType: None\n$", None, Expect(log="NoneType: None$")),
            ("no-exception", "json", '"message": "nothing"', None, Expect(error_type="AttributeError")),
        )
    ),
    Case(
        id="log-level-trace-in-small-letters",
        action="log",
        event="root-level",
        setting=Setting(env={"AWS_LAMBDA_LOG_LEVEL": "trace"}),
        ours=Expect(log="^10 1\n"),
        theirs=Expect(log="^30 1\n"),
    ),
    *(
        Case(id=f"log-{name}{suffix}", setting=Setting(files={"app.py": source}, env=env), started=True)
        for name, source in MODULES.items()
        for suffix, env in (("", {}), ("-json", JSON))
    ),
]
