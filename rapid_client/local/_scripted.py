"""A function whose process a script of ours starts: it looks on, and becomes the runtime."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import rapid_client
from rapid_client.local.environment import Environment
from rapid_client.local.function import LocalFunction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rapid_client.local.environment import FunctionOptions


class ScriptedFunction(LocalFunction):
    """A function in whose process a script takes the runtime's place, and starts it.

    Args:
        handler: The handler.
        options: How to run it.
        script: The script, as `ScriptedEnvironment` takes it.
    """

    def __init__(self, handler: str, options: FunctionOptions, script: Sequence[str]) -> None:
        super().__init__(handler, options)
        self._script = script

    def _make(self) -> Environment:
        return ScriptedEnvironment(self.handler, self.options, self._log.write, self._script)


class ScriptedEnvironment(Environment):
    """An environment whose program is a script.

    Args:
        handler: The handler.
        options: How to run it.
        log: As `Environment` takes it.
        script: The script's path and its first arguments. It gets two more: the folder with our package
            where `bootstrap` is beside it, else nothing; and the handler.
    """

    #: What starts the interpreter where `bootstrap` is used; nothing if empty.
    shell: ClassVar[Sequence[str]] = ()

    def __init__(
        self, handler: str, options: FunctionOptions, log: Callable[[bytes], None], script: Sequence[str]
    ) -> None:
        super().__init__(handler, options, log)
        self._script = script

    def interpreter_command(self) -> list[str]:
        """Return how the interpreter is started: as `bootstrap` does it where that is used."""
        if self._bootstrap() is None:
            return [self.options.interpreter]
        site = ["-S"] if self.options.env.get("RAPID_SITE", os.environ.get("RAPID_SITE")) != "1" else []
        return [*self.shell, self.options.interpreter, *site]

    def _command(self) -> list[str]:
        root = str(Path(rapid_client.__file__).parent.parent) if self._bootstrap() is not None else ""
        return [*self.interpreter_command(), *self._script, root, self.handler]
