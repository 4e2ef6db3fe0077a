"""RAPID_TRUST_PYC=1: bytecode beside its source counts by the size alone, and nothing else changes."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import re
import shutil
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support import Starter

#: What the bytecode of `dep` says, and what its source does: of one size, so that one can tell which ran.
COMPILED, WRITTEN = "VALUE = 'compiled'\n", "VALUE = 'written!'\n"
HANDLER = """
import sys, dep
def handler(event, context):
    if event == 'reload':
        import importlib
        importlib.reload(dep)
    if event == 'modules':
        return [name for name in sys.modules if name.startswith('rapid_client.')]
    return dep.VALUE
"""
#: A tool's hook: modules of this folder say that it was here.
TOOL = """
import sys
from importlib.machinery import FileFinder, SourceFileLoader
class Loader(SourceFileLoader):
    def get_code(self, fullname):
        return compile("VALUE = \\"tool's\\"", self.path, "exec")
def hook(path, find=FileFinder.path_hook((Loader, [".py"]))):
    if not path.endswith("/packages"):
        raise ImportError
    return find(path)
sys.path_hooks.insert(0, hook)
sys.path_importer_cache.clear()
"""
#: Counts how often a source is compiled that cannot be, and says whether its error has no other behind it.
COUNT = """
import _frozen_importlib_external as importlib
calls = []
def counted(*args, **options):
    calls.append(args)
    raise ValueError("source code string cannot contain null bytes")
importlib.compile = counted
try:
    import broken
except ValueError as exc:
    alone = exc.__context__ is None
del importlib.compile
VALUE = [len(calls), alone]
"""
TIMED = py_compile.PycInvalidationMode.TIMESTAMP
CHECKED = py_compile.PycInvalidationMode.CHECKED_HASH


def stale(
    folder: Path, name: str = "dep", *, mode: Any = TIMED, compiled: str = COMPILED, written: str = WRITTEN
) -> Path:
    """Write a module whose bytecode was made from another text at another time; return the bytecode."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / f"{name}.py"
    source.write_text(compiled)
    os.utime(source, (1e9, 1e9))
    cached = Path(py_compile.compile(str(source), doraise=True, invalidation_mode=mode) or "")
    source.write_text(written)
    os.utime(source, (1.1e9, 1.1e9))
    return cached


def call(start: Starter, folder: Path, event: object = None, **environ: str) -> Any:
    """Run the handler with *folder* behind the task root on the path, and the switch on."""
    variables = {"RAPID_TRUST_PYC": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(folder)}
    return start(HANDLER, environ={**start.environ, **variables, **environ}).call(event)


def packages(start: Starter) -> Path:
    """Return a folder below the task root, with bytecode of a source of the same size and another time."""
    folder = start.write(HANDLER) / "packages"
    stale(folder)
    return folder


def test_the_size_is_enough(start: Starter) -> None:
    """Bytecode with another time is run; without the switch, or with 0, it is not."""
    folder = packages(start)

    assert call(start, folder) == "compiled"
    assert call(start, folder, RAPID_TRUST_PYC="0") == "written!"
    assert call(start, folder, RAPID_TRUST_PYC="") == "written!"


def test_a_reload_trusts_as_well(start: Starter) -> None:
    """`importlib.reload` goes through the same loader."""
    assert call(start, packages(start), "reload") == "compiled"


def test_another_size_is_compiled(start: Starter) -> None:
    """What a real edit leaves behind does not run."""
    folder = packages(start)
    stale(folder, written=WRITTEN + "# longer\n")

    assert call(start, folder) == "written!"


def test_another_folder_keeps_the_rule(start: Starter, tmp_path: Path) -> None:
    """Also one whose name begins as the task root's does."""
    folder = tmp_path / "tasks"
    stale(folder)

    assert call(start, folder) == "written!"


def test_a_checked_hash_is_checked(start: Starter) -> None:
    """Hash-based bytecode keeps CPython's rule."""
    folder = packages(start)
    stale(folder, mode=CHECKED)

    assert call(start, folder) == "written!"


def test_a_prefix_for_bytecode_is_no_place_to_trust(start: Starter, tmp_path: Path) -> None:
    """PYTHONPYCACHEPREFIX keeps bytecode elsewhere: the time counts there."""
    folder = packages(start)
    cached = tmp_path / "prefix" / str(folder).lstrip("/") / f"dep.{sys.implementation.cache_tag}.pyc"
    cached.parent.mkdir(parents=True)
    Path(importlib.util.cache_from_source(str(folder / "dep.py"))).rename(cached)

    assert call(start, folder, PYTHONPYCACHEPREFIX=str(tmp_path / "prefix")) == "written!"


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"\0\0\r\n" + data[4:], id="another-python"),
        pytest.param(lambda data: data[:10], id="half-a-head"),
        pytest.param(lambda data: data[:16], id="no-code"),
        pytest.param(lambda data: data[:-5], id="truncated"),
        pytest.param(lambda data: data[:16] + b"N", id="no-code-object"),
        pytest.param(lambda data: b"", id="empty"),
    ],
)
def test_damaged_bytecode_is_compiled(start: Starter, damage: Any) -> None:
    """Another Python's, a truncated one, one without code."""
    folder = packages(start)
    cached = stale(folder)
    cached.write_bytes(damage(cached.read_bytes()))

    assert call(start, folder) == "written!"


