"""`rapid profile` on functions written here: real processes, the real runtime, nothing faked."""

from __future__ import annotations

import json
import os
import py_compile
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from rapid_client.local._profile.model import own_names
from rapid_client.local._profile.recorder import Recorder
from rapid_client.local._profile.runs import ProfileRuns, Side
from rapid_client.local._runs import RunSettings
from rapid_client.local.environment import FunctionOptions

if TYPE_CHECKING:
    from pathlib import Path

APP = """
import json
import os

import valid_one, missing_one, stale_one
import round_a
import space.inner
import unused_one
import constant_one
import decimal

try:
    import broken_one
except ImportError:
    broken_one = None

import threading

def work():
    import threaded_one

thread = threading.Thread(target=work)
thread.start()
thread.join()


def rare():
    return unused_one.f()


def handler(event, context):
    "A docstring is no use of unused_one."
    import lazy_one
    if event.get("fail"):
        raise ValueError("as asked")
    return {
        "f": valid_one.f() + missing_one.f() + stale_one.f() + lazy_one.f() + round_a.f(),
        "c": constant_one.VALUE,
        "key": os.environ.get("AWS_ACCESS_KEY_ID"),
        "argv": __import__("sys").argv[1:],
        "main": __import__("sys").modules["__main__"].__name__,
    }
"""
PLAIN = "def f():\n    return 1\n"
#: The profile's fields, as docs/cold-start.md lists them.
FIELDS = {
    "schema", "handler", "python", "runs", "init_ms", "call_ms", "recorder_ms", "phases", "imports",
    "lines", "opened", "error", "notices", "advice",
}  # fmt: skip
IMPORT_FIELDS = {
    "name", "parent", "when", "file", "line", "start_ms", "own_ms", "total_ms", "body_ms", "compile_ms",
    "size", "pyc", "ok", "spread_ms", "used",
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A function whose modules have valid, missing and stale .pyc, and imports of every kind."""
    folder = tmp_path / "function"
    (folder / "space").mkdir(parents=True)
    for name in (
        "valid_one",
        "missing_one",
        "stale_one",
        "unused_one",
        "threaded_one",
        "lazy_one",
        "space/inner",
    ):
        (folder / f"{name}.py").write_text(PLAIN)
    heavy = "sum(range(3_000_000))\n"  # worth a sentence on any machine
    (folder / "constant_one.py").write_text(heavy + "VALUE = 7\n")
    (folder / "unused_one.py").write_text(heavy + PLAIN)
    (folder / "round_a.py").write_text("import round_b\n" + PLAIN)
    (folder / "round_b.py").write_text("import round_a\n" + PLAIN)
    (folder / "broken_one.py").write_text("import there_is_no_such_module\n")
    (folder / "app.py").write_text(APP)
    for name in ("valid_one", "stale_one"):
        py_compile.compile(str(folder / f"{name}.py"), doraise=True)
    os.utime(folder / "stale_one.py", (1, 1))
    return folder


def rapid(*arguments: str, extra: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "rapid_client.local.cli", "profile", *arguments]
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ |= extra or {}
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env=environ)


def profile(root: Path, *arguments: str) -> dict[str, Any]:
    """Return what `--json` writes."""
    done = rapid("app.handler", "--root", str(root), "--runs", "1", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.slow
def test_what_each_import_was(root: Path) -> None:
    """Parent, place, bytes, .pyc and moment of imports: circular, failing, in a thread, in the handler."""
    document = profile(root)
    by_name = {item["name"]: item for item in document["imports"]}
    names = [item["name"] for item in document["imports"]]
    assert set(document) == FIELDS
    assert all(set(item) == IMPORT_FIELDS for item in document["imports"])
    assert [by_name[name]["pyc"] for name in ("valid_one", "missing_one", "stale_one")] == [
        "valid", "missing", "stale",
    ]  # fmt: skip
    assert by_name["space"]["ok"]
    assert names[by_name["round_b"]["parent"]] == "round_a"
    assert not by_name["broken_one"]["ok"]
    assert names[by_name["there_is_no_such_module"]["parent"]] == "broken_one"
    assert by_name["threaded_one"]["ok"]
    assert by_name["lazy_one"]["when"] == "call"
    assert by_name["valid_one"]["when"] == "init"
    assert (by_name["unused_one"]["file"], by_name["unused_one"]["line"]) == (str(root / "app.py"), 8)
    assert by_name["missing_one"]["size"] == len(PLAIN)


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is of 3.12")
def test_what_the_events_used_and_what_is_advised(root: Path) -> None:
    """Code that ran counts as use; a name that the handler reads keeps its import from being advised."""
    document = profile(root)
    used = {item["name"]: item["used"] for item in document["imports"]}
    assert used["valid_one"] is True
    assert used["unused_one"] is False
    assert used["decimal"] is None
    texts = " ".join(item["text"] for item in document["advice"])
    assert "unused_one (app.py:8) ran no code" in texts
    assert "constant_one" not in texts  # its code never ran, but the handler reads a value of it
    assert "valid_one" not in texts


@pytest.mark.slow
def test_nothing_is_written_into_the_function(root: Path) -> None:
    """The function's folder stays as it was, so that each cold start finds the same."""
    before = sorted(path.relative_to(root) for path in root.rglob("*"))
    profile(root)
    assert sorted(path.relative_to(root) for path in root.rglob("*")) == before


@pytest.mark.parametrize("mode", ["time", "use", "lines"])
@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is of 3.12")
def test_answers_and_errors_are_as_without_the_recorder(root: Path, mode: Any) -> None:
    """Answers, errors and their stack traces are byte for byte those of a run without the recorder."""
    options = FunctionOptions(root=root, timeout=30, env={"RAPID_PIPELINE": ""})
    side = Side(root, sys.executable)
    events = [b"{}", b'{"fail": true}', b"{}"]
    with ProfileRuns(RunSettings(handler="app.handler", options=options)) as runs:
        plain = runs.start(side, "plain", events)
        recorded = runs.start(side, mode, events)
    assert recorded.recording is not None
    assert plain.recording is None
    assert [result.status for result in recorded.results] == ["response", "error", "response"]
    for one, other in zip(plain.results, recorded.results, strict=True):
        assert one.payload.replace(one.request_id.encode(), b"") == other.payload.replace(
            other.request_id.encode(), b""
        )


@pytest.mark.parametrize(
    "body",
    ["import broken_one\n", "import boom\n", "def f(:\n", "raise SystemExit(3)\n"],
    ids=["no module", "raises", "syntax", "exit"],
)
def test_a_failing_import_has_the_same_traceback_without_the_machinery(root: Path, body: str) -> None:
    """The recorder's frames do not show in an import's traceback."""
    (root / "boom.py").write_text("def deep():\n    raise RuntimeError('deep')\ndeep()\n")
    (root / "target.py").write_text(body)
    script = (
        "import sys, traceback\n"
        "try:\n    import target\n"
        "except BaseException:\n    print(traceback.format_exc())\n"
    )
    prefix = (
        "import sys, importlib.util\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import rapid_client.local._profile.recorder as r\n"
        "from _thread import get_ident\n"
        "r.get_ident = get_ident\n"
        "import traceback\n"
    )
    install = "r.Recorder('out', 'time', 'nothing').install()\n"
    texts = []
    for extra in ("pass\n", install):
        path = root.parent / "script.py"
        path.write_text(prefix + extra + script)
        done = subprocess.run(
            [sys.executable, str(path), str(root)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": "."},
        )
        texts.append(done.stdout)
        assert done.stderr == ""
    assert texts[0] == texts[1] != ""


@pytest.mark.slow
def test_the_page_needs_nothing_else_and_is_well_formed(root: Path, tmp_path: Path) -> None:
    """No script, no address, and XML can parse it."""
    page = tmp_path / "page.html"
    profile(root, "--html", str(page))
    text = page.read_text()
    assert "http:" not in text
    assert "https:" not in text
    assert "<script" not in text
    assert "url(" not in text
    tree = ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))
    assert len(tree.findall(".//details")) > 1
    assert "unused_one" in text


