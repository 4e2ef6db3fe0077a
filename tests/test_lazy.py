"""RAPID_LAZY_IMPORTS and rapid-lazy.json: which imports wait until their names are used (Python 3.15)."""

from __future__ import annotations

import json
import py_compile
import sys
import zipfile
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from tests.support import Runtime, Starter

VERSION: Final = "{}.{}".format(*sys.version_info)
needs_lazy = pytest.mark.skipif(
    sys.version_info < (3, 15), reason=f"lazy imports need Python 3.15, this is {VERSION}"
)
#: The answer to an event are those modules of its names that are loaded.
HANDLER: Final = """
import sys
import dep

def handler(event, context):
    if event == "use":
        return dep.use()
    if event == "children":
        import subprocess
        code = "import app, sys; print('colorsys' in sys.modules)"
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()
    return [name for name in event if name in sys.modules]
"""
DEP: Final = """
import colorsys
import sched
from stringprep import in_table_a1
from . import near
from .far import VALUE
try:
    import this_is_nowhere
except ImportError:
    this_is_nowhere = None

def use():
    return [colorsys.__name__, in_table_a1.__name__, near.__name__, VALUE]
"""
NAMES: Final = ["dep", "colorsys", "sched", "stringprep", "dep.near", "dep.far"]


@pytest.fixture
def function(start: Starter) -> Starter:
    """Return what starts a function with a package `dep`."""
    folder = start.write("", "unused.py") / "dep"
    folder.mkdir()
    for name, source in (("__init__", DEP), ("near", ""), ("far", "VALUE = 5\n")):
        (folder / f"{name}.py").write_text(source)
    return start


def listed(start: Starter, edges: dict[str, list[str]], **more: Any) -> None:
    """Put a list into the function's package."""
    content = {"schema": 1, "python": VERSION, "distributions": {}, "edges": edges, **more}
    start.write(json.dumps(content), "rapid-lazy.json")


def installed(start: Starter, folder: str) -> None:
    """Install a package's metadata into the function's package."""
    path = start.write("", "unused.py") / folder
    path.mkdir()
    (path / "METADATA").write_text("")


def warnings(runtime: Runtime) -> list[str]:
    """Return what the log says at level WARN."""
    return [line for line in runtime.log if "WARN" in line]


@needs_lazy
def test_listed_imports_wait_until_they_are_used(function: Starter) -> None:
    """What the list names is loaded with the first use, what it does not name at once."""
    listed(function, {"dep": ["colorsys", "stringprep", "dep", "dep.far"], "other": ["sched"]})
    runtime = function(HANDLER)

    assert runtime.call(NAMES) == ["dep", "sched"]
    assert runtime.call("use") == ["colorsys", "in_table_a1", "dep.near", 5]
    assert runtime.call(NAMES) == NAMES
    assert warnings(runtime) == []


@needs_lazy
def test_only_the_listed_importer_waits(function: Starter) -> None:
    """The same import is eager in another module."""
    listed(function, {"dep": ["colorsys"]})

    assert function("import colorsys\n" + HANDLER).call(NAMES) == NAMES


@needs_lazy
def test_a_module_says_itself_what_waits(function: Starter) -> None:
    """`lazy import` and a module's own `__lazy_modules__` hold, with a list and with the rule."""
    listed(function, {"dep": ["colorsys"], "mine": ["colorsys"]})
    function.write("__lazy_modules__ = ['sched']\nimport colorsys, sched\n", "mine.py")
    source = "import sys, mine, keyword_\ndef handler(event, context):\n"
    function.write("lazy import stringprep\n", "keyword_.py")
    source += "    return [name for name in event if name in sys.modules]\n"

    for value in ("package", "safe"):
        assert function(source, RAPID_LAZY_IMPORTS=value).call(NAMES) == ["colorsys"]


