"""Instructions per invocation, counted by callgrind: the same on every machine of its kind, within 0.3 %."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.measures.figures import NotMeasured
from benchmarks.measures.start import canned, start

if TYPE_CHECKING:
    from benchmarks.measures.figures import Sample, Subject
    from benchmarks.process import Process

WARM: Final = 100
COUNTED: Final = 400
"""Invocations between two counts of the same process, so that start-up drops out."""

PATIENCE: Final = 20
"""Seconds that a count may take; it takes half a second."""

UNFIT: Final = {
    "httpx": "it runs below callgrind, but takes more than a minute",
    "go": "valgrind does not support Go's runtime",
    "node": "valgrind runs code that is compiled on the way a hundred times slower: it takes minutes",
}
"""Peers that are left out, and why."""


def instructions(subject: Subject) -> Sample:
    """Count the instructions of one warm invocation of the trivial function.

    Raises:
        NotMeasured: If the client does not run below callgrind in a reasonable time, or cannot be counted.
    """
    reason = UNFIT.get(subject.peer.name)
    if reason is not None:
        raise NotMeasured(reason)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prefix = [
            str(shutil.which("valgrind")),
            "--tool=callgrind",
            "--trace-children=yes",  # bootstrap's shell becomes the interpreter
            f"--vgdb-prefix={folder / 'vgdb'}",
            f"--callgrind-out-file={folder / 'out'}",
        ]
        with start(subject, "trivial", prefix=prefix) as process:
            subject.server.serve(WARM, canned("16"))
            dump(process, folder)
            subject.server.serve(COUNTED, canned("16"))
            return {"instructions": dump(process, folder) / COUNTED}


def dump(process: Process, folder: Path) -> int:
    """Return the instructions of *process* since it started, or since the last call.

    Raises:
        NotMeasured: If it cannot be asked, as where no process may look into another.
    """
    asked = ["vgdb", f"--pid={process.pid}", f"--vgdb-prefix={folder / 'vgdb'}", "dump"]
    try:
        subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError) as exc:
        raise NotMeasured(f"callgrind cannot be asked for its count: {exc}") from exc
    newest = max(folder.glob("out.*"), key=lambda path: int(path.suffix[1:]))
    [total] = re.findall(r"^totals: (\d+)", newest.read_text(errors="replace"), re.MULTILINE)
    return int(total)


def no_valgrind() -> str:
    """Return why no instructions can be counted on this machine, or an empty string."""
    missing = [name for name in ("valgrind", "vgdb") if shutil.which(name) is None]
    return f"{missing[0]} is not installed" if missing else ""
