"""What bytecode says of imports: what they take, what they bind, and what a module's code mentions.

It runs inside the function's process, beside `lazy_recorder`, and imports nothing that the runtime does not.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType
    from typing import Final

#: What stores a module's name, and what reads or deletes one.
STORES: Final = ("STORE_NAME", "STORE_GLOBAL")
READS: Final = ("LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "DELETE_NAME", "DELETE_GLOBAL")


class Reader:
    """Reads the bytecode of this interpreter.

    Args:
        opcodes: The opcodes by their names.
    """

    def __init__(self, opcodes: dict[str, int]) -> None:
        self._extended, self._constant = opcodes["EXTENDED_ARG"], opcodes["LOAD_CONST"]
        self._import, self._global = opcodes["IMPORT_NAME"], opcodes["LOAD_GLOBAL"]
        self._stores = {opcodes[name] for name in STORES}
        self._reads = {opcodes[name] for name in READS if name in opcodes}

    def statements(self, code: CodeType) -> dict[int, dict[str, str]]:
        """Return, by their place, what import statements bind: what each name is taken from the module.

        That is empty where it is the module itself. The constant before ``IMPORT_NAME`` is what stands behind
        ``from ... import``.
        """
        found: dict[int, dict[str, str]] = {}
        wanted: list[str] = []
        before: tuple[str, ...] | None = None
        for at, operation, number in self._walk(code):
            if operation == self._import:
                bound = found[at] = {}
                wanted = list(before or ("",))
            elif operation in self._stores and wanted:
                bound[code.co_names[number]] = wanted.pop(0)
            before = code.co_consts[number] if operation == self._constant else None
        return found

    def mentioned(self, code: CodeType) -> set[str]:
        """Return the names that a module's code reads, with that of its functions and classes."""
        found: set[str] = set()
        for _, operation, number in self._walk(code):
            if operation in self._reads:
                found.add(code.co_names[number])
            elif operation == self._global:
                found.add(code.co_names[number >> 1])
        for constant in code.co_consts:
            if isinstance(constant, type(code)):
                found |= self.mentioned(constant)
        return found

    def _walk(self, code: CodeType) -> Iterator[tuple[int, int, int]]:
        """Yield each instruction's place, operation and number."""
        data, number = code.co_code, 0
        for at in range(0, len(data), 2):
            number = number << 8 | data[at + 1]
            if data[at] != self._extended:
                yield at, data[at], number
                number = 0
