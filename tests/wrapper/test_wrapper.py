"""The wrapper for managed runtimes: switched off, in a chain, and where it cannot run."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import pytest

from tests.wrapper import wrappers
from tests.wrapper.managed import SWITCH, WRAPPER
from tests.wrapper.namespace import PYTHON

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.wrapper.managed import Managed

NEXT: Final = "RAPID_EXEC_WRAPPER"
PATH: Final = f"/var/lang/bin/{PYTHON}"
#: Which client runs, and how it was started.
WHO: Final = """
import os, sys
official = "awslambdaric.bootstrap" in sys.modules

def handler(event, context):
    return {
        "client": "official" if official else "ours",
        "options": sys.orig_argv[1:-1],
        "last": sys.orig_argv[-1],
        "pythonpath": os.environ.get("PYTHONPATH"),
        "wrapped": os.environ.get("WRAPPED"),
        "dev": sys.flags.dev_mode,
    }
"""
OURS: Final = "/opt/rapid/start.py"
OFFICIAL: Final = "/var/runtime/bootstrap.py"

# -- off --


@pytest.mark.parametrize("value", ["on", ""])
def test_on(managed: Managed, value: str) -> None:
    """RAPID_WRAPPER=on, or an empty one, is the same as none."""
    found = managed.through(WRAPPER, WHO, {"RAPID_WRAPPER": value}).call({})

    assert found["client"] == "ours"
    assert (found["options"], found["last"]) == (["-S"], OURS)


def test_off(managed: Managed) -> None:
    """RAPID_WRAPPER=off starts the managed client with the command line of Lambda's, and says nothing."""
    runtime = managed.through(WRAPPER, WHO, {"RAPID_WRAPPER": "off"})

    found = runtime.call({})
    assert found["client"] == "official"
    assert (found["options"], found["last"]) == ([], OFFICIAL)
    assert runtime.stderr == ""


@pytest.mark.parametrize("missing", ["start.py", "lib"])
def test_off_where_it_cannot_run(managed: Managed, missing: str) -> None:
    """Switched off, the wrapper does not look for what it would need."""
    (managed.opt / "rapid" / missing).rename(managed.folder / "moved")

    runtime = managed.through(WRAPPER, WHO, {"RAPID_WRAPPER": "off"})

    assert (runtime.call({})["client"], runtime.stderr) == ("official", "")


def test_site(managed: Managed) -> None:
    """RAPID_SITE=1 starts without ``-S``, at once."""
    path = managed.write("opt/next", wrappers.PLAIN, 0o755)

    found = managed.through(WRAPPER, WHO, {"RAPID_SITE": "1", NEXT: path}).call({})

    assert (found["options"], found["wrapped"]) == ([], f"{PATH} {OURS}")


# -- in a chain --


@pytest.mark.parametrize("switch", ["on", "off"])
def test_next_wrapper(managed: Managed, switch: str) -> None:
    """The next wrapper gets the command line that is to be started, whichever client that is."""
    path = managed.write("opt/next", wrappers.PLAIN, 0o755)

    found = managed.through(WRAPPER, WHO, {NEXT: path, "RAPID_WRAPPER": switch}).call({})

    expected = f"{PATH} -S {OURS}" if switch == "on" else f"{PATH} {OFFICIAL}"
    assert found["client"] == ("ours" if switch == "on" else "official")
    assert found["wrapped"] == expected


def test_next_wrapper_that_inserts_options(managed: Managed) -> None:
    """Options that it inserts before the last argument, as AWS's example does, reach the interpreter."""
    path = managed.write("opt/next", wrappers.INSERTING, 0o755)

    found = managed.through(WRAPPER, WHO, {NEXT: path}).call({})

    assert (found["client"], found["options"]) == ("ours", ["-S", "-X", "dev"])
    assert found["dev"] is True


def test_wrapper_before_ours_that_inserts_options(managed: Managed) -> None:
    """What a wrapper before ours has inserted stays, and `site` is not left out: an option may need it."""
    inserting = wrappers.INSERTING.replace('exec "${arguments', f'exec {WRAPPER} "${{arguments')
    path = managed.write("opt/first", inserting, 0o755)

    found = managed.through(path, WHO).call({})

    assert (found["client"], found["options"], found["last"]) == ("ours", ["-X", "dev"], OURS)


