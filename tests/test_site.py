"""After ``-S``, `_site.prepare` leaves a process as the standard library's `site` does, on each Python."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.site_support import (
    OURS,
    PROBE,
    STARTER,
    VERSIONS,
    Interpreter,
    coverage_folder,
    interpreter,
    last_line,
    make_package,
    make_venv,
    relocate,
    run,
)

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

MARK: Final = "import sys; sys.marks = [*getattr(sys, 'marks', []), {!r}]\n"
SYSTEM_PYTHON: Final = Path("/usr/bin/python3")


class World:
    """One interpreter, a home of its own, and the same probe started by both ways."""

    def __init__(self, base: Interpreter, folder: Path) -> None:
        self.base, self.folder = base, folder
        self.python = make_venv(base, folder / "venv")
        self.packages = folder / "venv" / base.library
        self.tree = make_package(folder / "tree")
        self.layers = folder / "layers"
        self.layer_packages = self.layers / base.library
        self.task = folder / "task"
        self.home = folder / "home"
        self.user_packages = self.home / ".local" / base.library
        for each in (self.layers, self.task, self.home):
            each.mkdir()
        (folder / "plain").mkdir()
        self.plain_script = folder / "plain" / "plain.py"
        self.plain_script.write_text(PROBE + "probe()\n", encoding="utf-8")
        self.environ = {"PATH": os.defpath, "HOME": str(self.home), "LANG": "C.UTF-8"}
        self.environ["LAMBDA_TASK_ROOT"] = str(self.task)

    def clean_base(self) -> Path:
        """Return the base interpreter, from now on without packages: there `site` has nothing to do."""
        if not self.base.distributed:
            self.environ["PYTHONHOME"] = str(relocate(self.base, self.folder / "copy").parent.parent)
        return self.base.executable

    def plain(self, *options: str, python: Path | None = None) -> dict[str, Any]:
        """Return what the probe sees where Python itself runs `site`."""
        return last_line(
            run([python or self.python, *options, self.plain_script], self.environ, cwd=self.folder)
        )

    def start(
        self, *arguments: str, python: Path | None = None, measured: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run the probe after ``-S`` and `prepare`; arguments that begin with a dash are Python's."""
        coverage = coverage_folder(self.base.version) if measured else ""
        starter = self.tree / "starter"
        starter.write_text(STARTER.format(layers=str(self.layers), coverage=coverage), encoding="utf-8")
        options = [each for each in arguments if each.startswith("-")]
        rest = [each for each in arguments if not each.startswith("-")]
        environ = dict(self.environ)
        if coverage:
            environ |= {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        return run([python or self.python, "-S", *options, starter, *rest], environ, cwd=self.folder)

    def ours(self, *options: str, python: Path | None = None, measured: bool = True) -> dict[str, Any]:
        """Return what the probe sees after ``-S`` and `prepare`."""
        return last_line(self.start(*options, python=python, measured=measured))

    def assert_equal(self, *options: str, python: Path | None = None) -> dict[str, Any]:
        """Check that both ways differ in what Lambda puts on `sys.path`, and in nothing else; return ours."""
        plain, ours = self.plain(*options, python=python), self.ours(*options, python=python)
        front = [str(self.task)]
        if not self.environ.get("PYTHONPATH"):
            front += [str(self.layer_packages), str(self.layers)]
        rest = [each for each in plain["path"][1:] if each not in front]
        assert ours["path"] == [*front, *rest, str(self.tree)]
        for what in ("prefix", "home", "executable", "marks", "reprs"):
            assert ours[what] == plain[what], what
        return ours


@pytest.fixture(params=VERSIONS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """Return a `World` for each supported Python that this machine has."""
    return World(interpreter(request.param), tmp_path)


@pytest.fixture
def our_world(tmp_path: Path) -> World:
    """Return a `World` for the Python that runs the tests: for what does not depend on the version."""
    return World(interpreter(OURS), tmp_path)


def write(path: Path, text: str) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_nothing_to_do_loads_nothing(world: World) -> None:
    """Without start-up files neither `site` nor anything else of the standard library is loaded."""
    bare = run([world.python, "-S", "-c", "import sys; print(*sys.modules)"], world.environ)
    ours = world.ours(measured=False)

    added = {"rapid_client", "rapid_client._site", "rapid_client._runtime", "__future__"}
    assert set(ours["modules"]) - set(bare.stdout.split()) == added


def test_virtual_environment(world: World) -> None:
    """Path, prefixes and `sys._home` are the virtual environment's."""
    ours = world.assert_equal()

    assert ours["prefix"][:2] == [str(world.folder / "venv")] * 2
    assert str(world.packages) in ours["path"]


def test_base_interpreter(world: World) -> None:
    """Without a virtual environment the interpreter's own site-packages come after its library."""
    ours = world.assert_equal(python=world.base.executable)

    if not world.base.distributed:
        assert str(world.base.executable.parent.parent / world.base.library) in ours["path"]


def test_base_interpreter_with_nothing_to_do(world: World) -> None:
    """A base interpreter without start-up files gets by without `site`, too."""
    if world.base.distributed:
        pytest.skip("a distribution's Python has a `site` of its own")
    python = world.clean_base()

    ours = world.assert_equal(python=python)

    assert "site" not in world.ours(python=python, measured=False)["modules"]
    assert str(world.folder / "copy" / world.base.library) in ours["path"]


def test_virtual_environment_that_lets_the_system_in(world: World) -> None:
    """`include-system-site-packages = true` adds the base's site-packages after the environment's."""
    python = make_venv(world.base, world.folder / "open", system_site=True)

    ours = world.assert_equal(python=python)

    places = [str(world.folder / "open" / world.base.library)]
    places.append(str(world.base.executable.parent.parent / world.base.library))
    assert [each for each in ours["path"] if each in places] == places[: 1 if world.base.distributed else 2]


@pytest.mark.parametrize(
    "text",
    [
        "home = {home}\n",
        "home={home}\r\nInclude-System-Site-Packages =  FALSE \r\n",
        "home = {home}\n# a = b\nno equals\ninclude-system-site-packages = no\n",
        "include-system-site-packages = true\nhome = {home}\ninclude-system-site-packages = false\n",
    ],
)
def test_unusual_settings_of_a_virtual_environment(our_world: World, text: str) -> None:
    """However pyvenv.cfg is written, it is read as `site` reads it."""
    home = our_world.base.executable.parent
    write(our_world.folder / "venv" / "pyvenv.cfg", text.format(home=home))

    our_world.assert_equal()


def test_settings_beside_the_interpreter(our_world: World) -> None:
    """A pyvenv.cfg in `bin` counts, before the one above it."""
    settings = our_world.folder / "venv" / "pyvenv.cfg"
    settings.rename(our_world.folder / "venv" / "bin" / "pyvenv.cfg")

    our_world.assert_equal()


def test_path_file_in_site_packages(world: World) -> None:
    """Lines of `.pth` files are obeyed in the order of `site`: folders added, imports run, junk skipped."""
    (world.folder / "extra").mkdir()
    write(world.packages / "b.pth", f"# a comment\n\n{world.folder / 'extra'}\n/does/not/exist\n")
    write(world.packages / "a.pth", MARK.format("a.pth"))

    ours = world.assert_equal()

    assert set(ours["marks"]) == {"a.pth"}  # until 3.14 `site` reads a virtual environment's twice
    assert str(world.folder / "extra") in ours["path"]


def test_startup_file_of_python_3_15(world: World) -> None:
    """A `.start` file (PEP 829) does where Python knows it what it does without us, and nothing elsewhere."""
    write(world.packages / "starter_module.py", "def main():\n    " + MARK.format("start"))
    write(world.packages / "a.start", "starter_module:main\n")

    ours = world.assert_equal()

    assert ours["marks"] == (["start"] if world.base.version >= "3.15" else [])


@pytest.mark.parametrize("place", ["pythonpath", "site-packages"])
@pytest.mark.parametrize("name", ["sitecustomize.py", "sitecustomize/__init__.py"])
def test_sitecustomize(world: World, place: str, name: str) -> None:
    """`sitecustomize` runs, be it on PYTHONPATH, where OpenTelemetry's layer has it, or in site-packages."""
    folder = world.packages if place == "site-packages" else world.folder / "instrumentation"
    write(folder / name, MARK.format("site"))
    if place == "pythonpath":
        world.environ["PYTHONPATH"] = str(folder)

    assert world.assert_equal()["marks"] == ["site"]


def test_sitecustomize_that_fails(our_world: World) -> None:
    """A `sitecustomize` that raises is reported as `site` does, and the process goes on."""
    write(our_world.folder / "sitecustomize.py", "raise ValueError('no')\n")

    our_world.environ["PYTHONPATH"] = str(our_world.folder)
    done = our_world.start()

    assert "Error in sitecustomize; set PYTHONVERBOSE for traceback:\nValueError: no\n" in done.stderr
    assert last_line(done)["reprs"] == our_world.plain()["reprs"]


def test_sitecustomize_beside_bootstrap_does_not_count(world: World) -> None:
    """What lies in the script's own directory is not found by `site`, and not by us."""
    write(world.tree / "sitecustomize.py", MARK.format("wrong"))

    assert world.assert_equal()["marks"] == []


def test_usercustomize(world: World) -> None:
    """`usercustomize` runs where a user's packages are allowed, after `sitecustomize`."""
    write(world.folder / "custom" / "usercustomize.py", MARK.format("user"))
    write(world.folder / "custom" / "sitecustomize.py", MARK.format("site"))
    world.environ["PYTHONPATH"] = str(world.folder / "custom")

    assert world.assert_equal()["marks"] == ["site"]  # a virtual environment does without
    python = world.clean_base()
    assert world.assert_equal(python=python)["marks"] == ["site", "user"]
    (world.folder / "custom" / "sitecustomize.py").unlink()
    assert world.assert_equal(python=python)["marks"] == ["user"]


@pytest.mark.parametrize("variables", [{}, {"PYTHONNOUSERSITE": "1"}, {"PYTHONUSERBASE": "/nowhere"}])
def test_user_site(world: World, variables: dict[str, str]) -> None:
    """A user's own site-packages come before the interpreter's, unless they are switched off."""
    write(world.user_packages / "mine.pth", MARK.format("mine"))
    world.environ |= variables

    ours = world.assert_equal(python=world.clean_base())

    assert (str(world.user_packages) in ours["path"]) is (variables == {})
    assert ours["marks"] == ([] if variables else ["mine"])


@pytest.mark.parametrize("options", [["-s"], ["-P"], ["-E"], ["-O"], ["-X", "utf8"]])
def test_options_of_the_interpreter(our_world: World, options: list[str]) -> None:
    """Options keep what they mean; a path without the script's directory loses nothing else."""
    write(our_world.user_packages / "mine.pth", "")
    if options == ["-P"]:
        (our_world.tree / "rapid_client").rename(our_world.packages / "rapid_client")
        our_world.environ["PYTHONPATH"] = str(our_world.packages)
        plain = our_world.plain("-P")["path"]
        assert our_world.ours("-P")["path"] == [str(our_world.task), *plain]
    elif options[0] == "-X":
        our_world.environ["PYTHONUTF8"] = "1"
        our_world.assert_equal()
    else:
        our_world.assert_equal(*options)
        our_world.assert_equal(*options, python=our_world.clean_base())


def test_user_site_without_home(our_world: World) -> None:
    """Where HOME is not set, the password file names the home directory, as for `site`."""
    del our_world.environ["HOME"]

    our_world.assert_equal(python=our_world.clean_base())


def test_user_site_of_another_folder(our_world: World) -> None:
    """PYTHONUSERBASE names the user's folder."""
    packages = our_world.folder / "userbase" / our_world.base.library
    packages.mkdir(parents=True)
    our_world.environ["PYTHONUSERBASE"] = str(our_world.folder / "userbase")

    assert str(packages) in our_world.assert_equal(python=our_world.clean_base())["path"]


def test_unusual_name_of_the_interpreter(our_world: World) -> None:
    """An interpreter that is named by a detour has the same prefix as with `site`."""
    our_world.assert_equal(python=our_world.python.parent / ".." / "bin" / "python3")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may take a user id that has no name")
def test_user_without_name_and_home(our_world: World) -> None:
    """A user id that the password file does not know, as in Lambda, has no home and no user site."""
    del our_world.environ["HOME"]
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from rapid_client import _site; os.setuid(54321);"
        "print(_site._home_directory(), _site._user_site_exists(), _site._user_site_enabled())"
    )

    done = run([sys.executable, "-P", "-c", script, our_world.tree], our_world.environ)

    assert done.stdout == "b'~' False True\n", done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may take another effective user id")
@pytest.mark.parametrize("call", ["os.seteuid(54321)", "os.setegid(54321)"])
def test_user_site_with_borrowed_rights(our_world: World, call: str) -> None:
    """A process that acts with another's rights has no user site."""
    script = (
        "import os, site, sys; sys.path.insert(0, sys.argv[1]); from rapid_client import _site;"
        f"{call}; print(_site._user_site_enabled(), site.check_enableusersite())"
    )

    done = run([sys.executable, "-P", "-c", script, our_world.tree], our_world.environ)

    assert done.stdout == "False None\n", done.stderr


def test_relative_and_repeated_entries(world: World) -> None:
    """PYTHONPATH's entries become absolute and stay once, in their place."""
    for name in ("one", "two"):
        (world.folder / name).mkdir()
    world.environ["PYTHONPATH"] = f"{world.folder}/one:two:{world.folder}/./one:{world.folder}/two/::"

    ours = world.assert_equal()

    assert ours["path"][1:4] == [str(world.folder / "one"), str(world.folder / "two"), str(world.folder)]


def test_repeated_absolute_entries(our_world: World) -> None:
    """An entry that comes twice, one of the task's folder included, stays where it comes first."""
    our_world.environ["PYTHONPATH"] = f"{our_world.folder}:{our_world.task}:{our_world.folder}"

    path = our_world.assert_equal()["path"]

    assert path[:2] == [str(our_world.task), str(our_world.folder)]
    assert len(path) == len(set(path))


def test_layers(world: World) -> None:
    """`.pth` files of the function's folder and of both layer folders are obeyed, the function's first."""
    (world.layers / "more").mkdir()
    write(world.task / "t.pth", MARK.format("task"))
    write(world.layer_packages / "p.pth", MARK.format("packages"))
    write(world.layers / "l.pth", MARK.format("layer") + "more\n")

    ours = world.ours()

    front = [str(world.task), str(world.layer_packages), str(world.layers)]
    assert ours["marks"] == ["task", "packages", "layer"]
    assert ours["path"] == [*front, *world.plain()["path"][1:], str(world.layers / "more"), str(world.tree)]


def test_python_path_takes_the_place_of_layers(world: World) -> None:
    """With PYTHONPATH the layer's folders are not on the path, and their `.pth` files are not read."""
    write(world.layers / "l.pth", MARK.format("layer"))
    world.environ["PYTHONPATH"] = str(world.folder)

    ours = world.assert_equal()

    assert ours["path"][:2] == [str(world.task), str(world.folder)]
    assert ours["marks"] == []


def test_current_directory_without_task_root(our_world: World) -> None:
    """Without LAMBDA_TASK_ROOT the current directory comes first, and its `.pth` files do not count."""
    del our_world.environ["LAMBDA_TASK_ROOT"]
    write(our_world.folder / "x.pth", MARK.format("wrong"))

    ours = our_world.ours()

    assert ours["path"][0] == str(our_world.folder)
    assert ours["marks"] == []


@pytest.mark.parametrize("root", ["task", "task/", "./task", "{folder}/home/../task/"])
def test_unusual_task_root(our_world: World, root: str) -> None:
    """However LAMBDA_TASK_ROOT is written, the entry is absolute, and its `.pth` files are obeyed once."""
    write(our_world.task / "t.pth", MARK.format("task"))
    our_world.environ["LAMBDA_TASK_ROOT"] = root.format(folder=our_world.folder)

    ours = our_world.ours()

    assert ours["path"].count(str(our_world.task)) == 1
    assert ours["path"][0] == str(our_world.task)
    assert ours["marks"] == ["task"]


def test_package_in_the_task_root(our_world: World) -> None:
    """A package in the function's own folder, as in a custom runtime's zip file, adds no entry."""
    our_world.environ["LAMBDA_TASK_ROOT"] = str(our_world.tree)

    path = our_world.ours()["path"]

    assert path[0] == str(our_world.tree)
    assert path.count(str(our_world.tree)) == 1


def test_removed_current_directory(our_world: World) -> None:
    """A current directory that was removed stops nothing."""
    del our_world.environ["LAMBDA_TASK_ROOT"]
    gone = our_world.folder / "gone"
    gone.mkdir()
    starter = our_world.tree / "starter"
    starter.write_text(STARTER.format(layers=str(our_world.layers), coverage=""), encoding="utf-8")
    script = 'rmdir "$PWD" && exec "$@"'
    command: list[str | Path] = ["/bin/sh", "-c", script, "sh", our_world.python, "-S", starter]

    probed = last_line(run(command, our_world.environ, cwd=gone))

    assert str(our_world.layers) in probed["path"]


def test_unreadable_settings_are_left_to_site(our_world: World) -> None:
    """What cannot be read here ends as it does with `site`: with its own complaint."""
    (our_world.folder / "venv" / "pyvenv.cfg").write_bytes(b"include-system-site-packages = \xff\n")

    plain = run([our_world.python, "-c", ""], our_world.environ)
    ours = our_world.start()

    assert plain.returncode != 0
    assert ours.returncode != 0
    assert "UnicodeDecodeError" in ours.stderr


@pytest.mark.skipif(not SYSTEM_PYTHON.exists(), reason="there is no Python of the distribution's")
def test_python_of_the_distribution(our_world: World) -> None:
    """A distribution's Python has a `site` of its own (dist-packages); it is asked."""
    asked = run([SYSTEM_PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], our_world.environ)
    version = asked.stdout.strip()
    if version not in VERSIONS:
        pytest.skip(f"the distribution's Python is {version}")
    our_world.base = Interpreter(SYSTEM_PYTHON, version)
    our_world.layer_packages = our_world.layers / our_world.base.library

    our_world.assert_equal(python=SYSTEM_PYTHON)


# -- builtins --

STATEMENTS: Final = (
    "exit(3)",
    "quit()",
    "exit('a text')",
    "import builtins; builtins.exit(None)",
    "try:\n    exit(4)\nexcept SystemExit as end:\n    import sys\n    print(end.code, sys.stdin.closed)",
    "print(exit, quit, copyright, credits, license, help)",
    "print(exit.eof, exit.name, license.MAXLINES, hasattr(exit, 'nothing'))",
    "credits()",
    "help(len)",
    "help(nothing=1)",
    "exit(1, 2)",
)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_builtins_behave(our_world: World, statement: str) -> None:
    """Each of the six names does, prints and ends as `site`'s does."""
    code = f"try:\n    exec({statement!r})\nexcept TypeError as error:\n    print(error)"

    plain = run([our_world.python, "-c", code], our_world.environ)
    ours = our_world.start("run", code)

    assert (ours.returncode, ours.stdout, ours.stderr) == (plain.returncode, plain.stdout, plain.stderr)


def test_builtins_on_each_version(world: World) -> None:
    """`exit` ends the process with its code, on each Python."""
    assert world.start("run", "exit(3)").returncode == 3
    assert world.start("run", "quit('bye')").stderr == "bye\n"


def test_builtins_give_way_to_the_real_ones(our_world: World) -> None:
    """After the first use the names are `site`'s own objects, but for one that the function has replaced."""
    code = (
        "import builtins\n"
        "builtins.help = 'mine'\n"
        "saved = exit\n"
        "repr(quit)\n"
        "print(type(exit).__name__, type(license).__name__, help, repr(saved) == repr(exit))\n"
    )

    done = our_world.start("run", code)

    assert done.stdout == "Quitter _Printer mine True\n", done.stderr


# -- starting again without -S --


@pytest.mark.parametrize("option", ["-S", "-Su", "-uS", "-SX"])
def test_switch_under_a_first_line_that_names_the_interpreter(our_world: World, option: str) -> None:
    """RAPID_SITE=1 starts the process again without ``-S`` where no shell has dropped it."""
    our_world.environ |= {"RAPID_SITE": "1"}
    starter = our_world.tree / "starter"
    starter.write_text(STARTER.format(layers=str(our_world.layers), coverage=""), encoding="utf-8")
    options = [option, "frozen_modules=off"] if option == "-SX" else [option]

    probed = last_line(run([our_world.python, *options, starter, "-S", "b c"], our_world.environ))

    assert probed["no_site"] == 0
    assert probed["argv"][1:] == ["-S", "b c"]
    assert "site" in probed["modules"]


def test_environment_of_a_child_is_unchanged(our_world: World) -> None:
    """What the process does to itself goes into no variable that a child would get."""
    code = "import os; print(sorted(os.environ))"

    done = our_world.start("run", code)

    added: Mapping[str, str] = {name: "" for name in os.environ if name.startswith("COVERAGE_")}
    names = {each.strip(" '[]\n") for each in done.stdout.split(",")}
    assert names - set(added) - {"LC_CTYPE"} == set(our_world.environ)
