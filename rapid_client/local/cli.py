"""The command `rapid`: one module per sub-command, in `rapid_client.local._commands`."""

from __future__ import annotations

import errno
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

import click

import rapid_client
from rapid_client.errors import ConfigError
from rapid_client.local._commands._stdout import complaint, forget_stdout
from rapid_client.local._commands.event import event
from rapid_client.local._commands.invoke import invoke
from rapid_client.local._commands.layer import layer
from rapid_client.local._commands.package import package
from rapid_client.local._commands.profile import profile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

USAGE_ERROR: Final = 2
INTERRUPTED: Final = 130
#: What click may meet when it writes the help, and nothing else that we do.
UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
#: Signals that end the command by default, and would leave a function running behind it.
ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(rapid_client.__version__, prog_name="rapid")
def rapid() -> None:
    """Run AWS Lambda functions written in Python on this machine."""


rapid.add_command(invoke)
rapid.add_command(event)
rapid.add_command(layer)
rapid.add_command(package)
rapid.add_command(profile)


def main(argv: list[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: The arguments without the program's name; None takes the process's.

    Returns:
        The exit code: 0 for success, 1 where the function failed or standard output cannot be written to,
        2 for a wrong command line or an interpreter that cannot run the runtime, 130 after Ctrl-C.
    """
    try:
        with _ended_by_signals():
            code = rapid.main(args=argv, prog_name="rapid", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as exc:
        exc.show()
        return USAGE_ERROR
    except click.ClickException as exc:
        print(f"rapid: {exc.format_message()}", file=sys.stderr)
        return exc.exit_code
    except ConfigError as exc:
        print(f"rapid: {exc}", file=sys.stderr)
        return USAGE_ERROR
    except OSError as exc:
        if exc.errno not in UNWRITABLE:
            raise
        forget_stdout()
        print(f"rapid: {complaint(exc.strerror)}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except _Ended as exc:
        return 128 + exc.number
    return code if isinstance(code, int) else 0


class _Ended(BaseException):
    """A signal asks for the end: unwind, so that the function's process is ended, too."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Within the block, SIGTERM and SIGHUP raise."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise _Ended(number)

    before = {number: signal.signal(number, end) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
