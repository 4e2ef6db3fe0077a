"""The post-import hook and the stand-in for awslambdaric, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent

# colorsys is a small module that nothing else imports.
SET_UP = """
import sys
from rapid_client import _import_hook
seen = []
def remember(module):
    seen.append(module)
before = list(sys.meta_path)
_import_hook.install("colorsys", remember)
"""


@pytest.fixture
def run(child_environ: dict[str, str], unmeasured_environ: dict[str, str]) -> Callable[..., str]:
    """Return a function that runs code in a fresh interpreter and returns what it prints."""

    def run(code: str, *options: str) -> str:
        # The path is set in the code: -E and -I make the interpreter forget PYTHONPATH.
        code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"
        command = [sys.executable, *options, "-c", code]
        # With options a test looks at a bare interpreter: there coverage's own imports would show.
        environ = unmeasured_environ if options else child_environ
        done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.strip()

    return run


def test_importing_it_imports_nothing(run: Callable[..., str]) -> None:
    """The module needs nothing that the interpreter has not loaded."""
    probe = "import rapid_client; before = set(sys.modules); import rapid_client._import_hook\n"
    loaded = run(probe + "print(*sorted(set(sys.modules) - before))", "-S", "-E")

    assert {"__future__", "rapid_client._import_hook"} >= set(loaded.split())


def test_callback_sees_the_loaded_module_before_its_importer(run: Callable[..., str]) -> None:
    """The callback gets the complete module once, and the hook is gone by then."""
    code = (
        SET_UP
        + """
assert not seen
import colorsys
assert seen == [colorsys], seen
assert colorsys.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)
assert sys.meta_path == before
import colorsys
print(len(seen))
"""
    )
    assert run(code) == "1"


def test_callback_runs_at_once_for_a_loaded_module(run: Callable[..., str]) -> None:
    """A module that is there already needs no hook."""
    code = "import colorsys" + SET_UP + "print(seen == [colorsys], sys.meta_path == before)"

    assert run(code) == "True True"


def test_module_knows_only_its_real_loader(run: Callable[..., str]) -> None:
    """Spec, loader, source, reload and pkgutil are as without the hook."""
    code = (
        SET_UP
        + """
import colorsys, importlib, inspect, pickle, pkgutil
from importlib.machinery import SourceFileLoader
assert type(colorsys.__loader__) is SourceFileLoader
assert colorsys.__spec__.loader is colorsys.__loader__
assert "def rgb_to_hsv" in inspect.getsource(colorsys)
assert pkgutil.resolve_name("colorsys:rgb_to_hsv") is colorsys.rgb_to_hsv
assert importlib.reload(colorsys) is colorsys
assert importlib.util.find_spec("colorsys") is colorsys.__spec__
print(len(seen))
"""
    )
    assert run(code) == "1"


def test_module_sees_its_real_loader_while_it_runs(tmp_path: Path, run: Callable[..., str]) -> None:
    """Code that asks for its own loader at import time gets the real one."""
    (tmp_path / "curious.py").write_text(
        "kinds = type(__loader__).__name__, type(__spec__.loader).__name__\n"
    )
    code = f"""
from rapid_client import _import_hook
sys.path.insert(0, {str(tmp_path)!r})
_import_hook.install("curious", lambda module: None)
import curious
print(*curious.kinds)
"""
    assert run(code) == "SourceFileLoader SourceFileLoader"


def test_looking_does_not_trigger(run: Callable[..., str]) -> None:
    """Finding the spec loads nothing, answers as the real loader, and leaves the hook for the import."""
    code = (
        SET_UP
        + """
import importlib.util
spec = importlib.util.find_spec("colorsys")
assert "def rgb_to_hsv" in spec.loader.get_source("colorsys")
assert not seen
import colorsys
print(len(seen))
"""
    )
    assert run(code) == "1"


def test_failed_import_leaves_the_hook(tmp_path: Path, run: Callable[..., str]) -> None:
    """A module that raises while loading is not reported; the next attempt is."""
    module = tmp_path / "fragile.py"
    module.write_text("raise RuntimeError('not yet')\n")
    code = f"""
from rapid_client import _import_hook
sys.path.insert(0, {str(tmp_path)!r})
sys.dont_write_bytecode = True
seen = []
_import_hook.install("fragile", seen.append)
try:
    import fragile
except RuntimeError as exc:
    assert str(exc) == "not yet"
assert not seen
with open({str(module)!r}, "w") as file:
    file.write("value = 1")
import importlib; importlib.invalidate_caches()
import fragile
print(seen == [fragile], fragile.value)
"""
    assert run(code) == "True 1"


def test_missing_module_is_still_missing(run: Callable[..., str]) -> None:
    """A hook for a module that does not exist changes nothing about the error."""
    code = """
from rapid_client import _import_hook
_import_hook.install("no_such_module_here", print)
try:
    import no_such_module_here
except ModuleNotFoundError as exc:
    print(exc)
