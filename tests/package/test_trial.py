"""With events the packaged function is run beside the original, and ships if its answers are the same."""

from __future__ import annotations

import os
import platform
import socket
from typing import TYPE_CHECKING, Final

import pytest

from tests.layer.elves import make_elf
from tests.layer.workbench import DIGITS
from tests.local.test_runs import can_be_cut

if TYPE_CHECKING:
    from pathlib import Path

    from tests.package.bench import Bench

#: A package whose module is found by a name that no source has as a whole.
HIDDEN: Final = {
    "shop/__init__.py": (
        "import importlib\n\ndef price(name):\n"
        "    if name != 'odd':\n        return 1\n"
        "    return importlib.import_module('.'.join(['shop', 'te' + 'sts', 'test_x'])).X\n"
    ),
    "shop/tests/__init__.py": "",
    "shop/tests/test_x.py": "X = 1\n",
}
VARIES: Final = """
import json, os, uuid

def handler(event, context):
    if "fail" in event:
        raise KeyError(event["fail"])
    return {"body": json.dumps({"id": str(uuid.uuid4()), "n": 1}), "pid": os.getpid(), "file": __file__}
"""
#: It fails unless credentials and network are both there, or both not, as the event wants it.
GUARDED: Final = """
import os, socket

def handler(event, context):
    try:
        socket.create_connection(("127.0.0.1", event["port"]), timeout=5).close()
        reached = True
    except OSError:
        reached = False
    assert (os.environ["AWS_ACCESS_KEY_ID"] == "REAL") == reached == event["want"]
"""


def trial(*events: str | Path) -> list[str | Path]:
    """Return the options for a short trial."""
    return [
        "--handler",
        "app.handler",
        "--runs",
        "1",
        *(part for event in events for part in ("--event", event)),
    ]


def test_the_same_answers(shop: Bench) -> None:
    """The number of starts is said first; each step has its time; each event its verdict."""
    done = shop.run("src", "--out", "out.zip", "--json", *shop.require("shop"), *trial('{"name": "a"}'))
    assert done.returncode == 0, done.stderr
    # Two originals and one packaged for the event, then four trees once.
    assert done.stderr.splitlines()[0].startswith("app.handler will be started 7 times")
    said = shop.package(*shop.require("shop"), *trial('{"name": "a"}'))

    assert said["trial"]["starts"] == 7
    assert [event["same"] for event in said["trial"]["events"]] == [True]
    assert [step["name"] for step in said["steps"]] == [
        "original",
        "what no function loads",
        "stripped binaries",
        "bytecode",
    ]
    assert all(step["cold_ms"]["least"] > 0 for step in said["steps"])


def test_other_answers(shop: Bench) -> None:
    """A function that needs what was dropped is not shipped; an older file does not stay."""
    shop.make_wheel("shop", "1.0", HIDDEN)
    shop.write("out.zip", "old")
    shop.write("events/a.json", '{"name": "even"}')
    shop.write("events/b.json", '{"name": "odd"}')
    done = shop.run("src", "--out", "out.zip", *shop.require("shop"), *trial("events"))

    assert done.returncode == 1
    assert not (shop.folder / "out.zip").exists()
    first, *lines = done.stderr.splitlines()[1:]
    assert first.endswith("out.zip was not written (an older one was removed):")
    assert lines[:2] == [
        '  b.json: status: "response" became "error"',
        '  b.json: error type: null became "ModuleNotFoundError"',
    ]
    assert "No module named 'shop.tests'" in "".join(lines)


def test_what_varies_is_listed(shop: Bench) -> None:
    """Values that are not the same twice are named, and do not count; no path tells the trees apart."""
    shop.function({"app.py": VARIES})
    said = shop.package(*trial("{}"))

    (event,) = said["trial"]["events"]
    assert (event["same"], event["varies"]) == (True, ["$.body.id", "$.pid"])


def test_events_that_fail_prove_nothing(shop: Bench) -> None:
    """They are listed with the error; if none succeeds, nothing was measured, and the file is written."""
    shop.function({"app.py": VARIES})
    done = shop.run("src", "--out", "out.zip", *trial('{"fail": "x"}'))

    assert done.returncode == 0
    assert (shop.folder / "out.zip").exists()
    assert "0 of 1 events: the same answers" in done.stderr
    assert '{"fail": "x"}: fails in both alike, which proves little: error: {"errorMessage"' in done.stderr
    assert "no cold start was measured: no event succeeds" in done.stderr


