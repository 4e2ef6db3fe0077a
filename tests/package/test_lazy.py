"""`rapid package --lazy` finds imports that no event uses, and keeps lazy what changes nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.package.bench import Bench

needs_lazy = pytest.mark.skipif(sys.version_info < (3, 15), reason="lazy imports are new in Python 3.15")

#: What mentions an import that nothing uses.
ELSE: Final = "\ndef other():\n    return colorsys\n"
#: Two routes; each needs one module that the other does not.
ROUTES: Final = {
    "app.py": """
import heavy
import logging
from routes import save, report

def handler(event, context):
    logging.getLogger().warning("route %s of %s", event["route"], context.aws_request_id)
    return {"route": event["route"], "value": {"save": save.run, "report": report.run}[event["route"]]()}

def other():
    return heavy.X
""",
    "routes/__init__.py": "",
    "routes/save.py": "import wave\nimport colorsys\n\ndef run():\n    return wave.__name__\n" + ELSE,
    "routes/report.py": "import colorsys\nimport heavy\n\ndef run():\n    return heavy.X\n" + ELSE,
    "heavy.py": "X = 1\n",
}


def lazy(*events: Mapping[str, Any]) -> list[str]:
    """Return the options for laziness proven on these events."""
    sent = [part for event in events for part in ("--event", json.dumps(event))]
    return ["--lazy", "--handler", "app.handler", "--runs", "1", *sent]


def listed(bench: Bench) -> dict[str, Any]:
    """Return the list in the package."""
    found: dict[str, Any] = json.loads(bench.contents()["rapid-lazy.json"])
    return found


def edges(bench: Bench, files: Mapping[str, str], *events: Mapping[str, Any]) -> dict[str, list[str]]:
    """Package a function; return the edges that are lazy, none where there is no list."""
    bench.function(files)
    said = bench.package(*lazy(*(events or ({},))))
    assert all(event["same"] for event in said["trial"]["events"])
    if "rapid-lazy.json" not in bench.contents():
        assert said["lazy"]["edges"] == []
        return {}
    found: dict[str, list[str]] = listed(bench)["edges"]
    assert sorted((edge["importer"], edge["target"]) for edge in said["lazy"]["edges"]) == [
        (importer, target) for importer, targets in sorted(found.items()) for target in targets
    ]
    own = {place.partition("/")[0].removesuffix(".py") for place in files}
    return {importer: targets for importer, targets in found.items() if importer.partition(".")[0] in own}


def trap(module: str, call: str) -> dict[str, str]:
    """Return a function that imports `trap`, whose code is *module*, and answers what *call* gives."""
    app = f"import trap\nimport unused\n\ndef handler(event, context):\n    return {call}\n"
    return {
        "app.py": f"{app}\ndef other():\n    return unused.Y\n",
        "trap.py": f"{module}\ndef mention():\n    return inner, X, absent\n",
        "inner.py": "X = 1\n",
        "unused.py": "Y = 1\n",
    }


@needs_lazy
@pytest.mark.slow
def test_what_no_event_uses_is_lazy(bench: Bench) -> None:
    """An import that any event uses stays eager; the list is the same at each packaging."""
    found = edges(bench, ROUTES, {"route": "save"})
    assert found == {"app": ["heavy"], "routes.report": ["colorsys", "heavy"], "routes.save": ["colorsys"]}
    before = bench.contents()["rapid-lazy.json"]
    head = {name: value for name, value in json.loads(before).items() if name != "edges"}
    assert head == {"schema": 1, "python": "3.15", "distributions": {}}

    assert edges(bench, ROUTES, {"route": "save"}, {"route": "report"}) == {
        "routes.report": ["colorsys"],
        "routes.save": ["colorsys"],
    }
    edges(bench, ROUTES, {"route": "save"})
    assert bench.contents()["rapid-lazy.json"] == before


@needs_lazy
@pytest.mark.slow
def test_a_statement_of_which_a_part_is_used(bench: Bench) -> None:
    """It is one import, and eager; what the other modules of it import can wait all the same."""
    files = {
        "app.py": "from routes import save, report\ndef handler(event, context):\n    return save.run()\n",
        "routes/__init__.py": "",
        "routes/save.py": "def run():\n    return 1\n",
        "routes/report.py": "import heavy\n\ndef run():\n    return heavy.X\n",
        "heavy.py": "X = 1\n",
    }
    assert edges(bench, files) == {"routes.report": ["heavy"]}


@needs_lazy
@pytest.mark.slow
def test_what_varies_is_masked_and_listed(bench: Bench) -> None:
    """The request's id in the log is another in each run: it is named, and the log is compared but for it."""
    bench.function(ROUTES)
    said = bench.package(*lazy({"route": "save"}))
    (places,) = said["lazy"]["varies"].values()
    assert places
    assert all(place.startswith("log[0]") for place in places)
    assert said["lazy"]["problem"] is None


