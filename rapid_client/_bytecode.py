"""Trust bytecode whose source has another time stamp: ``RAPID_TRUST_PYC=1``.

A zip loses the times of its files, and Lambda's folders are read-only: bytecode that no longer has its
source's time is compiled again on every cold start. Here the size alone decides, for bytecode that lies
beside its source below the given folders. All else is CPython's (PEP 552): the magic number, hash-based
files, extension modules, zip files, and every other folder. So an edit that keeps a file's size is not seen.
"""

from __future__ import annotations

import posix
import sys
from _frozen_importlib_external import (  # type: ignore[attr-defined]  # private, the same from 3.11 to 3.15
    MAGIC_NUMBER,
    FileFinder,
    SourceFileLoader,
    _get_supported_file_loaders,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any, Final

    from _typeshed import ReadableBuffer

#: How timestamp bytecode of this interpreter begins; four bytes of time and four of size follow.
TIMED: Final = MAGIC_NUMBER + b"\0\0\0\0"
#: The qualified name of what the import system makes finders of folders with.
_FOLDER_HOOK: Final = "FileFinder.path_hook.<locals>.path_hook_for_FileFinder"


def roots(task_root: str) -> tuple[str, ...]:
    """Return how the paths of trusted folders begin: those of the function and of its layers.

    Args:
        task_root: ``LAMBDA_TASK_ROOT``; the current directory if empty.
    """
    return f"{absolute(task_root).rstrip('/')}/", "/opt/"


def absolute(path: str) -> str:
    """Return what ``os.path.abspath`` would; links stay as they are named."""
    closed = f"{path}/"
    if path[:1] == "/" and "//" not in closed and "/./" not in closed and "/../" not in closed:
        return path
    if not path:
        return posix.getcwd()
    import os.path  # deferred: 2 ms, and only an unusual path needs it

    return os.path.abspath(path)


def trust(prefixes: tuple[str, ...]) -> None:
    """Trust bytecode in and below some folders from now on; modules that are loaded already stay as they are.

    Hooks that tools have put before the one for folders stay before this one, and so do zip files.

    Args:
        prefixes: The folders, as `roots` returns them.
    """
    loaders = [
        (TrustingLoader if loader is SourceFileLoader else loader, suffixes)
        for loader, suffixes in _get_supported_file_loaders()
    ]
    find: Callable[[str], Any] = FileFinder.path_hook(*loaders)

    def hook(path: str) -> Any:
        """Make the finder of a folder below the roots; leave all else to the next hook."""
        if not f"{absolute(path)}/".startswith(prefixes):
            raise ImportError
        return find(path)

    names = [getattr(each, "__qualname__", "") for each in sys.path_hooks]
    # Tools that make theirs in the same way put it in front: the last one is the interpreter's.
    place = len(names) - 1 - names[::-1].index(_FOLDER_HOOK) if _FOLDER_HOOK in names else len(names)
    sys.path_hooks.insert(place, hook)
    for path, finder in list(sys.path_importer_cache.items()):
        if type(finder) is FileFinder and f"{absolute(path)}/".startswith(prefixes):
            del sys.path_importer_cache[path]


class TrustingLoader(SourceFileLoader):
    """Shows the import system the time that it looks for, where the size is right. No more system calls."""

    #: Time and size of the source, as bytecode has them, between the look at it and that at its bytecode.
    _stamp = b""
    #: What was read last.
    _read = ""

    def path_stats(self, path: str) -> Any:
        """Return what the base class does, and keep it."""
        found = super().path_stats(path)
        time, size = int(found["mtime"]) & 0xFFFFFFFF, found["size"] & 0xFFFFFFFF
        self._stamp = time.to_bytes(4, "little") + size.to_bytes(4, "little")
        return found

    def get_data(self, path: str) -> bytes:
        """Return the file's bytes; in timestamp bytecode of the right size, with the source's time."""
        stamp, self._stamp, self._read = self._stamp, b"", path
        data = super().get_data(path)
        beside = path.rpartition("/")[0] == f"{self.path.rpartition('/')[0]}/__pycache__"
        if stamp and beside and data[:8] == TIMED and data[12:16] == stamp[4:] and data[8:12] != stamp[:4]:
            return TIMED + stamp + data[16:]
        return data

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the module's code; compile it where its bytecode is damaged, for which CPython raises."""
        try:
            return super().get_code(fullname)
        except (EOFError, ImportError, TypeError, ValueError):
            if self._read == self.path:  # it is the source that is wrong, and compiled it was
                raise
            source: ReadableBuffer = super().get_data(self.path)
            return self.source_to_code(source, self.path)
