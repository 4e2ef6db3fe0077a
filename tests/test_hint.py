"""The one line that says what init has lost to compiling; RAPID_HINTS=0 hides it, and so does a log level."""

from __future__ import annotations

import json
import os
import py_compile
import re
import shutil
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from rapid_client.local import MockSettings
from tests.site_support import VERSIONS, interpreter, run
from tests.support import Starter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Takes several times what is worth a hint to compile, on any machine.
BIG: Final = "".join(
    f"def f{i}(a, b=None, *c, **d):\n    return [a + {i}, (b or {{}}).get('k{i}'), c[{i % 7}:], d]\n"
    for i in range(1500)
)
HANDLER: Final = "import big\n\ndef handler(event, context):\n    return 'done'\n"
#: Says what is loaded then, and what the import system compiles with.
SHOW: Final = """
import sys, _frozen_importlib_external
def handler(event, context):
    ours = [name for name in sys.modules if name.startswith("rapid_client.")]
    return ours, "compile" in vars(_frozen_importlib_external)
"""
LINE: Final = re.compile(
    r"\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t\t"
    r"rapid_client: init took \d+ ms to compile (\d) modules ([^\n]*); RAPID_HINTS=0 hides this line\n"
)
STALE: Final = (
    "whose .pyc files are stale: set RAPID_TRUST_PYC=1, or package the function with `rapid package`"
)
MISSING: Final = "that have no valid .pyc files: package the function with `rapid package`"


@pytest.fixture
def starter(tmp_path: Path, child_environ: dict[str, str]) -> Iterator[Starter]:
    """Return what starts `bootstrap` where no bytecode can be written, as on Lambda; `big` is there."""
    environ = {**child_environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with Starter("bootstrap", tmp_path, environ) as starter:
        starter.write(BIG, "big.py")
        yield starter


def stale(starter: Starter) -> None:
    """Compile `big` and give its source another time."""
    source = starter.task / "big.py"
    kept = starter.folder / "kept.pyc"
    py_compile.compile(str(source), str(kept), doraise=True)
    os.utime(source, (1e9, 1e9))
    # `Starter` removes the bytecode of the task root whenever it writes a module.
    folder = starter.task / "packages"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "__pycache__").mkdir(parents=True)
    shutil.move(source, folder / "big.py")
    tag = sys.implementation.cache_tag
    kept.rename(folder / "__pycache__" / f"big.{tag}.pyc")


def served(starter: Starter, source: str = HANDLER, **variables: str) -> str:
    """Return what two invocations have left on standard output."""
    packages = f"{starter.task}/packages:{starter.environ['PYTHONPATH']}"
    runtime = starter(source, environ={"PYTHONPATH": packages, **variables})
    for _ in range(2):
        assert runtime.call() == "done"
    assert runtime.stderr == ""
    return runtime.stdout


# -- what it says --


def test_one_line_names_what_was_lost(starter: Starter) -> None:
    """How many modules, how long, and what to do; once, whatever is invoked afterwards."""
    found = LINE.fullmatch(served(starter))

    assert found
    assert found.groups() == ("2", MISSING)


def test_stale_bytecode_can_be_trusted(starter: Starter) -> None:
    """Where bytecode of the right size is there, the switch is named; with it nothing is said."""
    stale(starter)

    found = LINE.fullmatch(served(starter))

    assert found
    assert found.groups() == ("2", STALE)
    assert served(starter, RAPID_TRUST_PYC="1") == ""


def test_bytecode_of_another_size_is_none(starter: Starter) -> None:
    """What the switch would not help is not helped by naming it."""
    stale(starter)
    with (starter.task / "packages" / "big.py").open("a") as file:
        file.write("# longer\n")

    found = LINE.fullmatch(served(starter))

    assert found
    assert found.groups() == ("2", MISSING)


