"""The image outside Lambda: its entry point starts the Runtime Interface Emulator, as AWS's own does."""

from __future__ import annotations

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final, NoReturn

#: Where AWS's images have it.
EMULATOR: Final = "/usr/local/bin/aws-lambda-rie"
RELEASES: Final = "github.com/aws/aws-lambda-runtime-interface-emulator/releases"
BOOTSTRAP: Final = "/opt/bootstrap"
#: The exit code of AWS's entry point, and those of shells.
NO_HANDLER: Final = 142
NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126


def start(argv: Sequence[str]) -> NoReturn:
    """Become the emulator, which starts `bootstrap`.

    Args:
        argv: The entry point's command line: its own name, and the handler.

    Raises:
        SystemExit: If there is not one handler, or no emulator; one line says so.
    """
    if len(argv) != 2:
        given = " ".join(argv[1:]) or "nothing"
        _refuse(f'the one argument must be the handler, as in CMD ["app.handler"], not {given}', NO_HANDLER)
    posix.putenv("_HANDLER", argv[1])
    try:
        posix.execv(EMULATOR, [EMULATOR, BOOTSTRAP])
    except FileNotFoundError:
        _refuse(
            "AWS_LAMBDA_RUNTIME_API is not set, so this is not Lambda, and there is no emulator: fetch it"
            f' from {RELEASES} and run the image with -v "$PWD"/aws-lambda-rie:{EMULATOR}:ro -p 9000:8080',
            NOT_FOUND,
        )
    except OSError as exc:
        _refuse(f"{EMULATOR} cannot be executed: {exc.strerror}", NOT_EXECUTABLE)


def _refuse(message: str, code: int) -> NoReturn:
    """Write one line to stderr and end."""
    if sys.stderr is not None:
        sys.stderr.write(f"lambda-entrypoint: {message}\n")
    raise SystemExit(code)
