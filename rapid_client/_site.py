"""What the standard library's ``site`` does at start-up, for a process that was started with ``-S``.

``site`` costs 3 ms of 12 and mostly finds nothing to do (CPython 3.13). So `prepare` looks, in 0.2 ms, for
something to do: a ``.pth`` file, a ``sitecustomize`` or ``usercustomize`` module, a user site directory, an
unusual interpreter. If there is, it lets ``site`` do all of it, which makes the result equal by construction;
if not, it is a virtual environment's prefix, one entry of ``sys.path``, and six names in ``builtins``.
"""

from __future__ import annotations

import builtins
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final

#: The prefix of the interpreters of AWS's managed Python runtimes, also in AWS's images.
MANAGED_PREFIX: Final = "/var/lang"
#: What ``site`` adds to ``builtins``.
_BUILTINS: Final = ("copyright", "credits", "exit", "help", "license", "quit")


def prepare(layer_root: str = "/opt/python") -> None:
    """Make this process one that ``site`` has prepared, with the managed runtime's ``sys.path``.

    Call it once, from `bootstrap`, when ``sys.path[0]`` is the directory of that script as Python puts it
    there: it is dropped, as whatever lies beside the script would hide the function's modules. Afterwards
    ``sys.path`` is

    1. ``LAMBDA_TASK_ROOT``, or where it is not set the current directory, as ``python -m`` has it;
    2. PYTHONPATH's entries, or where it is not set ``lib/pythonX.Y/site-packages`` in *layer_root* and then
       *layer_root*, whether they exist or not;
    3. the standard library, then site-packages as ``site`` orders them, then what ``.pth`` files have named;
    4. the directory that holds this package, for processes that are spawned later; in the layer for OS-only
       runtimes, whose standard library it is, the layer's own site-packages. So whatever the function and
       its layers bring wins over what we bring.

    The ``.pth`` files in ``LAMBDA_TASK_ROOT`` and in the directories of *layer_root* are obeyed. An entry
    that comes twice counts where it comes first. AWS's managed runtime does so, too; also there PYTHONPATH
    takes the place of the layers' directories.

    On AWS's own interpreter all is as AWS's ``/var/runtime/bootstrap.py`` leaves it: the interpreter's
    site-packages follow the layers' directories, then, before PYTHONPATH's entries, comes
    ``LAMBDA_RUNTIME_DIR``, and that becomes the PYTHONPATH of later processes where none is set.

    Args:
        layer_root: Where Lambda unpacks the Python part of layers.
    """
    if not sys.flags.safe_path:  # with PYTHONSAFEPATH or -P it is not there
        del sys.path[0]
    # bootstrap has run `site` already where it needed it to find this package.
    if sys.flags.no_site and "site" not in sys.modules:
        if posix.environ.get(b"RAPID_SITE") == b"1":
            _start_without_option()
        if not _do_the_little_there_is():
            import site  # deferred: 2 ms, and only where there is something for it to do

            site.main()
    _lay_out(layer_root)


def _start_without_option() -> None:  # pragma: no cover - execv ends the measuring
    """Start this process again without ``-S``, if it was given.

    The shell part of bootstrap never lets it come to this; a first line that names the interpreter does.
    """
    count = len(sys.orig_argv) - len(sys.argv)
    options, rest = sys.orig_argv[1:count], sys.orig_argv[count:]
    kept = [
        option.replace("S", "") if option[:1] == "-" and option[1:2] not in "XW" else option
        for option in options
        if option != "-S"
    ]
    if kept != options:
        posix.execv(sys.executable, [sys.executable, *kept, *rest])


# -- what site does, where that is little --


def _do_the_little_there_is() -> bool:
    """Do what ``site.main`` would do, if that is little.

    Returns:
        False if ``site`` itself is needed; nothing has been changed then.
    """
    environment = _virtual_environment()
    if environment is None:
        return False
    venv, home = environment
    prefix = venv or sys.prefix
    packages = _site_packages(prefix)
    if packages is None or _importable("sitecustomize"):
        return False
    # A virtual environment that keeps the base's site-packages out keeps the user's out as well.
    if not venv and _user_site_enabled() and (_user_site_exists() or _importable("usercustomize")):
        return False
    sys.path[:] = dict.fromkeys([*sys.path, *packages])
    sys.prefix = sys.exec_prefix = prefix
    sys._home = home  # type: ignore[attr-defined]  # noqa: SLF001 - sysconfig reads it
    for name in _BUILTINS:
        setattr(builtins, name, _Lazy(name))
    return True


