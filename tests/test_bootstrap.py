"""The executable `bootstrap`: the interpreter it takes, the package it finds, what it says without one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.site_support import (
    OURS,
    ROOT,
    VERSIONS,
    interpreter,
    last_line,
    make_package,
    make_venv,
    pyenv_versions,
    run,
)

if TYPE_CHECKING:
    from pathlib import Path

ENVIRON: Final = {"PATH": os.defpath, "HOME": "/nowhere", "LANG": "C.UTF-8"}
BOOTSTRAP: Final = ROOT / "bootstrap"


class Clone:
    """A folder with the real bootstrap, a stand-in for the package beside it, and an interpreter for it."""

    def __init__(self, folder: Path, version: str = OURS) -> None:
        self.folder = make_package(folder / "a clone")
        self.bootstrap = self.folder / "bootstrap"
        shutil.copy(BOOTSTRAP, self.bootstrap)
        self.base = interpreter(version)
        self.python = make_venv(self.base, folder / "venv")
        self.packages = folder / "venv" / self.base.library
        self.environ = {**ENVIRON, "RAPID_PYTHON": str(self.python)}

    def start(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Start bootstrap by its absolute path."""
        return run([self.bootstrap, *arguments], self.environ | variables, cwd=self.folder.parent)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """Return a `Clone` for the Python that runs the tests."""
    return Clone(tmp_path)


def named_in_first_line(clone: Clone, *options: str) -> Path:
    """Replace the first line of bootstrap by one that names the interpreter, as the layer has it."""
    lines = clone.bootstrap.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[0] = f"#!{clone.python} {''.join(options)}\n"
    clone.bootstrap.write_text("".join(lines), encoding="utf-8")
    return clone.bootstrap


# -- it starts --


@pytest.mark.parametrize("version", VERSIONS)
def test_starts_without_site(tmp_path: Path, version: str) -> None:
    """The interpreter gets ``-S``, the runtime the arguments as they are, and `sys.path` its order."""
    clone = Clone(tmp_path, version)

    probed = last_line(clone.start("app.handler", "b c", "-S", "*", ""))

    assert probed["no_site"] == 1
    assert probed["argv"] == [str(clone.bootstrap), "app.handler", "b c", "-S", "*", ""]
    assert probed["executable"] == str(clone.python)
    assert probed["prefix"][0] == str(tmp_path / "venv")
    assert probed["path"][0] == str(tmp_path)
    assert probed["path"][1:3] == [f"/opt/python/{clone.base.library}", "/opt/python"]
    assert probed["path"][-2:] == [str(clone.packages), str(clone.folder)]


@pytest.mark.parametrize("version", VERSIONS)
def test_switch_for_site(tmp_path: Path, version: str) -> None:
    """RAPID_SITE=1 starts without ``-S``, and everything else is equal."""
    clone = Clone(tmp_path, version)

    quick, slow = last_line(clone.start()), last_line(clone.start(RAPID_SITE="1"))

    assert (quick.pop("no_site"), slow.pop("no_site")) == (1, 0)
    assert "site" in slow.pop("modules")
    del quick["modules"]
    assert quick == slow


@pytest.mark.parametrize("value", ["0", "", "yes"])
def test_other_values_of_the_switch(clone: Clone, value: str) -> None:
    """Only the value 1 switches."""
    assert last_line(clone.start(RAPID_SITE=value))["no_site"] == 1


def test_relative_path(clone: Clone) -> None:
    """`./bootstrap` works in its own folder, and from the one above."""
    for command, cwd in (("./bootstrap", clone.folder), ("a clone/bootstrap", clone.folder.parent)):
        probed = last_line(run([command], clone.environ, cwd=cwd))
        assert probed["path"].count(str(clone.folder)) == 1


@pytest.mark.parametrize("entry", ["{folder}", "", "."])
def test_found_on_the_path(clone: Clone, entry: str) -> None:
    """A shell that finds bootstrap on PATH starts it, also where `$0` has no slash."""
    path = f"{entry.format(folder=clone.folder)}:{os.defpath}"

    done = run(["/bin/sh", "-c", "bootstrap x"], clone.environ | {"PATH": path}, cwd=clone.folder)

    assert last_line(done)["argv"][1:] == ["x"]


