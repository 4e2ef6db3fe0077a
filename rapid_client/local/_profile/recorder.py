"""Runs inside the function's process: notes each import, then starts the runtime as `bootstrap` would.

It is a script, started by its path: ``python recorder.py OUT MODE ROOT app.handler``. OUT is the file that
gets the recording, MODE ``time``, ``use`` or ``lines``, ROOT the folder with our package where `bootstrap` is
beside it, else empty. It imports nothing that the runtime does not import: what it loaded would look free in
the function. Python 3.11 to 3.15.
"""

from __future__ import annotations

import marshal
import posix
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any, Final

#: The fields of a record; times are in nanoseconds of the monotonic clock.
NAME, PARENT, START, END, LOAD, COMPILE, EXECUTE, SIZE, PYC, FILE, LINE, OK, EXTENSION = range(13)
#: What was seen of a module's code: its source was compiled, bytecode was loaded, bytecode was looked at.
COMPILED: Final = 1
LOADED: Final = 2
LOOKED_AT: Final = 4
#: CPython leaves frames of this file out of the tracebacks of imports: with its name, ours are left out, too.
HIDDEN: Final = "<frozen importlib._bootstrap>"
#: Lines of module bodies that take less, in nanoseconds, are left out.
LEAST_LINE: Final = 300_000
#: So often a line is noted at most: being told of each round of a loop would cost more than the loop. Its
#: later rounds count for the line of it that was noted last.
MOST_ROUNDS: Final = 20
#: What is noted of what a module does when it is imported: its name, by the audit event.
OPENINGS: Final = {
    "socket.connect": "connection",
    "socket.getaddrinfo": "name lookup",
    "subprocess.Popen": "process",
}


class Lines:
    """What each line of a module's body takes, with the imports in it and without; classes are one line.

    Needs `sys.monitoring`, and is slow: not for a run whose times count.
    """

    def __init__(self) -> None:
        #: By code and by record: the line that runs, since when without imports, and with; all lines so far.
        self.by_code: dict[CodeType, list[Any]] = {}
        self.by_record: dict[int, list[Any]] = {}
        self.usable = False

    def install(self) -> None:
        """Take the profiler's place, unless somebody has it."""
        monitoring: Any = getattr(sys, "monitoring", None)  # not before 3.12
        if monitoring is None or monitoring.get_tool(monitoring.PROFILER_ID) is not None:
            return
        self.usable = True
        clock, disable = time.monotonic_ns, monitoring.DISABLE
        monitoring.use_tool_id(monitoring.PROFILER_ID, "rapid profile")

        def begins(code: CodeType, line: int) -> object:
            now, state = clock(), self.by_code.get(code)
            if state is None:
                return disable
            self._end_line(state, now)
            rounds = state[3][line][3] if line in state[3] else 0
            state[0] = line
            state[1] = state[2] = clock()
            return disable if rounds >= MOST_ROUNDS else None

        monitoring.register_callback(monitoring.PROFILER_ID, monitoring.events.LINE, begins)

    def watch(self, index: int, code: CodeType) -> None:
        """Note the lines of *code*, the body of the module of this record."""
        if self.usable:
            monitoring: Any = sys.__dict__["monitoring"]
            self.by_code[code] = self.by_record[index] = [0, 0, 0, {}]
            monitoring.set_local_events(monitoring.PROFILER_ID, code, monitoring.events.LINE)

    def imported(self, index: int, parent: int, took: int) -> None:
        """The import of this record is over: it was no work of its parent's line."""
        state = self.by_record.get(index)
        if state is not None:
            self._end_line(state, time.monotonic_ns())
            state[0] = 0
        outer = self.by_record.get(parent)
        if outer is not None:
            outer[1] += took

    def _end_line(self, state: list[Any], now: int) -> None:
        line, own_since, since, lines = state
        if line:
            entry = lines.setdefault(line, [0, 0, since, 0])
            entry[0] += now - own_since
            entry[1] += now - since
            entry[3] += 1

    def listed(self) -> list[tuple[int, int, int, int, int]]:
        """Return record, line, and nanoseconds without and with imports, and when it first began."""
        return [
            (index, line, *entry[:3])
            for index, state in self.by_record.items()
            for line, entry in state[3].items()
            if entry[0] >= LEAST_LINE
        ]


