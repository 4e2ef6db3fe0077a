"""rapid_client: run Python functions on AWS Lambda, and lose no time over it.

`LambdaContext` is for annotations and tests. Everything else is started from outside: ``./bootstrap``,
``python -m rapid_client app.handler`` or, on your own machine, ``rapid invoke``.
"""

__version__ = "0.1.0"
__all__ = ["LambdaContext", "__version__"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from rapid_client import errors as errors
    from rapid_client.context import LambdaContext

#: What every start loads, each after those that it imports.
COLD_PATH = (
    *("_config", "context", "_wire", "_protocol", "_handler", "_import_hook", "_stdio"),
    *("_client", "_codec", "_loop", "_runtime"),
)


def __getattr__(name: str) -> object:
    """Resolve a name upon its first use (PEP 562): what raises an error says `rapid_client.errors`.

    Importing this package costs next to nothing then, and a start without errors saves the 0.15 ms for them.
    """
    if name == "LambdaContext":
        from rapid_client.context import LambdaContext  # deferred: who runs no function needs none

        return LambdaContext
    if name == "errors":
        import rapid_client.errors  # deferred: who raises no error needs none

        return rapid_client.errors
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def start(argv: list[str], script: str = "") -> int:
    """Start as `bootstrap` does, through an exec wrapper where one is named. Else as `run`.

    Args:
        argv: As `run` takes it.
        script: What a wrapper is to start instead of `bootstrap`; this package where it is empty. The layer
            names one: there no shell has looked at RAPID_PYTHON before.
    """
    import posix  # deferred: only a start needs it, like all below
    import sys  # deferred: as above

    names = posix.environ
    wrapped = b"AWS_LAMBDA_EXEC_WRAPPER" in names or b"RAPID_EXEC_WRAPPER" in names
    if wrapped or (script and b"RAPID_PYTHON" in names):
        from rapid_client import _exec  # deferred: only who uses one of them needs it

        python = "" if script else sys.executable
        _exec.hand_over(argv, script or __file__.replace("__init__", "__main__"), python)
    return run(argv)


def start_layer(argv: list[str]) -> int:
    """Start as the layer's `bootstrap` does, which has put this package's directory before ``sys.path``."""
    import sys  # deferred: as above

    del sys.path[0]
    return start(argv, sys.prefix + "/start.py")


def run(argv: list[str]) -> int:
    """Run the function under ``-S``, with what ``site`` would have done. As `_runtime.main`."""
    preload("_site")
    from rapid_client import _runtime, _site  # deferred: as above

    _site.prepare()
    return _runtime.main(argv)


def preload(*more: str) -> None:
    """Load the modules of `COLD_PATH` from their bytecode, 0.9 ms sooner than import statements would.

    An import statement asks each finder and reads the file through three layers of Python code: 12 system
    calls and 0.1 ms for each module. Here it is four and 0.02 (CPython 3.13), with the same result in every
    attribute. Bytecode counts as it does there (PEP 552): if this interpreter made it, and from the source as
    it is now, unless it says not to look or there are no sources. Where that is not so, or the package is in
    a zip file, this stops, and the import statements load what is missing. Where the package is frozen into
    the interpreter there is nothing to read at all.

    Nothing is collected meanwhile, since nothing is garbage (0.15 ms), and what is loaded now is never looked
    at by the collector again.

    Args:
        more: Names of further modules of this package, to be loaded first.
    """
    # The interpreter has loaded these, and `importlib` would cost 2 ms.
    from _frozen_importlib import BuiltinImporter, ModuleSpec, module_from_spec  # deferred: as above
    from _frozen_importlib_external import SourceFileLoader, SourcelessFileLoader  # deferred: as above

    frozen = __spec__.origin == "frozen"
    loader: Any = type(__spec__.loader)
    if not frozen and (loader not in (SourceFileLoader, SourcelessFileLoader) or not __spec__.cached):
        return
    builtin: Any = BuiltinImporter
    gc: Any = module_from_spec(ModuleSpec("gc", builtin))  # who imports it does so for the first time
    builtin.exec_module(gc)
    collecting = gc.isenabled()
    gc.disable()
    if frozen:
        _load_frozen(more + COLD_PATH, __spec__.loader)
    else:
        _load(more + COLD_PATH, loader, __file__, __spec__.cached or "")
    gc.freeze()
    if collecting:
        gc.enable()


def _load_frozen(names: "Iterable[str]", importer: "Any") -> None:
    """Load modules of this package that are in the interpreter, up to the first that is not.

    Args:
        names: Their names, without the package's.
        importer: What imports frozen modules.
    """
    import sys  # deferred: as above
    from _frozen_importlib import module_from_spec  # deferred: as above
    from _imp import get_frozen_object  # deferred: as above

    for short in names:
        name = f"rapid_client.{short}"
        if name in sys.modules:
            continue
        spec = importer.find_spec(name)
        if spec is None:
            return
        module = module_from_spec(spec)
        exec(get_frozen_object(name), vars(module))  # noqa: S102 - as the import system does
        sys.modules[name] = globals()[short] = module


def _load(names: "Iterable[str]", loader: "Any", package: str, compiled: str) -> None:
    """Load modules of this package, up to the first that has no bytecode.

    Args:
        names: Their names, without the package's.
        loader: The class of their loaders.
        package: The file of the package itself.
        compiled: The bytecode of that; the same file if there are no sources.
    """
    import sys  # deferred: as above
    from _frozen_importlib import ModuleSpec, module_from_spec  # deferred: as above
    from _frozen_importlib_external import MAGIC_NUMBER  # deferred: as above
    from _imp import _fix_co_filename, check_hash_based_pycs  # type: ignore[attr-defined]  # deferred: as above
    from marshal import loads  # deferred: as above

    timed, unchecked = MAGIC_NUMBER + b"\0\0\0\0", MAGIC_NUMBER + b"\1\0\0\0"
    trusted: tuple[bytes, ...] = () if check_hash_based_pycs == "always" else (unchecked,)
    if package == compiled:
        trusted = (timed, unchecked)
    sources, _, suffix = package.rpartition("__init__")
    bytecodes, _, tag = compiled.rpartition("__init__")
    room = bytearray(65536)  # one for all: 5 us per file if each has its own
    for short in names:
        name, source, cached = f"rapid_client.{short}", sources + short + suffix, bytecodes + short + tag
        if name in sys.modules:
            continue
        try:
            size, head = _read(cached, room), room[:8]
            if head not in trusted and (head != timed or room[8:16] != _stamp(source)):
                return
            code = loads(memoryview(room)[16:size])  # noqa: S302 - as the import system does
        except (EOFError, OSError, TypeError, ValueError):  # absent or damaged
            return
        if source != cached:
            _fix_co_filename(code, source)  # it may have been compiled elsewhere
        spec = ModuleSpec(name, loader(name, source), origin=source)
        spec.cached, spec.has_location = cached, True
        module = module_from_spec(spec)
        exec(code, vars(module))  # noqa: S102 - as above
        sys.modules[name] = globals()[short] = module


def _read(path: str, room: bytearray) -> int:
    """Read the start of a file into *room*; return how much there is."""
    import posix  # deferred: as above

    descriptor = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.readv(descriptor, (room,))
    finally:
        posix.close(descriptor)


def _stamp(path: str) -> bytes:
    """Return time and size of a source as its bytecode has them."""
    import posix  # deferred: as above

    found = posix.stat(path)
    time, size = int(found.st_mtime) & 0xFFFFFFFF, found.st_size & 0xFFFFFFFF
    return time.to_bytes(4, "little") + size.to_bytes(4, "little")
