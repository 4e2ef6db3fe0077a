"""The trace id in one place of the process's memory, for environments that serve many invocations.

``putenv`` keeps every value that it was ever given: glibc before 2.41 does not free them (Amazon Linux 2 has
2.26, 2023 has 2.34). With a trace id per invocation that is 144 bytes each, 144 MB after a million, and the
search among them takes 2 us more by then. ``putenv(3)`` of C, which Python does not offer, takes the
caller's memory instead of a copy, and writing to that changes the environment: child processes inherit it and
C libraries read it, as ever.
"""

from __future__ import annotations

import ctypes  # noqa: TID253 - to load it is what this module is imported for
import posix

from rapid_client._loop import TRACE_ID, set_trace_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

START: Final = TRACE_ID + b"="
#: Room for a trace id, in bytes; one with its parent, the sampling decision and the lineage has about 130.
ROOM: Final = 1000


class Slot:
    """Where the C library's environment has the trace id.

    Raises:
        OSError, AttributeError: If the C library cannot be called.
    """

    __slots__ = ("_memory", "_putenv", "_value")

    def __init__(self) -> None:
        self._memory = ctypes.create_string_buffer(START, len(START) + ROOM + 1)
        self._putenv = ctypes.CDLL(None).putenv
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