def test_json(starter: Starter) -> None:
    """In the JSON format it is one object of level WARNING."""
    record = json.loads(served(starter, AWS_LAMBDA_LOG_FORMAT="JSON"))

    assert (record["level"], record["logger"], record["requestId"]) == ("WARNING", "root", "")
    assert re.fullmatch(rf"rapid_client: .* 2 modules {MISSING}; RAPID_HINTS=0 .*", record["message"])


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
@pytest.mark.parametrize("imports", ["", "import logging\n"])
def test_the_function_that_logs_gets_the_same(starter: Starter, imports: str, log_format: str) -> None:
    """Whether `logging` is loaded makes no difference but its own import."""
    printed = served(starter, imports + HANDLER, AWS_LAMBDA_LOG_FORMAT=log_format)

    if log_format == "JSON":
        assert list(json.loads(printed)) == ["timestamp", "level", "message", "logger", "requestId"]
    else:
        assert LINE.fullmatch(printed)


@pytest.mark.parametrize("imports", ["", "import logging\n"])
@pytest.mark.parametrize("level", ["ERROR", "fatal"])
def test_a_level_above_hides_it(starter: Starter, imports: str, level: str) -> None:
    """AWS_LAMBDA_LOG_LEVEL counts, in any case of letters."""
    assert served(starter, imports + HANDLER, AWS_LAMBDA_LOG_LEVEL=level) == ""


@pytest.mark.parametrize("level", ["WARN", "INFO", "TRACE"])
def test_a_level_below_shows_it(starter: Starter, level: str) -> None:
    """It is a warning."""
    assert LINE.fullmatch(served(starter, AWS_LAMBDA_LOG_LEVEL=level))


def test_the_function_s_own_level_counts(starter: Starter) -> None:
    """Who asks `logging` for less gets less."""
    source = "import logging\nlogging.getLogger().setLevel('ERROR')\n" + HANDLER

    assert served(starter, source) == ""


def test_the_switch(starter: Starter) -> None:
    """RAPID_HINTS=0 hides it; 1 and an empty value are the default."""
    assert served(starter, RAPID_HINTS="0") == ""
    assert LINE.fullmatch(served(starter, RAPID_HINTS="1"))
    assert LINE.fullmatch(served(starter, RAPID_HINTS=""))


@pytest.mark.parametrize("kind", ["on-demand", "provisioned-concurrency", "snap-start"])
def test_every_kind_of_start(starter: Starter, kind: str) -> None:
    """Whoever waits for init, it is lost."""
    settings = MockSettings(snapstart=kind == "snap-start")
    runtime = starter(HANDLER, settings=settings, environ={"AWS_LAMBDA_INITIALIZATION_TYPE": kind})

    assert runtime.call() == "done"
    assert LINE.fullmatch(runtime.stdout)


def test_over_the_descriptor_it_is_a_frame(starter: Starter) -> None:
    """Where the platform takes the log, the line goes there with its level."""
    reader, writer = os.pipe()
    try:
        variables = {"_LAMBDA_TELEMETRY_LOG_FD": str(writer), "AWS_LAMBDA_LOG_FORMAT": "JSON"}
        runtime = starter(HANDLER, pass_fds=[writer], environ=variables)
        assert runtime.call() == "done"
        frame = os.read(reader, 65536)
    finally:
        os.close(reader)
        os.close(writer)

    assert frame[:4] == bytes.fromhex("a55a0012")
    assert json.loads(frame[16:])["level"] == "WARNING"
    assert runtime.stdout == ""


# -- what it leaves alone --


def test_who_has_bytecode_loads_nothing_for_it(starter: Starter) -> None:
    """No module of ours more than without hints, and the import system is as it was."""
    folder = starter.task / "packages"
    folder.mkdir()
    (folder / "shown.py").write_text(SHOW)
    py_compile.compile(str(folder / "shown.py"), doraise=True)
    environ = {"PYTHONPATH": f"{folder}:{starter.environ['PYTHONPATH']}"}

    with_hints = starter("", handler="shown.handler", environ=environ).call()

    without = starter("", handler="shown.handler", environ={**environ, "RAPID_HINTS": "0"}).call()
    assert with_hints == without
    assert not with_hints[1]


def test_what_was_written_is_not_lost_again(starter: Starter) -> None:
    """Where the bytecode can be kept, as on one's own machine, nothing is said."""
    assert served(starter, PYTHONDONTWRITEBYTECODE="") == ""


