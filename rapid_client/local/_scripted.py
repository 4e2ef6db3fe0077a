"""A function whose process a script of ours starts: it looks on, and becomes the runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rapid_client
from rapid_client.local.environment import Environment
from rapid_client.local.function import LocalFunction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rapid_client.local.environment import FunctionOptions


class ScriptedFunction(LocalFunction):
    """A function in whose process a script takes the runtime's place, and starts it.

    Args:
        handler: The handler.
        options: How to run it.
        script: The script's path and its first arguments. It gets two more: the folder with our package
            where `bootstrap` is beside it, else nothing; and the handler.
    """

    def __init__(self, handler: str, options: FunctionOptions, script: Sequence[str]) -> None:
        super().__init__(handler, options)
        self._script = script

    def environment(self) -> tuple[Environment, bool]:
        """Return the environment and whether it is a new one; an ended one is replaced."""
        if self._environment is not None and self._environment.process.ended:
            self.stop()
        if self._environment is not None:
            return self._environment, False
        environment = _Scripted(self.handler, self.options, self._log.write)
        environment.script = self._script
        self._environment = environment.__enter__()
        return self._environment, True


class _Scripted(Environment):
    script: Sequence[str] = ()

    def _command(self) -> list[str]:
        bootstrap = self._bootstrap()
        root = str(Path(rapid_client.__file__).parent.parent) if bootstrap is not None else ""
        site = ["-S"] if bootstrap is not None and self.options.env.get("RAPID_SITE") != "1" else []
        return [self.options.interpreter, *site, *self.script, root, self.handler]
