"""What the runs come to: sums over the corpus, each function's ratio, the targets."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, Final

from benchmarks.cold_start.variants import (
    OURS_LAYER,
    OURS_PACKAGED,
    OURS_TRUST,
    THEIRS_NONE,
    THEIRS_STALE,
    THEIRS_VALID,
)
from benchmarks.containers.ratios import Ratio
from benchmarks.output.report import spread
from benchmarks.output.tables import head, row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Times = Mapping[str, Mapping[str, list[float]]]

BOTO3, ROUTES = "boto3_s3", "shop"
LAZY: Final = "lazy"
#: Figures: what, against what, over which function (all of them: None), and the most that it may be.
LIMITS: Final = (
    (OURS_TRUST, THEIRS_STALE, BOTO3, 0.45),
    (OURS_PACKAGED, THEIRS_NONE, BOTO3, 0.45),
    (OURS_PACKAGED, THEIRS_VALID, None, 0.95),
    (OURS_PACKAGED, THEIRS_NONE, None, 0.45),
    (OURS_LAYER, THEIRS_VALID, None, 0.85),
)
#: The same for what was packaged lazily; its variant has a name that says so.
LAZY_LIMITS: Final = ((None, 0.68), (ROUTES, 0.45))
SIZE_LIMIT: Final = 0.35
KINDS: Final = ("zipped", "unpacked")


def shared(times: Times, one: str, other: str) -> Times:
    """Return the functions that both variants can run."""
    return {name: each for name, each in times.items() if each.get(one) and each.get(other)}


def ratio(times: Times, one: str, other: str, function: str | None = None) -> float | None:
    """Return the sum of medians of variant *one* as a share of that of *other*, over what both can run."""
    both = shared(times, one, other)
    chosen = [each for name, each in both.items() if function in {None, name}]
    if not chosen:
        return None
    sums = [sum(statistics.median(each[variant]) for each in chosen) for variant in (one, other)]
    return round(sums[0] / sums[1], 3)


def targets(result: Mapping[str, Any]) -> list[Ratio]:
    """Return what must be reached, of what was measured."""
    times: Times = result["times, ms"]
    wanted = [*LIMITS]
    for variant in variants(times):
        if LAZY in variant:
            wanted += [(variant, THEIRS_VALID, function, limit) for function, limit in LAZY_LIMITS]
    found = []
    for one, other, function, limit in wanted:
        value = ratio(times, one, other, function)
        if value is not None:
            over = function or f"{len(shared(times, one, other))} functions"
            found.append(Ratio(f"{over}: {one} / {other}", value, limit))
    if result.get("size"):
        size = result["size"]
        value = round(size["packaged"]["zipped"] / size["pip"]["zipped"], 3)
        found.append(Ratio(f"{size['function']}, {size['options']}: zipped size", value, SIZE_LIMIT))
    found.append(Ratio("answers that differ", len(result["differs"]), 0))
    return found


def variants(times: Times) -> list[str]:
    """Return the names of the variants, in their order."""
    return list(dict.fromkeys(name for each in times.values() for name in each))


def tables(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the result as tables in Markdown."""
    times: Times = result["times, ms"]
    names = variants(times)
    yield from head("sum over the functions", ["functions", "ms", f"x {THEIRS_VALID}", "of CPU time, x"])
    for name in names:
        there = [each[name] for each in times.values() if each.get(name)]
        ratios = (ratio(each, name, THEIRS_VALID) for each in (times, result["cpu, ms"]))
        total = sum(map(statistics.median, there))
        cells = ("" if value is None else f"{value:.3f}" for value in ratios)
        yield row([name, str(len(there)), f"{total:.0f}", *cells])
    yield ""
    base = THEIRS_VALID if THEIRS_VALID in names else names[0]
    others = [name for name in names if name != base]
    yield from head("function", [f"{base}, ms", *(f"{name}, x" for name in others)])
    for function, each in times.items():
        yield row([function, *_cells(each, base, others)])
    yield ""
    if result["size"]:
        yield from _sizes(result["size"])
        yield ""
    yield from _said(result)


def _cells(each: Mapping[str, list[float]], base: str, others: Iterable[str]) -> Iterator[str]:
    if not each.get(base):
        yield from ("", *("" for _ in others))
        return
    middle = statistics.median(each[base])
    yield f"{middle:.0f} ± {100 * spread(each[base]):.0f} %"
    for name in others:
        yield f"{statistics.median(each[name]) / middle:.2f}" if each.get(name) else "-"


def _sizes(size: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a package weighs, and what pip's does."""
    yield from head(size["function"], ["zipped, MB", "unpacked, MB"])
    yield row(["`pip install --target`", *(f"{size['pip'][what] / 1e6:.1f}" for what in KINDS)])
    cells = (
        f"{size['packaged'][what] / 1e6:.1f} ({size['packaged'][what] / size['pip'][what]:.2f} x)"
        for what in KINDS
    )
    yield row([f"`rapid package {size['options']}`", *cells])


def _said(result: Mapping[str, Any]) -> Iterator[str]:
    machine = result["machine"]
    yield (
        "Milliseconds from exec to the first response, init and first call, medians of "
        f"{result['rounds']} fresh processes in turns, ± half the distance between the quartiles. "
        f"{machine['cpu']}, {machine['cores']} cores, load {result['load']} before; "
        + ", ".join(f"{name} {version}" for name, version in result["versions"].items())
        + "."
    )
    for function, each in result["absent"].items():
        for variant, reason in each.items():
            yield f"Not measured: {function}, {variant}: {reason}."
    for line in result["differs"]:
        yield f"Differs: {line}"
