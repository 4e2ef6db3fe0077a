"""This program, once more, in a mount namespace of its own: what is mounted there ends with it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

INSIDE: Final = "RAPID_BENCH_MOUNTS"
"""Set in the process that has the mounts."""

#: Pairs of what is mounted and where, then --, then the program.
MOUNT: Final = """
while [ "$1" != -- ]; do mkdir -p "$2" && mount --rbind "$1" "$2" || exit; shift 2; done
shift
exec "$@"
"""


def enter(module: str, argv: Sequence[str], pairs: Sequence[tuple[Path, Path]]) -> None:
    """Begin ``python -m module argv`` again where each first path of *pairs* is at the second, too.

    Returns at once if there is nothing to mount, or this is that program already. Needs root.
    """
    if pairs and INSIDE not in os.environ:
        _again(module, argv, pairs)


def _again(module: str, argv: Sequence[str], pairs: Sequence[tuple[Path, Path]]) -> NoReturn:
    paths = [str(path) for pair in pairs for path in pair]
    again = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        MOUNT,
        "mounts",
        *paths,
        "--",
        sys.executable,
        "-m",
        module,
        *argv,
    ]
    os.execvpe("unshare", again, {**os.environ, INSIDE: "1"})