@needs_lazy
@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "call"),
    [
        # Its names, as httpcore does it.
        (
            "from inner import X\nall = [type(value).__name__ for value in list(locals().values())]",
            "trap.all",
        ),
        # Registration at import, as sqlalchemy's.
        ("import sys, inner\nloaded = 'inner' in sys.modules", "trap.loaded"),
        # A module that asks whether another is there, and says so in the log.
        ("import sys, inner\nprint('inner' in sys.modules)", "1"),
        # An import whose failure is expected: lazy, it would come later.
        (
            "import contextlib\nwith contextlib.suppress(ImportError):\n    import absent",
            "hasattr(trap, 'absent')",
        ),
        # Nothing uses it, and it is gone after init.
        ("import contextlib\nwith contextlib.suppress(ImportError):\n    import absent", "trap.__name__"),
    ],
)
def test_what_breaks_stays_eager(bench: Bench, module: str, call: str) -> None:
    """The one edge that changes an answer or the log is found; the other is lazy."""
    assert edges(bench, trap(module, call)) == {"app": ["unused"]}


@needs_lazy
@pytest.mark.slow
def test_a_module_that_answers_for_names(bench: Bench) -> None:
    """A module's `__getattr__` is asked when a lazy import of a name is used: what works stays as it is."""
    module = "import inner\ndef __getattr__(name):\n    return {'lost': 4}[name]"
    files = trap(module, "trap.lost")
    assert edges(bench, files) == {"app": ["unused"], "trap": ["inner"]}


@needs_lazy
@pytest.mark.slow
def test_errors_and_tracebacks_stay(bench: Bench) -> None:
    """An event that fails is compared, too, with its traceback and its line in the log."""
    files = trap("import inner\ndef fail():\n    return inner.X / 0", "trap.fail()")
    files["app.py"] = files["app.py"].replace("return", "return 1 if event else")
    bench.function(files)
    said = bench.package(*lazy({}, {"good": 1}))
    assert listed(bench)["edges"]["app"] == ["unused"]
    assert "trap" not in listed(bench)["edges"]
    assert said["lazy"]["failing"] == ["{}"]

    said = bench.package(*lazy({}))
    assert said["lazy"]["problem"].startswith("no event succeeds")
    assert "rapid-lazy.json" not in bench.contents()


@needs_lazy
@pytest.mark.slow
def test_what_is_loaded_later_is_not_in_the_list(bench: Bench) -> None:
    """A package that breaks when its own imports are lazy is loaded as it is by a route that was missed."""
    bench.function(
        {
            "app.py": "import fragile\n\ndef handler(event, _):\n    return fragile.X if event else 0\n",
            "fragile/__init__.py": "from fragile import names\nimport fragile.register\nX = names.k['x']\n",
            "fragile/names.py": "k = {}\n",
            "fragile/register.py": "from fragile import names\nnames.k['x'] = 1\n",
        }
    )
    said = bench.package(*lazy({}))
    assert listed(bench)["edges"]["app"] == ["fragile"]
    assert "fragile" not in listed(bench)["edges"]
    (eager,) = said["lazy"]["eager"]
    assert (eager["importer"], eager["target"]) == ("fragile", "fragile.register")


@needs_lazy
@pytest.mark.slow
def test_imports_for_their_effect_stay_eager(bench: Bench) -> None:
    """What nothing mentions acts at init; what is mentioned and changes the process's state does, too."""
    app = """
import effect, filters, exits, unused
from routes import TABLE
from shapes_circle import Circle
import routes_extra, routes_more

def handler(event, context):
    return 1

def other():
    return filters, exits, unused, routes_more
"""
    files = {
        "app.py": app,
        "effect.py": "",
        "filters.py": "import signal\nsignal.signal(signal.SIGUSR1, lambda *_: None)\n",
        "exits.py": "import atexit\natexit.register(print)\n",
        "unused.py": "",
        "routes.py": "TABLE = {}\n",
        "routes_extra.py": "import routes\nroutes.TABLE['extra'] = 1\n",
        "routes_more.py": "import routes\nroutes.TABLE['more'] = 1\n",
        "shapes_circle.py": "class Circle: pass\n",
    }
    bench.function(files)
    said = bench.package(*lazy({}))
    assert listed(bench)["edges"] == {"app": ["unused"]}
    reasons = {edge["target"]: edge["reason"] for edge in said["lazy"]["eager"] if edge["importer"] == "app"}
    assert reasons["filters"] == "loading it changes signal handlers"
    assert reasons["exits"] == "loading it changes functions for the exit"
    assert reasons["routes_more"] == "loading it changes routes.TABLE, app.TABLE"
    for target in ("effect", "routes_extra", "shapes_circle"):
        assert reasons[target] == "nothing mentions what it binds: it may be there for its effect"


