"""What to do about a cold start, in plain sentences, with what it would save."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rapid_client.local._profile.sources import Sources
from rapid_client.local._share import SIZES, WHOLE_CPU, in_call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rapid_client.local._profile.model import Import, Profile

#: Less than this many milliseconds is not worth a sentence.
WORTH: Final = 1.0
#: Module-level code that takes longer is named: a line of it, or where lines are unknown, all of it.
SLOW_LINE: Final = 5.0
SLOW: Final = 20.0


@dataclass(frozen=True, slots=True)
class Advice:
    """A sentence and its figures.

    Attributes:
        text: What to do.
        init_ms: What it saves in each cold start's init.
        call_ms: What a first call pays in addition, by memory size in MB, if it needs what was deferred.
        saves_ms: What it saves in the first call, by memory size in MB.
    """

    text: str
    init_ms: float = 0.0
    call_ms: dict[int, float] = field(default_factory=dict)
    saves_ms: dict[int, float] = field(default_factory=dict)

    @property
    def worth(self) -> float:
        """The milliseconds that it saves with a whole CPU, in init and in the first call."""
        return self.init_ms + self.saves_ms.get(WHOLE_CPU, 0.0)


def advise(profile: Profile) -> list[Advice]:
    """Return the advice, what saves most first."""
    if profile.error is not None:
        return []
    sources = Sources(profile.sources, profile.ran | profile.began)
    found = [*_bytecode(profile), *_unused(profile, sources)]
    found += _slow(profile) if profile.lines is None else _slow_lines(profile, sources)
    return sorted((item for item in found if item.worth >= WORTH), key=lambda item: -item.worth)


def _in_calls(ms: float) -> dict[int, float]:
    """Return what *ms* of work take within a call, by memory size."""
    return {size: round(in_call(ms, size), 1) for size in SIZES}


def _bytecode(profile: Profile) -> Iterator[Advice]:
    for state, remedy in (
        ("missing", "ship valid .pyc: `rapid package` makes them"),
        ("stale", "ship valid .pyc (`rapid package` makes them), or set RAPID_TRUST_PYC=1"),
    ):
        hit = [item for item in profile.imports if item.when != "runtime" and item.pyc == state]
        if hit:
            init, call = (
                sum(item.compile_ms for item in hit if item.when == when) for when in ("init", "call")
            )
            modules = f"{len(hit)} modules have" if len(hit) > 1 else f"{hit[0].name} has"
            verb = "no" if state == "missing" else "a stale"
            yield Advice(
                f"{modules} {verb} .pyc and must be compiled in each cold start: {remedy}.",
                round(init, 1),
                saves_ms=_in_calls(call) if call else {},
            )


def _own(profile: Profile) -> list[int]:
    """Return the imports of the function's own modules in init: a library's code is not for its user."""
    return [
        index
        for index, item in enumerate(profile.imports)
        if item.when == "init" and item.name.partition(".")[0] in profile.own
    ]


def _unused(profile: Profile, sources: Sources) -> Iterator[Advice]:
    """Imports by the function's own modules that neither top-level code nor what ran touches."""
    within = [profile.imports[index] for parent in _own(profile) for index in profile.children(parent)]
    candidates = [item for item in within if item.used is False and _whole_unused(profile, item)]
    unread = {file: sources.unread_imports(file) for file in {item.file for item in candidates}}
    for item in candidates:
        if item.name in unread[item.file].get(item.line, ()):
            text = (
                f"{item.name} ({Path(item.file).name}:{item.line}) ran no code during the events: unless its"
                " import does something that you need, import it inside the function that needs it, or"
                " drop it."
            )
            yield Advice(text, item.total_ms, _in_calls(item.total_ms))


def _whole_unused(profile: Profile, item: Import) -> bool:
    """Whether the top package, too, is unused: `import a.b` binds ``a``."""
    root = item.name.partition(".")[0]
    return all(other.used is False for other in profile.imports if other.name == root)


def _slow_lines(profile: Profile, sources: Sources) -> Iterator[Advice]:
    """Slow lines of the own modules whose results no code reads that has run; what is used stays."""
    if not profile.ran:  # what the events use is unknown
        return
    own = set(_own(profile))
    for line in profile.lines or ():
        if line.parent not in own or line.own_ms < SLOW_LINE:
            continue
        if names := sources.unread_assignment(line.file, line.line):
            text = (
                f"{Path(line.file).name}:{line.line} `{line.text}` takes {line.total_ms:.0f} ms at import,"
                f" and nothing that has run reads {' or '.join(sorted(names))}: make it when it is"
                " first needed."
            )
            yield Advice(text, line.total_ms, _in_calls(line.total_ms))


def _slow(profile: Profile) -> Iterator[Advice]:
    for item in (profile.imports[index] for index in _own(profile)):
        if item.body_ms >= SLOW:
            text = (
                f"The module-level code of {item.name} takes {item.body_ms:.0f} ms without its imports: look"
                " for clients, connections and tables built there, and build what the events do not use"
                " on demand."
            )
            yield Advice(text, item.body_ms, _in_calls(item.body_ms))
