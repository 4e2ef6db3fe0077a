"""The profile as one HTML page that needs nothing else: no script, no font, no image."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from rapid_client.local._profile.model import Import, Line
from rapid_client.local._profile.terminal import RULE, label, opened, recorder_cost, sentence, span, used

if TYPE_CHECKING:
    from rapid_client.local._profile.advice import Advice
    from rapid_client.local._profile.model import Profile

STYLE: Final = """
body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1200px;
padding:0 1em;color:#222;background:#fff}
.row{display:grid;grid-template-columns:minmax(16em,2fr) 3fr 5em 5em 6em 5em 4em;gap:.6em;align-items:center}
.row>*{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.n{text-align:right;font-variant-numeric:tabular-nums}
.head{font-weight:600;border-bottom:1px solid #bbb}
.leaf{padding-left:1.1em}
.in{padding-left:0}
.lane{display:block;position:relative;height:1em;background:#f3f3f3}
.lane i{position:absolute;top:0;bottom:0;min-width:2px;background:#3b78c4}
.phase i{background:#8a8f98}
.no .lane i{background:#d9822b}
.stale,.missing{color:#b00020;font-weight:600}
.line i{background:#2f8f5b}
table{border-collapse:collapse}td,th{padding:.15em .8em;text-align:right}
td:first-child,th:first-child{text-align:left}
summary{cursor:pointer}
summary>.row{display:inline-grid;width:calc(100% - 1.3em);vertical-align:middle}
li{margin:.4em 0}
"""
HEAD: Final = (
    '<div class="row head"><span>phase, module or line</span><span>when</span>'
    '<span class="n">total ms</span><span class="n">own ms</span><span class="n">bytes</span>'
    "<span>.pyc</span><span>used</span></div>"
)


def render(profile: Profile, advice: list[Advice]) -> str:
    """Return the page."""
    title = f"Cold start of {profile.handler}"
    parts = [
        f"<p>{escape(_summary(profile))}</p>",
        "<h2>What to do</h2>",
        _list([sentence(item) for item in advice] or ["Nothing that would save a millisecond was found."]),
        "<h2>Waterfall</h2>",
        HEAD,
    ]
    start = 0.0
    for phase in profile.phases:
        parts.append(
            f'<div class="row phase leaf"><span>{escape(phase.name)}</span>'
            f"{_lane(start, phase.ms, profile.total_ms)}"
            f'<span class="n">{phase.ms:.1f}</span><span></span><span></span><span></span><span></span></div>'
        )
        start += phase.ms
    _tree(profile, -1, parts, 0)
    parts += [_list(opened(profile)), f"<p>{escape(RULE)}</p>", _list(profile.notices)]
    return document(title, parts)


def document(title: str, parts: list[str]) -> str:
    """Return a whole page with this body."""
    head = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
    )
    return "\n".join([head, *parts, "</body></html>\n"])


def _summary(profile: Profile) -> str:
    init, call = profile.init_ms, profile.call_ms
    if init is None or call is None:
        return f"{profile.error}. {profile.python}; recorded up to the failure."
    return (
        f"Init {span(init)}, first invocation {span(call)}; {profile.runs} processes, {profile.python};"
        f" {recorder_cost(profile)}."
    )


def _list(lines: list[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def _tree(profile: Profile, parent: int, parts: list[str], depth: int) -> None:
    """Append what is within *parent*; the handler's own module is open, all else folded by package."""
    for item, index in profile.within(parent):
        row = (
            _line(item, profile.total_ms, depth)
            if isinstance(item, Line)
            else _row(item, profile.total_ms, depth)
        )
        if index < 0 or not profile.within(index):
            parts.append(f'<div class="leaf">{row}</div>')
            continue
        opened_ = ' open="open"' if parent == -1 and isinstance(item, Import) and item.when == "init" else ""
        parts.append(f'<details{opened_}><summary>{row}</summary><div class="in">')
        _tree(profile, index, parts, depth + 1)
        parts.append("</div></details>")


def _line(item: Line, total: float, depth: int) -> str:
    return (
        f'<span class="row line" title="{escape(f"{item.file}:{item.line}")}">'
        f'<span style="padding-left:{depth}em">{escape(label(item))}</span>'
        f"{_lane(item.start_ms, item.total_ms, total)}"
        f'<span class="n">{item.total_ms:.1f}</span><span class="n">{item.own_ms:.1f}</span>'
        "<span></span><span></span><span></span></span>"
    )


def _row(item: Import, total: float, depth: int) -> str:
    unused = " no" if item.used is False and item.when == "init" else ""
    by = escape(f"{item.name}: first imported by {item.file}:{item.line}, own code {item.body_ms:.1f} ms")
    pyc = item.pyc or "-"
    return (
        f'<span class="row{unused}" title="{by}">'
        f'<span style="padding-left:{depth}em">{escape(label(item))}</span>'
        f"{_lane(item.start_ms, item.total_ms, total)}"
        f'<span class="n">{item.total_ms:.1f}</span><span class="n">{item.own_ms:.1f}</span>'
        f'<span class="n">{item.size}</span><span class="{pyc}">{pyc}</span><span>{used(item)}</span></span>'
    )


def _lane(start: float, ms: float, total: float) -> str:
    left = min(99.5, start / total * 100)
    width = max(0.0, min(100 - left, ms / total * 100))
    return f'<span class="lane"><i style="left:{left:.2f}%;width:{width:.2f}%"></i></span>'
