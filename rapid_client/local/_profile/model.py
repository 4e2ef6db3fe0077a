"""What the recordings of several runs say together."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from linecache import getline
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Literal

from rapid_client.local._brought import brought_names
from rapid_client.local._profile import recorder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rapid_client.local._profile.runs import Run, Side

    When = Literal["runtime", "init", "call"]

#: The version of what `--json` writes; it changes when a field goes or changes its meaning.
SCHEMA: Final = 1
NS: Final = 1e6
MODULE: Final = "the function's module and its imports"
#: Lines of module bodies that take less, in milliseconds, are left out.
LEAST_LINE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Some measurements, in milliseconds: the median, the least and the most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Sum up *values*, at least one."""
        return cls(round(median(values), 3), round(min(values), 3), round(max(values), 3))


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the cold start: milliseconds as in `Spread`, without the recorder's share."""

    name: str
    ms: float
    least: float
    most: float

    @classmethod
    def of(cls, name: str, values: Sequence[float]) -> Phase:
        """Sum up *values*, at least one; a difference below zero is none."""
        spread = Spread.of([max(0.0, value) for value in values])
        return cls(name, spread.median, spread.least, spread.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a module's body that is work of its own; times as in `Import`, no more than its body took.

    Attributes:
        parent: The import of its module, an index into `Profile.imports`.
        file, line: Where it is.
        text: The line itself, stripped; empty where its file cannot be read.
        start_ms: From the start of the process.
        own_ms: Without the imports in it; `total_ms` with them.
    """

    parent: int
    file: str
    line: int
    text: str
    start_ms: float
    own_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True)
class Opened:
    """What init opened: a ``connection``, ``name lookup`` or ``process``, to where, and the line of it."""

    kind: str
    target: str
    file: str
    line: int


@dataclass(slots=True, kw_only=True)
class Import:
    """A module's first import; times are medians, in milliseconds, without the recorder's share.

    Attributes:
        name: The module.
        parent: The import that it happened in, an index into `Profile.imports`; -1 for none.
        when: Before the handler's module, within init, or within the events.
        file, line: The statement that asked first.
        start_ms: From the start of the process.
        own_ms: Without the imports in it; `total_ms` with them.
        body_ms: Running the module's own code, without the imports in it.
        compile_ms: Compiling its source.
        size: Bytes read.
        pyc: ``valid``, ``missing`` or ``stale``; None where there is no Python source.
        ok: Whether the import succeeded.
        spread_ms: How far apart the runs are, in `total_ms`.
        used: Whether code of it, or of its submodules, ran during the events; None where that is unknown.
    """

    name: str
    parent: int
    when: When
    file: str
    line: int
    start_ms: float
    own_ms: float
    total_ms: float
    body_ms: float
    compile_ms: float
    size: int
    pyc: Literal["valid", "missing", "stale"] | None
    ok: bool
    spread_ms: float = 0.0
    used: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A function's cold start.

    Attributes:
        handler: The handler.
        python: The interpreter.
        runs: Processes of each kind, with the recorder and without.
        init_ms: From exec to the first ``/next``, without the recorder; None where init failed.
        call_ms: The first invocation, without the recorder; None where init failed.
        recorder_ms: What the recorder added to init, fastest start against fastest; it is taken off below.
        phases: One after the other, the recorder's share taken off: they add up to init and first call
            within the spread.
        imports: In the order of their start.
        lines: Module-level work that is no import; None where it could not be seen.
        opened: What init opened.
        own: The top-level names of the function's own modules.
        sources: The files of the function's own modules.
        ran: File and first line of each function that the events ran.
        began: The same of those that ran in init, from the handler's module on.
        error: Why init failed, in one line.
        notices: What is missing, or could not be proven.
    """

    handler: str
    python: str
    runs: int
    init_ms: Spread | None
    call_ms: Spread | None
    recorder_ms: float
    phases: list[Phase]
    imports: list[Import]
    lines: list[Line] | None = None
    opened: list[Opened] = field(default_factory=list)
    own: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    ran: frozenset[tuple[str, int]] = frozenset()
    began: frozenset[tuple[str, int]] = frozenset()
    error: str | None = None
    notices: list[str] = field(default_factory=list)

    @property
    def total_ms(self) -> float:
        """All phases together; never 0."""
        return sum(phase.ms for phase in self.phases) or 1.0

    def children(self, parent: int) -> list[int]:
        """Return the indices of the imports that happened within *parent*."""
        return [index for index, item in enumerate(self.imports) if item.parent == parent]

    def within(self, parent: int) -> list[tuple[Import | Line, int]]:
        """Return the imports and lines within the import *parent*, and their indices; a line's is -1."""
        found: list[tuple[Import | Line, int]] = [
            (self.imports[index], index) for index in self.children(parent)
        ]
        found += [(line, -1) for line in self.lines or () if line.parent == parent]
        return sorted(found, key=lambda each: each[0].start_ms)

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` writes, `SCHEMA` included; docs/cold-start.md has the fields."""
        fields = {"schema": SCHEMA, **asdict(self)}
        for name in ("own", "sources", "ran", "began"):
            del fields[name]
        return fields


@dataclass(slots=True, kw_only=True)
class Recordings:
    """What was run of one function.

    Attributes:
        bare: Milliseconds of a shell that does nothing, and of an interpreter's start without any module.
        plain: Cold starts without the recorder.
        timed: Those with it; at least one.
        lines: Those that note lines.
        use: The one that saw what the events use; None where that is unknown.
        error: Why init failed, in one line.
    """

    bare: list[tuple[float, float]] = field(default_factory=list)
    plain: list[Run] = field(default_factory=list)
    timed: list[Run] = field(default_factory=list)
    lines: list[Run] = field(default_factory=list)
    use: Run | None = None
    error: str | None = None


def summarise(handler: str, side: Side, runs: Recordings) -> Profile:
    """Return the profile; all runs have succeeded, or failed in init if none is without recorder."""
    timed = runs.timed
    init = [run.init_ms or 0.0 for run in runs.plain]
    call = [run.results[0].duration_ms for run in runs.plain]
    floor = min(sum(bare) for bare in runs.bare)
    # Of the fastest, since other load on the machine moves medians by more than the recorder costs.
    launch = max(0.0, min(_early(run) for run in timed) - floor)
    cost = max(launch, min(run.init_ms or 0.0 for run in timed) - min(init)) if init else launch
    imports = _imports(timed, cost - launch)
    own = own_names(side.root)
    use: dict[str, Any] = (runs.use.recording if runs.use else None) or {}
    files: dict[str, str] = use.get("files", {})
    ran = frozenset(use.get("ran") or ())
    if ran:
        _mark_used(imports, files, {file for file, _ in ran}, _extensions(timed[0]))
    return Profile(
        handler=handler,
        python=side.python,
        runs=len(timed),
        init_ms=Spread.of(init) if init else None,
        call_ms=Spread.of(call) if call else None,
        recorder_ms=round(cost, 3),
        phases=[*_before(runs, imports), *_phases(runs, imports, cost - launch)],
        imports=imports,
        lines=_lines(runs.lines, imports),
        opened=[Opened(*entry) for entry in (runs.lines or timed)[0].recording["opened"]],  # type: ignore[index]
        own=own,
        sources=frozenset(file for name, file in files.items() if name.partition(".")[0] in own),
        ran=ran,
        began=frozenset(use.get("began") or ()),
        error=runs.error,
    )


def own_names(root: Path) -> frozenset[str]:
    """Return the top-level modules under *root* that no installed distribution has brought."""
    entries = (
        path
        for path in root.iterdir()
        if path.suffix in {".py", ".pyc"} or (path.name.isidentifier() and path.is_dir())
    )
    return frozenset(path.stem for path in entries) - brought_names(root)


def _records(run: Run) -> list[list[Any]]:
    records: list[list[Any]] = (run.recording or {}).get("records", [])
    return records


def _imports(runs: Sequence[Run], cost: float) -> list[Import]:
    """Return the imports of the first run, with medians over all runs that have them; *cost* is taken off."""
    tables = [_measured(run) for run in runs]
    first = _records(runs[0])
    ready = runs[0].started * 1000 + (runs[0].init_ms or float("inf"))
    share = cost / max(1, sum(record[recorder.START] / NS < ready for record in first))
    top = _handler_index(runs[0])
    failed = float("inf")  # from when on the runtime reports that init has failed
    if runs[0].init_ms is None and top < len(first):
        failed = first[top][recorder.END]
    imports = []
    for index, record in enumerate(first):
        name = record[recorder.NAME]
        values = list(zip(*(table[name] for table in tables if name in table), strict=True))
        start, own, body, compiled, _ = (median(each) for each in values)
        late = record[recorder.START] / NS >= ready
        ours = index < top or record[recorder.START] >= failed
        imports.append(
            Import(
                name=name,
                parent=record[recorder.PARENT],
                when="call" if late else "runtime" if ours else "init",
                file=record[recorder.FILE],
                line=record[recorder.LINE],
                start_ms=round(start, 3),
                own_ms=round(max(0.0, own - share), 3),
                total_ms=0.0,
                body_ms=round(max(0.0, body - share), 3),
                compile_ms=round(compiled, 3),
                size=record[recorder.SIZE],
                pyc=_pyc(record[recorder.PYC]),
                ok=record[recorder.OK],
                spread_ms=round(max(values[4]) - min(values[4]), 3),
            )
        )
    for item in reversed(imports):
        item.total_ms = round(item.total_ms + item.own_ms, 3)
        if item.parent >= 0:
            imports[item.parent].total_ms += item.total_ms
    return imports


def _measured(run: Run) -> dict[str, tuple[float, float, float, float, float]]:
    """Return start, own time, body, compiling and total time of each module, in milliseconds."""
    records = _records(run)
    table: dict[str, tuple[float, float, float, float, float]] = {}
    inner = [0] * len(records)
    for record in records:
        if record[recorder.PARENT] >= 0:
            inner[record[recorder.PARENT]] += record[recorder.END] - record[recorder.START]
    for record, within in zip(records, inner, strict=True):
        own = record[recorder.END] - record[recorder.START] - within
        loading = 0 if record[recorder.EXTENSION] else record[recorder.LOAD]
        body = min(own, max(0, record[recorder.EXECUTE] - loading - within))
        start = record[recorder.START] / NS - run.started * 1000
        compiled, total = record[recorder.COMPILE], own + within
        table.setdefault(record[recorder.NAME], (start, own / NS, body / NS, compiled / NS, total / NS))
    return table


def _pyc(seen: int) -> Literal["valid", "missing", "stale"] | None:
    if seen & recorder.COMPILED:
        return "stale" if seen & recorder.LOOKED_AT else "missing"
    return "valid" if seen & recorder.LOADED else None


def _handler_index(run: Run) -> int:
    """Return the index of the handler's own module, the number of imports if it is not among them."""
    module = (run.recording or {})["module"]
    places = (index for index, record in enumerate(_records(run)) if record[recorder.NAME] == module)
    return next(places, len(_records(run)))


def _extensions(run: Run) -> set[str]:
    return {record[recorder.NAME] for record in _records(run) if record[recorder.EXTENSION]}


def _mark_used(imports: Sequence[Import], files: dict[str, str], ran: set[str], extensions: set[str]) -> None:
    """Say of each import whether its code ran; unknown where an extension module could have hidden it."""
    live = {name for name, file in files.items() if file in ran or f"<frozen {name}>" in ran}
    bound = {imports[item.parent].name for item in imports if item.name in extensions and item.parent >= 0}
    for item in imports:
        prefix = item.name + "."
        if any(name == item.name or name.startswith(prefix) for name in live):
            item.used = True
        elif (
            item.ok
            and item.pyc
            and item.name not in bound
            and not any((name + ".").startswith(prefix) for name in extensions)
        ):
            item.used = False


def _early(run: Run) -> float:
    """Return the milliseconds from the start of the process to the recorder's."""
    return float((run.recording or {})["started"]) / NS - run.started * 1000


def _before(runs: Recordings, imports: list[Import]) -> list[Phase]:
    """Return the phases before the runtime, of processes that run nothing else; imports follow on them."""
    processes = [process for process, _ in runs.bare]
    interpreters = [first - process for process, first in runs.bare]
    late = median(_early(run) for run in runs.timed) - median(first for _, first in runs.bare)
    for item in imports:  # what the recorder took to start is in none of the phases
        item.start_ms = round(max(0.0, item.start_ms - late), 3)
    return [Phase.of("process", processes), Phase.of("interpreter", interpreters)]


def _phases(runs: Recordings, imports: list[Import], cost: float) -> list[Phase]:
    """Cut the recorded starts into their phases; the recorder's *cost* is shared out by imports."""
    parts: dict[str, list[float]] = {}
    for run in runs.timed:
        records = _records(run)
        place = _handler_index(run)
        begin = run.started * 1000
        found = place < len(records)
        handler = (records[place][recorder.START] / NS, records[place][recorder.END] / NS) if found else None
        ready = begin + run.init_ms if run.init_ms is not None else None
        before = sum(item.when == "runtime" for item in imports)
        share = cost / max(1, sum(item.when != "call" for item in imports))
        if handler is not None:
            parts.setdefault("runtime", []).append(handler[0] - begin - _early(run) - share * before)
            inner = sum(item.when == "init" for item in imports)
            parts.setdefault(MODULE, []).append(handler[1] - handler[0] - share * inner)
            if ready is not None:
                parts.setdefault("to the first /next", []).append(ready - handler[1])
    named = [Phase.of(name, values) for name, values in parts.items()]
    calls = [run.results[0].duration_ms for run in runs.plain]
    return [*named, Phase.of("first invocation", calls)] if calls else named


def _lines(runs: Sequence[Run], imports: Sequence[Import]) -> list[Line] | None:
    """Return the lines of all runs, with medians; None where no run could see any."""
    if not runs or any((run.recording or {"lines": None})["lines"] is None for run in runs):
        return None
    indices = {
        item.name: index for index, item in reversed(list(enumerate(imports))) if item.when != "runtime"
    }
    found: dict[tuple[str, int], list[tuple[float, ...]]] = {}
    for run in runs:
        records = _records(run)
        for index, line, *times in (run.recording or {})["lines"]:
            begin, end = records[index][recorder.START], records[index][recorder.END]
            offset = max(0, times[2] - begin) / max(1, end - begin)
            name = records[index][recorder.NAME]
            found.setdefault((name, line), []).append((times[0] / NS, times[1] / NS, offset))
    files = _files(runs[0])
    middle = {
        place: tuple(median(each) for each in zip(*values, strict=True))
        for place, values in found.items()
        if place[0] in indices and len(values) > len(runs) / 2
    }
    noted: dict[str, float] = {}
    for (name, _), (own, _, _) in middle.items():
        noted[name] = noted.get(name, 0.0) + own
    lines = []
    for (name, number), (own, total, offset) in middle.items():
        item, file = imports[indices[name]], files.get(name, "")
        # Being told of each line makes some modules slower: together, lines take no more than the body did.
        real = own * min(1.0, item.body_ms / noted[name])
        if real >= LEAST_LINE:
            lines.append(
                Line(
                    parent=indices[name],
                    file=file,
                    line=number,
                    text=getline(file, number).strip(),
                    start_ms=round(item.start_ms + min(offset, 1.0) * item.total_ms, 3),
                    own_ms=round(real, 3),
                    total_ms=round(total - own + real, 3),
                )
            )
    return sorted(lines, key=lambda line: (line.parent, line.line))


def _files(run: Run) -> dict[str, str]:
    files: dict[str, str] = (run.recording or {})["files"]
    return files