@needs_lazy
@pytest.mark.parametrize("kind", ["on-demand", "provisioned-concurrency", "lambda-managed-instances"])
def test_nothing_waits_ahead_of_traffic(function: Starter, kind: str) -> None:
    """There laziness would only move work into the first request."""
    listed(function, {"dep": ["colorsys"]})
    runtime = function(HANDLER, AWS_LAMBDA_INITIALIZATION_TYPE=kind, RAPID_LAZY_IMPORTS="safe")

    assert ("colorsys" in runtime.call(NAMES)) == (kind != "on-demand")


@needs_lazy
def test_off(function: Starter) -> None:
    """The switch goes before the list."""
    listed(function, {"dep": ["colorsys"]})

    assert function(HANDLER, RAPID_LAZY_IMPORTS="off").call(NAMES) == NAMES


@needs_lazy
def test_the_rule(function: Starter) -> None:
    """The standard library waits, other packages do not, nor what a module imports that looks inside."""
    assert function(HANDLER, RAPID_LAZY_IMPORTS="safe").call(NAMES) == ["dep", "dep.near", "dep.far"]

    function.write("import colorsys, sched\nNAMES = list(globals())\n", "inside.py")
    source = "import sys, inside\ndef handler(event, context):\n"
    source += "    return [name for name in event if name in sys.modules]\n"
    assert function(source, RAPID_LAZY_IMPORTS="safe").call(NAMES) == ["colorsys", "sched"]


@needs_lazy
def test_the_rule_goes_by_the_modules_own_code(function: Starter) -> None:
    """What `exec` runs in its namespace does not speak for it, and does not wait."""
    function.write("exec('import colorsys')\nimport sched\n", "inside.py")
    source = "import sys, inside\ndef handler(event, context):\n"
    source += "    return [name for name in event if name in sys.modules]\n"

    assert function(source, RAPID_LAZY_IMPORTS="safe").call(NAMES) == ["colorsys", "sched"]


@needs_lazy
def test_the_rule_leaves_modules_of_the_function_that_shadow_standard_ones(function: Starter) -> None:
    """The function's own `sched` may do anything."""
    function.write("import builtins\nbuiltins.LOADED = True\n", "sched.py")
    source = "import builtins, sched\ndef handler(event, context):\n    return hasattr(builtins, 'LOADED')\n"

    assert function(source, RAPID_LAZY_IMPORTS="safe").call() is True


@needs_lazy
@pytest.mark.parametrize("name", ["unittest", "tracemalloc", "unittest.mock"])
def test_what_the_rule_leaves_eager(function: Starter, name: str) -> None:
    """Modules that do more than define names."""
    source = f"import {name}\nimport sys\ndef handler(event, context):\n    return {name!r} in sys.modules\n"

    assert function(source, RAPID_LAZY_IMPORTS="safe").call() is True


@needs_lazy
def test_the_list_counts_beside_the_rule(function: Starter) -> None:
    """What the list names waits with the rule, too."""
    listed(function, {"dep": ["dep.far"]})

    assert function(HANDLER, RAPID_LAZY_IMPORTS="safe").call(NAMES) == ["dep", "dep.near"]


@needs_lazy
@pytest.mark.parametrize("value", ["package", "safe"])
def test_children_inherit_nothing(function: Starter, value: str) -> None:
    """A process that the function starts imports as ever."""
    listed(function, {"dep": ["colorsys"]})

    assert function(HANDLER, RAPID_LAZY_IMPORTS=value).call("children") == "True"


@needs_lazy
@pytest.mark.parametrize("value", ["package", "safe"])
def test_modules_of_a_zip_file(function: Starter, value: str) -> None:
    """One loader serves all modules of a zip file; each has its own list."""
    listed(function, {"zipped": ["colorsys"]})
    path = function.task / "modules.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zipped.py", "import colorsys\n")
        archive.writestr("beside.py", "import sched\n")
    source = f"import sys\nsys.path.insert(0, {str(path)!r})\nimport zipped, beside\n"
    source += "def handler(event, context):\n    return [name for name in event if name in sys.modules]\n"

    assert function(source, RAPID_LAZY_IMPORTS=value).call(NAMES) == {"package": ["sched"], "safe": []}[value]


