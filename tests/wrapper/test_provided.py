"""The layer for OS-only runtimes: how its `bootstrap` starts, through wrappers and other Pythons as well."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.site_support import VERSIONS, interpreters, pyenv_versions
from tests.wrapper import wrappers
from tests.wrapper.namespace import PYTHON, ROOT, compile_package
from tests.wrapper.provided import BOOTSTRAP

if TYPE_CHECKING:
    from tests.wrapper.provided import Provided

VARIABLES: Final = ("AWS_LAMBDA_EXEC_WRAPPER", "RAPID_EXEC_WRAPPER")
EXECUTABLE: Final = f"/opt/rapid/bin/{PYTHON}"
LIBRARY: Final = f"/opt/rapid/lib/{PYTHON}"
PACKAGES: Final = f"{LIBRARY}/site-packages"
PROBE: Final = """
import os, sys

def handler(event, context):
    import rapid_client
    return {
        "path": sys.path,
        "command": [sys.executable, *sys.orig_argv[1:]],
        "prefix": [sys.prefix, sys.base_prefix],
        "no_site": sys.flags.no_site,
        "wrapped": os.environ.get("WRAPPED"),
        "package": rapid_client.__file__,
        "encodings": [sys.stdout.encoding, sys.stderr.encoding, sys.getfilesystemencoding()],
        "environ": dict(os.environ),
        "pid": os.getpid(),
    }
"""

# -- as it is --


def test_start(provided: Provided) -> None:
    """Lambda's process is the interpreter; what we bring is last on the path, the runtime in the library."""
    runtime = provided.run(PROBE)

    found = runtime.call({})
    assert found["command"] == [EXECUTABLE, "-S", BOOTSTRAP]
    assert found["pid"] == runtime.process.pid
    assert found["path"][:3] == ["/var/task", f"/opt/python/lib/{PYTHON}/site-packages", "/opt/python"]
    assert found["path"][-1] == PACKAGES
    assert found["path"].count(LIBRARY) == 1
    assert found["package"].startswith(f"{LIBRARY}/rapid_client/__init__.py")
    assert "PYTHONPATH" not in found["environ"]
    assert "AWS_EXECUTION_ENV" not in found["environ"]
    assert runtime.stderr == ""


@pytest.mark.parametrize("site", ["0", "1"])
@pytest.mark.parametrize("path", [None, "/var/task:/opt/somewhere"])
def test_path_with_start_up_files(provided: Provided, path: str | None, site: str) -> None:
    """What `.pth` files name comes before what we bring, with and without ``-S``, and PYTHONPATH stays."""
    provided.write("task/x.pth", "/opt/far\n")
    provided.write("opt/far/there.py", "")
    provided.write(f"opt/rapid/lib/{PYTHON}/site-packages/ours.pth", "/opt/near\n")
    provided.write("opt/near/there.py", "")

    found = provided.run(PROBE, environ={"PYTHONPATH": path, "RAPID_SITE": site}).call({})

    assert found["no_site"] == 1 - int(site)
    assert found["path"][-1] == PACKAGES
    assert found["path"].count(PACKAGES) == 1
    assert {"/opt/far", "/opt/near"} <= set(found["path"])
    assert found["environ"].get("PYTHONPATH") == path
    if path is not None:
        assert found["path"][:2] == path.split(":")


@pytest.mark.parametrize("switches", [{}, {"RAPID_SITE": "1"}, {"PYTHONSAFEPATH": "1"}])
@pytest.mark.parametrize("path", [None, "/var/task"])
def test_rapid_client_of_the_function(
    provided: Provided, path: str | None, switches: dict[str, str | None]
) -> None:
    """A rapid_client among the function's packages is not what runs, wherever PYTHONPATH leads."""
    provided.write("task/rapid_client/__init__.py", "raise SystemExit('the wrong one')\n")

    found = provided.run(PROBE, environ={"PYTHONPATH": path, **switches}).call({})

    assert found["package"].startswith(LIBRARY)
    assert found["path"][0] == "/var/task"
    assert found["path"].count(LIBRARY) == 1


@pytest.mark.parametrize("place", ["task", "opt/python"])
def test_orjson_of_the_function(provided: Provided, place: str) -> None:
    """An older orjson of the function's wins over ours."""
    provided.write(f"{place}/orjson.py", "from json import *\n__version__ = '1.0'\n")
    source = "import orjson\ndef handler(event, context):\n    return orjson.__version__\n"

    assert provided.run(source).call({}) == "1.0"