def test_given_to_a_shell(clone: Clone) -> None:
    """`sh bootstrap` works: the name has no slash then."""
    assert last_line(run(["/bin/sh", "bootstrap"], clone.environ, cwd=clone.folder))["no_site"] == 1


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox", "ksh", "zsh"])
def test_other_shells(clone: Clone, shell: str) -> None:
    """Whatever `/bin/sh` is, the file means the same."""
    found = shutil.which(shell)
    if not found:
        pytest.skip(f"there is no {shell} on this machine")
    command = [found, "sh"] if shell == "busybox" else [found]

    assert last_line(run([*command, clone.bootstrap, "x y"], clone.environ))["argv"][1:] == ["x y"]


def test_symbolic_link(clone: Clone) -> None:
    """A link to bootstrap finds the package beside the file that it names."""
    link = clone.folder.parent / "link"
    link.symlink_to(clone.bootstrap)

    probed = last_line(run([link, "x"], clone.environ))

    assert probed["path"][-1] == str(clone.folder)


def test_exit_status_and_streams(clone: Clone) -> None:
    """What the runtime returns is the status, and nothing is written besides."""
    done = clone.start("run", "import sys; sys.exit(7)")

    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")


def test_process_is_replaced(clone: Clone) -> None:
    """No shell stays behind: the process that was started is the interpreter."""
    with subprocess.Popen(
        [clone.bootstrap, "run", "import os; print(os.getpid())"], env=clone.environ, stdout=subprocess.PIPE
    ) as process:
        out, _ = process.communicate(timeout=60)

    assert int(out) == process.pid


def test_shell_starts_no_other_program(clone: Clone) -> None:
    """With a PATH that leads nowhere the shell part still does its work."""
    assert last_line(clone.start(PATH="/nowhere"))["no_site"] == 1


# -- which interpreter --


def test_interpreter_of_the_layer(clone: Clone) -> None:
    """Without RAPID_PYTHON, or where it is empty, the one beside bootstrap comes before `python3`."""
    (clone.folder / "rapid").symlink_to(clone.python.parent.parent)
    del clone.environ["RAPID_PYTHON"]

    no_variable: dict[str, str] = {}
    for variables in (no_variable, {"RAPID_PYTHON": ""}):
        probed = last_line(clone.start(**variables, PATH="/nowhere"))
        assert probed["executable"] == str(clone.folder / "rapid" / "bin" / "python3")


@pytest.mark.parametrize("name", [None, "python3", "snake"])
def test_interpreter_on_the_path(clone: Clone, name: str | None) -> None:
    """Else `python3` is looked up on PATH, or the name that RAPID_PYTHON gives."""
    (clone.python.parent / "snake").symlink_to(clone.python.name)
    del clone.environ["RAPID_PYTHON"]
    variables = {"RAPID_PYTHON": name} if name else {}

    probed = last_line(clone.start(PATH=f"/nowhere:{clone.python.parent}", **variables))

    assert probed["executable"] == str(clone.python.parent / (name or "python3"))


@pytest.mark.parametrize(
    "value", ["/nowhere/python", "nowhere", "{folder}", "{folder}/rapid_client/_site.py"]
)
def test_interpreter_that_cannot_be_executed(clone: Clone, value: str) -> None:
    """A RAPID_PYTHON that is no program is named in one line."""
    value = value.format(folder=clone.folder)

    done = clone.start(RAPID_PYTHON=value)

    expected = (
        f"bootstrap: RAPID_PYTHON={value} cannot be executed; name Python 3.11 or newer in RAPID_PYTHON\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (127, "", expected)


def test_no_interpreter(clone: Clone) -> None:
    """No Python at all is said in one line."""
    del clone.environ["RAPID_PYTHON"]

    done = clone.start(PATH="/nowhere")

    expected = "bootstrap: python3 cannot be executed; name Python 3.11 or newer in RAPID_PYTHON\n"
    assert (done.returncode, done.stdout, done.stderr) == (127, "", expected)


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7", "3.8", "3.9", "3.10"])
def test_old_python(clone: Clone, version: str) -> None:
    """A Python that is too old says so in one line, whatever syntax it knows."""
    found = sorted(pyenv_versions().glob(f"{version}.*/bin/python"))
    if not found:
        pytest.skip(f"there is no Python {version} on this machine")

    done = clone.start(RAPID_PYTHON=str(found[0]))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"bootstrap: rapid_client needs Python 3.11 or newer, but {found[0]} is Python {version}."
    )
    assert done.stderr.count("\n") == 1


