"""A managed runtime with the wrapper is what it is without: the same function, through both clients."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

import pytest

from rapid_client.local import MockSettings
from tests.differential import normal
from tests.wrapper.managed import SWITCH, WRAPPER
from tests.wrapper.namespace import PYTHON

if TYPE_CHECKING:
    from tests.wrapper.managed import Managed

OURS: Final = "/opt/rapid/lib"
#: All that a function can see of its process; what differs on purpose is left out.
PROBE: Final = """
import sys
modules = sorted(sys.modules)
import builtins, locale, os, time

def handler(event, context):
    return {
        "path": list(dict.fromkeys(sys.path)),
        "marks": getattr(sys, "marks", []),
        "environ": {name: value for name, value in os.environ.items()
                    if name not in ("AWS_LAMBDA_EXEC_WRAPPER", "AWS_LAMBDA_RUNTIME_API")},
        "cwd": os.getcwd(),
        "executable": [sys.executable, sys.prefix, sys.exec_prefix, sys.base_prefix],
        "encodings": [
            sys.stdout.encoding, sys.stdout.errors, sys.stderr.encoding, sys.stderr.errors,
            sys.stdin.encoding, sys.stdin.errors,
            sys.getfilesystemencoding(), locale.getpreferredencoding(False), locale.setlocale(locale.LC_ALL),
        ],
        "times": [time.tzname, time.timezone],
        "flags": {name: getattr(sys.flags, name) for name in dir(sys.flags)
                  if not name.startswith("_") and name not in ("no_site", "count", "index", "n_fields",
                  "n_sequence_fields", "n_unnamed_fields")},
        "xoptions": sys._xoptions,
        "warnings": sys.warnoptions,
        "builtins": [name for name in ("exit", "quit", "help") if hasattr(builtins, name)],
        "argv": len(sys.argv),
    }
"""
ENVIRONMENTS: Final[dict[str, dict[str, str | None]]] = {
    "usual": {},
    "PYTHONPATH": {"PYTHONPATH": "/var/task/vendor:/opt/somewhere"},
    "PYTHONPATH with the task": {"PYTHONPATH": "/var/task:/var/runtime"},
    "empty PYTHONPATH": {"PYTHONPATH": ""},
    "PYTHONSAFEPATH": {"PYTHONSAFEPATH": "1"},
    "PYTHONSAFEPATH and PYTHONPATH": {"PYTHONSAFEPATH": "1", "PYTHONPATH": "/var/task"},
    "LANG=C": {"LANG": "C"},
    "LC_ALL=POSIX": {"LC_ALL": "POSIX"},
    "no LANG": {"LANG": None},
    "LANG=C.UTF-8": {"LANG": "C.UTF-8"},
    "PYTHONUTF8": {"PYTHONUTF8": "1"},
    "PYTHONIOENCODING": {"PYTHONIOENCODING": "latin-1:replace"},
    "PYTHONWARNINGS": {"PYTHONWARNINGS": "ignore::DeprecationWarning"},
    "TZ": {"TZ": "Europe/Berlin"},
    "HOME": {"HOME": "/nowhere"},
    "RAPID_SITE": {"RAPID_SITE": "1"},
}


def assert_alike(official: dict[str, Any], ours: dict[str, Any]) -> None:
    """Check that both probes are equal, but for what we bring, at the end of the path."""
    assert ours["path"].pop() == OURS
    assert ours == official


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_process(managed: Managed, name: str) -> None:
    """`sys.path`, environment, locale, encodings, time zone and flags are those of the managed client."""
    managed.write("opt/python/x.pth", "import sys; sys.marks = [*getattr(sys, 'marks', []), 'opt']\n")
    managed.write(f"opt/python/lib/{PYTHON}/site-packages/x.pth", "/opt/far\n")
    managed.write("opt/far/far_away.py", "")
    managed.write("task/x.pth", "import sys; sys.marks = [*getattr(sys, 'marks', []), 'task']\n")

    official, ours = managed.both(PROBE, ENVIRONMENTS[name])

    assert_alike(official, ours)
    if name == "usual":
        assert official["marks"] == ["task", "opt"]
        assert official["environ"]["PYTHONPATH"] == "/var/runtime"
        assert official["environ"]["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{PYTHON}"


def test_start_up_modules_of_layers(managed: Managed) -> None:
    """`sitecustomize` and `usercustomize` on PYTHONPATH run, as OpenTelemetry's and Datadog's layers need."""
    for name in ("sitecustomize", "usercustomize"):
        text = f"import sys; sys.marks = [*getattr(sys, 'marks', []), {name!r}]\n"
        managed.write(f"opt/custom/{name}.py", text)

    official, ours = managed.both(PROBE, {"PYTHONPATH": "/opt/custom", "HOME": "/var/task"})

    assert_alike(official, ours)
    assert official["marks"][0] == "sitecustomize"


def test_packages_of_the_runtime(managed: Managed) -> None:
    """What AWS has in its site-packages and in /var/runtime can be imported, and a layer's wins over it."""
    source = (
        "import boto3, of_the_runtime, sys\n"
        "def handler(event, context):\n"
        "    return [boto3.__version__, boto3.__file__, of_the_runtime.__file__]\n"
    )

    official, ours = managed.both(source)
    assert ours == official
    assert ours[0] == "of the runtime"

    managed.write("opt/python/boto3.py", "__version__ = 'of a layer'\n")
    official, ours = managed.both(source)
    assert ours == official
    assert ours[0] == "of a layer"


