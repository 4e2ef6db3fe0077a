"""The figures by name: what each means, in which unit, and where it stands in the tables.

A name is ``WHAT``, ``WHAT/OF`` or either with ``@WHERE``: ``cpu/16@unpinned`` is the CPU per invocation with
the event of 16 bytes, client and server on cores of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WHATS: Final = {
    "first-next": ("exec to first `/next`", "ms"),
    "first-response": ("exec to first response", "ms"),
    "cpu": ("CPU per invocation", "µs"),
    "p50": ("p50", "µs"),
    "p99": ("p99", "µs"),
    "p999": ("p99.9", "µs"),
    "wall": ("wall time", "ms"),
    "peak": ("peak memory", "MB"),
    "steady": ("resident memory", "MB"),
    "modules": ("modules imported", ""),
    "files": ("files opened", ""),
    "bytes": ("bytes read", ""),
    "syscalls": ("system calls", ""),
    "instructions": ("instructions per invocation", ""),
    "size": ("installed size", "MB"),
}
"""Title and unit of what a figure says, in the order of the tables."""

OFS: Final = {
    "": "",
    "16": "16 bytes",
    "apigw-small": "API Gateway event, 1.3 KB",
    "apigw": "API Gateway event, 3.1 KB",
    "sqs-100": "100 SQS records",
    "100kb": "100 KB",
    "1mb": "1 MB",
    "5mb": "5 MB",
    "5mb-echo": "5 MB echoed",
    "log": "function that logs a line",
    "fail": "function that fails",
    "imports": "function that imports boto3, pydantic and requests",
    "clients": "function that imports them and creates clients",
}
"""The events and functions, in the order of the tables. Without one it is the trivial function."""

WHERES: Final = {"": "", "128": "at 128 MB's share of a CPU", "unpinned": "on cores of their own"}

COUNTED: Final = frozenset({"modules", "files", "bytes", "syscalls"})
"""What is counted until the first ``GET /next``."""


class UnknownFigure(ValueError):
    """A figure has a name that means nothing here."""


@dataclass(frozen=True)
class Figure:
    """What the name of a figure says; *what*, *of* and *where* are its parts."""

    name: str
    what: str
    of: str
    where: str

    @property
    def unit(self) -> str:
        """The unit, empty for a number of things."""
        return WHATS[self.what][1]

    @property
    def title(self) -> str:
        """What the figure is, in words, without its unit."""
        words = WHATS[self.what][0]
        if self.what in COUNTED:
            words += " until the first `/next`"
        if self.what in ("peak", "steady") and not self.of:
            words += " after 10,000 invocations"
        return ", ".join(part for part in (words, OFS[self.of], WHERES[self.where]) if part)

    @property
    def cold(self) -> bool:
        """Whether it is a time from exec."""
        return self.what in ("first-next", "first-response")

    @property
    def tail(self) -> bool:
        """Whether it is a percentile of the tail: it carries its spread, and is not compared between runs."""
        return self.what in ("p99", "p999")

    @property
    def order(self) -> tuple[int, int, int]:
        """Where it stands in the tables: by place, then by event or function."""
        return [*WHERES].index(self.where), [*OFS].index(self.of), [*WHATS].index(self.what)

    def write(self, value: float) -> str:
        """Write *value* with three digits that count, or as a whole number: 0.003, 0.94, 12.9, 1,016."""
        if not self.unit or value >= 99.95:
            return f"{value:,.0f}"
        return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}" if value >= 0.0995 else f"{value:.3f}"


def describe(name: str) -> Figure:
    """Return what the figure called *name* is.

    Raises:
        UnknownFigure: If no figure has this name.
    """
    front, _, where = name.partition("@")
    what, _, of = front.partition("/")
    if what not in WHATS or of not in OFS or where not in WHERES:
        raise UnknownFigure(f"{name!r} is no figure: see benchmarks/output/figures.py for their names")
    return Figure(name, what, of, where)
