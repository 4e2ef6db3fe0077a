"""Runs inside the function's process: makes imports lazy, and notes what came of it. Python 3.15 or newer.

It is a script, started by its path: ``python lazy_recorder.py OUT ORDER ROOT app.handler``. OUT is the file
that gets the recording. ORDER is a file with a marshalled dict: ``edges`` maps an importer's name to the
targets that are to be lazy there, or is None: then nothing is, and every module's imports are noted. ROOT is
the folder with our package where `bootstrap` is beside it, else empty. It is no part of the runtime, and
imports nothing that the runtime does not.
"""

from __future__ import annotations

import marshal
import posix
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, ModuleType
    from typing import Any, Final

#: What module-level code mentions that looks at its own names, or answers for names that it does not have.
SUSPECT: Final = frozenset({"globals", "locals", "vars", "exec", "eval", "__getattr__"})
#: The newest version of `marshal` that every supported Python reads.
FORMAT: Final = 4
#: Characters of an error that are kept.
SHOWN: Final = 200


class Names:
    """What a module's ``__lazy_modules__`` is: asked for the target of each of its imports (PEP 810)."""

    __slots__ = ("asked", "codes", "lazy")

    def __init__(self, lazy: frozenset[str], codes: tuple[int, int]) -> None:
        self.lazy, self.codes = lazy, codes
        self.asked: dict[str, set[str]] = {}

    def __contains__(self, target: str) -> bool:
        frame = sys._getframe(1)  # noqa: SLF001 - `inspect` would be another import
        self.asked.setdefault(target, set()).update(imported(frame, *self.codes))
        return target in self.lazy


def imported(frame: FrameType, extended: int, constant: int) -> tuple[str, ...]:
    """Return what the import statement at which *frame* is takes from its module; one empty name for all.

    The constant before ``IMPORT_NAME`` is what stands behind ``from ... import``.
    """
    code, at = frame.f_code.co_code, frame.f_lasti - 2
    while at >= 0 and code[at] == extended:
        at -= 2
    number, shift = code[at + 1], 8
    if code[at] != constant:
        return ("",)
    while at >= 2 and code[at - 2] == extended:
        at -= 2
        number |= code[at + 1] << shift
        shift += 8
    return frame.f_code.co_consts[number] or ("",)


class Recorder:
    """Makes edges lazy from `install` on, and writes what it has seen when the second event is asked for.

    Args:
        out: The file for the recording.
        edges: The targets that are to be lazy, by the importer's name; None to note the imports of all.
    """

    def __init__(self, out: str, edges: dict[str, list[str]] | None) -> None:
        self.out, self.edges = out, edges
        self.names: dict[str, Names] = {}
        self.asked = 0
        from _opcode_metadata import opmap  # type: ignore[import-not-found]  # noqa: PLC0415 - not kept

        sys.modules.pop("_opcode_metadata")
        self.codes = opmap["EXTENDED_ARG"], opmap["LOAD_CONST"]

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
        # Others than these two have modules of their own making, or nothing that is run as bytecode.
        if type(spec.loader).__name__ in {"SourceFileLoader", "SourcelessFileLoader"}:
            spec.loader.create_module = self._create
        return spec

    def _create(self, spec: Any) -> ModuleType:
        module = type(sys)(spec.name)
        names = Names(frozenset((self.edges or {}).get(spec.name, ())), self.codes)
        self.names[spec.name] = module.__dict__["__lazy_modules__"] = names
        return module

    def _finish(self) -> None:
        """Note what the event has left; then load that, too, where nobody hears it."""
        report = self._left()
        self._write(report)
        # What is loaded only now is loaded as it is: its own edges are in no list, since no event saw them.
        self.edges = {}
        silence = posix.open("/dev/null", posix.O_WRONLY)
        posix.dup2(silence, 1)
        posix.dup2(silence, 2)
        for importer, target in report["left"]:
            self._resolve(report, importer, target)
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
                wanted = names.asked[target]
                if not {f"{target}.{name}" if name else target for name in wanted} <= lazy:
                    kind = "used"
                elif all(is_there(target, name) for name in wanted):
                    kind = "idle"
                else:
                    kind = "left"
                report[kind].append((importer, target))
        report["left"].sort()
        return report

    def _resolve(self, report: dict[str, Any], importer: str, target: str) -> None:
        started = time.perf_counter()
        try:
            wanted = {f"{target}.{name}" if name else target for name in self.names[importer].asked[target]}
            for value in list(vars(sys.modules[importer]).values()):
                if lazy_name(value) in wanted:
                    value.resolve()
        except BaseException as exc:  # whatever it raises, the function would have got it
            report["failed"].append((importer, target, f"{type(exc).__name__}: {exc}"[:SHOWN]))
        report["ms"].append((importer, target, (time.perf_counter() - started) * 1000))

    def _write(self, report: dict[str, Any]) -> None:
        """Write the recording; whole or not at all."""
        asked = [(importer, target) for importer, names in self.names.items() for target in names.asked]
        report = {"complete": False, **report, "asked": asked, "loaded": sorted(sys.modules)}
        if self.edges is None:
            report["suspects"] = [name for name in self.names if suspect(name)]
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


def suspect(name: str) -> bool:
    """Whether a module's own code mentions what looks at its names."""
    try:
        loader: Any = sys.modules[name].__spec__.loader  # type: ignore[union-attr]
        return not SUSPECT.isdisjoint(loader.get_code(name).co_names)
    except (AttributeError, ImportError, KeyError, OSError):
        return True


def start(arguments: list[str]) -> int:
    """Install the recorder and become the runtime; see the module's docstring for *arguments*."""
    out, order, root, handler = arguments
    file = posix.open(order, posix.O_RDONLY)
    edges = marshal.loads(posix.read(file, posix.fstat(file).st_size))["edges"]  # noqa: S302 - our own file
    posix.close(file)
    # What asks for the next event before the answer is sent cannot be seen, and no other list is to count.
    for name, value in ((b"RAPID_PIPELINE", b""), (b"RAPID_LAZY_IMPORTS", b"off")):
        posix.environ[name] = value
        posix.putenv(name, value)
    if root:
        sys.path[0], sys.argv = root, [root + "/bootstrap", handler]
    else:
        sys.path[0], sys.argv = posix.getcwd(), ["rapid_client", handler]
    Recorder(out, edges).install(handler.rpartition(".")[0].replace("/", "."))
    if root:
        import rapid_client  # noqa: PLC0415 - the path leads to it only now

        return rapid_client.start(sys.argv)
    from rapid_client import preload  # noqa: PLC0415 - as above

    preload()
    from rapid_client._runtime import main  # noqa: PLC0415 - as above

    return main(sys.argv)


if __name__ == "__main__":
    sys.exit(start(sys.argv[1:]))
