"""Finding the handler: what works, and the name of what does not."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from rapid_client._handler import load, refuse_async, split
from rapid_client.errors import FaultError

if TYPE_CHECKING:
    from pathlib import Path

# Loads argv[1] with task root argv[2], in a process of its own; prints what came of it.
PROBE: Final = """
import sys
sys.path = [entry for entry in sys.path if entry]
from rapid_client._handler import load
from rapid_client.errors import FaultError
try:
    found = load(sys.argv[1], sys.argv[2])
except FaultError as exc:
    print("FAULT", exc.error_type, str(exc), list(exc.trace), sep="|")
except BaseException as exc:
    print("RAISED", type(exc).__name__, str(exc), sep="|")
else:
    print("LOADED", found({}, None) if callable(found) else repr(found), sep="|")
"""
ASYNC: Final = "is asynchronous, which this version cannot run: use a plain function"
SIMPLE: Final = "def handler(event, context):\n    return 'ran'\n"

# handler, source of app.py (also a/b.py, deep/x/sys.py), what the probe prints
FEW: Final = "not enough values to unpack (expected 2, got 1)"
CASES: Final = {
    "plain": ("app.handler", SIMPLE, "LOADED|ran"),
    "slash": ("a/b.handler", SIMPLE, "LOADED|ran"),
    "dots": ("a.b.handler", SIMPLE, "LOADED|ran"),
    "builtin-name-inside-slashes": ("deep/x/sys.handler", SIMPLE, "LOADED|ran"),
    "builtin-name-inside-dots": ("deep.x.sys.handler", SIMPLE, "LOADED|ran"),
    "no-dot": (
        "handler",
        "",
        "FAULT|Runtime.MalformedHandlerName|Bad handler 'handler': {few}|[]",
    ),
    "empty": (
        "",
        "",
        "FAULT|Runtime.MalformedHandlerName|Bad handler '': {few}|[]",
    ),
    "colon": (
        "app:handler",
        "",
        "FAULT|Runtime.MalformedHandlerName|Bad handler 'app:handler': {few}|[]",
    ),
    "no-name": ("app.", SIMPLE, "FAULT|Runtime.HandlerNotFound|Handler '' missing on module 'app'|[]"),
    "no-module": (".handler", SIMPLE, "RAISED|ValueError|Empty module name"),
    "dot": (".", SIMPLE, "RAISED|ValueError|Empty module name"),
    "relative": (
        "./app.handler",
        SIMPLE,
        "FAULT|Runtime.MalformedHandlerName|"
        "Bad handler './app.handler': name it from the task root, 'app.handler'|[]",
    ),
    "builtin": (
        "sys.handler",
        "",
        "FAULT|Runtime.BuiltInModuleConflict|Cannot use built-in module sys as a handler module|[]",
    ),
    "builtin-child": (
        "time.x.handler",
        "",
        "FAULT|Runtime.BuiltInModuleConflict|Cannot use built-in module time.x as a handler module|[]",
    ),
    "standard-library": (
        "json.handler",
        "",
        "FAULT|Runtime.HandlerNotFound|Handler 'handler' missing on module 'json'|[]",
    ),
    "missing-module": (
        "nomod.handler",
        "",
        "FAULT|Runtime.ImportModuleError|Unable to import module 'nomod': No module named 'nomod'|[]",
    ),
    "missing-module-slash": (
        "a/no.handler",
        "",
        "FAULT|Runtime.ImportModuleError|Unable to import module 'a/no': No module named 'a.no'|[]",
    ),
    "import-error": (
        "app.handler",
        "raise ImportError('custom')",
        "FAULT|Runtime.ImportModuleError|Unable to import module 'app': custom|[]",
    ),
    "missing-dependency": (
        "app.handler",
        "import nosuchmod",
        "FAULT|Runtime.ImportModuleError|Unable to import module 'app': No module named 'nosuchmod'|[]",
    ),
    "nested": (
        "app.A.h",
        "class A: pass",
        "FAULT|Runtime.ImportModuleError|"
        "Unable to import module 'app.A': No module named 'app.A'; 'app' is not a package|[]",
    ),
    "syntax-error": (
        "app.handler",
        "def x(\n",
        "FAULT|Runtime.UserCodeSyntaxError|Syntax error in module 'app': "
        "'(' was never closed (app.py, line 1)|"
        """['  File "{root}/app.py" Line 1\\n    def x(\\n']""",
    ),
    "indentation-error": (
        "app.handler",
        "def x():\npass\n",
        "FAULT|Runtime.UserCodeSyntaxError|Syntax error in module 'app': "
        "expected an indented block after function definition on line 1 (app.py, line 2)|"
        """['  File "{root}/app.py" Line 2\\n    pass\\n']""",
    ),
    "other-error": ("app.handler", "{}['k']", "RAISED|KeyError|'k'"),
    "exit": ("app.handler", "raise SystemExit(7)", "RAISED|SystemExit|7"),
    "interrupt": ("app.handler", "raise KeyboardInterrupt", "RAISED|KeyboardInterrupt|"),
    "missing": (
        "app.handler",
        "",
        "FAULT|Runtime.HandlerNotFound|Handler 'handler' missing on module 'app'|[]",
    ),
    "not-callable": ("app.handler", "handler = 5", "LOADED|5"),
    "instance": (
        "app.handler",
        "class A:\n    def __call__(self, e, c):\n        return 'ran'\nhandler = A()",
        "LOADED|ran",
    ),
    "class": (
        "app.handler",
        "class handler:\n    def __init__(self, e, c): pass\n    def __str__(self): return 'made'",
        "LOADED|made",
    ),
    "method": (
        "app.handler",
        "class A:\n    def h(self, e, c):\n        return 'ran'\nhandler = A().h",
        "LOADED|ran",
    ),
    "builtin-function": ("app.handler", "import operator\nhandler = operator.is_", "LOADED|False"),
    "partial": (
        "app.handler",
        "import functools\ndef f(x, e, c): return x\nhandler = functools.partial(f, 'ran')",
        "LOADED|ran",
    ),
    "wrapped": (
        "app.handler",
        "import functools\ndef f(e, c): return 'ran'\n@functools.wraps(f)\ndef handler(e, c): return f(e, c)",
        "LOADED|ran",
    ),
    "sync-around-async": (
        "app.handler",
        "import functools\nasync def f(e, c): pass\n"
        "@functools.wraps(f)\ndef handler(e, c):\n    return 'ran'",
        "LOADED|ran",
    ),
    "proxy-that-answers-anything": (
        "app.handler",
        "class A:\n    def __getattr__(self, name): return self\n    def __call__(self, e, c): return 'ran'\n"
        "handler = A()",
        "LOADED|ran",
    ),
    "coroutine-function": ("app.handler", "async def handler(e, c): pass", ASYNC),
    "async-generator": ("app.handler", "async def handler(e, c):\n    yield 1", ASYNC),
    "async-method": ("app.handler", "class A:\n    async def h(self, e, c): pass\nhandler = A().h", ASYNC),
    "async-partial": (
        "app.handler",
        "import functools\nasync def f(x, e, c): pass\nhandler = functools.partial(functools.partial(f), 1)",
        ASYNC,
    ),
    "async-instance": (
        "app.handler",
        "class A:\n    async def __call__(self, e, c): pass\nhandler = A()",
        ASYNC,
    ),
    "async-decorator": (
        "app.handler",
        "import functools\ndef d(f):\n    @functools.wraps(f)\n    async def inner(e, c): pass\n"
        "    return inner\n@d\ndef handler(e, c): pass",
        ASYNC,
    ),
    # Instrumentation replaces the attribute while the module is imported, from an import hook for one.
    "replaced-during-import": (
        "app.handler",
        "import sys\ndef handler(e, c): return 'old'\nsys.modules[__name__].handler = lambda e, c: 'ran'",
        "LOADED|ran",
    ),
    "module-replaced-during-import": (
        "app.handler",
        "import sys, types\nnew = types.ModuleType('app')\nnew.handler = lambda e, c: 'ran'\n"
        "sys.modules['app'] = new",
        "LOADED|ran",
    ),
    "lazy-attribute": (
        "app.handler",
        "def __getattr__(name):\n    return lambda e, c: 'ran'",
        "LOADED|ran",
    ),
}


def probe(handler: str, task_root: str, folder: Path, environ: dict[str, str]) -> str:
    """Load *handler* in a process that runs in *folder*; return what it printed."""
    command = [sys.executable, "-c", PROBE, handler, task_root]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(("handler", "source", "expected"), CASES.values(), ids=CASES)
def test_load(
    handler: str, source: str, expected: str, tmp_path: Path, child_environ: dict[str, str]
) -> None:
    """Each handler is found, or refused with awslambdaric's name and text for it."""
    for name in ("app.py", "a/b.py", "deep/x/sys.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    got = probe(handler, str(tmp_path), tmp_path.parent, child_environ)
    if expected == ASYNC:
        assert got == f"FAULT|Runtime.UnsupportedHandler|Handler '{handler}' {ASYNC}|[]"
    else:
        assert got == expected.replace("{root}", str(tmp_path)).replace("{few}", FEW)


def test_the_task_root_wins_over_the_current_directory(tmp_path: Path, child_environ: dict[str, str]) -> None:
    """A module is looked for in the task root; without one, in the current directory."""
    for name in ("root", "here"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text(f"handler = lambda e, c: '{name}'", encoding="utf-8")
    here = tmp_path / "here"
    assert probe("app.handler", str(tmp_path / "root"), here, child_environ) == "LOADED|root"
    assert probe("app.handler", "", here, child_environ) == "LOADED|here"


def test_a_task_root_that_is_on_the_path_stays_where_it_is(
    tmp_path: Path, child_environ: dict[str, str]
) -> None:
    """Who has put other folders before the task root keeps that order."""
    for name in ("root", "before"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text(f"handler = lambda e, c: '{name}'", encoding="utf-8")
    environ = {**child_environ}
    environ["PYTHONPATH"] = f"{tmp_path / 'before'}:{tmp_path / 'root'}:{environ['PYTHONPATH']}"
    assert probe("app.handler", str(tmp_path / "root"), tmp_path, environ) == "LOADED|before"


def test_the_cause_of_an_import_error_is_kept(tmp_path: Path) -> None:
    """The log can tell where an import failed."""
    with pytest.raises(FaultError) as caught:
        load("no_such_module_anywhere.handler", str(tmp_path))
    sys.path.remove(str(tmp_path))
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_slashes_stay_in_the_name() -> None:
    """The name that texts show has the slashes that the user wrote."""
    assert split("src/app.handler") == ("src/app", "handler")
    assert split("a.b.c") == ("a.b", "c")


def test_no_handler_is_asked_for_ever() -> None:
    """An object whose every attribute is itself does not make the check go round for ever."""

    class Everything:
        def __getattr__(self, name: str) -> object:
            return self

    refuse_async(Everything(), "app.handler")


@pytest.mark.parametrize(
    "handler", ["/app.handler", "/var/task/app.handler", "./app.handler", "../app.handler"]
)
def test_a_path_that_is_not_from_the_task_root(handler: str) -> None:
    """An absolute or a relative path is no handler name; the message says how to write it."""
    with pytest.raises(FaultError, match="name it from the task root") as caught:
        split(handler)

    assert caught.value.error_type == "Runtime.MalformedHandlerName"