@needs_lazy
def test_a_name_that_cannot_be_had(function: Starter) -> None:
    """It raises what the import would have raised; the log has the import's own line, and what to do."""
    listed(function, {"dep": ["colorsys"]})
    function.write(
        "from colorsys import no_such_name\ndef use():\n    return no_such_name\n", "dep/__init__.py"
    )
    runtime = function(HANDLER)
    error = runtime.fail("use")

    assert error["errorType"] == "ImportError"
    assert "cannot import name 'no_such_name' from 'colorsys'" in error["errorMessage"]
    log = runtime.stdout.replace("\r", "\n")
    assert "from colorsys import no_such_name" in log.replace("\xa0", " ")
    assert "rapid package --lazy --event FILE" in log
    assert "RAPID_LAZY_IMPORTS=off" in log


@needs_lazy
@pytest.mark.parametrize(("value", "remedy"), [("safe", "RAPID_LAZY_IMPORTS=package"), ("package", "")])
def test_a_name_that_nothing_of_ours_made_wait(function: Starter, value: str, remedy: str) -> None:
    """The rule has a remedy of its own; an author's own `lazy import` has none of ours."""
    keyword = {"safe": "", "package": "lazy "}[value]
    listed(function, {"other": ["colorsys"]})
    function.write(
        f"{keyword}from colorsys import no_such_name\ndef use():\n    return no_such_name\n",
        "dep/__init__.py",
    )
    runtime = function(HANDLER, RAPID_LAZY_IMPORTS=value)

    assert runtime.fail("use")["errorType"] == "ImportError"
    assert remedy in runtime.stdout
    assert "rapid package --lazy" not in runtime.stdout


@needs_lazy
def test_versions_that_match(function: Starter) -> None:
    """Names of packages are compared as the package index does it."""
    installed(function, "Two_Words-1.5.dist-info")
    listed(function, {"dep": ["colorsys"]}, distributions={"two-words": "1.5"})
    runtime = function(HANDLER)

    assert "colorsys" not in runtime.call(NAMES)
    assert warnings(runtime) == []


@needs_lazy
@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"python": "3.99"}, f"it is for Python 3.99 (form 1), and this is {VERSION} (1)"),
        ({"schema": 2}, f"it is for Python {VERSION} (form 2), and this is {VERSION} (1)"),
        (
            {"distributions": {"shop": "2.0"}},
            "it is for shop 2.0, which is 1.5 now; package the function again",
        ),
        ({"distributions": {"nowhere": "1"}}, "it is for nowhere 1, which is not there now; package"),
        ({"edges": ["dep"]}, "it cannot be read (AttributeError: "),
        ({"edges": {"dep": 5}}, "it cannot be read (TypeError: "),
    ],
)
def test_a_list_that_does_not_match(function: Starter, content: dict[str, Any], why: str) -> None:
    """One line says what differs, and all imports are eager."""
    installed(function, "shop-1.5.dist-info")
    listed(function, **{"edges": {"dep": ["colorsys"]}, **content})
    runtime = function(HANDLER)

    assert runtime.call(NAMES) == NAMES
    (line,) = warnings(runtime)
    assert f"rapid_client: the imports that rapid-lazy.json lists are not lazy: {why}" in line


@needs_lazy
def test_a_list_that_cannot_be_opened(function: Starter) -> None:
    """A folder in its place is a line of the log, and no reason for init to fail."""
    (function.write("", "unused.py") / "rapid-lazy.json").mkdir()
    runtime = function(HANDLER)

    assert runtime.call(NAMES) == NAMES
    (line,) = warnings(runtime)
    assert "it cannot be read (IsADirectoryError: " in line


@needs_lazy
@pytest.mark.parametrize("name", ["winreg", "msvcrt"])
def test_the_rule_lets_a_module_of_another_system_fail_at_once(function: Starter, name: str) -> None:
    """Who suppresses the error goes on without it, as before."""
    source = (
        f"from contextlib import suppress\n{name} = None\nwith suppress(ImportError):\n    import {name}\n"
    )
    source += f"HERE = {name} is not None\ndef handler(event, context):\n    return HERE\n"

    assert function(source, RAPID_LAZY_IMPORTS="safe").call() is False