def test_next_wrapper_that_replaces_the_handler(managed: Managed) -> None:
    """A handler, a PYTHONPATH and a sitecustomize of the next wrapper's count, as with awslambdaric."""
    path = managed.write("opt/next", wrappers.EXPORTING, 0o755)
    managed.write("opt/instrument/instrumented.py", wrappers.INSTRUMENTED)
    managed.write("opt/instrument/sitecustomize.py", wrappers.CUSTOM)

    official = managed.through(path, WHO).call({})
    ours = managed.through(WRAPPER, WHO, {NEXT: path}).call({})

    assert (official[0], ours[0]) == (True, True)
    assert (official[1]["client"], ours[1]["client"]) == ("official", "ours")
    assert official[1]["pythonpath"] == ours[1]["pythonpath"] == "/opt/instrument:"


def test_next_wrapper_that_starts_a_child(managed: Managed) -> None:
    """A wrapper may start the runtime as a child and pass on how it ends."""
    path = managed.write("opt/next", wrappers.CHILD, 0o755)

    assert managed.through(WRAPPER, WHO, {NEXT: path}).call({})["wrapped"] == f"{PATH} -S {OURS}"
    failed = managed.through(WRAPPER, "raise SystemExit(3)", {NEXT: path})
    assert failed.init_error()["errorType"] == "SystemExit"
    assert failed.exit_code() == 3


@pytest.mark.parametrize("switch", ["on", "off"])
@pytest.mark.parametrize(
    ("mode", "name", "code", "text"),
    [
        (0o755, "/opt/missing", 127, "/opt/missing: does not exist"),
        (0o755, "/opt", 127, "/opt: does not exist"),
        (0o644, "/opt/next", 126, "/opt/next: is not an executable"),
        (0o755, WRAPPER, 126, f"{WRAPPER}: is this wrapper itself; name the next one"),
        (0o755, "/opt/link", 126, "/opt/link: is this wrapper itself; name the next one"),
    ],
)
def test_next_wrapper_that_cannot_be_started(
    managed: Managed, switch: str, mode: int, name: str, code: int, text: str
) -> None:
    """A next wrapper that is none ends it with AWS's exit code and one line with its name."""
    managed.write("opt/next", wrappers.PLAIN, mode)
    (managed.opt / "link").symlink_to("rapid-wrapper")

    runtime = managed.through(WRAPPER, WHO, {NEXT: name, "RAPID_WRAPPER": switch})

    assert runtime.exit_code() == code
    assert (runtime.stdout, runtime.stderr) == ("", f"rapid-wrapper: {NEXT}: {text}\n")


# -- where it cannot run --

INSTEAD: Final = "; the managed runtime client starts instead\n"


def remove(name: str) -> Callable[[Managed], None]:
    """Return what takes a file or folder out of the layer."""

    def change(managed: Managed) -> None:
        (managed.opt / "rapid" / name).rename(managed.folder / "moved")

    return change


def spoil(name: str, data: bytes) -> Callable[[Managed], None]:
    """Return what writes *data* over the first bytes of a file of the layer."""

    def change(managed: Managed) -> None:
        path = managed.opt / "rapid" / name
        path.write_bytes(data + path.read_bytes()[len(data) :])

    return change