class Recorder:
    """Notes imports from `install` on, and which code runs from the handler's module on.

    Args:
        out: The file for the recording.
        mode: ``time``; ``use``: note which code runs, by `sys.monitoring`; ``lines``: what the lines of
            module bodies take, and what they open.
        module: The handler's module, whose import is where the runtime's start ends.
    """

    def __init__(self, out: str, mode: str, module: str) -> None:
        self.out, self.mode, self.module, self.handled = out, mode, module, module
        self.started = time.monotonic_ns()
        self.records: list[list[Any]] = []
        self.stacks: dict[int, list[int]] = {}
        #: In init, from the handler's module on, and with the events.
        self.began: dict[CodeType, None] = {}
        self.ran: dict[CodeType, None] = {}
        self.lines = Lines()
        self.opened: list[tuple[str, str, str, int]] = []
        self.asked = 0
        self.pid = posix.getpid()
        self.watching = self.written = False

    def install(self) -> None:
        """Wrap what imports: the machinery's functions, looked up by name at each call."""
        machinery, external = sys.modules["_frozen_importlib"], sys.modules["_frozen_importlib_external"]
        self._wrap_find(machinery)
        self._wrap(external.__dict__["_LoaderBasics"], "exec_module", EXECUTE)
        self._wrap(external.__dict__["SourceLoader"], "get_code", LOAD)
        self._wrap(external.__dict__["SourcelessFileLoader"], "get_code", LOAD)
        self._wrap(external.__dict__["SourceLoader"], "source_to_code", COMPILE, COMPILED)
        self._wrap(external.__dict__["ExtensionFileLoader"], "create_module", LOAD, 0, True)
        self._wrap(external.__dict__["ExtensionFileLoader"], "exec_module", EXECUTE, 0, True)
        self._wrap(external, "_compile_bytecode", None, LOADED)
        self._wrap(external, "_classify_pyc", None, LOOKED_AT)
        self._wrap_read(external.__dict__["FileLoader"])
        self._wrap_mapped(external.__dict__["ExtensionFileLoader"])
        if self.mode == "lines":
            self.lines.install()
            self._wrap_code(external.__dict__["SourceLoader"])
            self._wrap_code(external.__dict__["SourcelessFileLoader"])
            sys.addaudithook(self._audit)

    def _wrap_code(self, owner: Any) -> None:
        original = owner.get_code

        def get_code(*args: object) -> object:
            code = original(*args)
            stack = self.stacks.get(get_ident())
            if code is not None and stack:
                self.lines.watch(stack[-1], code)
            return code

        owner.get_code = hidden(get_code)

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        """Note what the function's modules open before the first event is asked for, and the line of it."""
        if event not in OPENINGS or self.module or self.asked:
            return
        frame: Any = sys._getframe(1)  # noqa: SLF001 - `inspect` would be another import
        while frame is not None and (
            frame.f_code.co_name != "<module>" or frame.f_code.co_filename.startswith("<frozen")
        ):
            frame = frame.f_back
        target = args[1] if event == "socket.connect" else args[:2] if "addr" in event else args[0]
        if isinstance(target, tuple):
            target = ":".join(str(part) for part in target[:2])
        place = (frame.f_code.co_filename, frame.f_lineno) if frame is not None else ("", 0)
        self.opened.append((OPENINGS[event], str(target)[:200], *place))

    def _current(self) -> list[Any] | None:
        """Return the record of the import that this thread is in."""
        stack = self.stacks.get(get_ident())
        return self.records[stack[-1]] if stack else None

    def _wrap_find(self, machinery: Any) -> None:
        original, modules, clock, frame_of, watching = (
            machinery.__dict__["_find_and_load"],
            sys.modules,
            time.monotonic_ns,
            sys._getframe,  # noqa: SLF001 - `inspect` would be another import
            self.mode == "lines",
        )

        def _find_and_load(name: str, import_: object) -> object:
            if name in modules:
                return original(name, import_)
            if name == self.module:
                self._before_handler()
            stack = self.stacks.setdefault(get_ident(), [])
            frame: Any = frame_of(1)
            while frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
                frame = frame.f_back
            place = (frame.f_code.co_filename, frame.f_lineno) if frame is not None else ("", 0)
            del frame
            record: list[Any] = [name, stack[-1] if stack else -1, 0, 0, 0, 0, 0, 0, 0, *place, False, False]
            index = len(self.records)
            stack.append(index)
            self.records.append(record)
            record[START] = clock()
            try:
                module = original(name, import_)
                record[OK] = True
                return module
            finally:
                record[END] = clock()
                stack.pop()
                if watching:
                    self.lines.imported(index, record[PARENT], record[END] - record[START])

        machinery.__dict__["_find_and_load"] = hidden(_find_and_load)

    def _wrap(self, owner: Any, name: str, field: int | None, seen: int = 0, extension: bool = False) -> None:
        original, clock, current = getattr(owner, name), time.monotonic_ns, self._current

        def wrapper(*args: object, **options: object) -> object:
            record = current()
            if record is None:
                return original(*args, **options)
            record[PYC] |= seen
            record[EXTENSION] = record[EXTENSION] or extension
            if field is None:
                return original(*args, **options)
            start = clock()
            try:
                return original(*args, **options)
            finally:
                record[field] += clock() - start

        setattr(owner, name, hidden(wrapper))

    def _wrap_read(self, owner: Any) -> None:
        original, current = owner.get_data, self._current

        def get_data(*args: object) -> object:
            data = original(*args)
            record = current()
            if record is not None:
                record[SIZE] += len(data)
            return data

        owner.get_data = hidden(get_data)

    def _wrap_mapped(self, owner: Any) -> None:
        """The dynamic linker maps an extension module, whole."""
        original, current = owner.create_module, self._current

        def create_module(loader: object, spec: Any) -> object:
            record = current()
            try:
                size = posix.stat(spec.origin).st_size
            except (OSError, TypeError):
                size = 0
            if record is not None:
                record[SIZE] += size
            return original(loader, spec)

        owner.create_module = hidden(create_module)

    def _before_handler(self) -> None:
        """The runtime is there, its client too: from now on be told when it asks for an event."""
        client: Any = sys.modules["rapid_client._client"].__dict__["Client"]
        ask = client.next

        def next_(client: object) -> object:
            self._asks()
            return ask(client)

        client.next = next_
        self.module = ""
        if self.mode == "use":
            self._watch()

    def _asks(self) -> None:
        self.asked += 1
        if self.asked > 1:
            self.write()
        elif self.watching:
            monitoring: Any = sys.__dict__["monitoring"]
            monitoring.restart_events()  # what init has run may run again

    def _watch(self) -> None:
        monitoring: Any = getattr(sys, "monitoring", None)  # not before 3.12
        if monitoring is None or monitoring.get_tool(monitoring.PROFILER_ID) is not None:
            return
        self.watching = True
        monitoring.use_tool_id(monitoring.PROFILER_ID, "rapid profile")
        disable, ran, began = monitoring.DISABLE, self.ran, self.began

        def starts(code: CodeType, _offset: int) -> object:
            (ran if self.asked else began)[code] = None
            return disable

        events = monitoring.events
        for event in (events.PY_START, events.PY_RESUME):
            monitoring.register_callback(monitoring.PROFILER_ID, event, starts)
        monitoring.set_events(monitoring.PROFILER_ID, events.PY_START | events.PY_RESUME)

    def finish(self) -> None:
        """The process ends: write what there is, if nothing was written; not in a child that was forked."""
        if not self.written and posix.getpid() == self.pid:
            self.write()

    def write(self) -> None:
        """Write the recording; whole or not at all."""
        self.written = True
        files: dict[str, str] = {}
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            files[name] = file if isinstance(file, str) else ""
        began, ran = (
            [(code.co_filename, code.co_firstlineno) for code in list(noted)]
            for noted in (self.began, self.ran)
        )
        recording = {
            "started": self.started,
            "module": self.handled,
            "records": self.records,
            "files": files,
            "began": began,
            "ran": ran if self.watching else None,
            "lines": self.lines.listed() if self.lines.usable else None,
            "opened": self.opened,
        }
        data = marshal.dumps(recording, 4)  # what each of 3.11 to 3.15 reads
        file = posix.open(self.out + ".new", posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC, 0o600)
        while data:
            data = data[posix.write(file, data) :]
        posix.close(file)
        posix.rename(self.out + ".new", self.out)


