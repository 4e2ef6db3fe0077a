"""Let imports wait until their names are used (PEP 810, Python 3.15), where that is known to be safe.

Which those are says the package's list, `FILE`, which `rapid package --lazy` has proven on the function's own
events, or a rule (``RAPID_LAZY_IMPORTS=safe``). A module that has a container ``__lazy_modules__`` in its
namespace loads lazily what that container holds: the finder here puts one there before the module's code
runs. So all other modules are as they were, imports in ``try`` blocks and in classes are never lazy, a
module's own ``__lazy_modules__`` and ``lazy import`` statements hold, and no child process inherits anything.
"""

from __future__ import annotations

import posix
import sys
from _frozen_importlib_external import _LoaderBasics  # private; what loads Python code is one

import rapid_client
from rapid_client import _import_hook
from rapid_client._codec import make_scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Final

    from rapid_client._runtime import Environment

#: PEP 810; a constant, or the type checker would call one half of the code unreachable.
SUPPORTED: Final = sys.version_info >= (3, 15)
#: The list's name in the task root, and the version of its form.
FILE: Final = "rapid-lazy.json"
SCHEMA: Final = 1
#: Of the standard library these do more than define names: they set up a terminal, patch, trace, or look
#: at what is loaded. 32 of 32 functions are right without them, 8,372 modules load (docs/cold-start.md).
ACTIVE: Final = {"readline", "unittest", "doctest", "site", "encodings", "faulthandler", "tracemalloc"}
#: These are not there on Linux, or often left out: who imports them in a `with suppress(ImportError):`,
#: where an import would wait, wants to know at once.
ABSENT: Final = {
    *("msvcrt", "nt", "winreg", "winsound", "_msi", "_overlapped", "_scproxy", "_winapi", "_wmi"),
    *("curses", "_curses", "_curses_panel", "dbm", "_dbm", "_gdbm"),
    *("idlelib", "tkinter", "_tkinter", "turtle", "turtledemo"),
}
EAGER: Final = frozenset(ACTIVE | ABSENT)
#: What a module's code mentions that looks into a namespace, where a lazy name is not what it seems.
LOOKS_INSIDE: Final = frozenset({"globals", "locals", "vars", "exec", "eval", "__getattr__"})


class StaleError(Exception):
    """The list is not for what is installed; the message says what differs."""


def install(environment: Environment, path: str | None) -> None:
    """Make imports lazy from now on; modules that are loaded already stay as they are.

    What cannot be done is said in one line of the log, at level WARN, and all imports are eager.

    Args:
        environment: Its switch decides on the rule, its task root and ``sys.path`` on the versions.
        path: The package's list; None if there is none.
    """
    safe = environment.switches.lazy_imports == "safe"
    if not SUPPORTED:
        version = "{}.{}".format(*sys.version_info)
        why = f"RAPID_LAZY_IMPORTS='safe' needs Python 3.15 or newer, and this is {version}"
        warn(environment, f"{why}: all imports load at once, as ever; unset it, or use Python 3.15")
        return
    edges: Mapping[str, Listed] = {}
    if path is not None:
        try:
            edges = read_edges(path, (environment.config.task_root or posix.getcwd(), *sys.path))
        except StaleError as exc:
            warn(environment, f"the imports that {FILE} lists are not lazy: {exc}")
    if safe or edges:
        _import_hook.put_before_standard(Finder(_by_rule(edges, environment) if safe else edges.get))


def warn(environment: Environment, message: str) -> None:
    """Write a line of ours to the log, at level WARN."""
    from rapid_client._faults import advise as write  # deferred: most starts have nothing to say

    write(environment, f"rapid_client: {message}")


