"""Starts of a function with the recorder, which makes imports lazy and notes what came of it."""

from __future__ import annotations

import marshal
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rapid_client.local._brought import brought_names
from rapid_client.local._package.lazy import Finder, write_list
from rapid_client.local._package.lazy_search import by_importer
from rapid_client.local._package.stage import snapshot
from rapid_client.local._target.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rapid_client.local._package.lazy import Laziness
    from rapid_client.local._package.lazy_search import Edge
    from rapid_client.local._package.stage import Stage
    from rapid_client.local._runs import Runs
    from rapid_client.local.function import InvokeResult

RECORDER: Final = Path(__file__).with_name("lazy_recorder.py")


def make_lazy(runs: Runs, stage: Stage, events: Mapping[str, bytes], place: Path) -> Laziness:
    """Find what can be lazy in a packaged function, and write the list into its folder where there is any.

    Args:
        runs: What runs it.
        stage: The function, packaged.
        events: The events by their names.
        place: Where it is while it runs.

    Raises:
        BuildError: If the function has a list already, or cannot be started with the recorder.
    """
    snapshot(stage.root, place)
    try:
        found = Finder(_Starts(runs, place, own_names(stage)).start, events).find()
    finally:
        shutil.rmtree(place)
    if found.edges:
        write_list(stage.root, stage.target.python, found.edges)
    return found


def own_names(stage: Stage) -> set[str]:
    """Return the first names of what belongs to no package, as far as its metadata say so.

    A package that has lost its RECORD is known by its name, and by what its top_level.txt lists.
    """
    places = (file.partition("/")[0] for package in stage.packages for file in package.files)
    theirs = {place.partition(".")[0] for place in places} | brought_names(stage.root)
    theirs |= {info.name.partition("-")[0].lower() for info in stage.root.glob("*.dist-info")}
    return {place.name.partition(".")[0] for place in stage.root.iterdir()} - theirs


class _Starts:
    """Cold starts at one place, with files for the recorder beside it."""

    def __init__(self, runs: Runs, place: Path, own: Iterable[str]) -> None:
        self._runs, self._place, self._own = runs, place, sorted(own)
        self._order, self._out = place.with_name("lazy-order"), place.with_name("lazy-recording")

    def start(
        self, event: bytes, edges: Iterable[Edge] | None, alone: bool
    ) -> tuple[InvokeResult, dict[str, Any]]:
        """Start the function once; return what came of it and the recording, empty if there is none."""
        listed = None if edges is None else by_importer(edges)
        order = {"edges": listed, "alone": alone, "root": str(self._place), "own": self._own}
        self._order.write_bytes(marshal.dumps(order, 4))
        self._out.unlink(missing_ok=True)
        script = [str(RECORDER), str(self._out), str(self._order)]
        result = self._runs.cold_start(event, self._place, script)
        if result.error_type == "Runtime.HandlerNotFound":
            raise BuildError(f"the function has no such handler: {result.payload.decode(errors='replace')}")
        recording = self._out.read_bytes() if self._out.exists() else b""
        return result, marshal.loads(recording) if recording else {}  # noqa: S302 - our own file