@pytest.mark.parametrize(
    "environ",
    [
        {"LANG": "C"},
        {"LANG": None},
        {"LANG": "C", "LC_ALL": "C"},
        {"LANG": "en_US.UTF-8"},
        {"LC_ALL": "POSIX"},
    ],
)
def test_encoding(provided: Provided, environ: dict[str, str | None]) -> None:
    """Standard output is UTF-8 in every locale that there may be (PEP 538, PEP 540)."""
    runtime = provided.run("def handler(event, context):\n    print('\\u20ac')\n", environ=environ)

    runtime.call({})
    assert runtime.stdout == "\u20ac\n"
    assert set(provided.run(PROBE, environ=environ).call({})["encodings"]) == {"utf-8"}


SPAWN: Final = """
import multiprocessing, sys

def work(queue):
    import rapid_client, snapshot_restore_py
    queue.put([sys.path, rapid_client.__file__])

def handler(event, context):
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    process = context.Process(target=work, args=(queue,))
    process.start()
    found = queue.get()
    process.join()
    return [found, sys.path]
"""


@pytest.mark.parametrize("wrapped", [False, True])
def test_spawned_process(provided: Provided, wrapped: bool) -> None:
    """A process that multiprocessing spawns does not start the runtime, and has the function's path."""
    pytest.importorskip("snapshot_restore_py")
    path = provided.write("opt/wrap", wrappers.PLAIN, 0o755)

    found, path = provided.run(SPAWN, environ={VARIABLES[0]: path if wrapped else None}).call({})

    assert found[0] == path
    assert found[1].startswith(LIBRARY)


# -- through a wrapper --


@pytest.mark.parametrize("site", ["0", "1"])
@pytest.mark.parametrize("variable", VARIABLES)
def test_wrapper(provided: Provided, variable: str, site: str) -> None:
    """The wrapper gets interpreter, ``-S`` and a script, and all but the command line is as without."""
    path = provided.write("opt/wrap", wrappers.PLAIN, 0o755)
    plain = provided.run(PROBE, environ={"RAPID_SITE": site}).call({})

    runtime = provided.run(PROBE, environ={variable: path, "RAPID_SITE": site})

    found = runtime.call({})
    options = ["-S"] if site == "0" else []
    assert found["command"] == [EXECUTABLE, *options, "/opt/rapid/start.py"]
    assert found["wrapped"] == " ".join(found["command"])
    for name in ("path", "prefix", "no_site", "package", "encodings"):
        assert found[name] == plain[name]
    assert runtime.stderr == ""


def test_wrapper_that_inserts_options(provided: Provided) -> None:
    """Options that are inserted before the last argument reach the interpreter."""
    path = provided.write("opt/wrap", wrappers.INSERTING, 0o755)

    found = provided.run(PROBE, environ={VARIABLES[0]: path}).call({})

    assert found["command"] == [EXECUTABLE, "-S", "-X", "dev", "/opt/rapid/start.py"]


@pytest.mark.parametrize("arguments", [[], ["app.handler"]])
def test_wrapper_that_replaces_the_handler(provided: Provided, arguments: list[str]) -> None:
    """A wrapper finds the handler in `_HANDLER`, also one of the command line, and may replace it."""
    path = provided.write("opt/wrap", wrappers.EXPORTING, 0o755)
    provided.write("opt/instrument/instrumented.py", wrappers.INSTRUMENTED)
    provided.write("opt/instrument/sitecustomize.py", wrappers.CUSTOM)
    handler = "nothing.at_all" if arguments else "app.handler"

    found = provided.run(PROBE, *arguments, environ={VARIABLES[0]: path}, handler=handler).call({})

    assert found[0] is True
    assert found[1]["environ"]["ORIG_HANDLER"] == "app.handler"


def test_wrapper_that_starts_a_child(provided: Provided) -> None:
    """A wrapper may start the runtime as a child; the wrapper is started once."""
    path = provided.write("opt/wrap", wrappers.CHILD, 0o755)

    assert provided.run(PROBE, environ={VARIABLES[0]: path}).call({})["wrapped"].endswith("start.py")


def test_wrapper_without_a_first_line(provided: Provided) -> None:
    """A script without `#!` is run by a shell, as AWS's bootstrap does it."""
    path = provided.write("opt/wrap", 'WRAPPED=yes exec "$@"\n', 0o755)

    assert provided.run(PROBE, environ={VARIABLES[0]: path}).call({})["wrapped"] == "yes"


