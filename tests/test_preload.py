"""`preload` leaves what import statements leave, takes no bytecode that they would not, and is silent."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pytest

from rapid_client import COLD_PATH
from tests.site_support import OURS, VERSIONS, Interpreter, interpreter, run
from tests.test_layering import PACKAGE, imports, ours

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

ENVIRON: Final = {"PATH": os.defpath, "LANG": "C.UTF-8"}
EVERYTHING: Final = ["_site", *COLD_PATH]
# Tells on one line what the process has of ours after the statements before it.
TELL: Final = """
import json, sys
def tell(module):
    spec, loader = module.__spec__, module.__loader__
    functions = [value for value in vars(module).values() if hasattr(value, "__code__")]
    return {
        "names": sorted(vars(module)),
        "module": [module.__name__, module.__package__, module.__file__, getattr(module, "__cached__", "")],
        "spec": [spec.name, spec.origin, spec.cached, spec.parent, spec.has_location],
        "loader": [type(loader).__name__, loader.name, loader.path, loader is spec.loader],
        "places": [spec.submodule_search_locations, hasattr(module, "__path__")],
        "code": sorted({function.__code__.co_filename for function in functions
                        if function.__module__ == module.__name__}),
        "parent": getattr(sys.modules["rapid_client"], module.__name__.partition(".")[2]) is module,
    }
print(json.dumps({name.partition(".")[2]: tell(module) for name, module in sorted(sys.modules.items())
                  if name.startswith("rapid_client.")}))
"""
PRELOAD: Final = "import rapid_client\nrapid_client.preload('_site')\n"
IMPORT: Final = "import rapid_client._runtime, rapid_client._site\n"


class Tree:
    """A copy of the package with bytecode for one interpreter."""

    def __init__(self, base: Interpreter, folder: Path) -> None:
        self.base, self.folder, self.package = base, folder, folder / "rapid_client"

    def compile(self, *options: str, python_options: tuple[str, ...] = ()) -> None:
        """Compile all modules anew."""
        command = ["-m", "compileall", "-q", "-f", *options, "rapid_client"]
        done = run([self.base.executable, *python_options, *command], ENVIRON, cwd=self.folder)
        assert done.returncode == 0, done.stderr

    def copy(self, folder: Path) -> Tree:
        """Return a copy in *folder*, times and all."""
        shutil.copytree(self.package, folder / "rapid_client")
        return Tree(self.base, folder)

    def bytecode(self, name: str) -> Path:
        """Return the compiled file of the module *name*."""
        return next((self.package / "__pycache__").glob(f"{name}.*.pyc"))

    def run(self, code: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run *code* under ``-S``, in the folder of the package, without writing bytecode."""
        command: list[str | Path] = [self.base.executable, "-S", "-B", *options, "-c", code]
        return run(command, ENVIRON, cwd=self.folder)

    def told(self, code: str, *options: str) -> dict[str, dict[str, Any]]:
        """Return what the modules of ours are after *code*."""
        done = self.run(code + TELL, *options)
        assert done.returncode == 0, done.stderr
        modules: dict[str, dict[str, Any]] = json.loads(done.stdout)
        return modules


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Tree]:
    """Return a function that gives the tree of a version, compiled once for all tests."""

    @cache
    def make(version: str) -> Tree:
        tree = Tree(interpreter(version), tmp_path_factory.mktemp("compiled"))
        shutil.copytree(PACKAGE, tree.package, ignore=shutil.ignore_patterns("__pycache__", "local"))
        tree.compile()
        return tree

    return make


@pytest.fixture(params=VERSIONS)
def each_tree(request: pytest.FixtureRequest, compiled: Callable[[str], Tree], tmp_path: Path) -> Tree:
    """Return a `Tree` for each supported Python that this machine has."""
    return compiled(request.param).copy(tmp_path)


@pytest.fixture
def tree(compiled: Callable[[str], Tree], tmp_path: Path) -> Tree:
    """Return a `Tree` for the Python that runs the tests: for what does not depend on the version."""
    return compiled(OURS).copy(tmp_path)


# -- what it leaves --


def test_modules_are_as_import_statements_leave_them(each_tree: Tree) -> None:
    """All that starts, no more and no less, with the same names, attributes, specs, loaders and places."""
    preloaded = each_tree.told(PRELOAD)

    assert preloaded == each_tree.told(IMPORT)
    assert set(preloaded) == set(EVERYTHING)


