"""How the runtimes start and end: the handler's name, its import, SnapStart, signals, refusals."""

from __future__ import annotations

from typing import Literal

from rapid_client.local import Close, Fault, Reply
from tests.differential.model import UTF8, Case, Expect, Setting


def _init(
    case_id: str,
    handler: str | None = "app.handler",
    source: str | bytes | None = None,
    **more: str,
) -> Case:
    """Return a case whose initialisation fails in the same way."""
    files = {} if source is None else {"app.py": source}
    return Case(id=case_id, event=..., setting=Setting(handler=handler, files=files, env=more))


def _more(case_id: str, source: str) -> Case:
    """Return a case whose initialisation fails in the same way, with the cause in our log."""
    return Case(id=case_id, event=..., setting=Setting(files={"app.py": source}), more_log=True)


def _better(case_id: str, setting: Setting, ours: Expect, theirs: Expect | None) -> Case:
    return Case(id=case_id, event=..., setting=setting, ours=ours, theirs=theirs)


def _works(case_id: str, handler: str, files: dict[str, str | bytes] | None = None) -> Case:
    return Case(id=case_id, setting=Setting(handler=handler, files=files or {}))


ECHO = "def handler(event, context):\n    return [event, __name__]\n"
NAMES = [
    _better(
        "no-handler",
        Setting(handler=None),
        Expect(call="nothing", exit=1, stderr=r"^rapid_client: no handler is named[^\n]*\n$"),
        Expect(call="nothing", exit=1, stderr="Traceback.*ValueError: Handler not set"),
    ),
    _better(
        "no-runtime-api",
        Setting(unset=("AWS_LAMBDA_RUNTIME_API",)),
        Expect(call="nothing", exit=1, stderr=r"^rapid_client: AWS_LAMBDA_RUNTIME_API is not set[^\n]*\n$"),
        Expect(call="nothing", exit=1, stderr="Traceback.*KeyError"),
    ),
    _better(
        "empty-runtime-api",
        Setting(env={"AWS_LAMBDA_RUNTIME_API": ""}),
        Expect(call="nothing", exit=1, stderr=r"^rapid_client: AWS_LAMBDA_RUNTIME_API is not set[^\n]*\n$"),
        None,
    ),
    _init("handler-without-a-dot", "handler"),
    _init("handler-empty", ""),
    _init("handler-with-a-colon", "app:handler"),
    _init("handler-with-an-empty-function", "app."),
    _init("handler-with-an-empty-module", ".handler"),
    _init("handler-is-a-dot", "."),
    _better(
        "handler-relative",
        Setting(handler="./app.handler"),
        Expect(
            call="init/error",
            error_type="Runtime.MalformedHandlerName",
            message="Bad handler './app.handler': name it from the task root, 'app.handler'",
            exit=1,
        ),
        Expect(call="init/error", error_type="TypeError", exit=1),
    ),
    _init("handler-module-built-in", "sys.handler"),
    _init("handler-module-built-in-time", "time.handler"),
    _init("handler-module-of-the-standard-library", "json.handler"),
    _init("handler-module-below-a-built-in", "sys.x.handler"),
    _init("handler-module-missing", "nomod.handler"),
    _init("handler-module-missing-with-slashes", "no/such.handler"),
    _init("handler-module-nested-attribute", "app.A.h"),
    _init("handler-function-missing", "app.nothing"),
    Case(
        id="handler-in-a-package-under-bootstrap",
        setting=Setting(
            handler="pack/mod.handler", files={"pack/__init__.py": "", "pack/mod.py": ECHO}, bootstrap=True
        ),
    ),
    _works("handler-in-a-package", "pack.mod.handler", {"pack/__init__.py": "", "pack/mod.py": ECHO}),
    _works("handler-with-slashes", "pack/mod.handler", {"pack/__init__.py": "", "pack/mod.py": ECHO}),
    _works("handler-with-slashes-without-a-package", "some/where/mod.handler", {"some/where/mod.py": ECHO}),
    _works("handler-below-a-folder-named-as-a-built-in", "some/sys.handler", {"some/sys.py": ECHO}),
    _works("handler-dotted-below-a-built-in-name", "some.x.sys.handler", {"some/x/sys.py": ECHO}),
    _works(
        "handler-is-a-callable-object",
        "app.handler",
        {"app.py": "class H:\n    def __call__(self, e, c):\n        return 'called'\nhandler = H()\n"},
    ),
    _works(
        "handler-is-a-partial",
        "app.handler",
        {"app.py": "import functools\nhandler = functools.partial(lambda a, e, c: [a, e], 1)\n"},
    ),
    _works("handler-is-a-builtin", "app.handler", {"app.py": "handler = isinstance\n"}),
    _works(
        "handler-from-a-module-getattr",
        "app.handler",
        {
            "app.py": "def __getattr__(name):\n    if name == 'handler':\n        return lambda e, c: name\n"
            "    raise AttributeError(name)\n"
        },
    ),
    _works(
        "handler-replaced-in-its-module-while-importing",
        "app.handler",
        {
            "app.py": "import sys\ndef handler(e, c):\n    return 1\n"
            "sys.modules[__name__].handler = lambda e, c: 'replaced'\n"
        },
    ),
]