OTHER_PYTHON: Final = b"\x01\x02\r\n"
CASES: Final = {
    "no start.py": (remove("start.py"), "rapid-wrapper: there is no /opt/rapid/start.py"),
    "no package": (remove("lib/rapid_client"), "rapid-wrapper: there is no /opt/rapid/lib/rapid_client"),
    "bytecode of another Python": (
        spoil("lib/rapid_client/__init__.pyc", OTHER_PYTHON),
        "cannot load the runtime in /opt/rapid/lib: bad magic number in 'rapid_client'",
    ),
    "a module is missing": (
        remove("lib/rapid_client/_loop.pyc"),
        "cannot load the runtime in /opt/rapid/lib: No module named 'rapid_client._loop'",
    ),
    "damaged bytecode": (
        lambda managed: (managed.opt / "rapid/lib/rapid_client/_site.pyc").write_bytes(b""),
        "cannot load the runtime in /opt/rapid/lib: ",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_layer_that_cannot_be_used(managed: Managed, name: str) -> None:
    """A layer for another Python, or not a whole one: one line says so, and the managed client answers."""
    change, text = CASES[name]
    change(managed)

    runtime = managed.through(WRAPPER, WHO)

    found = runtime.call({})
    assert (found["client"], found["options"], found["last"]) == ("official", [], OFFICIAL)
    assert runtime.stderr.count("\n") == 1
    assert text in runtime.stderr
    assert runtime.stderr.endswith(INSTEAD)


def test_options_are_kept(managed: Managed) -> None:
    """Where the runtime cannot be loaded, the managed client gets the options that others have inserted."""
    spoil("lib/rapid_client/__init__.pyc", OTHER_PYTHON)(managed)
    path = managed.write("opt/next", wrappers.INSERTING, 0o755)

    found = managed.through(WRAPPER, WHO, {NEXT: path}).call({})

    assert (found["client"], found["options"], found["dev"]) == ("official", ["-X", "dev"], True)


@pytest.mark.parametrize("value", ["OFF", "0", "no thanks"])
def test_unknown_value(managed: Managed, value: str) -> None:
    """A RAPID_WRAPPER that is neither on nor off is named in one line, and the managed client starts."""
    runtime = managed.through(WRAPPER, WHO, {"RAPID_WRAPPER": value})

    assert runtime.call({})["client"] == "official"
    assert runtime.stderr == f"rapid-wrapper: RAPID_WRAPPER={value} is neither on nor off{INSTEAD}"


@pytest.mark.parametrize("name", ["python3.10", "python3.16", "node"])
def test_unknown_interpreter(managed: Managed, name: str) -> None:
    """An interpreter that no layer is made for is named in one line, and starts what it was to start."""
    managed.write(f"opt/bin/{name}", f'#!/bin/sh\nexec {PATH} "$@"\n', 0o755)

    runtime = managed.start(WHO, WRAPPER, f"/opt/bin/{name}", OFFICIAL)

    assert runtime.call({})["client"] == "official"
    assert runtime.stderr == f"rapid-wrapper: /opt/bin/{name} is no Python from 3.11 to 3.15{INSTEAD}"


def test_another_script(managed: Managed) -> None:
    """A command line that does not end with the managed client's script is named, and started as it is."""
    script = managed.write("task/own.py", "print('own', __import__('sys').argv)\n")

    runtime = managed.start("", WRAPPER, PATH, script)

    assert runtime.exit_code() == 0
    assert runtime.stdout == f"own ['{script}']\n"
    assert runtime.stderr == f"rapid-wrapper: the last argument is {script}, not {OFFICIAL}{INSTEAD}"


def test_runtime_directory(managed: Managed) -> None:
    """LAMBDA_RUNTIME_DIR says where the managed client is: it counts for the wrapper, too."""
    shutil.copytree(managed.shared / "runtime", managed.opt / "elsewhere")
    script = "/opt/elsewhere/bootstrap.py"
    environ: dict[str, str | None] = {"LAMBDA_RUNTIME_DIR": "/opt/elsewhere"}

    found = managed.start(WHO, WRAPPER, PATH, script, environ=environ).call({})

    assert (found["client"], found["pythonpath"]) == ("ours", "/opt/elsewhere")
    spoil("lib/rapid_client/__init__.pyc", OTHER_PYTHON)(managed)
    assert managed.start(WHO, WRAPPER, PATH, script, environ=environ).call({})["last"] == script


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_shells(managed: Managed, shell: str) -> None:
    """Whatever `/bin/sh` is, the wrapper means the same: arguments keep their spaces and stars."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"there is no {shell} on this machine")
    show = managed.write("opt/show", '#!/bin/sh\nprintf "<%s>" "$@"\n', 0o755)
    command = [found, "sh", WRAPPER] if shell == "busybox" else [found, WRAPPER]

    runtime = managed.start("", *command, PATH, "-X", "a b", "*", "", OFFICIAL, environ={NEXT: show})

    assert runtime.exit_code() == 0
    assert runtime.stdout == f"<{PATH}><-X><a b><*><><{OURS}>"
    assert runtime.stderr == ""


def test_starts_no_other_program(managed: Managed) -> None:
    """The shell does all by itself: with a PATH that leads nowhere it works."""
    command = ["/usr/bin/env", "PATH=/nowhere", "/var/runtime/bootstrap"]

    assert managed.start(WHO, *command, environ={SWITCH: WRAPPER}).call({})["client"] == "ours"