ORJSON: Final = """
import orjson

def handler(event, context):
    return [orjson.__file__, orjson.__version__]
"""


def test_our_orjson(managed: Managed) -> None:
    """orjson, which AWS does not have, is ours."""
    pytest.importorskip("orjson")

    found = managed.through(WRAPPER, ORJSON).call({})

    assert found[0].startswith(f"{OURS}/orjson/")


@pytest.mark.parametrize("place", ["task", "opt/python", f"opt/python/lib/{PYTHON}/site-packages"])
def test_orjson_of_the_function(managed: Managed, place: str) -> None:
    """An orjson of the function's or of a layer's, an older one, wins over ours."""
    managed.write(f"{place}/orjson.py", "from json import *\n__version__ = '1.0'\n")

    assert managed.through(WRAPPER, ORJSON).call({})[1] == "1.0"


@pytest.mark.parametrize("environ", [{}, {"PYTHONPATH": "/var/task"}, {"PYTHONSAFEPATH": "1"}])
def test_rapid_client_of_the_function(managed: Managed, environ: dict[str, str | None]) -> None:
    """A rapid_client among the function's packages is not what runs."""
    managed.write("task/rapid_client/__init__.py", "raise SystemExit('the wrong one')\n")
    source = "def handler(event, context):\n    import rapid_client\n    return rapid_client.__file__\n"

    assert managed.through(WRAPPER, source, environ).call({}) == f"{OURS}/rapid_client/__init__.pyc"


FUNCTIONS: Final = {
    "answers": (
        "def handler(event, context):\n    print('h\\u00e9')\n"
        "    return {**event, 'more': [1.5, None, '\\u00e9']}\n"
    ),
    "raises": "def handler(event, context):\n    raise ValueError('no')\n",
    "raises from": (
        "def inner():\n    return {}['k']\n"
        "def handler(event, context):\n    try:\n        inner()\n"
        "    except KeyError as exc:\n        raise RuntimeError('outer') from None\n"
    ),
    "cannot be encoded": "def handler(event, context):\n    return {1, 2}\n",
    "no handler": "def another(event, context):\n    pass\n",
    "import fails": "import not_there\n",
    "boto3 of the runtime lacks something": "import boto3.not_there\n",
    "botocore is missing": "import botocore\n",
    "syntax": "def x(:\n",
    "module raises": "raise OSError('at import')\n",
    "logs": (
        "import logging\nlogging.getLogger().setLevel(logging.INFO)\n"
        "def handler(event, context):\n"
        "    logging.getLogger('x').info('hello %s', 1)\n    logging.warning('careful')\n"
        "    context.log('by the context\\n')\n"
    ),
}


#: What awslambdaric says of its own runtime where AWS has none for this Python yet.
PREVIEW: Final = "This is a preview runtime version"


def told(stdout: str, log_format: str) -> list[Any]:
    """Return the lines of a log without what one side says: the cause of an import error, a preview."""
    lines = [line for line in stdout.split("\n") if PREVIEW not in line]
    if log_format == "Text":
        return [line.partition("\rCaused by: ")[0].rstrip("\r") for line in lines]
    records = [json.loads(line) if line.startswith("{") else line for line in lines]
    return [{**record, "causes": None} if isinstance(record, dict) else record for record in records]


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_answers_and_logs(managed: Managed, name: str, log_format: str) -> None:
    """Answers, error reports, logs and the way it ends are the managed client's."""
    official, ours = managed.answers(FUNCTIONS[name], {"AWS_LAMBDA_LOG_FORMAT": log_format})

    assert ours.posts == official.posts
    assert told(ours.stdout, log_format) == told(official.stdout, log_format)
    assert ours.exit_code == official.exit_code
    assert (ours.stderr, official.stderr) == ("", "")