REFUSED_INIT = (
    "LambdaRuntimeClientError: Request to Lambda Runtime '/2018-06-01/runtime/init/error' endpoint failed. "
    "Reason: '403'. Response body: '"
)
IMPORTS = [
    _more("import-error-custom", "raise ImportError('custom')\n"),
    _more("import-error-missing-dependency", "import nosuchmod\n"),
    _more("import-error-missing-name", "from os import nosuchname\n"),
    _init("syntax-error", source="def x(:\n"),
    _init("syntax-error-later", source="a = 1\nb = = 2\n"),
    _init("indentation-error", source="def x():\nreturn 1\n"),
    _more("syntax-error-in-a-dependency", "import other\n"),
    _more("syntax-error-raised", "raise SyntaxError('mine')\n"),
    _init("null-byte-in-the-source", source=b"a = 1\x00\n"),
    _init("bad-encoding-in-the-source", source=b"a = '\xff'\n"),
    _init("error-at-import", source="raise ValueError('at import')\n"),
    Case(
        id="error-at-import-under-bootstrap",
        event=...,
        setting=Setting(files={"app.py": "def f():\n    {}['k']\nf()\n"}, bootstrap=True),
    ),
    _init("error-at-import-without-a-message", source="raise ValueError\n"),
    _init("error-at-import-nested", source="def f():\n    {}['k']\nf()\n"),
    _init("error-at-import-of-a-module-below", source="import json\njson.loads('x')\n"),
    _init("error-at-import-unicode", source="raise ValueError('\\u00e9 \\u2028')\n"),
    *(
        _better(
            f"error-at-import-{name}-in-a-utf8-environment",
            Setting(files={"app.py": f"raise ValueError('{text}')\n"}, env=UTF8.env),
            Expect(call="init/error", error_type="ValueError", message=message, exit=1),
            theirs,
        )
        for name, text, message, theirs in (
            ("latin", "\\u00e9", "\u00e9", Expect(call="init/error", raw_has=b"\xe9", exit=1)),
            ("unicode", "\\u20ac", "\u20ac", Expect(call="nothing", stderr="UnicodeEncodeError", exit=1)),
        )
    ),
    _init("error-at-import-json-log", source="raise ValueError('x')\n", AWS_LAMBDA_LOG_FORMAT="JSON"),
    _init("error-at-import-level-set", source="raise ValueError('x')\n", AWS_LAMBDA_LOG_LEVEL="INFO"),
    _init("error-at-import-level-error", source="raise ValueError('x')\n", AWS_LAMBDA_LOG_LEVEL="ERROR"),
    _init("error-at-import-level-unknown", source="raise ValueError('x')\n", AWS_LAMBDA_LOG_LEVEL="nope"),
    _init("import-error-json-log", "nomod.handler", AWS_LAMBDA_LOG_FORMAT="JSON"),
    _init(
        "error-at-import-with-logging", source="import logging\nlogging.warning('w')\nraise ValueError('x')\n"
    ),
    *(
        Case(
            id=f"error-at-import-framed{suffix}",
            event=...,
            setting=Setting(frames=True, files={"app.py": "raise ValueError('x')\n"}, env=env),
        )
        for suffix, env in (
            ("", {}),
            ("-json", {"AWS_LAMBDA_LOG_FORMAT": "JSON"}),
            ("-level", {"AWS_LAMBDA_LOG_LEVEL": "INFO"}),
        )
    ),
    *(
        _better(
            f"at-import-{name}",
            Setting(files={"app.py": source}),
            Expect(call="init/error", error_type=error_type, exit=ours),
            Expect(call="nothing", exit=theirs),
        )
        for name, source, error_type, ours, theirs in (
            ("exit-7", "import sys\nsys.exit(7)\n", "SystemExit", 7, 7),
            ("exit-0", "import sys\nsys.exit(0)\n", "SystemExit", 1, 0),
            ("interrupt", "raise KeyboardInterrupt\n", "KeyboardInterrupt", 130, -2),
        )
    ),
    _better(
        "import-error-has-its-trace-in-the-log",
        Setting(files={"app.py": "def f():\n    import nosuchmod\nf()\n"}),
        Expect(
            call="init/error",
            error_type="Runtime.ImportModuleError",
            log="Caused by: ModuleNotFoundError: No module named 'nosuchmod'.*app.py\", line 2, in f",
            exit=1,
        ),
        Expect(call="init/error", error_type="Runtime.ImportModuleError", exit=1),
    ),
    _better(
        "init-trace-of-the-user-only",
        Setting(files={"app.py": "raise ValueError('x')\n"}, env={"RAPID_INIT_TRACE": "user"}),
        Expect(call="init/error", error_type="ValueError", body=r"(?!.*importlib).*app.py"),
        Expect(call="init/error", error_type="ValueError", body="importlib"),
    ),
    _better(
        "switch-with-an-unknown-value",
        Setting(env={"RAPID_JSON": "fast"}),
        Expect(
            call="init/error",
            error_type="Runtime.InvalidConfiguration",
            message="RAPID_JSON='fast' is not known: use one of auto, orjson, stdlib",
            exit=1,
        ),
        None,
    ),
    Case(
        id="init-error-is-refused",
        event=...,
        setting=Setting(handler="nomod.handler"),
        faults=(Fault("init/error", Reply(status=403)),),
        ours=Expect(
            call="init/error",
            exit=1,
            log=REFUSED_INIT,
        ),
        theirs=Expect(
            call="init/error",
            exit=1,
            stderr=REFUSED_INIT,
        ),
    ),
]

