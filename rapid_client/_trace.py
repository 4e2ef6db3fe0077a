"""The trace id in one place of the process's memory, once an environment has served some hundred invocations.

``putenv`` keeps every value that it was ever given: glibc before 2.41 does not free them (Amazon Linux 2 has
2.26, 2023 has 2.34). With a trace id per invocation that is 144 bytes each, 144 MB after a million, and 2 us
to look for it among the others. ``putenv(3)`` of C, which Python does not offer, takes the caller's memory
instead of a copy, and writing to that (0.06 us) changes the environment: child processes inherit it and C
libraries read it, as ever.
"""

from __future__ import annotations

import posix
from _ctypes import (  # noqa: TID253 - to load it is what this module is imported for: 0.7 ms, `ctypes` 7
    FUNCFLAG_CDECL,
    CFuncPtr,
    Py_INCREF,
    _SimpleCData,
    dlopen,
    dlsym,
)

from rapid_client._loop import TRACE_ID, set_trace_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

START: Final = TRACE_ID + b"="
#: Room for a trace id, in bytes; one with its parent, the sampling decision and the lineage has about 130.
ROOM: Final = 1000
NOW: Final = 2  # RTLD_NOW of dlopen(3), on Linux


class _Char(_SimpleCData):  # type: ignore[type-arg]
    _type_ = "c"


class _Int(_SimpleCData):  # type: ignore[type-arg]
    _type_ = "i"


class _Function(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL
    _restype_ = _Int


class Slot:
    """Where the C library's environment has the trace id.

    Raises:
        OSError: If the C library cannot be called.
    """

    __slots__ = ("_memory", "_putenv", "_value")

    def __init__(self) -> None:
        self._memory: Any = (_Char * (len(START) + ROOM + 1))()
        Py_INCREF(self._memory)  # the environment points to it until the process has ended
        everything = dlopen(None, NOW)  # type: ignore[arg-type]  # None: all that the process has loaded
        self._putenv: Any = _Function(dlsym(everything, "putenv"))
        #: What we have put there last.
        self._value: bytes | None = None

    def set(self, trace_id: bytes) -> None:
        """As `set_trace_id`."""
        environ = posix.environ
        if not 0 < len(trace_id) <= ROOM or trace_id.count(b"\0"):
            set_trace_id(trace_id)
            return
        # Another object than ours: the function has set or deleted the variable, and so moved it elsewhere.
        ours = self._value is not None and environ.get(TRACE_ID) is self._value
        self._memory.value = START + trace_id
        if not ours:
            self._putenv(self._memory)
        environ[TRACE_ID] = self._value = trace_id