def read_edges(path: str, folders: Sequence[str]) -> dict[str, Listed]:
    """Return which imports can wait: the targets by the module that imports them.

    Args:
        path: The list.
        folders: Where the packages' metadata are looked for.

    Raises:
        StaleError: If the list is none, or not for this Python and these packages.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content: Any = make_scan()(file.read().strip(), 0)[0]
        schema, python = content["schema"], content["python"]
        edges = {name: Listed(targets) for name, targets in content["edges"].items()}
        wanted = {_normal(name): version for name, version in content["distributions"].items()}
    except Exception as exc:  # whatever else a file may hold
        reason = f"{type(exc).__name__}: {exc}"
        raise StaleError(f"it cannot be read ({reason}); package the function again") from None
    version = "{}.{}".format(*sys.version_info)
    if (schema, python) != (SCHEMA, version):
        raise StaleError(f"it is for Python {python} (form {schema}), and this is {version} ({SCHEMA})")
    there = _versions(folders, set(wanted))
    for name in sorted(wanted):
        if there.get(name) != wanted[name]:
            found = there.get(name, "not there")
            raise StaleError(
                f"it is for {name} {wanted[name]}, which is {found} now; package the function again"
            )
    return edges


def _versions(folders: Sequence[str], wanted: set[str]) -> dict[str, str]:
    """Return the versions of installed packages, by their names: the first that is found counts.

    The metadata's folder has both in its name (PyPA: Recording installed projects); `importlib.metadata`
    takes 20 ms to import.
    """
    found: dict[str, str] = {}
    for folder in folders:
        if wanted <= found.keys():
            break
        try:
            entries = posix.listdir(folder)
        except OSError:
            continue
        for entry in entries:
            if entry.endswith(".dist-info"):
                name, _, version = entry[: -len(".dist-info")].rpartition("-")
                found.setdefault(_normal(name), version)
    return found


def _normal(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def _by_rule(edges: Mapping[str, Listed], environment: Environment) -> Callable[[str], Container[str] | None]:
    """Return what chooses by `Rule`, and by the list besides.

    A module in the task root shadows one of the standard library, and is not what the rule is for.
    """
    try:
        entries = posix.listdir(environment.config.task_root or ".")
    except OSError:
        entries = []
    standard = (sys.stdlib_module_names - EAGER).difference(entry.partition(".")[0] for entry in entries)

    def choose(importer: str) -> Container[str] | None:
        own = importer.partition(".")[0] == rapid_client.__name__
        return None if own else Rule(edges.get(importer, Listed()), standard)

    return choose


class Listed(frozenset[str]):
    """Of one module's imports: those that the package's list names."""

    __slots__ = ()

    #: What to do where one of them fails.
    remedy = (
        "package the function again with an event that takes this route (rapid package --lazy --event FILE),"
        " or set RAPID_LAZY_IMPORTS=off"
    )


class Rule:
    """Of one module's imports: those of the standard library, unless its code looks into namespaces.

    Args:
        listed: What can wait whatever the rule says.
        standard: The first names of what is of the standard library.
    """

    __slots__ = ("_listed", "_standard")

    #: What to do where one of them fails.
    remedy = "set RAPID_LAZY_IMPORTS=package, or RAPID_LAZY_IMPORTS=off"

    def __init__(self, listed: Listed, standard: frozenset[str]) -> None:
        self._listed, self._standard = listed, standard

    def __contains__(self, target: object) -> bool:
        """Say whether the import of *target* can wait; asked by the import statement itself."""
        if target in self._listed:
            return True
        if str(target).partition(".")[0] not in self._standard:
            return False
        frame = sys._getframe(1)  # noqa: SLF001 - the import statement asks
        code, file = frame.f_code, frame.f_globals.get("__file__")
        # Not what is run in the module's namespace by `exec`; without a source, the file is FILE.pyc.
        own = file in {code.co_filename, code.co_filename + "c"}
        return own and LOOKS_INSIDE.isdisjoint(code.co_names)


class Finder:
    """Lets the others find a module, and gives it its ``__lazy_modules__``.

    Args:
        choose: Takes a module's name, and returns which of its imports can wait; None for none.
    """

    __slots__ = ("_choose",)

    def __init__(self, choose: Callable[[str], Container[str] | None]) -> None:
        self._choose = choose

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the module as if this finder did not exist."""
        if self._choose(fullname) is None:
            return None
        spec = _import_hook.find_behind(self, fullname, path, target)
        loader: Any = spec and spec.loader
        # Loaders of Python code; one that makes its modules itself knows why.
        if isinstance(loader, _LoaderBasics) and type(loader).create_module is _LoaderBasics.create_module:
            loader.create_module = self._create  # type: ignore[method-assign]
        return spec

    def _create(self, spec: ModuleSpec) -> ModuleType | None:
        """Make the module that the import system would make; a zip file's loader asks for all of its."""
        lazy = self._choose(spec.name)
        if lazy is None:
            return None
        module = type(sys)(spec.name)
        module.__dict__["__lazy_modules__"] = lazy
        return module
