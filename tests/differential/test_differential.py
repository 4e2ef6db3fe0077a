"""awslambdaric 4.2.2 and rapid_client on the same input: the same answer, or a better one by intention."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.differential import cases_errors, cases_events, cases_logs, cases_results, cases_start, normal
from tests.differential.model import PLAIN, Case
from tests.differential.sides import FUNCTION, Side

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.differential.model import Expect, Setting
    from tests.differential.sides import Observed

CASES = [
    *cases_start.CASES,
    *cases_events.CASES,
    *cases_results.CASES,
    *cases_errors.CASES,
    *cases_logs.CASES,
]
NUMBERS = {case.id: number for number, case in enumerate(CASES)}


#: How many settings have running processes at most: two of 25 MB each.
KEPT_RUNNING = 8


class Pairs:
    """Both runtimes under the settings that cases asked for last.

    Args:
        folder: For the task folders and what the processes write.
        python: An interpreter without start-up files of its own, for ``bootstrap``.
    """

    def __init__(self, folder: Path, python: Path) -> None:
        self._folder, self._python = folder, python
        self._made = 0
        self._sides: list[tuple[Setting, Side, Side]] = []

    def get(self, setting: Setting) -> tuple[Side, Side]:
        """Return ours and theirs under *setting*."""
        found = [known for known in self._sides if known[0] is setting] or [self._make(setting)]
        self._sides = [known for known in self._sides if known[0] is not setting] + found
        while len(self._sides) > KEPT_RUNNING:
            _, *oldest = self._sides.pop(0)
            _close(oldest)
        return found[0][1], found[0][2]

    def close(self) -> None:
        """End all processes."""
        for _, *sides in self._sides:
            _close(sides)

    def _make(self, setting: Setting) -> tuple[Setting, Side, Side]:
        self._made += 1
        base = self._folder / f"{self._made}"
        task = base / "task"
        task.mkdir(parents=True)
        shutil.copy(FUNCTION, task / "app.py")
        for name, source in setting.files.items():
            path = task / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source if isinstance(source, bytes) else source.encode())
        ours, theirs = (
            Side(runtime, setting, task, self._python) for runtime in ("rapid_client", "awslambdaric")
        )
        return setting, ours, theirs


def _close(sides: list[Side]) -> None:
    for side in sides:
        side.close()


@pytest.fixture(scope="session")
def pairs(official: str, clean_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pairs]:
    """Return the processes of the session; skip where awslambdaric is not installed."""
    found = Pairs(tmp_path_factory.mktemp("differential"), clean_python)
    yield found
    found.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_both_do_the_same_or_ours_does_better(pairs: Pairs, case: Case) -> None:
    """What is posted, logged and returned is awslambdaric's, or the improvement that the case names."""
    if case.skip:
        pytest.skip(case.skip)
    our_side, their_side = pairs.get(case.setting)
    ours = our_side.run(case, NUMBERS[case.id])
    if case.ours is not None:
        check(ours, case.ours, "rapid_client")
    if case.ours is not None and case.theirs is None:
        return
    theirs = their_side.run(case, NUMBERS[case.id])
    if case.theirs is not None:
        check(theirs, case.theirs, "awslambdaric")
    else:
        for part in case.compare:
            mine, others = ours.part(part), theirs.part(part)
            if part == "stdout" and case.more_log:
                assert mine.startswith(others.removesuffix("\n")), case.id
                assert len(mine) > len(others), case.id
            else:
                assert mine == others, f"{part} of {case.id}"


def test_every_case_has_a_name_of_its_own() -> None:
    """A name stands for one input: its request id is made from it."""
    assert len(NUMBERS) == len(CASES)


@pytest.mark.parametrize("event", ["dict", "bytes"])
def test_a_response_has_the_same_header_lines(pairs: Pairs, event: str) -> None:
    """Host, media type, length, user agent and the echo are sent; `Accept` says nothing and is left out."""
    case = Case(id="", action="result", event=event, setting=PLAIN)
    seen = [side.run(case, 0).last for side in pairs.get(PLAIN)]
    names = [{name.lower() for name, _ in post.headers} for post in seen if post]
    assert names[0] == names[1] - {"accept"}
    assert [post.header("user-agent") != "" for post in seen if post] == [True, True]
    assert [post.header("content-length") == str(len(post.body)) for post in seen if post] == [True, True]


def check(observed: Observed, expect: Expect, who: str) -> None:
    """Assert that *who* did what was said."""
    last = observed.last
    if expect.call is not None:
        assert (last.call if last else "nothing") == expect.call, who
    body = normal.plain(last.body) if last else None
    if expect.value is not ...:
        assert body == expect.value, who
    if expect.raw is not None:
        assert last is not None, who
        assert last.body == expect.raw, who
    assert expect.raw_has in (last.body if last else b""), who
    if expect.error_type is not None:
        assert isinstance(body, dict), who
        assert body["errorType"] == expect.error_type, who
    if expect.message is not None:
        assert isinstance(body, dict), who
        assert re.fullmatch(expect.message, body["errorMessage"], re.DOTALL), (who, body["errorMessage"])
    if expect.path is not None:
        assert last is not None, who
        assert last.path.endswith(expect.path), (who, last.path)
    if expect.body is not None:
        assert last is not None, who
        assert re.search(expect.body, last.body.decode(), re.DOTALL), (who, last.body)
    for name, value in expect.headers.items():
        found = last.header(name) if last else None
        assert found == value or (value and found and re.fullmatch(value, found, re.DOTALL)), (
            who,
            name,
            found,
        )
    if expect.exit is not None:
        assert observed.exit == (None if expect.exit == "lives" else expect.exit), who
    for pattern, output in ((expect.log, observed.raw_stdout), (expect.stderr, observed.raw_stderr)):
        if pattern is not None:
            assert re.search(pattern, output.decode("utf-8", "replace"), re.DOTALL), (who, output)