@pytest.mark.parametrize("variable", VARIABLES)
def test_empty_variable(provided: Provided, variable: str) -> None:
    """An empty variable is none."""
    assert provided.run(PROBE, environ={variable: ""}).call({})["command"][-1] == BOOTSTRAP


def test_both_variables(provided: Provided) -> None:
    """AWS's own variable comes first; an empty one leaves it to ours."""
    path = provided.write("opt/wrap", wrappers.PLAIN, 0o755)
    both: dict[str, str | None] = {VARIABLES[0]: path, VARIABLES[1]: "/opt/missing"}

    assert provided.run(PROBE, environ=both).call({})["wrapped"]
    assert provided.run(PROBE, environ={VARIABLES[0]: "", VARIABLES[1]: path}).call({})["wrapped"]


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("/opt/missing", 127, "/opt/missing: does not exist"),
        ("/opt", 127, "/opt: does not exist"),
        ("/opt/plain", 126, "/opt/plain: is not an executable"),
        ("/opt/broken", 126, "/opt/broken: cannot be executed: No such file or directory"),
        (BOOTSTRAP, 126, f"{BOOTSTRAP}: is bootstrap itself; name what is to start it"),
    ],
)
def test_wrapper_that_cannot_be_started(
    provided: Provided, variable: str, name: str, code: int, text: str
) -> None:
    """What cannot be started ends it with AWS's exit code and one line with its name."""
    provided.write("opt/plain", wrappers.PLAIN)
    provided.write("opt/broken", "#!/no/such/interpreter\n", 0o755)

    runtime = provided.run(PROBE, environ={variable: name})

    assert runtime.exit_code() == code
    assert (runtime.stdout, runtime.stderr) == ("", f"bootstrap: {variable}: {text}\n")


# -- another interpreter --


def another() -> str:
    """Return the interpreter that the layer was made of."""
    return str(Path(sys.base_prefix) / "bin" / PYTHON)


@pytest.mark.parametrize("wrapped", [False, True])
def test_other_interpreter(provided: Provided, wrapped: bool) -> None:
    """RAPID_PYTHON names another interpreter of the layer's version, which gets what we bring, last."""
    pytest.importorskip("snapshot_restore_py")
    environ: dict[str, str | None] = {"RAPID_PYTHON": another()}
    if wrapped:
        environ[VARIABLES[0]] = provided.write("opt/wrap", wrappers.PLAIN, 0o755)

    runtime = provided.run(PROBE.replace("import os", "import snapshot_restore_py, os"), environ=environ)

    found = runtime.call({})
    assert found["command"] == [another(), "-S", "/opt/rapid/start.py"]
    assert found["prefix"] == [sys.base_prefix] * 2
    assert found["package"].startswith(LIBRARY)
    assert found["path"][-2:] == [LIBRARY, PACKAGES]
    assert runtime.stderr == ""


@pytest.mark.parametrize("site", ["0", "1"])
def test_interpreter_on_the_path(provided: Provided, site: str) -> None:
    """A name without a slash is looked up on PATH."""
    (provided.opt / "bin").mkdir()
    (provided.opt / "bin" / "snake").symlink_to(another())

    found = provided.run(PROBE, environ={"RAPID_PYTHON": "snake", "RAPID_SITE": site}).call({})

    assert found["command"][0] == "/opt/bin/snake"
    assert found["no_site"] == 1 - int(site)


@pytest.mark.parametrize("value", ["", EXECUTABLE])
def test_own_interpreter(provided: Provided, value: str) -> None:
    """An empty RAPID_PYTHON, or the layer's own interpreter, starts nothing anew."""
    assert provided.run(PROBE, environ={"RAPID_PYTHON": value}).call({})["command"][-1] == BOOTSTRAP


@pytest.mark.parametrize("value", ["/nowhere/python", "nowhere", "/opt", "/opt/rapid/start.py"])
def test_interpreter_that_is_not_there(provided: Provided, value: str) -> None:
    """A RAPID_PYTHON that is no program is named in one line."""
    runtime = provided.run(PROBE, environ={"RAPID_PYTHON": value})

    assert runtime.exit_code() == 127
    assert runtime.stderr == (
        f"bootstrap: RAPID_PYTHON={value} cannot be executed; name Python 3.11 or newer in RAPID_PYTHON\n"
    )


