"""Start the runtime through somebody else's program: an exec wrapper, or the Python that RAPID_PYTHON names.

AWS's managed runtimes honour ``AWS_LAMBDA_EXEC_WRAPPER``, which OpenTelemetry's and Datadog's layers set: the
program that it names gets the command line of the runtime as its arguments, and starts it. Lambda itself does
nothing of the kind on OS-only runtimes and in images, so `bootstrap` does it there.
"""

from __future__ import annotations

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final, NoReturn

#: Which variable names the wrapper, the first that does. Behind rapid-wrapper, in a managed runtime, the
#: second names the next one: a function that moves from there to here need not change it.
VARIABLES: Final = ("AWS_LAMBDA_EXEC_WRAPPER", "RAPID_EXEC_WRAPPER")
#: The exit codes of AWS's bootstrap, and of shells.
NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126

ADVICE: Final = "name Python 3.11 or newer in RAPID_PYTHON"

_NO_PROGRAM: Final = 8  # ENOEXEC of `errno`


def hand_over(argv: Sequence[str], script: str, python: str = "") -> None:
    """Replace this process where a wrapper or another interpreter is asked for; else return.

    A wrapper gets the interpreter, ``-S`` (with RAPID_SITE=1 not), and *script* as the last argument, before
    which some insert options. A handler on the command line goes into ``_HANDLER``, which some change.

    Args:
        argv: The command line of bootstrap.
        script: What starts the runtime and does not come here again.
        python: The interpreter; where it is empty, RAPID_PYTHON or else the one that runs now.

    Raises:
        SystemExit: If it cannot be done; one line says why.
    """
    chosen = python or _other_python() or sys.executable
    variable = next((name for name in VARIABLES if _variable(name)), "")
    if not variable and chosen == sys.executable:
        return
    if len(argv) > 1:
        posix.putenv("_HANDLER", argv[1])
    options = [] if _variable("RAPID_SITE") == "1" else ["-S"]
    command = [chosen, *options, script]
    if variable:
        _run_wrapper(variable, argv[0], command)
    try:
        posix.execv(chosen, command)
    except OSError as exc:
        _refuse(f"RAPID_PYTHON={chosen} cannot be executed: {exc.strerror}; {ADVICE}", NOT_FOUND)


def _run_wrapper(variable: str, bootstrap: str, command: list[str]) -> NoReturn:
    """Execute the wrapper that *variable* names, as AWS's managed runtimes do it."""
    wrapper = _variable(variable)
    if not _is_file(wrapper):
        _refuse(f"{variable}: {wrapper}: does not exist", NOT_FOUND)
    if not posix.access(wrapper, posix.X_OK):
        _refuse(f"{variable}: {wrapper}: is not an executable", NOT_EXECUTABLE)
    if _same_file(wrapper, bootstrap):
        _refuse(f"{variable}: {wrapper}: is bootstrap itself; name what is to start it", NOT_EXECUTABLE)
    try:
        try:
            posix.execv(wrapper, [wrapper, *command])
        except OSError as exc:
            if exc.errno != _NO_PROGRAM:
                raise
            posix.execv("/bin/sh", ["/bin/sh", wrapper, *command])  # no first line: a shell runs it
    except OSError as exc:
        _refuse(f"{variable}: {wrapper}: cannot be executed: {exc.strerror}", NOT_EXECUTABLE)


def _other_python() -> str:
    """Return the path of the interpreter that RAPID_PYTHON names, "" if it names none."""
    value = _variable("RAPID_PYTHON")
    places = [value] if "/" in value else _on_the_path(value)
    found = [path for path in places if _is_file(path) and posix.access(path, posix.X_OK)]
    if value and not found:
        _refuse(f"RAPID_PYTHON={value} cannot be executed; {ADVICE}", NOT_FOUND)
    return found[0] if value else ""


def _on_the_path(name: str) -> list[str]:
    """Return the places where a shell would look for the program *name*."""
    return [f"{folder or '.'}/{name}" for folder in (_variable("PATH") or "/bin:/usr/bin").split(":")]


def _variable(name: str) -> str:
    """Return the value of an environment variable, "" if it is not set."""
    value = posix.environ.get(name.encode(), b"")
    return value.decode(sys.getfilesystemencoding(), "surrogateescape")


def _is_file(path: str) -> bool:
    """Tell whether *path* is a regular file, or a link to one."""
    try:
        return posix.stat(path).st_mode & 0o170000 == 0o100000
    except (OSError, ValueError):
        return False


def _same_file(one: str, other: str) -> bool:
    """Tell whether both paths lead to one file."""
    try:
        first, second = posix.stat(one), posix.stat(other)
    except OSError:
        return False
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)


def _refuse(message: str, code: int) -> NoReturn:
    """Write one line to stderr and end."""
    if sys.stderr is not None:
        sys.stderr.write(f"bootstrap: {message}\n")
    raise SystemExit(code)