def test_answers_of_a_server_that_fails_prove_nothing(shop: Bench) -> None:
    """A handler that has caught an error answers, and has not done its work."""
    shop.function({"app.py": "def handler(event, context):\n    return {'statusCode': 502}\n"})
    done = shop.run("src", "--out", "out.zip", *trial("{}"))

    assert "{}: fails in both alike, which proves little: answered 502: " in done.stderr
    assert "no cold start was measured: no event succeeds" in done.stderr


def test_a_function_that_writes_to_its_files(shop: Bench) -> None:
    """What is shipped is what it was before the runs."""
    source = """
def handler(event, context):
    try:
        with open("own.txt", "a") as file:
            file.write("more")
    except OSError:
        pass
"""
    shop.function({"app.py": source, "own.txt": "mine"})
    shop.package(*trial("{}"))

    assert shop.contents()["own.txt"] == b"mine"


def test_a_function_that_does_not_start_is_refused(shop: Bench) -> None:
    """A forgotten requirement, for one: the zip would not work on Lambda either. An older one is removed."""
    (shop.folder / "out.zip").write_bytes(b"older")
    line = shop.refused(*trial("{}", '{"a": 1}'), lines=2)

    assert "app.handler will be started" in line
    assert "rapid: the function answers no event, before it is packaged already, and out.zip was not" in line
    assert "{}: fails in both alike, which proves little: init-error: " in line
    assert "No module named 'shop'" in line


def test_what_does_not_run_here_is_said(shop: Bench) -> None:
    """Binaries for another architecture are packaged, and one line says that nothing was run."""
    arch, machine = ("x86_64", "x86_64") if platform.machine() != "x86_64" else ("arm64", "aarch64")
    tag = f"cp{DIGITS}-cp{DIGITS}-manylinux_2_17_{machine}"
    shop.make_wheel("native", "1.0", {"native/_x.so": make_elf(arch)}, tag=tag)
    wanted = shop.require("shop", "native")
    said = shop.package(*wanted, "--arch", arch, "--no-strip", *trial("{}"))

    assert said["trial"] is None
    assert [note for note in said["notes"] if note.startswith(f"nothing was run: binaries for {arch}")]


def test_without_events_nothing_is_run(shop: Bench) -> None:
    """The report says so, and has no times; plain lines where there is no terminal."""
    done = shop.run("src", "--out", "out.zip", *shop.require("shop"))

    assert done.stdout == "out.zip\n"
    assert "nothing was run: whether the answers are the same" in done.stderr
    assert "will be started" not in done.stderr
    assert "cold start" not in done.stderr.splitlines()[1]
    assert not set("│┃━") & set(done.stderr)


def test_runs_have_neither_credentials_nor_network(shop: Bench) -> None:
    """The function sees no key of this machine; with --aws and --network it does."""
    shop.function({"app.py": GUARDED})
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        given = (*trial(f'{{"port": {port}, "want": false}}'), "--env", "AWS_SESSION_TOKEN=x")
        shut = shop.package(*given, AWS_ACCESS_KEY_ID="REAL")
        event = f'{{"port": {port}, "want": true}}'
        opened = shop.package(*trial(event), "--aws", "--network", AWS_ACCESS_KEY_ID="REAL")

    assert any(note.startswith("--env AWS_SESSION_TOKEN: the runs have no AWS") for note in shut["notes"])
    if can_be_cut():
        assert shut["trial"]["events"][0]["same"] is True
    assert opened["trial"]["events"][0]["same"] is True


@pytest.mark.slow
def test_a_table_on_a_terminal(shop: Bench) -> None:
    """A terminal gets a table."""
    import pty
    import subprocess
    import sys

    from tests.package.bench import TARGET

    parent, child = pty.openpty()
    command = [sys.executable, "-m", "rapid_client.local.cli", "package", *TARGET, "src", "--out", "out.zip"]
    environ = {**shop.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(
        command, cwd=shop.folder, env=environ, stdout=subprocess.DEVNULL, stderr=child
    ) as process:
        os.close(child)
        shown = b""
        while b"nothing was run" not in shown:
            shown += os.read(parent, 65536)
    os.close(parent)

    assert process.returncode == 0
    assert "bytecode" in shown.decode()
    assert "│" in shown.decode()