def test_telemetry_descriptor(managed: Managed) -> None:
    """The descriptor for framed logs reaches our client through the shell, and its variable nobody else."""
    source = (
        "import logging, os\ndef handler(event, context):\n"
        "    logging.error('x')\n    return list(os.environ)\n"
    )
    found = []
    for wrapper in (None, WRAPPER):
        path = managed.folder / f"frames-{wrapper is None}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
        try:
            environ = {"_LAMBDA_TELEMETRY_LOG_FD": str(descriptor)}
            names = managed.through(wrapper, source, environ, pass_fds=[descriptor]).call({}, request_id="r")
        finally:
            os.close(descriptor)
        assert "_LAMBDA_TELEMETRY_LOG_FD" not in names
        frames = normal.frames(path.read_bytes())
        found.append([(kind, message) for kind, message in frames if PREVIEW not in message])

    assert found[0] == found[1] != []


def test_handler_in_a_folder(managed: Managed) -> None:
    """`_HANDLER` may name a module in a sub-folder, with slashes."""
    managed.write("task/src/deep/fn.py", "def handle(event, context):\n    return __name__\n")

    assert managed.both("", handler="src/deep/fn.handle") == ["src.deep.fn", "src.deep.fn"]


def test_seam_for_sentry(managed: Managed) -> None:
    """`__main__` has what Sentry's integration looks for."""
    source = (
        "import __main__\ndef handler(event, context):\n"
        "    return callable(__main__.bootstrap.handle_event_request)\n"
    )

    assert managed.through(WRAPPER, source).call({}) is True


SPAWN: Final = """
import multiprocessing, sys

def work(queue):
    import orjson, rapid_client
    queue.put([sys.path, orjson.__file__, rapid_client.__file__])

def handler(event, context):
    spawn = multiprocessing.get_context("spawn")
    queue = spawn.SimpleQueue()
    process = spawn.Process(target=work, args=(queue,))
    process.start()
    found = queue.get()
    process.join()
    return [found, sys.path]
"""


def test_spawned_process(managed: Managed) -> None:
    """A process that multiprocessing spawns has the function's path, and with it what we bring."""
    pytest.importorskip("orjson")

    found, path = managed.through(WRAPPER, SPAWN).call({})

    assert found[0] == path
    assert found[1].startswith(f"{OURS}/orjson/")
    assert found[2] == f"{OURS}/rapid_client/__init__.pyc"


HOOKS: Final = """
import snapshot_restore_py

snapshot_restore_py.register_before_snapshot(print, "before")
snapshot_restore_py.register_after_restore(print, "after")

def handler(event, context):
    return snapshot_restore_py.__file__
"""


@pytest.mark.parametrize("place", ["the runtime's", "ours", "the function's"])
def test_snapstart(managed: Managed, place: str) -> None:
    """SnapStart's hooks run around `/restore/next`, whosever snapshot_restore_py has registered them."""
    settings = MockSettings(snapstart=True)
    environ: dict[str, str | None] = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
    expected = f"/var/lang/lib/{PYTHON}/site-packages/snapshot_restore_py.py"
    if place == "ours":
        # Nobody else has it: a .pth file of the function's takes AWS's from the path.
        managed.write(
            "task/x.pth", "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n"
        )
        expected = f"{OURS}/snapshot_restore_py.py"
    elif place == "the function's":
        source = (managed.opt / "rapid/lib/snapshot_restore_py.py").read_text(encoding="utf-8")
        managed.write("task/snapshot_restore_py.py", source)
        expected = "/var/task/snapshot_restore_py.py"

    runtime = managed.through(WRAPPER, HOOKS, environ, settings=settings)

    assert runtime.call({}).startswith(expected)
    assert runtime.log == ["before", "after"]
    assert [path for path in runtime.paths() if "restore" in path] == ["GET restore/next"]


def test_it_is_ours_that_runs(managed: Managed) -> None:
    """With the variable set our client runs, in the interpreter and process that Lambda started."""
    source = (
        "import os, sys\ndef handler(event, context):\n"
        "    return ['awslambdaric.bootstrap' in sys.modules, sys.executable, os.getpid(), os.environ.get('"
        f"{SWITCH}'), sys.flags.no_site]\n"
    )

    official, ours = managed.through(None, source), managed.through(WRAPPER, source)

    python = f"/var/lang/bin/{PYTHON}"
    assert official.call({}) == [True, python, official.process.pid, None, 0]
    assert ours.call({}) == [False, python, ours.process.pid, WRAPPER, 1]
