"""Runs inside the function's process: makes imports lazy, and notes what came of it. Python 3.15 or newer.

It is a script, started by its path: ``python lazy_recorder.py OUT ORDER ROOT app.handler``. OUT is the file
that gets the recording. ORDER is a file with a marshalled dict: ``edges`` maps an importer's name to the
targets that are to be lazy there, or is None: then nothing is, and every module's imports are noted;
``alone`` says whether each edge that is left is loaded without the others, too; ``root`` is the function's
folder, in which all is that has a version; ``own`` are the first names of its modules of no package. ROOT is
the folder with our package where `bootstrap` is beside it, else empty. It is no part of the runtime, and
imports nothing that the runtime does not.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import marshal
import posix
import sys
import time
from _frozen_importlib_external import _LoaderBasics  # private; what loads Python code is one

# They lie beside this script, and the function does not see them.
lazy_code: Any = __import__("lazy_code")
lazy_state: Any = __import__("lazy_state")
del sys.modules["lazy_code"], sys.modules["lazy_state"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType
    from typing import Any, Final

#: The newest version of `marshal` that every supported Python reads.
FORMAT: Final = 4
#: Characters of an error that are kept.
SHOWN: Final = 200
#: Why an import is eager that binds what nobody wants.
EFFECT: Final = "nothing mentions what it binds: it may be there for its effect"
#: Seconds that loading one edge alone may take.
LIMIT: Final = 10


class Names:
    """What a module's ``__lazy_modules__`` is: asked for the target of each of its imports (PEP 810).

    Attributes:
        asked: What is taken of each target, by the name that it is bound to.
    """

    __slots__ = ("asked", "lazy", "reader", "statements")

    def __init__(self, lazy: frozenset[str], reader: Any) -> None:
        self.lazy, self.reader = lazy, reader
        self.asked: dict[str, dict[str, str]] = {}
        self.statements: tuple[Any, dict[int, dict[str, str]]] = None, {}

    def __contains__(self, target: str) -> bool:
        frame = sys._getframe(1)  # noqa: SLF001 - `inspect` would be another import
        if self.statements[0] is not frame.f_code:
            self.statements = frame.f_code, self.reader.statements(frame.f_code)
        self.asked.setdefault(target, {}).update(self.statements[1].get(frame.f_lasti, {}))
        return target in self.lazy

    def taken(self, target: str) -> set[str]:
        """Return the names of the lazy objects that stand for an import."""
        return {f"{target}.{name}" if name else target for name in self.asked[target].values()}


class Recorder:
    """Makes edges lazy from `install` on, and writes what it has seen when the second event is asked for.

    Args:
        out: The file for the recording.
        order: As the module's docstring has it.
    """

    def __init__(self, out: str, order: dict[str, Any]) -> None:
        self.out, self.order = out, order
        self.edges: dict[str, list[str]] | None = order["edges"]
        self.folders = order["root"] + "/", posix.getcwd() + "/"
        self.names: dict[str, Names] = {}
        self.asked = 0
        from _opcode_metadata import opmap  # type: ignore[import-not-found]  # noqa: PLC0415 - not kept

        sys.modules.pop("_opcode_metadata")
        self.reader = lazy_code.Reader(opmap)

    def install(self, module: str) -> None:
        """Wait until the runtime imports *module*, the handler's: its own imports are over by then."""
        machinery = sys.modules["_frozen_importlib"].__dict__
        original = machinery["_gcd_import"]

        def import_(name: str, *rest: object) -> object:
            if name != module or machinery["_gcd_import"] is original:
                return original(name, *rest)
            machinery["_gcd_import"] = original
            self._begin()
            try:
                return original(name, *rest)
            except BaseException:
                self._write({})
                raise

        machinery["_gcd_import"] = import_

    def _begin(self) -> None:
        finders: list[Any] = sys.meta_path
        finders.insert(0, self)
        client: Any = sys.modules["rapid_client._client"].__dict__["Client"]
        ask = client.next

        def next_(client: object) -> object:
            self.asked += 1
            if self.asked == 2:
                self._finish()
            return ask(client)

        client.next = next_

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Find a module as the others do; give it `Names` before its code runs."""
        if name.startswith("rapid_client") or (self.edges is not None and name not in self.edges):
            return None
        finders: list[Any] = sys.meta_path
        for finder in finders:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find is not None else None
            if spec is not None:
                break
        else:
            return None
        # As the runtime does it: loaders of Python code; one that makes its modules itself knows why.
        loader = spec.loader
        if isinstance(loader, _LoaderBasics) and type(loader).create_module is _LoaderBasics.create_module:
            loader.create_module = self._create  # type: ignore[method-assign]
        return spec

    def _create(self, spec: Any) -> ModuleType:
        module = type(sys)(spec.name)
        names = Names(frozenset((self.edges or {}).get(spec.name, ())), self.reader)
        self.names[spec.name] = module.__dict__["__lazy_modules__"] = names
        return module

    def _finish(self) -> None:
        """Note what the event has left; then load that, too, where nobody hears it."""
        report = self._left()
        if self.edges is None:
            report["unfit"] = list(self._unfit())
        self._write(report)
        # What is loaded only now is loaded as it is: its own edges are in no list, since no event saw them.
        self.edges = {}
        silence = posix.open("/dev/null", posix.O_WRONLY)
        posix.dup2(silence, 1)
        posix.dup2(silence, 2)
        if self.order["alone"]:
            self._resolve_alone(report)
        state = lazy_state.State(frozenset(self.order["own"]))
        for importer, target in report["left"]:
            self._resolve(report, importer, target)
            changed = state.changed()
            if changed:
                report["failed"].append((importer, target, f"loading it changes {changed}"[:SHOWN]))
        report["complete"] = True
        self._write(report)

    def _left(self) -> dict[str, Any]:
        """Return which lazy edges were used, which are idle, and which are left."""
        report: dict[str, Any] = {"used": [], "idle": [], "left": [], "failed": [], "ms": []}
        for importer, names in self.names.items():
            module = sys.modules.get(importer)
            if module is None:
                continue
            lazy = {lazy_name(value) for value in list(vars(module).values())}
            for target in names.lazy & names.asked.keys():
                if not names.taken(target) <= lazy:
                    kind = "used"
                elif all(is_there(target, name) for name in names.asked[target].values()):
                    kind = "idle"
                else:
                    kind = "left"
                report[kind].append((importer, target))
        report["left"].sort()
        return report

    def _resolve(self, report: dict[str, Any], importer: str, target: str) -> None:
        started = time.perf_counter()
        try:
            self._load(importer, target)
        except BaseException as exc:  # whatever it raises, the function would have got it
            report["failed"].append((importer, target, f"{type(exc).__name__}: {exc}"[:SHOWN]))
        report["ms"].append((importer, target, (time.perf_counter() - started) * 1000))

    def _load(self, importer: str, target: str) -> None:
        """Resolve what is lazy of an import."""
        wanted = self.names[importer].taken(target)
        for value in list(vars(sys.modules[importer]).values()):
            if lazy_name(value) in wanted:
                value.resolve()

    def _resolve_alone(self, report: dict[str, Any]) -> None:
        """Load each edge that is left in a process of its own, where nothing has loaded another before.

        Where importers take the same of a target, one is enough; the standard library's modules load alone.
        """
        seen: dict[frozenset[str], str] = {}
        for importer, target in report["left"]:
            taken = frozenset(self.names[importer].taken(target))
            if target.partition(".")[0] in sys.stdlib_module_names:
                continue
            if taken not in seen:
                seen[taken] = in_child(self._load, importer, target)
            if seen[taken]:
                report["failed"].append((importer, target, f"loaded without the others: {seen[taken]}"))

    def _unfit(self) -> Iterator[tuple[str, str, str]]:
        """Yield the imports that are no candidates: made for their effect, or of what no version is known.

        With the reason, empty where the importer is a package's.
        """
        taken: dict[str, set[str]] = {}
        for names in self.names.values():
            for target, bound in names.asked.items():
                taken.setdefault(target, set()).update(bound.values())
        for importer, names in self.names.items():
            if importer.partition(".")[0] in sys.stdlib_module_names:
                continue
            known = self._known(importer)
            mentioned = mentions(importer, self.reader) | taken.get(importer, set())
            for target, bound in names.asked.items():
                # Packages have hundreds, which nobody wants to read.
                said = importer.partition(".")[0] in self.order["own"]
                if not (known and self._known(target)):
                    yield importer, target, "it lies outside of the function" if said else ""
                elif for_effect(importer, target, bound, mentioned):
                    yield importer, target, EFFECT if said else ""

    def _known(self, name: str) -> bool:
        """Whether a module is the standard library's, or lies in the function's folder."""
        if name.partition(".")[0] in sys.stdlib_module_names or name not in sys.modules:
            return True
        spec: Any = names_of(name).get("__spec__")
        if spec is None:
            return False
        places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
        return all(place.startswith(self.folders) for place in places)

    def _write(self, report: dict[str, Any]) -> None:
        """Write the recording; whole or not at all."""
        asked = [(importer, target) for importer, names in self.names.items() for target in names.asked]
        report = {"complete": False, **report, "asked": asked}
        data = marshal.dumps(report, FORMAT)
        file = posix.open(self.out + ".new", posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC, 0o600)
        while data:
            data = data[posix.write(file, data) :]
        posix.close(file)
        posix.rename(self.out + ".new", self.out)


def lazy_name(value: object) -> str:
    """Return the name that a lazy object stands for, as its `repr` has it; empty if it is none."""
    return repr(value).split("'")[1] if type(value).__name__ == "lazy_import" else ""


def is_there(target: str, name: str) -> bool:
    """Whether what an import wants is loaded by now for another's sake, or built in: it costs nothing."""
    module = sys.modules.get(target)
    if target in sys.builtin_module_names:
        return True
    if module is None or not name:
        return module is not None
    return name in vars(module) and not lazy_name(vars(module)[name])