# -- where the package is --


def test_package_under_rapid(clone: Clone) -> None:
    """The package may lie in `rapid/` beside bootstrap."""
    (clone.folder / "rapid").mkdir()
    (clone.folder / "rapid_client").rename(clone.folder / "rapid" / "rapid_client")

    probed = last_line(clone.start())

    assert probed["path"][-1] == str(clone.folder / "rapid")
    assert str(clone.folder) not in probed["path"]


@pytest.mark.parametrize("switch", ["0", "1"])
@pytest.mark.parametrize("place", ["site-packages", "path file"])
def test_installed_package(clone: Clone, place: str, switch: str) -> None:
    """An installed package is found, in site-packages or by a `.pth` file, and no folder is added."""
    if place == "path file":
        target = clone.folder.parent / "source"
        target.mkdir()
        (clone.packages / "editable.pth").write_text(f"{target}\n", encoding="utf-8")
    else:
        target = clone.packages
    (clone.folder / "rapid_client").rename(target / "rapid_client")
    plain = run([clone.python, "-c", "import sys; print(sys.path[1:])"], ENVIRON)

    probed = last_line(clone.start(RAPID_SITE=switch))

    assert str(probed["path"][3:]) == plain.stdout.strip()
    assert str(target) in probed["path"]


def test_no_package(clone: Clone) -> None:
    """Without a package one line says where it was looked for."""
    shutil.rmtree(clone.folder / "rapid_client")

    done = clone.start()

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"bootstrap: no rapid_client beside {clone.bootstrap}, nor in {clone.python}:"
        " No module named 'rapid_client'\n"
    )


@pytest.mark.parametrize("place", ["clone", "site-packages"])
def test_safe_path(clone: Clone, place: str) -> None:
    """PYTHONSAFEPATH, with which Python does not put the script's folder in front, changes nothing."""
    if place == "site-packages":
        (clone.folder / "rapid_client").rename(clone.packages / "rapid_client")

    safe, usual = last_line(clone.start(PYTHONSAFEPATH="1")), last_line(clone.start())

    assert safe["path"] == usual["path"]


def test_function_is_not_hidden_by_what_lies_beside(clone: Clone) -> None:
    """A module beside bootstrap, `tests` in a clone for one, does not hide the function's own."""
    task = clone.folder.parent / "task"
    for folder in (task, clone.folder):
        (folder / "tests.py").parent.mkdir(exist_ok=True)
        (folder / "tests.py").write_text("", encoding="utf-8")

    done = clone.start("run", "import tests; print(tests.__file__)", LAMBDA_TASK_ROOT=str(task))

    assert done.stdout == f"{task / 'tests.py'}\n"


# -- without the shell --


@pytest.mark.parametrize("option", ["-S", "-Su"])
def test_first_line_that_names_the_interpreter(clone: Clone, option: str) -> None:
    """With the interpreter in its first line, as in the layer, the file works as before."""
    usual = last_line(clone.start("x"))
    named_in_first_line(clone, option)

    assert last_line(clone.start("x")) == usual


def test_first_line_that_names_the_interpreter_and_the_switch(clone: Clone) -> None:
    """RAPID_SITE=1 counts there, too."""
    usual = last_line(clone.start("x", RAPID_SITE="1"))
    named_in_first_line(clone, "-S")

    assert last_line(clone.start("x", RAPID_SITE="1")) == usual


# -- an exec wrapper --

WRAPPER: Final = '#!/bin/sh\nWRAPPED="$*" exec "$@"\n'