def hidden(function: Any) -> Callable[..., object]:
    """Return *function*, which tracebacks of imports leave out as they do importlib's own."""
    function.__code__ = function.__code__.replace(co_filename=HIDDEN)
    return function  # type: ignore[no-any-return]


def start(arguments: list[str]) -> int:
    """Install the recorder and become the runtime; see the module's docstring for *arguments*."""
    out, mode, root, handler = arguments
    if root:
        sys.path[0], sys.argv = root, [root + "/bootstrap", handler]
    else:
        sys.path[0], sys.argv = posix.getcwd(), ["rapid_client", handler]
    recorder = Recorder(out, mode, handler.rpartition(".")[0].replace("/", "."))
    recorder.install()
    try:
        return run(root)
    finally:
        recorder.finish()


def run(root: str) -> int:
    """Run the runtime; *root* is as in the module's docstring."""
    if root:
        import rapid_client  # noqa: PLC0415 - the path leads to it only now

        return rapid_client.start(sys.argv)
    from rapid_client import preload  # noqa: PLC0415 - as above

    preload()
    from rapid_client._runtime import main  # noqa: PLC0415 - as above

    return main(sys.argv)


if __name__ == "__main__":
    from _thread import get_ident  # built in

    sys.exit(start(sys.argv[1:]))