def names_of(name: str) -> dict[str, Any]:
    """Return a module's names as they are: one that answers for others is not asked."""
    found: dict[str, Any] = getattr(sys.modules.get(name), "__dict__", {})
    return found


def code_of(name: str) -> Any:
    """Return a module's code; None if it cannot be had."""
    try:
        loader: Any = sys.modules[name].__spec__.loader  # type: ignore[union-attr]
        return loader.get_code(name)
    except (AttributeError, ImportError, KeyError, OSError):
        return None


def mentions(name: str, reader: Any) -> set[str]:
    """Return the names that a module mentions, in code or in its ``__all__``."""
    code = code_of(name)
    exported = names_of(name).get("__all__")
    found: set[str] = reader.mentioned(code) if code is not None else set()
    return found | set(map(str, exported if isinstance(exported, list | tuple) else ()))


def for_effect(importer: str, target: str, bound: dict[str, str], mentioned: set[str]) -> bool:
    """Whether an import seems to be made for what it does: nothing mentions what it binds.

    Of a statement that takes several, each that is a module counts, else that none is mentioned. What a
    package takes from others, it passes on.
    """
    if "__path__" in names_of(importer) and "" not in bound.values():
        return False
    idle = bound.keys() - mentioned
    return idle == bound.keys() or any(f"{target}.{bound[name]}" in sys.modules for name in idle)


