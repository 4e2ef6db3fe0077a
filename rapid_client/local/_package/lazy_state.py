"""What an import may change beside its own module: looked at before and after, where looking costs little.

It runs inside the function's process, beside `lazy_recorder`, and imports nothing that the runtime does not.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _thread
import atexit
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

#: Signals are numbers below it.
SIGNALS: Final = 65
#: The finder that each copy of `six` installs finds its own modules only.
SIX: Final = "_SixMetaPathImporter"


class State:
    """The state of the process, without what packages do for themselves.

    What counts are signal handlers, the function's own for the exit, threads, hooks, the root logger, the
    environment, and the sizes of the containers in the function's own modules and classes that are loaded
    now: registries are such. Packages register with themselves, and filter warnings of their own.

    Args:
        own: The first names of the function's own modules.
    """

    def __init__(self, own: frozenset[str]) -> None:
        self._containers = dict(_containers(own))
        self._exits = 0
        register = atexit.register

        def count(function: Any, *arguments: Any, **options: Any) -> Any:
            caller = str(sys._getframe(1).f_globals.get("__name__"))  # noqa: SLF001 - as in the recorder
            self._exits += caller.partition(".")[0] in own
            return register(function, *arguments, **options)

        atexit.register = count  # type: ignore[assignment]  # the process ends after this
        self._now = self._look()

    def changed(self) -> str:
        """Return what has changed since the last call; empty if nothing has."""
        before, self._now = self._now, self._look()
        # What is new, the root logger for one, comes with its module.
        return ", ".join(name for name, value in self._now.items() if before.get(name, value) != value)

    def _look(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "signal handlers": [_signal.getsignal(number) for number in range(1, SIGNALS)],
            "functions for the exit": self._exits,
            "threads": _thread._count(),  # noqa: SLF001 - `threading` would be another import
            "sys.meta_path": [id(each) for each in sys.meta_path if type(each).__name__ != SIX],
            "sys.path_hooks": [id(each) for each in sys.path_hooks],
            "sys.path": list(sys.path),
            "sys.excepthook": sys.excepthook,
        }
        modules = sys.modules
        if "os" in modules:
            found["os.environ"] = dict(modules["os"].environ)
        if "logging" in modules:
            root = modules["logging"].root
            handlers = [(id(each), len(each.filters)) for each in root.handlers]
            found["the root logger"] = handlers, len(root.filters), root.level
        for name, (owner, attribute) in self._containers.items():
            value = owner.get(attribute)
            found[name] = len(value) if type(value) in {dict, list, set} else id(value)
        return found


def _containers(own: frozenset[str]) -> Iterator[tuple[str, tuple[Any, str]]]:
    """Yield the containers of the own modules and of their classes, with their names."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] not in own:
            continue
        names: dict[str, Any] = getattr(module, "__dict__", {})
        for attribute, value in list(names.items()):
            if attribute.startswith("__"):
                continue
            if type(value) in {dict, list, set}:
                yield f"{name}.{attribute}", (names, attribute)
            elif isinstance(value, type) and value.__module__ == name:
                for inner, part in list(vars(value).items()):
                    if type(part) in {dict, list, set} and not inner.startswith("__"):
                        yield f"{name}.{attribute}.{inner}", (vars(value), inner)