HOOKS = """
import atexit, sys
from snapshot_restore_py import register_before_snapshot, register_after_restore
def say(text):
    print(text)
{hooks}
def handler(event, context):
    return "served"
"""


def _hooks(*lines: str) -> Setting:
    return Setting(
        files={"app.py": HOOKS.format(hooks="\n".join(lines))},
        env={"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"},
        snapstart=True,
    )


FOUR_HOOKS = (
    "register_before_snapshot(say, 'b1')",
    "register_before_snapshot(say, text='b2')",
    "register_after_restore(say, 'a1')",
    "register_after_restore(say, 'a2')",
)
RAISE = "def fail(error):\n    raise error"
SNAPSTART = [
    Case(id="snapstart-hooks-run-in-order", setting=_hooks(*FOUR_HOOKS), started=True),
    Case(
        id="snapstart-before-hook-fails",
        event=...,
        setting=_hooks(RAISE, *FOUR_HOOKS, "register_before_snapshot(fail, ValueError('bs'))"),
    ),
    Case(
        id="snapstart-before-hook-exits",
        event=...,
        setting=_hooks(*FOUR_HOOKS, "register_before_snapshot(sys.exit, 9)"),
    ),
    Case(
        id="snapstart-after-hook-fails",
        event=...,
        setting=_hooks(RAISE, *FOUR_HOOKS, "register_after_restore(fail, KeyError('ar'))"),
    ),
    Case(
        id="snapstart-after-hook-exits",
        event=...,
        setting=_hooks(*FOUR_HOOKS, "register_after_restore(sys.exit, 9)"),
    ),
    Case(
        id="snapstart-restore-answers-204",
        event=...,
        setting=_hooks(*FOUR_HOOKS),
        faults=(Fault("restore/next", Reply(status=204, body=b"")),),
        ours=Expect(call="init/error", exit=64, message=".*204.*"),
        theirs=Expect(
            call="init/error", exit=64, error_type="LambdaRuntimeClientError", message=".*Reason: '204'.*"
        ),
    ),
    Case(
        id="snapstart-without-hooks",
        setting=Setting(
            files={"app.py": ECHO}, env={"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}, snapstart=True
        ),
        started=True,
    ),
]

TERM = """
import atexit, os, signal, sys
def leave(number, frame):
    print("terminated", number)
    {leave}
signal.signal(signal.SIGTERM, leave)
atexit.register(print, "at exit")
def handler(event, context):
    return 1
"""
TERM_EXIT = Setting(files={"app.py": TERM.format(leave="sys.exit(0)")}, env=UTF8.env)
TERM_ANYWHERE = Setting(files={"app.py": TERM.format(leave="sys.exit(0)")})
TERM_CODE = Setting(files={"app.py": TERM.format(leave="sys.exit(5)")}, env=UTF8.env)
TERM_AT_ONCE = Setting(files={"app.py": TERM.format(leave="os._exit(3)")}, env=UTF8.env)
SIGNALS = [
    Case(id="sigterm-runs-the-handler-of-the-function", sigterm=True, setting=TERM_AT_ONCE),
    # awslambdaric polls in a thread here, which it waits for at exit: killed on some versions of Python.
    *(
        Case(
            id=f"sigterm-and-exit-{code}",
            sigterm=True,
            setting=setting,
            ours=Expect(exit=code, log="^terminated 15\nat exit\n$"),
        )
        for code, setting in ((0, TERM_EXIT), (5, TERM_CODE))
    ),
    Case(
        id="sigterm-in-an-image",
        sigterm=True,
        setting=TERM_ANYWHERE,
        ours=Expect(exit=0, log="^terminated 15\nat exit\n$"),
        theirs=Expect(exit=-9, log="^$"),
    ),
    Case(id="sigterm-without-a-handler", sigterm=True, setting=Setting(files={"app.py": ECHO})),
]

CLOSED: tuple[Literal["before-request", "after-request"], ...] = ("before-request", "after-request")
GONE = r"^rapid_client: [^\n]*\n$"
REFUSALS = [
    *(
        Case(
            id=f"next-answers-{status}",
            event=...,
            setting=Setting(),
            faults=(Fault("next", Reply(status=status, body=b"", carry_out=False)),),
            ours=Expect(call="nothing", exit=1, stderr=GONE),
            theirs=theirs,
        )
        for status, theirs in (
            (204, Expect(call="nothing", exit=-11)),
            (403, Expect(call="nothing", exit=1, log="Failed to get next invocation.*403")),
            (500, Expect(call="nothing", exit=1, log="Failed to get next invocation.*500")),
        )
    ),
    Case(
        id="next-finds-the-connection-closed-twice",
        event=...,
        setting=Setting(),
        faults=(Fault("next", Close()), Fault("next", Close()), Fault("next", Close())),
        ours=Expect(call="nothing", exit=1, stderr=GONE),
        theirs=Expect(call="nothing", exit=1),
    ),
    *(
        Case(
            id=f"next-finds-a-reused-connection-closed-{when}",
            setting=Setting(),
            faults=(Fault("next", Close(when), skip=1),),
        )
        for when in CLOSED
    ),
    *(
        Case(
            id=f"response-answers-{status}",
            setting=Setting(),
            faults=(Fault("response", Reply(status=status)),),
            ours=Expect(call="response", exit="lives", log=f"was refused: .*{status}"),
            theirs=Expect(call="response", exit=1, log="Failed to post handler success response"),
        )
        for status in (400, 403, 410, 413)
    ),
    Case(
        id="response-answers-500",
        setting=Setting(),
        faults=(Fault("response", Reply(status=500)),),
        ours=Expect(call="response", exit=1, stderr=GONE),
        theirs=Expect(call="response", exit=1),
    ),
    Case(
        id="error-answers-403",
        action="error",
        event="value-error",
        setting=Setting(),
        faults=(Fault("error", Reply(status=403)),),
        ours=Expect(call="error", exit="lives", log="was refused: .*403"),
        theirs=Expect(call="error", exit=1),
    ),
]

CASES = [*NAMES, *IMPORTS, *SNAPSTART, *SIGNALS, *REFUSALS]