@needs_lazy
@pytest.mark.slow
def test_each_import_loads_without_the_others(bench: Bench) -> None:
    """A circular import that only one route would meet first stays eager."""
    files = {
        "app.py": "import a_models\nimport z_views\n\ndef handler(event, context):\n"
        "    return z_views.view() if event else 0\n\ndef other():\n    return a_models.P\n",
        "a_models.py": "class Base: pass\nfrom z_plugins import P\ndef other():\n    return P\n",
        "z_plugins.py": "from a_models import Base\nclass P(Base): pass\n",
        "z_views.py": "import z_plugins\ndef view():\n    return z_plugins.P.__name__\n",
    }
    bench.function(files)
    said = bench.package(*lazy({}))
    assert listed(bench)["edges"] == {"app": ["z_views"]}
    assert [edge["target"] for edge in said["lazy"]["eager"]] == ["a_models"]


@needs_lazy
@pytest.mark.slow
def test_trusted_bytecode(bench: Bench) -> None:
    """The loader of RAPID_TRUST_PYC is one of Python code."""
    bench.function(ROUTES)
    said = bench.package(*lazy({"route": "save"}), RAPID_TRUST_PYC="1")
    assert said["lazy"]["problem"] is None
    assert listed(bench)["edges"]["app"] == ["heavy"]


@needs_lazy
@pytest.mark.slow
def test_answers_that_vary_in_shape(bench: Bench) -> None:
    """A function that does not answer itself proves nothing: nothing is lazy, and that is said."""
    code = "import os, unused\n\ndef handler(event, context):\n    return list(range(os.getpid() % 50))\n"
    bench.function({"app.py": code, "unused.py": ""})
    done = bench.run("src", "--out", "out.zip", *lazy({}))
    assert "nothing is lazy: {}: the eager function's answers vary beyond values: $: [" in done.stderr
    assert done.returncode == 0
    assert "rapid-lazy.json" not in bench.contents()


@needs_lazy
@pytest.mark.slow
def test_versions_of_distributions(bench: Bench) -> None:
    """The list has the versions of all packages, by the names that their metadata have, in a zip file too."""
    app = "import some_thing, unrelated\n\ndef handler(event, context):\n"
    files = {
        "app.py": f"{app}    return some_thing.X if event else unrelated.X\n",
        **distribution("Some.Thing", "1.2", {"some_thing/__init__.py": "X = 1\n"}),
        **distribution("unrelated", "3", {"unrelated/__init__.py": "X = 1\n"}),
    }
    assert edges(bench, files) == {"app": ["some_thing"]}
    assert listed(bench)["distributions"] == {"Some.Thing": "1.2", "unrelated": "3"}


@needs_lazy
@pytest.mark.slow
def test_a_list_in_the_source_is_refused(bench: Bench) -> None:
    """Two lists cannot both be right."""
    bench.function({**ROUTES, "rapid-lazy.json": "{}"})
    said = bench.refused(*lazy({"route": "save"}), lines=3)
    assert said.splitlines()[-1].endswith(
        "rapid-lazy.json is in the source already, and --lazy makes it: remove it from the source"
    )


@needs_lazy
def test_without_an_event(bench: Bench) -> None:
    """There is nothing to prove it with."""
    bench.function(ROUTES)
    said = bench.refused("--lazy", code=2)
    assert "add --handler and at least one --event" in said


def test_an_older_python(bench: Bench) -> None:
    """Python 3.13 has no lazy imports."""
    bench.function(ROUTES)
    said = bench.refused(*lazy({}), "--python", "3.13", code=2)
    assert "--lazy needs lazy imports, which Python has from 3.15 on; the target's is 3.13" in said


def distribution(name: str, version: str, files: Mapping[str, str]) -> dict[str, str]:
    """Return the files of a package as pip leaves them in a folder."""
    info = f"{name.replace('.', '_').lower()}-{version}.dist-info"
    found = {**files, f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"}
    lines = [f"{place},sha256={digest(text)},{len(text)}\n" for place, text in found.items()]
    return {**found, f"{info}/RECORD": "".join(lines) + f"{info}/RECORD,,\n"}


def digest(text: str) -> str:
    """Return the hash of a file as RECORD has it."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