@pytest.mark.slow
def test_events_that_fail_are_listed_and_one_must_succeed(root: Path, tmp_path: Path) -> None:
    """A failing event is named; where none succeeds, nothing is claimed."""
    events = tmp_path / "events"
    events.mkdir()
    (events / "a.json").write_text('{"fail": true}')
    (events / "b.json").write_text("{}")
    document = profile(root, "--event", str(events))
    assert any("a.json" in notice and "as asked" in notice for notice in document["notices"])
    (events / "b.json").unlink()
    done = rapid("app.handler", "--root", str(root), "--event", str(events))
    assert done.returncode == 1
    assert "no event succeeds" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_function_that_does_not_start_is_one_line(tmp_path: Path) -> None:
    """The message has the reason."""
    (tmp_path / "app.py").write_text("raise RuntimeError('no way')\n")
    done = rapid("app.handler", "--root", str(tmp_path))
    assert done.returncode == 1
    assert "app.handler does not start" in done.stderr
    assert "no way" in done.stderr


def test_an_empty_folder_of_events_is_a_usage_error(tmp_path: Path) -> None:
    """It would prove nothing."""
    done = rapid("app.handler", "--root", str(tmp_path), "--event", str(tmp_path))
    assert done.returncode == 2
    assert "has no .json file" in done.stderr


