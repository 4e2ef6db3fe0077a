"""Trust bytecode whose source has another time stamp: ``RAPID_TRUST_PYC=1``.

A zip loses the times of its files, and Lambda's folders are read-only: bytecode that no longer has its
source's time is compiled again on every cold start. Here the size alone decides, for bytecode that lies
beside its source below the given folders. All else is CPython's (PEP 552): the magic number, hash-based
files, extension modules, zip files, and every other folder. So an edit that keeps a file's size is not seen.
"""

from __future__ import annotations

import sys
from _frozen_importlib_external import (  # type: ignore[attr-defined]  # private, the same from 3.11 to 3.15
    FileFinder,
    SourceFileLoader,
    _get_supported_file_loaders,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType
    from typing import Any

    from _typeshed import ReadableBuffer


def trust(roots: Sequence[str]) -> None:
    """Trust bytecode in and below *roots* from now on; modules that are loaded already stay as they are.

    Args:
        roots: Folders as ``sys.path`` names them.
    """
    prefixes = tuple(f"{root.rstrip('/')}/" for root in roots)
    loaders = [
        (TrustingLoader if loader is SourceFileLoader else loader, suffixes)
        for loader, suffixes in _get_supported_file_loaders()
    ]
    find: Callable[[str], Any] = FileFinder.path_hook(*loaders)

    def hook(path: str) -> Any:
        """Make the finder of a folder below the roots; leave all else to the next hook."""
        if not f"{path}/".startswith(prefixes):
            raise ImportError
        return find(path)

    sys.path_hooks.insert(0, hook)
    for path in [path for path in sys.path_importer_cache if f"{path}/".startswith(prefixes)]:
        del sys.path_importer_cache[path]


class TrustingLoader(SourceFileLoader):
    """Shows the import system the time that it looks for, where the size is right. No more system calls."""

    #: Time and size of the source, as bytecode has them, between the look at it and that at its bytecode.
    _stamp = b""

    def path_stats(self, path: str) -> Any:
        """Return what the base class does, and keep it."""
        found = super().path_stats(path)
        time, size = int(found["mtime"]) & 0xFFFFFFFF, found["size"] & 0xFFFFFFFF
        self._stamp = time.to_bytes(4, "little") + size.to_bytes(4, "little")
        return found

    def get_data(self, path: str) -> bytes:
        """Return the file's bytes; in timestamp bytecode of the right size, with the source's time."""
        data = super().get_data(path)
        stamp, self._stamp = self._stamp, b""
        if not stamp or path == self.path or not path.startswith(self.path.rpartition("/")[0] + "/"):
            return data
        if data[4:8] == b"\0\0\0\0" and data[12:16] == stamp[4:] and data[8:12] != stamp[:4]:
            return data[:8] + stamp + data[16:]
        return data

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the module's code; compile it where its bytecode is damaged, for which CPython raises."""
        try:
            return super().get_code(fullname)
        except (EOFError, ImportError, TypeError, ValueError):
            source: ReadableBuffer = super().get_data(self.path)
            return self.source_to_code(source, self.path)
