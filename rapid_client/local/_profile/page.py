"""The profile as one HTML page that needs nothing else: no script, no font, no image."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from rapid_client.local._profile.terminal import RULE, recorder_cost, sentence, used

if TYPE_CHECKING:
    from rapid_client.local._profile.advice import Advice
    from rapid_client.local._profile.model import Import, Profile

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
summary{cursor:pointer}
summary>.row{display:inline-grid;width:calc(100% - 1.3em);vertical-align:middle}
li{margin:.4em 0}
"""


def render(profile: Profile, advice: list[Advice]) -> str:
    """Return the page."""
    total = sum(ms for _, ms in profile.phases) or 1.0
    init, call = profile.init_ms, profile.call_ms
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>',
        f"<title>Cold start of {escape(profile.handler)}</title><style>{STYLE}</style></head><body>",
        f"<h1>Cold start of {escape(profile.handler)}</h1>",
        (
            f"<p>Init {init.median:.1f} ms ({init.least:.1f} to {init.most:.1f}), first invocation"
            f" {call.median:.1f} ms ({call.least:.1f} to {call.most:.1f}); {profile.runs} processes,"
            f" {escape(profile.python)}. {escape(recorder_cost(profile).capitalize())}.</p>"
        ),
        "<h2>What to do</h2>",
        _list([sentence(item) for item in advice] or ["Nothing that would save a millisecond was found."]),
        "<h2>Waterfall</h2>",
        (
            '<div class="row head"><span>phase or module</span><span>when</span>'
            '<span class="n">total ms</span>'
            '<span class="n">own ms</span><span class="n">bytes</span>'
            "<span>.pyc</span><span>used</span></div>"
        ),
    ]
    start = 0.0
    for name, ms in profile.phases:
        parts.append(
            f'<div class="row phase leaf"><span>{escape(name)}</span>{_lane(start, ms, total)}'
            f'<span class="n">{ms:.1f}</span><span></span><span></span><span></span><span></span></div>'
        )
        start += ms
    inside: dict[int, list[int]] = {}
    for index, item in enumerate(profile.imports):
        inside.setdefault(item.parent, []).append(index)
    _tree(profile, inside, -1, (total, parts, 0))
    parts += [f"<p>{escape(RULE)}</p>", _list(profile.notices), "</body></html>\n"]
    return "\n".join(parts)


def _list(lines: list[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def _tree(
    profile: Profile, inside: dict[int, list[int]], parent: int, out: tuple[float, list[str], int]
) -> None:
    """Append the imports within *parent*; the handler's own module is open, all else folded."""
    total, parts, depth = out
    for index in inside.get(parent, []):
        item = profile.imports[index]
        row = _row(item, total, depth)
        if index not in inside:
            parts.append(f'<div class="leaf">{row}</div>')
            continue
        opened = ' open="open"' if parent == -1 and item.when == "init" else ""
        parts.append(f'<details{opened}><summary>{row}</summary><div class="in">')
        _tree(profile, inside, index, (total, parts, depth + 1))
        parts.append("</div></details>")


def _row(item: Import, total: float, depth: int) -> str:
    unused = " no" if item.used is False and item.when == "init" else ""
    by = escape(f"{item.name}: first imported by {item.file}:{item.line}, own code {item.body_ms:.1f} ms")
    pyc = item.pyc or "-"
    failed = "" if item.ok else " (failed)"
    return (
        f'<span class="row{unused}" title="{by}">'
        f'<span style="padding-left:{depth}em">{escape(item.name)}{failed}</span>'
        f"{_lane(item.start_ms, item.total_ms, total)}"
        f'<span class="n">{item.total_ms:.1f}</span><span class="n">{item.own_ms:.1f}</span>'
        f'<span class="n">{item.size}</span><span class="{pyc}">{pyc}</span><span>{used(item)}</span></span>'
    )


def _lane(start: float, ms: float, total: float) -> str:
    left = min(99.5, start / total * 100)
    width = max(0.0, min(100 - left, ms / total * 100))
    return f'<span class="lane"><i style="left:{left:.2f}%;width:{width:.2f}%"></i></span>'
