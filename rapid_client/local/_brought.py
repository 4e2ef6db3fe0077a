"""What the distributions in a folder have brought, as far as their metadata say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def brought_names(root: Path) -> set[str]:
    """Return the first names of the modules that distributions have installed in *root*.

    `rapid package` drops RECORD, and sees to it that there is a top_level.txt.
    """
    return {
        line.partition(",")[0].partition("/")[0].partition(".")[0]
        for name in ("RECORD", "top_level.txt")
        for path in root.glob(f"*.dist-info/{name}")
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
    }
