"""awslambdaric 4.2.2 and rapid_client on the same input: the same answer, or a better one by intention."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.differential import cases_errors, cases_events, cases_logs, cases_results, cases_start, normal
from tests.differential.sides import FUNCTION, Side

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.differential.model import Case, Expect, Setting
    from tests.differential.sides import Observed

CASES = [
    *cases_start.CASES,
    *cases_events.CASES,
    *cases_results.CASES,
    *cases_errors.CASES,
    *cases_logs.CASES,
]
NUMBERS = {case.id: number for number, case in enumerate(CASES)}


class Pairs:
    """Both runtimes under every setting that a case asked for, started once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sides: list[tuple[Setting, Side, Side]] = []

    def get(self, setting: Setting) -> tuple[Side, Side]:
        """Return ours and theirs under *setting*."""
        for known, ours, theirs in self._sides:
            if known is setting:
                return ours, theirs
        base = self._folder / f"{len(self._sides)}"
        task = base / "task"
        task.mkdir(parents=True)
        shutil.copy(FUNCTION, task / "app.py")
        for name, source in setting.files.items():
            path = task / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source if isinstance(source, bytes) else source.encode())
        sides = []
        for runtime in ("rapid_client", "awslambdaric"):
            (base / runtime).mkdir()
            sides.append(Side(runtime, setting, task, base / runtime))
        self._sides.append((setting, sides[0], sides[1]))
        return sides[0], sides[1]

    def close(self) -> None:
        """End all processes."""
        for _, ours, theirs in self._sides:
            ours.close()
            theirs.close()


@pytest.fixture(scope="session")
def pairs(official: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pairs]:
    """Return the processes of the session; skip where awslambdaric is not installed."""
    found = Pairs(tmp_path_factory.mktemp("differential"))
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