"""
    assert run(code) == "No module named 'no_such_module_here'"


def test_two_hooks_for_one_module_both_run(run: Callable[..., str]) -> None:
    """Hooks wrap each other, and both are called."""
    code = (
        SET_UP
        + """
_import_hook.install("colorsys", remember)
import colorsys
print(len(seen), sys.meta_path == before, type(colorsys.__spec__.loader).__name__)
"""
    )
    assert run(code) == "2 True SourceFileLoader"


def test_threads_wait_for_the_callback(run: Callable[..., str]) -> None:
    """Whoever imports the module meanwhile gets it after the callback has ended."""
    code = """
import threading, time
from rapid_client import _import_hook
def slowly(module):
    time.sleep(0.1)
    module.ready = True
_import_hook.install("colorsys", slowly)
states = []
def use():
    import colorsys
    states.append(getattr(colorsys, "ready", False))
threads = [threading.Thread(target=use) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(states == [True] * 8)
"""
    assert run(code) == "True"


def test_callback_may_import_the_module_and_others(run: Callable[..., str]) -> None:
    """Inside the callback the module can be imported by name: that is how logging gets its handler."""
    code = """
from rapid_client import _import_hook
def use(module):
    import colorsys, wave
    print(colorsys is module)
_import_hook.install("colorsys", use)
import colorsys
"""
    assert run(code, "-W", "ignore") == "True"


def test_package_with_submodule(run: Callable[..., str]) -> None:
    """Importing a submodule first loads the package, and reports it."""
    code = """
from rapid_client import _import_hook
_import_hook.install("logging", lambda module: print(module.__name__, bool(module.__path__)))
import logging.handlers
"""
    assert run(code) == "logging True"


# ... awslambdaric's name


WITHOUT = "sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n"


def test_lambda_context_resolves_to_ours(run: Callable[..., str]) -> None:
    """Where awslambdaric is absent, its context module has our classes."""
    code = (
        WITHOUT
        + """
from rapid_client import _import_hook, context
_import_hook.provide_awslambdaric()
assert "awslambdaric" not in sys.modules and "json" not in sys.modules
from awslambdaric.lambda_context import LambdaContext, ClientContext, Client, CognitoIdentity
assert LambdaContext is context.LambdaContext and ClientContext is context.ClientContext
assert Client is context.Client and CognitoIdentity is context.CognitoIdentity
import awslambdaric
print(awslambdaric.lambda_context.LambdaContext is LambdaContext)
"""
    )
    assert run(code, "-S") == "True"


def test_other_modules_of_awslambdaric_are_missing(run: Callable[..., str]) -> None:
    """Nothing else is pretended."""
    code = (
        WITHOUT
        + """
from rapid_client import _import_hook
_import_hook.provide_awslambdaric()
try:
    import awslambdaric.bootstrap
except ModuleNotFoundError as exc:
    print(exc)
"""
    )
    assert run(code, "-S") == "No module named 'awslambdaric.bootstrap'"


def test_real_awslambdaric_wins(tmp_path: Path, run: Callable[..., str]) -> None:
    """An installed awslambdaric is found first."""
    package = tmp_path / "awslambdaric"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "lambda_context.py").write_text("LambdaContext = 'the real one'\n")
    code = f"""
from rapid_client import _import_hook
_import_hook.provide_awslambdaric()
sys.path.insert(0, {str(tmp_path)!r})
from awslambdaric.lambda_context import LambdaContext
print(LambdaContext)
"""
    assert run(code) == "the real one"


def test_finders_stay_quiet_for_other_tools(run: Callable[..., str]) -> None:
    """Walking all packages and asking for installed distributions works with both finders in place."""
    code = (
        SET_UP
        + """
_import_hook.provide_awslambdaric()
import importlib.metadata, pkgutil
list(pkgutil.iter_modules()); list(importlib.metadata.distributions())
importlib.invalidate_caches()
try:
    importlib.metadata.version("awslambdaric-is-not-here")
except importlib.metadata.PackageNotFoundError:
    print("fine")
"""
    )
    assert run(code) == "fine"


def test_the_stand_in_gives_the_classes_of_our_context(run: Callable[..., str]) -> None:
    """Where awslambdaric is not installed, its context module can be imported and holds our own classes."""
    code = """
sys.path[:] = [path for path in sys.path if "site-packages" not in path]
from rapid_client import _import_hook, context
_import_hook.provide_awslambdaric()
import awslambdaric
from awslambdaric import lambda_context
names = ("LambdaContext", "ClientContext", "Client", "CognitoIdentity")
print([getattr(lambda_context, name) is getattr(context, name) for name in names])
print(vars(awslambdaric).get("LambdaContext"), lambda_context.__name__)
try:
    import awslambdaric.bootstrap
except ModuleNotFoundError as exc:
    print(exc)
"""
    assert run(code).split("\n") == [
        "[True, True, True, True]",
        "None awslambdaric.lambda_context",
        "No module named 'awslambdaric.bootstrap'",
    ]