def test_interpreter_that_is_no_program(provided: Provided) -> None:
    """A RAPID_PYTHON that the kernel refuses is named in one line, with what the kernel says."""
    python = provided.write("task/python", "neither a program nor a script", 0o755)
    runtime = provided.run(PROBE, environ={"RAPID_PYTHON": python})

    assert runtime.exit_code() == 127
    assert runtime.stderr == (
        "bootstrap: RAPID_PYTHON=/var/task/python cannot be executed: Exec format error;"
        " name Python 3.11 or newer in RAPID_PYTHON\n"
    )


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.10", *VERSIONS])
def test_interpreter_of_another_version(provided: Provided, version: str) -> None:
    """A Python of another version than the layer's says so in one line, whatever syntax it knows."""
    if f"python{version}" == PYTHON:
        pytest.skip("that is the layer's version")
    old = sorted(pyenv_versions().glob(f"{version}.*/bin/python"))
    known = interpreters().get(version)
    if not old and known is None:
        pytest.skip(f"there is no Python {version} on this machine")
    python = str(known.executable if known else old[0])

    runtime = provided.run(PROBE, environ={"RAPID_PYTHON": python})

    assert runtime.exit_code() == 1
    reason = "it needs Python 3.11 or newer" if version not in VERSIONS else "No module named 'rapid_client'"
    assert runtime.stderr == (
        f"rapid_client: Python {version} ({python}) cannot load the runtime in /opt/rapid/lib: {reason};"
        " name a Python of the layer's version in RAPID_PYTHON\n"
    )


# -- what managed runtimes have --

MISSING: Final = {
    "at import": "import boto3\n",
    "a part at import": "import botocore.config\n",
    "in the handler": "def handler(event, context):\n    import boto3\n",
    "in a library": (
        "def handler(event, context):\n    try:\n        import botocore\n"
        "    except ImportError as exc:\n        raise RuntimeError('no client') from exc\n"
    ),
}
REMEDY: Final = "rapid layer build --with boto3"


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
@pytest.mark.parametrize("name", MISSING)
def test_missing_boto3(provided: Provided, name: str, log_format: str) -> None:
    """The log names the remedy for a missing boto3 or botocore, in its format; the report is as ever."""
    runtime = provided.run(MISSING[name], environ={"AWS_LAMBDA_LOG_FORMAT": log_format})

    report = runtime.init_error() if "import" in name else runtime.fail({})
    module = "boto3" if "boto3" in MISSING[name] else "botocore"
    assert REMEDY not in json.dumps(report)
    assert "requirements.txt" not in json.dumps(report)
    (line,) = [line for line in runtime.log if REMEDY in line]
    parts = json.loads(line)["notes"] if log_format == "JSON" else line.split("\r")
    (told,) = [part for part in parts if REMEDY in part]
    assert f"AWS's managed runtimes have {module}, this runtime has not" in told


@pytest.mark.parametrize(
    "source",
    [
        "import another\n",
        "import importlib.no_boto3\n",
        "raise ImportError('boto3', name='boto3')\n",
        "raise ValueError('boto3')\n",
    ],
)
def test_something_else_is_missing(provided: Provided, source: str) -> None:
    """Other failures get no such advice."""
    runtime = provided.run(source)

    runtime.init_error()
    assert REMEDY not in runtime.stdout


# -- the package in another layout --


@pytest.mark.parametrize("wrapped", [False, True])
def test_bootstrap_of_an_own_layer(provided: Provided, wrapped: bool) -> None:
    """A layer that somebody makes of the project's `bootstrap` and its bytecode honours wrappers, too."""
    own = provided.folder / "own"
    own.mkdir()
    compile_package(own)
    shutil.copy2(ROOT / "bootstrap", own)
    wrapper = provided.write("opt/wrap", wrappers.INSERTING, 0o755) if wrapped else None

    found = provided.start(
        PROBE, str(own / "bootstrap"), environ={"RAPID_PYTHON": EXECUTABLE, VARIABLES[0]: wrapper}
    ).call({})

    script = [str(own / "bootstrap")]
    if wrapped:
        script = ["-X", "dev", str(own / "rapid_client" / "__main__.pyc")]
    assert found["command"] == [EXECUTABLE, "-S", *script]
    assert found["package"] == str(own / "rapid_client" / "__init__.pyc")
    assert found["path"][0] == "/var/task"
    assert found["path"][-1] == str(own)