def test_namespace_packages_and_zip_files_import_as_ever(start: Starter) -> None:
    """A namespace package is found below the task root and its module trusted; a zip file is imported."""
    folder = packages(start)
    stale(folder / "space", "inner")
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.writestr("zipped.py", "VALUE = 'zipped'\n")
    (folder / "dep.py").write_text("import space.inner, zipped\nVALUE = [space.inner.VALUE, zipped.VALUE]\n")

    assert call(start, folder, PYTHONPATH=f"{folder}:{folder}/all.zip") == ["compiled", "zipped"]


def test_bytecode_is_written_where_it_may_be(start: Starter) -> None:
    """As ever, with the source's own time."""
    folder = packages(start)
    cached = stale(folder, written=WRITTEN + "# longer\n")

    assert call(start, folder, PYTHONDONTWRITEBYTECODE="") == "written!"

    assert int.from_bytes(cached.read_bytes()[8:12], "little") == 1_100_000_000


def test_a_prefix_inside_the_folder_is_no_place_either(start: Starter) -> None:
    """What PYTHONPYCACHEPREFIX names may lie below the sources: not beside them is not beside them."""
    folder = packages(start)
    cached = folder / "prefix" / str(folder).lstrip("/") / f"dep.{sys.implementation.cache_tag}.pyc"
    cached.parent.mkdir(parents=True)
    Path(importlib.util.cache_from_source(str(folder / "dep.py"))).rename(cached)

    assert call(start, folder, PYTHONPYCACHEPREFIX=str(folder / "prefix")) == "written!"


@pytest.mark.parametrize("root", [".", "../task", "./packages/..", ""])
def test_a_relative_task_root(start: Starter, root: str) -> None:
    """It is taken from the current directory, however it is spelt."""
    assert call(start, packages(start), LAMBDA_TASK_ROOT=root) == "compiled"


def test_a_relative_entry_of_the_path(start: Starter) -> None:
    """It counts as the folder that it names."""
    packages(start)

    runtime = start(
        HANDLER.replace("sys, dep", "sys; sys.path.insert(0, 'packages'); import dep"),
        environ={**start.environ, "RAPID_TRUST_PYC": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )

    assert runtime.call() == "compiled"


def test_links_count_as_they_are_named(start: Starter, tmp_path: Path) -> None:
    """A task root that is a link is one; files are named through it; its target is another folder."""
    folder = packages(start)
    link = tmp_path / "link"
    link.symlink_to(start.task)
    stale(folder, compiled="VALUE = __file__\n", written="VALUE = 'source'\n")

    through = call(start, link / "packages", LAMBDA_TASK_ROOT=str(link))

    assert through == f"{link}/packages/dep.py"
    assert call(start, folder, LAMBDA_TASK_ROOT=str(link)) == "source"


def test_extension_modules_import_as_ever(start: Starter) -> None:
    """One below the task root is loaded from its file."""
    folder = packages(start)
    existing = next(Path(sysconfig.get_config_var("DESTSHARED")).glob("*.so"))
    shutil.copy(existing, folder / existing.name.replace(existing.name.partition(".")[0], "copied"))
    probe = "from importlib.machinery import PathFinder\nspec = PathFinder.find_spec('copied')\n"
    (folder / "dep.py").write_text(probe + "VALUE = type(spec.loader).__name__\n")

    assert call(start, folder) == "ExtensionFileLoader"


def test_hooks_of_tools_stay_in_front(start: Starter) -> None:
    """A path hook that was there before, from sitecustomize for one, is asked before ours."""
    folder = packages(start)
    (folder / "sitecustomize.py").write_text(TOOL)

    assert call(start, folder) == "tool's"


def test_the_hook_for_logging_works_with_it(start: Starter) -> None:
    """`logging` is set up when a trusted module imports it."""
    folder = packages(start)
    text = "import logging; logging.warning('from dep'); VALUE = 1\n"
    stale(folder, compiled=text, written=text.replace("1", "2"))
    environ = {"RAPID_TRUST_PYC": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(folder)}

    runtime = start(HANDLER, environ={**start.environ, **environ})

    assert runtime.call() == 1
    assert re.fullmatch(r"\[WARNING\]\t[^\t]*Z\t\tfrom dep\n", runtime.stdout)


def test_a_source_that_cannot_be_compiled_is_compiled_once(start: Starter) -> None:
    """Null bytes are a ValueError up to Python 3.11.3, as damaged bytecode is: it is raised as it comes."""
    folder = packages(start)
    (folder / "broken.py").write_text("x = 1\n")
    (folder / "dep.py").write_text(COUNT)

    assert call(start, folder) == [1, True]


def test_who_does_not_ask_loads_nothing(start: Starter) -> None:
    """One module with the switch, none without."""
    folder = packages(start)
    without = call(start, folder, "modules", RAPID_TRUST_PYC="0", RAPID_HINTS="0")

    assert set(call(start, folder, "modules")) - set(without) == {"rapid_client._bytecode"}
