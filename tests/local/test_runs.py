"""Runs of users' functions: fresh processes, without credentials, without network where that can be had."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest

from rapid_client.errors import ConfigError
from rapid_client.local import FunctionOptions
from rapid_client.local._runs import DUMMIES, Runs, RunSettings, run_environ

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

APP: Final = """
import os, socket, sys

def handler(event, context):
    if "raise" in event:
        raise ValueError(event["raise"])
    try:
        socket.create_connection(("127.0.0.1", event.get("port", 9)), timeout=5).close()
        reached = True
    except OSError:
        reached = False
    return {"pid": os.getpid(), "env": dict(os.environ), "reached": reached}
"""
#: It writes beside its code, keeps a file for the next start, stays.
HARMFUL: Final = """
import os, subprocess, sys, tempfile

def handler(event, context):
    try:
        with open("own.txt", "a") as file:
            file.write("more")
        wrote = True
    except OSError:
        wrote = False
    kept = os.path.join(tempfile.gettempdir(), "kept")
    fresh = not os.path.exists(kept)
    open(kept, "w").close()
    stays = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    return {"wrote": wrote, "fresh": fresh, "kept": kept, "stays": stays.pid}
"""
#: Started by a test, so that what it leaves behind can be seen.
SLEEPER: Final = """
import sys
from rapid_client.local import FunctionOptions
from rapid_client.local._runs import Runs, RunSettings
options = FunctionOptions(root=sys.argv[1], timeout=60)
with Runs(RunSettings(handler="app.handler", options=options)) as runs:
    runs.cold_start(b"{}")
"""


def can_be_cut() -> bool:
    """Whether this machine lets us have a network namespace, asked without our own code."""
    for options in (["--net"], ["--net", "--map-root-user"]):
        try:
            if subprocess.run(["unshare", *options, "true"], capture_output=True).returncode == 0:
                return True
        except FileNotFoundError:
            return False
    return False


def test_each_cold_start_is_a_process(function_folder: Callable[[str], Path]) -> None:
    """Each event has as many processes of its own as asked for, and leaves no bytecode behind."""
    root = function_folder(APP)
    (root / "inner.py").write_text("")
    with Runs(RunSettings(handler="app.handler", options=FunctionOptions(root=root))) as runs:
        results = runs.cold_starts([b"{}", b'{"raise": "no"}'], times=2)

    good, bad = results
    assert [result.status for result in good] == ["response", "response"]
    assert len({result.json()["pid"] for result in good}) == 2
    assert all(result.init_ms is not None for result in good)
    assert [(result.status, result.error_type) for result in bad] == [("error", "ValueError")] * 2
    assert b"ValueError" in bad[0].log
    assert not list(root.rglob("*.pyc"))


def test_no_credentials_reach_the_function(
    function_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither from this process nor from the options; `aws` lets both pass."""
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "REAL")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/token")
    options = FunctionOptions(
        root=function_folder(APP), env={"AWS_SESSION_TOKEN": "real", "AWS_REGION": "eu-west-1"}
    )
    with Runs(RunSettings(handler="app.handler", options=options)) as runs:
        without = runs.cold_start(b"{}").json()["env"]
    with Runs(RunSettings(handler="app.handler", options=options, aws=True)) as runs:
        having = runs.cold_start(b"{}").json()["env"]

    assert without.items() >= {**DUMMIES, "AWS_REGION": "eu-west-1"}.items()
    assert not {"AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SESSION_TOKEN"} & set(without)
    assert (having["AWS_PROFILE"], having["AWS_ACCESS_KEY_ID"]) == ("mine", "REAL")
    assert having["AWS_SESSION_TOKEN"] == "real"