@pytest.mark.slow
def test_no_credentials_reach_the_function_and_variables_do(tmp_path: Path) -> None:
    """Keys and profiles of this process are hidden; `--env` and `--memory` arrive; `--aws` lets keys pass."""
    (tmp_path / "app.py").write_text(
        "import os\n"
        "def handler(event, context):\n"
        "    raise ValueError([os.environ.get(name) for name in event] + [context.memory_limit_in_mb])\n"
    )
    event = '["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "OTHER"]'
    common = ("app.handler", "--root", str(tmp_path), "--event", event, "--env", "OTHER=kept")
    os_environ = {"AWS_ACCESS_KEY_ID": "real", "AWS_PROFILE": "mine"}
    hidden = rapid(*common, "--memory", "512", extra=os_environ)
    assert "'AKIDRAPIDNOTAKEY0000', None, 'kept', '512'" in hidden.stderr
    assert "'real', 'mine', 'kept', '128'" in rapid(*common, "--aws", extra=os_environ).stderr


INIT = """
import socket
try:
    socket.create_connection(("127.0.0.1", 1), 1)
except OSError:
    pass
unused = sum(
    range(3_000_000)
)
table = sum(range(3_000_000))

def handler(event, context):
    return table
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is of 3.12")
def test_work_of_module_bodies_and_what_they_open(tmp_path: Path) -> None:
    """Slow lines are listed with their place and text; only what no code reads is to be put off."""
    (tmp_path / "app.py").write_text(INIT)
    document = profile(tmp_path)
    lines = {line["line"]: line["text"] for line in document["lines"] if line["file"].endswith("app.py")}
    assert lines[10] == "table = sum(range(3_000_000))"
    assert {7, 8} & set(lines)
    parent = next(line["parent"] for line in document["lines"] if line["text"].startswith("table"))
    assert document["imports"][parent]["name"] == "app"
    place = {"file": str(tmp_path / "app.py"), "line": 4}
    assert {"kind": "connection", "target": "127.0.0.1:1", **place} in document["opened"]
    texts = " ".join(item["text"] for item in document["advice"])
    assert "reads unused" in texts
    assert "reads table" not in texts


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is of 3.12")
def test_a_loop_of_a_module_body_is_not_noted_round_by_round(tmp_path: Path) -> None:
    """The loop's time is on its lines, and what follows has its own."""
    (tmp_path / "app.py").write_text(
        "total = 0\nfor number in range(400_000):\n    total += number\nafter = sum(range(3_000_000))\n"
        "def handler(event, context):\n    return total + after\n"
    )
    lines = {line["line"]: line for line in profile(tmp_path)["lines"] if line["file"].endswith("app.py")}
    assert {2, 3} & set(lines)
    assert lines[4]["text"].startswith("after")


