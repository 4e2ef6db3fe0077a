"""What `rapid profile` advises: it must not name what init or a route needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from rapid_client.local._profile.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Worth a sentence on any machine.
HEAVY: Final = "sum(range(3_000_000))\nLIMITS = {}\ndef f():\n    return 1\n"
HANDLER: Final = "def handler(event, context):\n    return 1\n"


def profile(folder: Path, sources: Mapping[str, str], *events: str) -> dict[str, Any]:
    """Return what `--json` writes of a function."""
    for name, source in sources.items():
        (folder / name).write_text(source)
    command = [sys.executable, "-m", "rapid_client.local.cli", "profile", "app.handler", "--json"]
    command += ["--root", str(folder), "--runs", "1", *(f"--event={event}" for event in events)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def texts(document: dict[str, Any]) -> str:
    """Return all that is advised."""
    return " ".join(item["text"] for item in document["advice"])


monitored = pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is of 3.12")


@monitored
@pytest.mark.slow
def test_what_functions_read_in_init_is_needed(tmp_path: Path) -> None:
    """A function that only init calls is code that has run: what it reads cannot be put off."""
    slow = "sum(range(3_000_000))"
    app = f"import heavy\ndef make():\n    return heavy.LIMITS\nS = make()\nTABLE = {slow}\n"
    app += f"def index():\n    return TABLE\nINDEX = index()\nIDLE = {slow}\n{HANDLER}"

    found = texts(profile(tmp_path, {"app.py": app, "heavy.py": HEAVY}))

    assert "ran no code" not in found
    assert "reads TABLE" not in found
    assert "reads IDLE" in found


@monitored
@pytest.mark.slow
def test_imports_of_all_own_modules_are_looked_at(tmp_path: Path) -> None:
    """What another module of the function imports, and nobody uses; unless a third takes it from there."""
    svc = "import heavy\nimport heavier\ndef work():\n    return 1\ndef rare():\n    return heavy.f()\n"
    third = "import svc\ndef f():\n    return svc.heavier\n"
    app = f"import svc, third\n{HANDLER}"
    sources = {"app.py": app.replace("return 1", "return svc.work()"), "svc.py": svc, "third.py": third}

    found = texts(profile(tmp_path, {**sources, "heavy.py": HEAVY, "heavier.py": HEAVY}))

    assert "heavy (svc.py:1) ran no code" in found
    assert "heavier (svc.py:2)" not in found


@pytest.mark.slow
def test_what_the_handler_imports_is_compiled_in_the_first_call(tmp_path: Path) -> None:
    """Its bytecode saves time in the call, at the function's share of a CPU."""
    big = "".join(f"def f{i}(a, b=None):\n    return [a + {i}, b]\n" for i in range(3000))
    app = "def handler(event, context):\n    import big\n    return 1\n"

    (tip,) = profile(tmp_path, {"app.py": app, "big.py": big})["advice"]

    assert tip["text"].startswith("2 modules have no .pyc and must be compiled")
    saved = tip["saves_ms"]
    assert saved["128"] > saved["512"] > saved["1769"] > tip["init_ms"]
    assert tip["call_ms"] == {}


@pytest.mark.slow
def test_a_server_error_proves_little(tmp_path: Path) -> None:
    """It is listed, and is not the first call where another event succeeds; alone it must do."""
    app = "def handler(event, context):\n    return {'statusCode': event['code']}\n"

    document = profile(tmp_path, {"app.py": app}, '{"code": 502}', '{"code": 200}')
    (notice,) = [text for text in document["notices"] if "proves little" in text]
    assert "answered 502, which proves little" in notice

    assert profile(tmp_path, {"app.py": app}, '{"code": 502}')["call_ms"] is not None


@monitored
@pytest.mark.slow
def test_what_a_failing_event_needs_is_needed(tmp_path: Path) -> None:
    """Without network many an event fails in the very package that it needs."""
    heavy = HEAVY + "def g():\n    raise OSError('no network')\n"
    app = "import heavy\ndef handler(event, context):\n    return heavy.g() if event else 1\n"

    found = texts(profile(tmp_path, {"app.py": app, "heavy.py": heavy}, "{}", '{"a": 1}'))

    assert "ran no code" not in found


@pytest.mark.slow
def test_bytes_of_extension_modules(tmp_path: Path) -> None:
    """The file's size counts as read."""
    orjson = pytest.importorskip("orjson")
    document = profile(tmp_path, {"app.py": f"import orjson\n{HANDLER}"})

    (size,) = [item["size"] for item in document["imports"] if item["name"] == "orjson.orjson"]
    assert size == next(Path(orjson.__file__).parent.glob("orjson.*.so")).stat().st_size


@pytest.mark.parametrize(
    "use",
    ["x: 'dict[str, heavy, int]'", "__all__ = ['heavy']", "print(heavy)", "def f(a=heavy): pass"],
)
def test_what_counts_as_read(tmp_path: Path, use: str) -> None:
    """Annotations that are text, lists of names, defaults; not a function that has not run."""
    path = tmp_path / "app.py"
    path.write_text(f"import heavy\n{use}\n")
    assert Sources([str(path)], ()).unread_imports(str(path)) == {}

    path.write_text("import heavy\ndef f():\n    'heavy'\n    return heavy\n")
    assert Sources([str(path)], ()).unread_imports(str(path)) == {1: {"heavy"}}
    assert Sources([str(path)], {(str(path), 2)}).unread_imports(str(path)) == {}
