"""What keeps the runtime light: loaded modules, ruff's list of heavy ones, system calls, allocations."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from tests.support import Starter, skip_where_site_runs
from tests.test_layering import CHEAP, COLD, DEFERRED, RUNTIME, imports, ours

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: All of ours that is loaded before the first event is asked for; each module costs 0.05 ms and more.
LOADED: Final = {
    "rapid_client",
    "rapid_client._client",
    "rapid_client._codec",
    "rapid_client._config",
    "rapid_client._handler",
    "rapid_client._import_hook",
    "rapid_client._loop",
    "rapid_client._protocol",
    "rapid_client._runtime",
    "rapid_client._site",
    "rapid_client._stdio",
    "rapid_client._wire",
    "rapid_client.context",
}
STANDARD: Final = {"__future__", "_json", "_socket"}
#: What it must never cost somebody who does not ask for it (milliseconds to import, CPython 3.13): enum 1.6,
#: functools 1.8, contextlib 2.5, typing 4.8, socket 4.9, re 5.3, json 5.8, traceback 6.5, logging 9.2, ...
HEAVY: Final = {
    *("asyncio", "collections", "contextlib", "dataclasses", "datetime", "decimal", "enum", "functools"),
    *("http", "importlib", "inspect", "io", "json", "logging", "operator", "os", "pathlib", "re", "select"),
    *("selectors", "signal", "site", "socket", "ssl", "string", "subprocess", "tempfile", "threading"),
    *("traceback", "types", "typing", "urllib", "uuid", "warnings", "weakref"),
    *("httptools", "httpx", "orjson", "snapshot_restore_py", "uvloop"),
}
SHOW: Final = """
import sys
AT_IMPORT = sorted(sys.modules)

def handler(event, context):
    return AT_IMPORT if event == "import" else sorted(sys.modules)
"""
#: What an interpreter has loaded that runs a module of nothing, with `-m` and under `-S`.
NOTHING: Final = "import sys\nprint(*sys.modules)\n"


@pytest.fixture
def light(
    request: pytest.FixtureRequest, tmp_path: Path, unmeasured_environ: dict[str, str]
) -> Iterator[Starter]:
    """Return a starter whose processes are not measured; its parameter is the way to start."""
    with Starter(request.param, tmp_path, unmeasured_environ) as starter:
        yield starter


# Modules...


@pytest.mark.parametrize("light", ["bootstrap"], indirect=True)
def test_what_bootstrap_has_loaded_before_the_first_event(light: Starter, clean_python: Path) -> None:
    """Exactly our list and three standard modules on top of a bare interpreter, and no more afterwards."""
    skip_where_site_runs()
    bare = subprocess.run([clean_python, "-S", "-c", NOTHING], capture_output=True, text=True, check=True)
    runtime = light(SHOW, python=clean_python)

    loaded = set(runtime.call())

    assert loaded - set(bare.stdout.split()) == LOADED | STANDARD | {"app"}
    assert set(runtime.call()) == loaded
    assert set(runtime.call("import")) == loaded


@pytest.mark.parametrize("light", ["module"], indirect=True)
def test_what_python_m_has_loaded_before_the_first_event(light: Starter, clean_python: Path) -> None:
    """The same on top of what `python -m` loads itself, `_site` apart, whose work `site` has done."""
    light.write(NOTHING, "nothing.py")
    bare = subprocess.run(
        [clean_python, "-m", "nothing"],
        capture_output=True,
        text=True,
        check=True,
        cwd=light.task,
        env=dict(light.environ),
    )
    runtime = light(SHOW, python=clean_python)

    loaded = set(runtime.call())

    assert loaded - set(bare.stdout.split()) == LOADED - {"rapid_client._site"} | STANDARD | {"app"}


@pytest.mark.parametrize("light", ["bootstrap"], indirect=True)
def test_an_error_costs_no_heavy_module(light: Starter, clean_python: Path) -> None:
    """A plain exception is described, logged and posted by our own modules alone."""
    skip_where_site_runs()
    runtime = light(SHOW.replace("return", "if event == 'fail': 1 / 0\n    return"), python=clean_python)
    before = set(runtime.call())

    runtime.fail("fail")

    assert set(runtime.call()) - before == {
        "rapid_client.errors",
        "rapid_client._faults",
        "rapid_client._sink",
    }


def test_the_number_of_our_modules_is_limited() -> None:
    """Fourteen of ours, no more: whoever adds one takes one away."""
    assert len(LOADED) <= 14


# Ruff's fence...


def banned() -> list[str]:
    """Return the modules that ruff lets the runtime import in functions only."""
    settings = tomllib.loads((RUNTIME[0].parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    names: list[str] = settings["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-module-level-imports"]
    return names


def test_ruff_knows_every_heavy_module() -> None:
    """Its list has what is heavy, what is ours beyond the boundary, nothing cheap, nothing twice."""
    names = banned()

    assert HEAVY - set(names) == set()
    assert {f"rapid_client.{name}" for name in DEFERRED} - set(names) == set()
    assert set(names) & (CHEAP | {f"rapid_client.{name}" for name in COLD}) == set()
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_ruff_knows_every_module_that_is_imported_late() -> None:
    """What a function of the runtime imports is on its list, but for what is loaded already."""
    known = set(banned())
    late = {found.target for path in RUNTIME for found in imports(path) if not found.at_module_level}
    unknown = {target for target in late if not any(f"{target}.".startswith(f"{name}.") for name in known)}

    assert {target for target in unknown if (ours(target) or target) not in {*COLD, *CHEAP}} == set()


def test_ruff_enforces_its_list() -> None:
    """Each module of the list is an error at the top of a module of the runtime, and none in a function."""
    ruff = shutil.which("ruff", path=sys.executable.rpartition("/")[0]) or shutil.which("ruff")
    if ruff is None:
        pytest.skip("ruff is not installed")
    names = banned()

    def findings(source: str) -> Counter[str]:
        done = subprocess.run(
            [
                *(ruff, "check", "--select", "TID253", "--output-format", "json", "--no-cache"),
                *("--stdin-filename", "rapid_client/_loop.py", "-"),
            ],
            input=source,
            capture_output=True,
            text=True,
            cwd=RUNTIME[0].parent.parent,
        )
        return Counter(finding["code"] for finding in json.loads(done.stdout))

    assert findings("".join(f"import {name}\n" for name in names)) == {"TID253": len(names)}
    assert findings("def f():\n" + "".join(f"    import {name}\n" for name in names)) == {}


# The hot path...


@pytest.mark.parametrize("light", ["bootstrap"], indirect=True)
@pytest.mark.parametrize("event", [{"key": "value"}, {"text": "x" * 5000}])
def test_an_invocation_leaves_no_objects_behind(
    light: Starter, clean_python: Path, event: dict[str, str]
) -> None:
    """The interpreter's count of allocated blocks stands still."""
    runtime = light(
        "import sys\ndef handler(event, context):\n    return sys.getallocatedblocks()\n", python=clean_python
    )
    options = {"trace_id": "Root=1-2", "tenant_id": "t", "client_context": '{"custom": {"a": "b"}}'}
    counts = [runtime.call(event, **options) for _ in range(300)]

    # Below the 1,024 bytes after which a free list may be filled or emptied: a leak of one object per
    # invocation would be 200 here.
    assert counts[-1] - counts[99] < 20
