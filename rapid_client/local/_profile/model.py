"""What the recordings of several runs say together."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Literal

from rapid_client.local._profile import recorder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rapid_client.local._profile.runs import Run

    When = Literal["runtime", "init", "call"]

#: The version of what `--json` writes; it changes when a field goes or changes its meaning.
SCHEMA: Final = 1
NS: Final = 1e6


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
    used: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A function's cold start.

    Attributes:
        handler: The handler.
        python: The interpreter.
        runs: Processes of each kind, with the recorder and without.
        init_ms: From exec to the first ``/next``, without the recorder.
        call_ms: The first invocation, without the recorder.
        recorder_ms: What the recorder added to init, fastest start against fastest; it is taken off below.
        phases: Name and milliseconds, one after the other, from the runs with the recorder, its share
            taken off: they add up to init and first call within the spread.
        imports: In the order of their start.
        ran: File and first line of each function that the events ran.
        notices: What is missing, or could not be proven.
    """

    handler: str
    python: str
    runs: int
    init_ms: Spread
    call_ms: Spread
    recorder_ms: float
    phases: list[tuple[str, float]]
    imports: list[Import]
    ran: frozenset[tuple[str, int]] = field(default_factory=frozenset)
    notices: list[str] = field(default_factory=list)

    def children(self, parent: int) -> list[int]:
        """Return the indices of the imports that happened within *parent*."""
        return [index for index, item in enumerate(self.imports) if item.parent == parent]

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` writes, `SCHEMA` included; docs/cold-start.md has the fields."""
        fields = {"schema": SCHEMA, **asdict(self)}
        del fields["ran"]
        fields["phases"] = [{"name": name, "ms": value} for name, value in self.phases]
        return fields


def summarise(
    handler: str, python: str, plain: Sequence[Run], timed: Sequence[Run], use: Run | None
) -> Profile:
    """Return the profile; all runs of *plain* and *timed* have succeeded."""
    init = [run.init_ms or 0.0 for run in plain]
    # Of the fastest, since other load on the machine moves medians by more than the recorder costs.
    cost = max(0.0, min(run.init_ms or 0.0 for run in timed) - min(init))
    imports = _imports(timed, cost)
    ran: list[tuple[str, int]] = []
    if use is not None and use.recording is not None and use.recording["ran"] is not None:
        ran = use.recording["ran"]
        _mark_used(imports, use.recording["files"], {file for file, _ in ran}, _extensions(timed[0]))
    call = [run.results[0].duration_ms for run in plain]
    return Profile(
        handler=handler,
        python=python,
        runs=len(plain),
        init_ms=Spread.of(init),
        call_ms=Spread.of(call),
        recorder_ms=round(cost, 3),
        phases=_phases(timed, imports, median(call)),
        imports=imports,
        ran=frozenset(ran),
    )


def _records(run: Run) -> list[list[Any]]:
    records: list[list[Any]] = (run.recording or {}).get("records", [])
    return records


def _imports(runs: Sequence[Run], cost: float) -> list[Import]:
    """Return the imports of the first run, with medians over all runs that have them."""
    tables = [_measured(run) for run in runs]
    first = _records(runs[0])
    ready = runs[0].started * 1000 + (runs[0].init_ms or 0.0)
    share = cost / max(1, sum(record[recorder.START] / NS < ready for record in first))
    top = _handler_index(runs[0])
    imports = []
    for index, record in enumerate(first):
        name = record[recorder.NAME]
        start, own, body, compiled = (
            median(values) for values in zip(*(table[name] for table in tables if name in table), strict=True)
        )
        late = record[recorder.START] / NS >= ready
        imports.append(
            Import(
                name=name,
                parent=record[recorder.PARENT],
                when="call" if late else "runtime" if index < top else "init",
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
                used=None,
            )
        )
    for item in reversed(imports):
        item.total_ms = round(item.total_ms + item.own_ms, 3)
        if item.parent >= 0:
            imports[item.parent].total_ms += item.total_ms
    return imports


def _measured(run: Run) -> dict[str, tuple[float, float, float, float]]:
    """Return start, own time, body and compiling of each module, in milliseconds."""
    records = _records(run)
    table: dict[str, tuple[float, float, float, float]] = {}
    inner = [0] * len(records)
    for record in records:
        if record[recorder.PARENT] >= 0:
            inner[record[recorder.PARENT]] += record[recorder.END] - record[recorder.START]
    for record, within in zip(records, inner, strict=True):
        own = record[recorder.END] - record[recorder.START] - within
        loading = 0 if record[recorder.EXTENSION] else record[recorder.LOAD]
        body = min(own, max(0, record[recorder.EXECUTE] - loading - within))
        start = record[recorder.START] / NS - run.started * 1000
        table.setdefault(record[recorder.NAME], (start, own / NS, body / NS, record[recorder.COMPILE] / NS))
    return table


def _pyc(seen: int) -> Literal["valid", "missing", "stale"] | None:
    if seen & recorder.COMPILED:
        return "stale" if seen & recorder.LOOKED_AT else "missing"
    return "valid" if seen & recorder.LOADED else None


def _handler_index(run: Run) -> int:
    """Return the index of the handler's own module; the imports before it are the runtime's."""
    module = (run.recording or {})["module"]
    return next(index for index, record in enumerate(_records(run)) if record[recorder.NAME] == module)


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


def _phases(timed: Sequence[Run], imports: list[Import], call: float) -> list[tuple[str, float]]:
    """Cut the recorded starts into their phases; the recorder's share is taken off the imports."""
    early, begin, rest = zip(*(_marks(run) for run in timed), strict=True)
    top = next(item for item in imports if item.when == "init")
    named = [
        ("process and interpreter", median(early)),
        ("runtime", median(begin) - median(early)),
        ("the function's module and its imports", top.total_ms),
        ("to the first /next", median(rest)),
        ("first invocation", call),
    ]
    return [(name, round(max(0.0, value), 3)) for name, value in named]


def _marks(run: Run) -> tuple[float, float, float]:
    """Return when the recorder and the handler's module began, and what init took after that module."""
    handler = _records(run)[_handler_index(run)]
    begin = run.started * 1000
    ready = run.init_ms or 0.0
    early = (run.recording or {})["started"] / NS - begin
    return early, handler[recorder.START] / NS - begin, ready - (handler[recorder.END] / NS - begin)