@needs_lazy
def test_what_fails_fails_again(function: Starter) -> None:
    """Each invocation that needs the name tries again; whatever was raised, the log has the import's line."""
    listed(function, {"app": ["broken"]})
    function.write("raise ValueError('boom')\n", "broken.py")
    runtime = function("import broken\ndef handler(event, context):\n    return broken.VALUE\n")

    assert [runtime.fail()["errorType"] for _ in range(2)] == ["ValueError"] * 2
    log = runtime.stdout.replace("\xa0", " ")
    assert log.count("    import broken") == 2
    assert log.count("RAPID_LAZY_IMPORTS=off") == 2


@needs_lazy
@pytest.mark.parametrize("sources", [True, False], ids=["sources", "no sources"])
@pytest.mark.parametrize("body", ["import nowhere\n", "{}['TABLE']\n"], ids=["import error", "other error"])
def test_the_remedy_is_logged(function: Starter, body: str, sources: bool) -> None:
    """CPython names the import in a cause or in a note; without sources the module's file is its bytecode."""
    listed(function, {"needs": ["broken"]})
    function.write(body, "broken.py")
    folder = function.write("import broken\ndef value():\n    return broken.VALUE\n", "needs.py")
    if not sources:
        py_compile.compile(str(folder / "needs.py"), str(folder / "needs.pyc"), doraise=True)
        (folder / "needs.py").unlink()
    runtime = function("import needs\ndef handler(event, context):\n    return needs.value()\n")

    runtime.fail()
    assert "this import waited until its name was used; " in runtime.stdout.replace("\xa0", " ")


@needs_lazy
def test_bytecode_without_a_source_and_trusted_bytecode(function: Starter) -> None:
    """Other loaders of Python code hand out lists as well."""
    listed(function, {"only": ["colorsys"]})
    folder = function.write("import colorsys\n", "only.py")
    source = "import only, sys\ndef handler(event, context):\n    return 'colorsys' in sys.modules\n"
    assert function(source, RAPID_TRUST_PYC="1").call() is False

    py_compile.compile(str(folder / "only.py"), str(folder / "only.pyc"), doraise=True)
    (folder / "only.py").unlink()
    assert function(source).call() is False


@needs_lazy
def test_imports_in_functions_are_as_ever(function: Starter) -> None:
    """Only those of a module's own level wait."""
    listed(function, {"app": ["colorsys"]})
    source = "import sys\ndef handler(event, context):\n    import colorsys\n"

    assert function(source + "    return 'colorsys' in sys.modules\n").call() is True


@needs_lazy
def test_a_list_that_is_no_json(function: Starter) -> None:
    """It is a line of the log, in its format."""
    function.write("{", "rapid-lazy.json")
    runtime = function(HANDLER, AWS_LAMBDA_LOG_FORMAT="JSON")

    assert runtime.call(NAMES) == NAMES
    (record,) = map(json.loads, warnings(runtime))
    assert record["level"] == "WARNING"
    assert "it cannot be read" in record["message"]


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="this Python has lazy imports")
def test_the_rule_on_an_older_python(function: Starter) -> None:
    """One line says that it cannot be."""
    runtime = function(HANDLER, RAPID_LAZY_IMPORTS="safe")

    assert runtime.call(NAMES) == NAMES
    (line,) = warnings(runtime)
    assert f"RAPID_LAZY_IMPORTS='safe' needs Python 3.15 or newer, and this is {VERSION}" in line


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="this Python has lazy imports")
def test_the_list_on_an_older_python(function: Starter) -> None:
    """It is not looked at."""
    function.write("{", "rapid-lazy.json")
    runtime = function(HANDLER)

    assert runtime.call(NAMES) == NAMES
    assert warnings(runtime) == []


def test_without_a_list_nothing_of_it_is_loaded(function: Starter) -> None:
    """Who uses none of it does not pay for it."""
    assert function(HANDLER).call(["rapid_client._lazy", "rapid_client._faults"]) == []