def in_child(load: Callable[[str, str], None], importer: str, target: str) -> str:
    """Return how loading an import fails in a forked process; empty if it does not."""
    reader, writer = posix.pipe()
    child = posix.fork()
    if child == 0:
        said = b"it ended the process"
        try:
            _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)
            _signal.alarm(LIMIT)
            load(importer, target)
            said = b""
        except BaseException as exc:
            said = f"{type(exc).__name__}: {exc}"[:SHOWN].encode(errors="replace")
        finally:
            posix.write(writer, said or b"\0")
            posix._exit(0)  # noqa: SLF001 - no clean-up of the parent's
    posix.close(writer)
    said = posix.read(reader, 4 * SHOWN)
    posix.close(reader)
    posix.waitpid(child, 0)
    return said.strip(b"\0").decode(errors="replace") if said else "it ended the process, or took too long"


def start(arguments: list[str]) -> int:
    """Install the recorder and become the runtime; see the module's docstring for *arguments*."""
    out, order, root, handler = arguments
    file = posix.open(order, posix.O_RDONLY)
    asked = marshal.loads(posix.read(file, posix.fstat(file).st_size))  # noqa: S302 - our own file
    posix.close(file)
    # What asks for the next event before the answer is sent cannot be seen, and no other list is to count.
    for name, value in ((b"RAPID_PIPELINE", b""), (b"RAPID_LAZY_IMPORTS", b"off")):
        posix.environ[name] = value
        posix.putenv(name, value)
    if root:
        sys.path[0], sys.argv = root, [root + "/bootstrap", handler]
    else:
        sys.path[0], sys.argv = posix.getcwd(), ["rapid_client", handler]
    Recorder(out, asked).install(handler.rpartition(".")[0].replace("/", "."))
    if root:
        import rapid_client  # noqa: PLC0415 - the path leads to it only now

        return rapid_client.start(sys.argv)
    from rapid_client import preload  # noqa: PLC0415 - as above

    preload()
    from rapid_client._runtime import main  # noqa: PLC0415 - as above

    return main(sys.argv)


if __name__ == "__main__":
    sys.exit(start(sys.argv[1:]))
