"""Act when a module is first imported, and pay nothing before that.

`install` calls back once a module has been loaded, before its importer sees it: logging is set up like this,
so a function that never logs does not pay 9 ms for it. `provide_awslambdaric` makes the import that
annotations use, ``from awslambdaric.lambda_context import LambdaContext``, work where awslambdaric is not
installed. `watch_compiler` notes what imports lose to compiling.

Nothing is imported here: a finder and a loader are plain objects with the right methods.
"""

from __future__ import annotations

import _frozen_importlib_external  # the interpreter has it loaded already
import sys
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any


def install(name: str, callback: Callable[[ModuleType], None]) -> None:
    """Call *callback* with module *name*: at once if it is loaded, else when it is first imported.

    It runs in the importing thread, after the module's code and before the import returns; threads that
    import the module meanwhile wait for it. The hook removes itself before the call. If loading fails, it
    stays for the next attempt. What the callback raises reaches the importer, and the import fails.

    Args:
        name: The module's full name.
        callback: Called once, with the loaded module.
    """
    module = sys.modules.get(name)
    if module is not None:
        callback(module)
    else:
        sys.meta_path.insert(0, _Hook(name, callback))


def provide_awslambdaric() -> None:
    """Make ``awslambdaric.lambda_context`` importable, with our classes, where awslambdaric is absent.

    The finder goes to the end of ``sys.meta_path``: an installed awslambdaric is found before, and nobody
    else notices. The package has this one module, and the module the classes of `rapid_client.context`.
    """
    sys.meta_path.append(_Provider())


def watch_compiler() -> list[tuple[float, Any]]:
    """Note what the import system compiles, until `unwatch_compiler`; what has bytecode costs nothing.

    Source loaders, also those that others derive from them, call ``compile`` by its name in the module that
    defines them; there is one now, and no class is touched. A loader with a compiler of its own is not seen.

    Returns:
        Seconds and path for each source, added as they are compiled.
    """
    took: list[tuple[float, Any]] = []
    real, clock = compile, monotonic

    def timed(source: Any, path: Any, *rest: Any, **options: Any) -> CodeType:
        before = clock()
        code: CodeType = real(source, path, *rest, **options)
        took.append((clock() - before, path))
        return code

    # It passes for a frame of importlib's, which tracebacks leave out: a SyntaxError's is as ever.
    disguised = timed.__code__.replace(
        co_filename="<frozen importlib._bootstrap_external>", co_name="_call_with_frames_removed"
    )
    names = vars(_frozen_importlib_external)
    function: Any = type(timed)
    names["compile"] = function(disguised, names, None, None, timed.__closure__)
    return took


def unwatch_compiler() -> None:
    """End what `watch_compiler` has begun, if it has."""
    vars(_frozen_importlib_external).pop("compile", None)


def put_before_standard(finder: Any) -> None:
    """Have *finder* asked before the interpreter's and behind all others, which may wrap what it finds."""
    standard = sys.modules["_frozen_importlib"].BuiltinImporter
    place = sys.meta_path.index(standard) if standard in sys.meta_path else len(sys.meta_path)
    sys.meta_path.insert(place, finder)


def find_behind(
    finder: Any, fullname: str, path: Sequence[str] | None, target: ModuleType | None
) -> ModuleSpec | None:
    """Return what the finders behind *finder* find: those in front of it were asked already."""
    if finder not in sys.meta_path:
        return None
    for other in sys.meta_path[sys.meta_path.index(finder) + 1 :]:
        find_spec = getattr(other, "find_spec", None)
        spec: ModuleSpec | None = find_spec and find_spec(fullname, path, target)
        if spec is not None:
            return spec
    return None


class _Hook:
    """A finder for one module, which lets the others find it and slips in a loader."""

    __slots__ = ("callback", "name")

    def __init__(self, name: str, callback: Callable[[ModuleType], None]) -> None:
        self.name, self.callback = name, callback

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the module as if this finder did not exist."""
        if fullname != self.name or self not in sys.meta_path:
            return None
        spec = find_behind(self, fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self)  # type: ignore[assignment]  # it quacks
        return spec

    def loaded(self, module: ModuleType) -> None:
        """Retire, then call back."""
        if self in sys.meta_path:  # two specs may have been made, by importlib.util.find_spec for one
            sys.meta_path.remove(self)
            self.callback(module)


class _Loader:
    """The real loader, with a call at its end; modules never see it."""

    __slots__ = ("hook", "real")

    def __init__(self, real: Any, hook: _Hook) -> None:
        self.real, self.hook = real, hook

    def __getattr__(self, name: str) -> Any:
        """Answer as the real loader for who looks at a spec without loading it."""
        return getattr(self.real, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Let the real loader create the module."""
        module: ModuleType | None = self.real.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Put the real loader back where the module can see it, load, and call back."""
        for owner, attribute in (module.__spec__, "loader"), (module, "__loader__"):
            if getattr(owner, attribute, None) is self:
                setattr(owner, attribute, self.real)
        self.real.exec_module(module)
        self.hook.loaded(module)


class _Provider:
    """Finder and loader of the two modules that stand for awslambdaric."""

    __slots__ = ()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Know ``awslambdaric`` and ``awslambdaric.lambda_context``."""
        del path, target
        if fullname not in {"awslambdaric", "awslambdaric.lambda_context"}:
            return None
        # The class is at hand: every module found by the import system has a spec, ``sys`` too.
        make_spec: type[ModuleSpec] = type(sys.__spec__)
        return make_spec(fullname, self, is_package=fullname == "awslambdaric")  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to the import system."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill in the names of `rapid_client.context`."""
        if module.__name__ == "awslambdaric.lambda_context":
            from rapid_client import context  # noqa: PLC0415 - 0.3 ms, only who imports awslambdaric needs it

            for name in ("LambdaContext", "ClientContext", "Client", "CognitoIdentity"):
                setattr(module, name, getattr(context, name))
