"""Find the function's handler, with the names for what can be wrong with it that awslambdaric gives."""

from __future__ import annotations

import _frozen_importlib  # the interpreter has it loaded already
import posix
import sys

import rapid_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any, Final

    Handler = Callable[[Any, Any], Any]

#: ``CO_COROUTINE | CO_ASYNC_GENERATOR`` of `inspect` (9 ms to import).
ASYNC_FLAGS: Final = 0x80 | 0x200


def load(handler: str, task_root: str) -> Handler:
    """Import the module that *handler* names and return the function.

    Args:
        handler: ``module.function``; the module may have slashes for dots, as in ``src/app.handler``.
        task_root: Where the module is looked for; the current directory if empty.

    Raises:
        FaultError: If there is no such module or function, or if this version cannot run it.
        BaseException: Whatever the module's own code raises.
    """
    module_name, name = split(handler)
    put_first(task_root or posix.getcwd())
    module = import_module(module_name)
    # Looked up only now: instrumentation replaces the attribute while the module is imported.
    try:
        function = getattr(module, name)
    except AttributeError:
        message = f"Handler '{name}' missing on module '{module_name}'"
        raise rapid_client.errors.FaultError("Runtime.HandlerNotFound", message) from None
    refuse_async(function, handler)
    return function  # type: ignore[no-any-return]


def split(handler: str) -> tuple[str, str]:
    """Split *handler* into the names of module and function.

    Raises:
        FaultError: If it has no dot, or names a relative or a built-in module.
    """
    module_name, dot, name = handler.rpartition(".")
    if not dot:
        message = f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)"
        raise rapid_client.errors.FaultError("Runtime.MalformedHandlerName", message)
    if module_name.startswith((".", "/")):
        message = f"Bad handler '{handler}': name it from the task root, '{handler.lstrip('./')}'"
        raise rapid_client.errors.FaultError("Runtime.MalformedHandlerName", message)
    if module_name.partition(".")[0] in sys.builtin_module_names:
        message = f"Cannot use built-in module {module_name} as a handler module"
        raise rapid_client.errors.FaultError("Runtime.BuiltInModuleConflict", message)
    return module_name, name


def put_first(directory: str) -> None:
    """Make sure that modules are looked for in *directory*, before anywhere else if it is new."""
    if directory not in sys.path:
        sys.path.insert(0, directory)


def import_module(name: str) -> ModuleType:
    """Import the module *name*, slashes for dots.

    ``importlib.import_module`` without its import: the function below it, so that a traceback has importlib's
    frames.

    Raises:
        FaultError: If it cannot be found or parsed; the cause tells why.
        BaseException: Whatever the module's own code raises.
    """
    load_module: Callable[[str], ModuleType] = vars(_frozen_importlib)["_gcd_import"]
    try:
        return load_module(name.replace("/", "."))
    except ImportError as exc:
        message = f"Unable to import module '{name}': {exc}"
        raise rapid_client.errors.FaultError("Runtime.ImportModuleError", message) from exc
    except SyntaxError as exc:
        message = f"Syntax error in module '{name}': {exc}"
        trace = f'  File "{exc.filename}" Line {exc.lineno}\n    {exc.text}'
        raise rapid_client.errors.FaultError("Runtime.UserCodeSyntaxError", message, (trace,)) from exc


def refuse_async(function: Any, handler: str) -> None:
    """Refuse a coroutine function, which this version cannot run.

    Raises:
        FaultError: If *function* is one, also below ``functools.partial`` or as an object's ``__call__``.
    """
    functools = sys.modules.get("functools")
    while functools is not None and isinstance(function, functools.partial):
        function = function.func
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    flags = getattr(code, "co_flags", 0)  # a proxy object may answer anything
    if isinstance(flags, int) and flags & ASYNC_FLAGS:
        message = f"Handler '{handler}' is asynchronous, which this version cannot run: use a plain function"
        raise rapid_client.errors.FaultError("Runtime.UnsupportedHandler", message)