def test_what_was_imported_before_is_left_alone(tree: Tree) -> None:
    """A module that is loaded stays the one it is, also if preload is called twice."""
    code = "import rapid_client._config as before, sys\n" + PRELOAD + "first = dict(sys.modules)\n" + PRELOAD
    done = tree.run(code + "print(sys.modules['rapid_client._config'] is before, first == sys.modules)\n")

    assert done.stdout == "True True\n", done.stderr


def test_order() -> None:
    """Each module of the list imports, when it is loaded, only those in front of it."""
    for place, name in enumerate(COLD_PATH):
        needed = {ours(found.target) for found in imports(PACKAGE / f"{name}.py") if found.at_module_level}
        assert needed - {None, "__init__"} <= set(COLD_PATH[:place]), name


def test_tools_work(tree: Tree) -> None:
    """Sources are found, modules can be reloaded, and what is pickled is found again."""
    code = """
import importlib, inspect, pickle
from rapid_client import _handler, errors
assert "def split" in inspect.getsource(_handler.split)
assert inspect.getfile(errors.FaultError) == errors.__file__
error = pickle.loads(pickle.dumps(errors.ConfigError("one")))
assert type(error) is errors.ConfigError and error.args == ("one",)
old = errors.ConfigError
assert importlib.reload(errors) is errors and errors.ConfigError is not old
"""
    done = tree.run(PRELOAD + code)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("state", ["enable", "disable"])
def test_garbage_collection(each_tree: Tree, state: str) -> None:
    """It is on afterwards if it was before, will not look at what was loaded, and `gc` is not imported."""
    code = f"""
import gc, sys
gc.{state}()
del sys.modules["gc"]
{PRELOAD}
print("gc" in sys.modules, gc.isenabled(), gc.get_freeze_count() > 1000)
import gc as again
print(again.isenabled(), again.get_count()[0] < 500)
"""
    done = each_tree.run(code)

    enabled = state == "enable"
    assert done.stdout == f"False {enabled} True\n{enabled} True\n", done.stderr


# -- which bytecode it takes --


@pytest.mark.parametrize("options", [["-O"], ["-OO"], ["-X", "pycache_prefix=cache"]])
def test_other_places_of_bytecode(tree: Tree, options: list[str]) -> None:
    """Options that change where bytecode is change it here."""
    tree.compile(python_options=tuple(options))

    preloaded = tree.told(PRELOAD, *options)

    assert set(preloaded) == set(EVERYTHING)
    assert preloaded == tree.told(IMPORT, *options)


def damage_magic(tree: Tree) -> None:
    """Make it another interpreter's."""
    file = tree.bytecode("_handler")
    file.write_bytes(b"\0\0\0\0" + file.read_bytes()[4:])


def damage_end(tree: Tree) -> None:
    """Cut it short."""
    file = tree.bytecode("_handler")
    file.write_bytes(file.read_bytes()[:200])


def remove(tree: Tree) -> None:
    """Remove the bytecode."""
    tree.bytecode("_handler").unlink()


def touch(tree: Tree) -> None:
    """Give the source another time."""
    os.utime(tree.package / "_handler.py", (1, 1))


def lengthen(tree: Tree) -> None:
    """Change the source, and not its time."""
    source = tree.package / "_handler.py"
    before = source.stat()
    with source.open("a", encoding="utf-8") as file:
        file.write("CHANGED = True\n")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))


def check_hash(tree: Tree) -> None:
    """Compile for a check by hash, which is the import system's."""
    tree.compile("--invalidation-mode", "checked-hash")


@pytest.mark.parametrize("damage", [damage_magic, remove, touch, lengthen, check_hash])
def test_bytecode_that_does_not_count(tree: Tree, damage: Callable[[Tree], None]) -> None:
    """It stops there without a word, and the import statements make good for it."""
    damage(tree)
    front = {"_site", *COLD_PATH[: COLD_PATH.index("_handler")]}

    assert set(tree.told(PRELOAD)) == (set() if damage is check_hash else front)
    modules = tree.told(PRELOAD + IMPORT)
    assert modules == tree.told(IMPORT)
    assert ("CHANGED" in modules["_handler"]["names"]) == (damage is lengthen)