def test_the_network_is_cut_off(function_folder: Callable[[str], Path]) -> None:
    """A server of this machine is not reached, unless `network` allows it; where that fails, one notice."""
    options = FunctionOptions(root=function_folder(APP))
    with socket.create_server(("127.0.0.1", 0)) as server:
        event = json.dumps({"port": server.getsockname()[1]}).encode()
        with Runs(RunSettings(handler="app.handler", options=options)) as runs:
            cut, notices = runs.cold_start(event).json()["reached"], runs.notices
        with Runs(RunSettings(handler="app.handler", options=options, network=True)) as runs:
            open_, none = runs.cold_start(event).json()["reached"], runs.notices

    assert (open_, none) == (True, [])
    if can_be_cut():
        assert (cut, notices) == (False, [])
    else:
        assert cut
        assert len(notices) == 1


def test_what_cannot_be_started_is_said(function_folder: Callable[[str], Path], tmp_path: Path) -> None:
    """A folder that is not there is one line, and the next run is as good as any."""
    with Runs(RunSettings(handler="app.handler", options=FunctionOptions(root=function_folder(APP)))) as runs:
        with pytest.raises(ConfigError, match="does not exist"):
            runs.cold_start(b"{}", tmp_path / "nowhere")
        assert runs.cold_start(b"{}").ok


def test_the_end_of_the_command_ends_the_function(
    function_folder: Callable[[str], Path], child_environ: dict[str, str], tmp_path: Path
) -> None:
    """A function that sleeps does not outlive the process that asked for it."""
    mark = tmp_path / "pid"
    source = f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\n"
    root = function_folder(source + "def handler(event, context):\n    time.sleep(50)\n")
    asking = subprocess.Popen([sys.executable, "-c", SLEEPER, str(root)], env=child_environ)
    try:
        pid = wait_for(lambda: mark.read_text() if mark.exists() else "")
        asking.send_signal(signal.SIGINT)
        asking.wait(30)
        assert wait_for(lambda: "" if alive(int(pid)) else "gone") == "gone"
    finally:
        asking.kill()
        asking.wait()


def alive(pid: int) -> bool:
    """Whether the process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(look: Callable[[], str]) -> str:
    """Return what *look* returns once it is not empty."""
    for _ in range(600):
        found = look()
        if found:
            return found
        time.sleep(0.05)
    pytest.fail("it did not come")


def test_the_environment_keeps_the_rest() -> None:
    """Nothing but credentials is taken out."""
    environ = run_environ({"HOME": "/home/ada", "AWS_ROLE_ARN": "arn"}, aws=False)

    assert environ.items() >= {"HOME": "/home/ada", **DUMMIES}.items()
    assert "AWS_ROLE_ARN" not in environ


def can_be_mounted() -> bool:
    """Whether this machine lets us make a folder read-only, asked without our own code."""
    for options in (["--mount"], ["--mount", "--map-root-user"]):
        try:
            command = ["unshare", *options, "mount", "--bind", "/usr", "/usr"]
            if subprocess.run(command, capture_output=True).returncode == 0:
                return True
        except FileNotFoundError:
            return False
    return False


def test_a_run_leaves_nothing_behind(function_folder: Callable[[str], Path]) -> None:
    """Neither a change of its own files, nor a temporary file for the next run, nor a process."""
    root = function_folder(HARMFUL)
    (root / "own.txt").write_text("mine")
    options = FunctionOptions(root=root, timeout=30)
    with Runs(RunSettings(handler="app.handler", options=options)) as runs:
        first, second = (result.json() for result in runs.cold_starts([b"{}"], times=2)[0])
        notices = runs.notices
        if sys.platform == "linux":
            assert not alive(first["stays"])
            assert not alive(second["stays"])

    assert (first["fresh"], second["fresh"]) == (True, True)
    assert first["kept"] == second["kept"]
    assert not os.path.exists(first["kept"])
    if can_be_mounted():
        assert (first["wrote"], (root / "own.txt").read_text(), notices) == (False, "mine", [])
    else:
        assert any("write to the function's folder" in notice for notice in notices)