def wrapper(clone: Clone, text: str = WRAPPER, mode: int = 0o755) -> str:
    """Write an exec wrapper; return its path."""
    path = clone.folder.parent / "a wrapper"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("variable", ["AWS_LAMBDA_EXEC_WRAPPER", "RAPID_EXEC_WRAPPER"])
def test_exec_wrapper(tmp_path: Path, version: str, variable: str) -> None:
    """The wrapper gets the interpreter, ``-S`` and the package's start, and all is as without it."""
    clone = Clone(tmp_path, version)
    plain = last_line(clone.start())

    done = clone.start(**{variable: wrapper(clone, WRAPPER.replace("exec", "echo $*; exec"))})

    found = last_line(done)
    script = f"{clone.folder}/rapid_client/__main__.py"
    assert done.stdout.splitlines()[0].endswith(f"{clone.python} -S {script}")
    assert found.pop("argv") == [script]
    plain.pop("argv")
    assert {**found, "modules": None} == {**plain, "modules": None}


@pytest.mark.parametrize("place", ["clone", "site-packages"])
@pytest.mark.parametrize("switches", [{}, {"RAPID_SITE": "1"}, {"PYTHONSAFEPATH": "1"}])
def test_path_behind_an_exec_wrapper(clone: Clone, switches: dict[str, str], place: str) -> None:
    """The path is the same behind a wrapper, wherever the package is and however Python is started."""
    if place == "site-packages":
        (clone.folder / "rapid_client").rename(clone.packages / "rapid_client")

    plain = last_line(clone.start(**switches))
    found = last_line(clone.start(**switches, AWS_LAMBDA_EXEC_WRAPPER=wrapper(clone)))

    assert (found["path"], found["no_site"]) == (plain["path"], plain["no_site"])


def test_handler_for_an_exec_wrapper(clone: Clone) -> None:
    """A handler on the command line is in `_HANDLER`, where wrappers look for it."""
    text = '#!/bin/sh\necho "$_HANDLER"\n'

    done = clone.start("app.handler", AWS_LAMBDA_EXEC_WRAPPER=wrapper(clone, text), _HANDLER="no.handler")

    assert done.stdout == "app.handler\n"


@pytest.mark.parametrize(
    ("mode", "code", "text"),
    [(0o755, 127, "does not exist"), (0o644, 126, "is not an executable")],
)
def test_exec_wrapper_that_cannot_be_started(clone: Clone, mode: int, code: int, text: str) -> None:
    """A wrapper that is missing, or no program, is named in one line, with AWS's exit code."""
    path = wrapper(clone, mode=mode)
    if code == 127:
        path += "-less"

    done = clone.start(AWS_LAMBDA_EXEC_WRAPPER=path)

    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == f"bootstrap: AWS_LAMBDA_EXEC_WRAPPER: {path}: {text}\n"


# -- the processes of a function --

SPAWN: Final = """
import multiprocessing, sys
sys.path.insert(0, {folder!r})
import child
process = multiprocessing.get_context({method!r}).Process(target=child.work)
process.start()
process.join()
print(process.exitcode)
"""


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_multiprocessing(clone: Clone, method: str) -> None:
    """A process that multiprocessing starts does not start the runtime again, and finds our package."""
    (clone.folder.parent / "child.py").write_text(
        "def work():\n    import rapid_client\n    print('worked', flush=True)\n", encoding="utf-8"
    )

    done = clone.start("run", SPAWN.format(folder=str(clone.folder.parent), method=method))

    assert done.stdout == "worked\n0\n", done.stderr


def test_file_is_small_and_plain() -> None:
    """It is compiled at each start, and Python 2 reads it as ASCII."""
    text = BOOTSTRAP.read_bytes()

    assert text.isascii()
    assert len(text) < 3000
    assert os.access(BOOTSTRAP, os.X_OK)


def test_real_package_starts() -> None:
    """The project's own bootstrap reaches the runtime, which misses the address that it should ask."""
    done = run([BOOTSTRAP, "app.handler"], ENVIRON | {"RAPID_PYTHON": sys.executable})

    assert done.returncode != 0
    assert "AWS_LAMBDA_RUNTIME_API" in done.stderr + done.stdout