def test_bytecode_that_is_damaged(tree: Tree) -> None:
    """It is left to the import statement to say so, in its own words."""
    damage_end(tree)

    assert "_protocol" in tree.told(PRELOAD)
    quick, slow = tree.run(PRELOAD + IMPORT), tree.run(IMPORT)

    assert (quick.returncode, slow.returncode) == (1, 1)
    assert quick.stderr.splitlines()[-1] == slow.stderr.splitlines()[-1]


@pytest.mark.parametrize(("option", "counts"), [("default", True), ("never", True), ("always", False)])
def test_bytecode_without_a_check(tree: Tree, option: str, counts: bool) -> None:
    """What was compiled not to be checked counts whatever the source is, unless the option says otherwise."""
    tree.compile("--invalidation-mode", "unchecked-hash")
    lengthen(tree)

    preloaded = tree.told(PRELOAD, "--check-hash-based-pycs", option)

    assert set(preloaded) == (set(EVERYTHING) if counts else set())
    assert not counts or "CHANGED" not in preloaded["_handler"]["names"]


def test_compiled_elsewhere(tree: Tree) -> None:
    """Tracebacks name the file where it is now."""
    moved = tree.copy(tree.folder / "elsewhere")
    shutil.rmtree(tree.package)

    preloaded = moved.told(PRELOAD)

    assert preloaded["_handler"]["code"] == [str(moved.package / "_handler.py")]
    assert preloaded == moved.told(IMPORT)


def test_zip_file(tree: Tree) -> None:
    """A package in a zip file is loaded by import statements alone."""
    archive = tree.folder / "packed.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for source in tree.package.glob("*.py"):
            file.write(source, f"rapid_client/{source.name}")
    shutil.rmtree(tree.package)
    path = f"import sys\nsys.path.insert(0, {str(archive)!r})\n"

    done = tree.run(
        path + PRELOAD + "print([name for name in sys.modules if name.startswith('rapid_client.')])"
    )

    assert done.stdout == "[]\n", done.stderr
    assert tree.run(path + PRELOAD + IMPORT).returncode == 0


@pytest.mark.parametrize("mode", ["timestamp", "unchecked-hash", "checked-hash"])
def test_bytecode_without_sources(each_tree: Tree, mode: str) -> None:
    """Bytecode that lies where the sources were, as in a layer, has nothing to be checked against."""
    each_tree.compile("-b", "--invalidation-mode", mode)
    for source in each_tree.package.glob("*.py"):
        source.unlink()
    shutil.rmtree(each_tree.package / "__pycache__")

    preloaded = each_tree.told(PRELOAD, "--check-hash-based-pycs", "always")

    assert set(preloaded) == (set() if mode == "checked-hash" else set(EVERYTHING))
    assert each_tree.told(PRELOAD + IMPORT) == each_tree.told(IMPORT)


def test_no_bytecode_at_all(tree: Tree) -> None:
    """An interpreter that keeps none imports from the sources."""
    code = "import sys\nsys.implementation.cache_tag = None\n"

    assert tree.told(code + PRELOAD) == {}
    assert tree.told(code + PRELOAD + IMPORT) == tree.told(code + IMPORT)


def test_bytecode_fits_the_room(tree: Tree) -> None:
    """Each compiled file is shorter than the buffer: a longer one would be left to the import statement."""
    assert max(tree.bytecode(name).stat().st_size for name in EVERYTHING) < 65536


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("import rapid_client; rapid_client.start(sys.argv)", {"__init__"}),
        ("import runpy; runpy.run_module('rapid_client', run_name='__main__')", {"__init__", "__main__"}),
    ],
)
def test_both_ways_to_start_preload(tree: Tree, start: str, expected: set[str]) -> None:
    """Under `bootstrap` as under `python -m`, the import system itself reads next to nothing of ours."""
    code = f"""
import sys
def note(event, arguments):  # who calls the system's open names no mode
    if event == "open" and arguments[1] and "rapid_client" in str(arguments[0]):
        print(arguments[0].rpartition("/")[2].partition(".")[0])
sys.argv = ["x", "app.handler"]
sys.addaudithook(note)
{start}
"""
    done = tree.run(code)

    assert "AWS_LAMBDA_RUNTIME_API is not set" in done.stderr
    assert set(done.stdout.split()) - {"errors"} == expected  # it ends with one