def test_a_failed_init_says_only_why(starter: Starter) -> None:
    """The error is what counts then."""
    runtime = starter("import big\nraise RuntimeError('no')\n")

    assert runtime.init_error()["errorMessage"] == "no"
    assert "compile" not in runtime.stdout


@pytest.mark.parametrize(
    "broken", [b"x = (\n", b"x = 1\n\0\n", b"x = '\xff'\n"], ids=["syntax", "null", "encoding"]
)
def test_tracebacks_are_as_ever(starter: Starter, broken: bytes) -> None:
    """A source that cannot be compiled shows no frame of ours."""
    (starter.task / "broken.py").write_bytes(broken)
    source = """
import traceback
try:
    import broken
except Exception:
    text = traceback.format_exc()
def handler(event, context):
    return text
"""
    shown: Any = starter(source).call()

    assert shown == starter(source, environ={"RAPID_HINTS": "0"}).call()
    assert "frozen" not in shown
    assert "rapid_client" not in shown


def test_the_function_s_logging_is_not_touched(starter: Starter) -> None:
    """No handler is added, none is asked: its formatter may need what the line lacks. Its level counts."""
    source = """
import logging, sys
root = logging.getLogger()
root.handlers.clear()
%s
import big
def handler(event, context):
    assert len(root.handlers) == %d
    return "done"
"""
    needy = "root.addHandler(logging.StreamHandler(sys.stdout))\n"
    needy += "root.handlers[0].setFormatter(logging.Formatter('%(trace_id)s'))"

    assert LINE.fullmatch(served(starter, source % ("", 0)))
    assert LINE.fullmatch(served(starter, source % (needy, 1)))
    assert served(starter, source % ("root.setLevel('ERROR')", 0)) == ""


def test_a_path_that_is_no_text(starter: Starter) -> None:
    """A loader of the function's own may name its source by a path object: init goes on."""
    stale(starter)
    source = """
import pathlib
from importlib.machinery import SourceFileLoader
path = pathlib.Path(__file__).with_name("packages") / "big.py"
SourceFileLoader("big", path).get_code("big")
def handler(event, context):
    return "done"
"""
    found = LINE.fullmatch(served(starter, source))

    assert found
    assert found[2] == STALE


def test_a_loader_of_a_tool_s_own(starter: Starter) -> None:
    """One that derives from the source loader and calls its method is seen, and one that compiles works."""
    source = """
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
class Calling(SourceFileLoader):
    def source_to_code(self, data, path, *rest, **options):
        return super().source_to_code(data, path, *rest, **options)
class Compiling(SourceFileLoader):
    def source_to_code(self, data, path, *rest, **options):
        return compile(b"VALUE = 'own'", path, "exec")
def load(loader):
    spec = spec_from_loader(loader.name, loader)
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module
load(Calling("big", __file__.replace("app", "big")))
assert load(Compiling("own", __file__)).VALUE == "own"
def handler(event, context):
    return "done"
"""
    assert LINE.fullmatch(served(starter, source))


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_every_python(starter: Starter, version: str) -> None:
    """It is the same on each version that this machine has."""
    python = interpreter(version).executable
    runtime = starter(HANDLER, python=python)
    assert runtime.call() == "done"
    assert LINE.fullmatch(runtime.stdout)

    run([python, "-m", "compileall", "-q", "-f", "big.py"], starter.environ, cwd=starter.task)
    pyc = next((starter.task / "__pycache__").iterdir())
    folder = starter.task / "packages" / "__pycache__"
    folder.mkdir(parents=True)
    shutil.move(pyc, folder / pyc.name)
    shutil.move(starter.task / "big.py", folder.parent / "big.py")
    os.utime(folder.parent / "big.py", (1e9, 1e9))
    environ = {"PYTHONPATH": f"{folder.parent}:{starter.environ['PYTHONPATH']}"}
    runtime = starter(HANDLER, python=python, environ=environ)
    assert runtime.call() == "done"
    assert STALE in runtime.stdout
    runtime = starter(HANDLER, python=python, environ={**environ, "RAPID_TRUST_PYC": "1"})
    assert runtime.call() == "done"
    assert runtime.stdout == ""