def _all_normal(paths: Sequence[str]) -> bool:
    """Tell whether ``os.path.abspath`` would leave each of *paths* as it is."""
    for path in paths:
        closed = path + "/"
        if path[:1] != "/" or "//" in closed or "/./" in closed or "/../" in closed:
            return False
    return True


def _virtual_environment() -> tuple[str, str | None] | None:
    """Find the virtual environment of this interpreter, as ``site.venv`` does; PEP 405.

    Returns:
        Its directory, or ``""``, and the ``home`` that its pyvenv.cfg names. None, for ``site`` to look, if
        it lets the base's site-packages in or cannot be read, or if the interpreter is one that ``site``
        treats in a way of its own.
    """
    # Linux distributions patch the `site` of their own Python (dist-packages, /usr/local); it lives in /usr.
    if sys.platform != "linux" or sys.base_prefix == "/usr" or sys.prefix != sys.exec_prefix:
        return None
    if not _all_normal([sys.executable, *sys.path]):
        return None
    bin_directory = sys.executable.rpartition("/")[0]
    prefix = bin_directory.rpartition("/")[0]
    for directory in (bin_directory, prefix):
        try:
            text = _read(directory + "/pyvenv.cfg")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError):
            return None
        settings = _settings(text)
        if settings.get("include-system-site-packages", "true").lower() == "true":
            return None
        if sys.version_info >= (3, 14) and sys.prefix != prefix:  # `site` warns; before 3.14 it sets it
            return None
        return prefix, settings.get("home")
    return "", None


def _settings(text: str) -> dict[str, str]:
    """Return what a pyvenv.cfg with this text says."""
    settings = {}
    for line in text.replace("\r", "\n").split("\n"):
        key, equals, value = line.partition("=")
        if equals:
            settings[key.strip().lower()] = value.strip()
    return settings


def _read(path: str) -> str:
    """Return the text of a small file."""
    descriptor = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.read(descriptor, 65536).decode()
    finally:
        posix.close(descriptor)


def _site_packages(prefix: str) -> list[str] | None:
    """Return the site-packages directories of *prefix* that exist.

    None, for ``site`` to look, if one of them holds something that may have to be run at start-up, or cannot
    be read.
    """
    found = []
    for lib in dict.fromkeys((sys.platlibdir, "lib")):
        directory = f"{prefix}/{lib}/{_python()}/site-packages"
        try:
            names = _names(directory)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return None
        if _has_startup_file(names) or "/sitecustomize" in names or "/usercustomize" in names:
            return None
        found.append(directory)
    return found


def _python() -> str:
    """Return the name of the interpreter's library directory; free-threaded builds have their own."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}{'t' * ('t' in sys.abiflags)}"


def _names(directory: str) -> str:
    """Return what is in *directory*, with a slash before and after each name: the quickest to search."""
    return "/".join(["", *posix.listdir(directory), ""])


def _has_startup_file(names: str) -> bool:
    """Tell whether *names* has a file that ``site`` acts upon; ``.start`` is PEP 829, Python 3.15."""
    return ".pth/" in names or ".start/" in names


def _importable(name: str) -> bool:
    """Tell whether ``import name`` would find something now.

    The finders keep what they read of the directories, so that most of the cost is not lost.
    """
    return any(finder.find_spec(name, None) for finder in sys.meta_path)


def _user_site_enabled() -> bool:
    """Apply the rules of ``site.check_enableusersite``."""
    return (
        not sys.flags.no_user_site and posix.geteuid() == posix.getuid() and posix.getegid() == posix.getgid()
    )


def _user_site_exists() -> bool:
    """Tell whether there is a user site directory, or anything in its place."""
    base = posix.environ.get(b"PYTHONUSERBASE")
    if not base:
        home = posix.environ.get(b"HOME")
        base = (_home_directory() if home is None else home) + b"/.local"
    try:
        posix.stat(b"%b/lib/%b/site-packages" % (base, _python().encode()))
    except OSError:
        return False
    return True


def _home_directory() -> bytes:
    """Return what ``os.path.expanduser`` makes of ``~`` where HOME is not set."""
    import pwd  # deferred: a lookup of 0.1 ms, and only where HOME is not set

    try:
        return pwd.getpwuid(posix.getuid()).pw_dir.encode(sys.getfilesystemencoding(), "surrogateescape")
    except KeyError:
        return b"~"


class _Lazy:
    """One of the names that ``site`` adds to ``builtins``; upon first use it gives way to the real object."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return repr(_real(self._name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _real(self._name)(*args, **kwargs)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(_real(self._name), attribute)