@pytest.mark.slow
def test_a_failing_init_shows_what_was_recorded(tmp_path: Path) -> None:
    """The document has the imports up to the failure, and the error; the exit code is 1."""
    (tmp_path / "app.py").write_text("import colorsys\nraise RuntimeError('no\\nway')\n")
    done = rapid("app.handler", "--root", str(tmp_path), "--runs", "1", "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["error"] == "app.handler does not start: RuntimeError: no way"
    assert document["init_ms"] is document["call_ms"] is None
    when = {item["name"]: item["when"] for item in document["imports"]}
    assert when["app"] == when["colorsys"] == "init"
    assert when["rapid_client._report"] == "runtime"
    assert document["advice"] == []


@pytest.mark.slow
def test_two_packages_are_compared(root: Path, tmp_path: Path) -> None:
    """A folder and a zip file of it, whose .pyc keep their state; the page is well-formed."""
    (root / "app.py").write_text(
        "import valid_one, stale_one\n\ndef handler(event, context):\n    return 1\n"
    )
    packed = tmp_path / "b.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(root / "valid_one.py", "valid_one.py")
        archive.writestr("stale_one.py", PLAIN)
        archive.write(root / "app.py", "app.py")
    page = tmp_path / "page.html"
    done = rapid(
        *("app.handler", "--root", str(root), "--runs", "1", "--json", "--html", str(page)),
        *("--compare", str(root), str(packed)),
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [side["name"] for side in document["compare"]] == [str(root), str(packed)]
    states = [
        {item["name"]: item["pyc"] for item in side["imports"] if item["name"].endswith("_one")}
        for side in document["compare"]
    ]
    assert states == [
        {"valid_one": "valid", "stale_one": "stale"},
        {"valid_one": "missing", "stale_one": "missing"},
    ]
    assert {"name", "a", "b", "spread", "difference"} == set(document["imports"][0])
    assert {"init", "first invocation", "interpreter"} <= {row["name"] for row in document["phases"]}
    ET.fromstring(page.read_text().removeprefix("<!DOCTYPE html>\n"))


def test_a_side_of_a_comparison_that_is_nothing_is_a_usage_error(tmp_path: Path) -> None:
    """The message has the value."""
    done = rapid("app.handler", "--root", str(tmp_path), "--compare", str(tmp_path), "no-such-thing")
    assert done.returncode == 2
    assert "'no-such-thing' is neither a folder, nor a zip file, nor an interpreter" in done.stderr


def test_own_modules_are_those_that_no_distribution_brought(tmp_path: Path) -> None:
    """`pip install --target` puts packages beside the function's modules."""
    for name in ("requests/__init__.py", "app.py", "six.py", "shop/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    info = tmp_path / "requests-2.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("requests/__init__.py,,\nsix.py,,\nrequests-2.dist-info/RECORD,,\n")
    assert own_names(tmp_path) == {"app", "shop"}


def test_the_recorder_imports_nothing_that_the_runtime_does_not() -> None:
    """What the recorder loaded would look free in the function."""
    file = sys.modules[Recorder.__module__].__file__
    script = (
        "import sys\nimport __future__, marshal, posix, time\nbefore = set(sys.modules)\nimport runpy_free\n"
    )
    assert file is not None
    code = script.replace(
        "import runpy_free\n", f"exec(compile(open({file!r}).read(), 'r', 'exec'), {{'__name__': 'r'}})\n"
    )
    code += "print(sorted(set(sys.modules) - before))\n"
    done = subprocess.run([sys.executable, "-S", "-I", "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