def _real(name: str) -> Any:
    """Let ``site`` add its names to ``builtins``, but for those that somebody has changed; return one."""
    import site  # deferred: 2 ms, and only who calls exit() or help() needs it

    names = vars(builtins)
    before = {each: names.get(each) for each in _BUILTINS}
    site.setquit()
    site.setcopyright()
    site.sethelper()
    real = names[name]
    for each, value in before.items():
        if not isinstance(value, _Lazy):
            names[each] = value
    return real


# -- the managed runtime's layout --


def _lay_out(layer_root: str) -> None:
    """Bring ``sys.path`` into the order that `prepare` documents, and obey the ``.pth`` files found there."""
    front = []
    task_root = _variable(b"LAMBDA_TASK_ROOT")
    if task_root:
        front.append(_absolute(task_root))
    site_directories = front[:]
    if not task_root:
        front.append(_absolute(""))
    managed = sys.base_prefix == MANAGED_PREFIX
    # For Python an empty PYTHONPATH is none, for AWS's bootstrap.py it is one.
    default = b"PYTHONPATH" not in posix.environ if managed else not posix.environ.get(b"PYTHONPATH")
    if default:
        root = _absolute(layer_root)
        layers = (f"{root}/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages", root)
        site_directories += layers
        front += layers
    if managed:
        front += _managed_entries(default)
    sys.path[:] = dict.fromkeys([*front, *sys.path])
    for directory in site_directories:
        _add_site_directory(directory)
    if managed and default:
        _export("PYTHONPATH", _runtime_directory())
    _put_ours_last()


def _managed_entries(default: bool) -> list[str]:
    """Return what AWS's own interpreter has in front of its usual path, and behind the layers' directories.

    Args:
        default: Whether there is no PYTHONPATH.
    """
    entries = [f"{MANAGED_PREFIX}/lib/{_python()}/site-packages"] if default else []
    if not sys.flags.safe_path:  # it is there as the folder of the script
        entries.append(_runtime_directory())
    return entries


def _runtime_directory() -> str:
    """Return where AWS's runtime client is."""
    return _variable(b"LAMBDA_RUNTIME_DIR") or "/var/runtime"


def _put_ours_last() -> None:
    """Put what we bring at the end of ``sys.path``: the directory of this package, and packages beside it."""
    ours = __file__.rpartition("/")[0].rpartition("/")[0]
    if ours not in sys.path:
        sys.path.append(ours)
    if ours.endswith("/" + _python()):  # a layer's standard library
        packages = ours + "/site-packages"
        if packages in sys.path:
            sys.path.remove(packages)
        sys.path.append(packages)


def _variable(name: bytes) -> str:
    """Return the value of an environment variable, "" if it is not set."""
    return posix.environ.get(name, b"").decode(sys.getfilesystemencoding(), "surrogateescape")


def _export(name: str, value: str) -> None:
    """Set an environment variable; ``os.environ``, if there is one already, is a view of this dict."""
    posix.putenv(name, value)
    posix.environ[name.encode()] = value.encode(sys.getfilesystemencoding(), "surrogateescape")


def _add_site_directory(directory: str) -> None:
    """Obey the ``.pth`` files in *directory*, which is in ``sys.path`` already."""
    try:
        if not _has_startup_file(_names(directory)):
            return
    except OSError:
        return
    import site  # deferred: 2 ms, and only a start-up file in a layer or beside the function needs it

    site.addsitedir(directory)


def _absolute(path: str) -> str:
    """Return what ``os.path.abspath`` would."""
    if _all_normal([path]):
        return path
    if not path:
        try:
            return posix.getcwd()
        except OSError:  # it was removed
            return path
    import os.path  # deferred: 2 ms, and only an unusual path needs it

    return os.path.abspath(path)
