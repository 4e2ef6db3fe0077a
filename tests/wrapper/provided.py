"""The layer for OS-only runtimes, made of the Python that runs the tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from tests.wrapper.namespace import LAYER, PYTHON, World, compile_package, install, make_interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support import Runtime

BOOTSTRAP: Final = "/opt/bootstrap"


def make_provided(folder: Path) -> None:
    """Make the layer in *folder*/opt, beside empty folders for what AWS has in managed runtimes."""
    for name in ("lang", "runtime"):
        (folder / name).mkdir()
    layer = folder / "opt" / "rapid"
    make_interpreter(layer)
    library = layer / "lib" / PYTHON
    compile_package(library)
    for name in ("orjson", "snapshot-restore-py"):
        install(name, library / "site-packages")
    shutil.copy2(LAYER / "start.py", layer)
    text = (LAYER / "bootstrap").read_text(encoding="utf-8")
    (folder / "opt" / "bootstrap").write_text(text.replace("python3.X", PYTHON, 1), encoding="utf-8")
    (folder / "opt" / "bootstrap").chmod(0o755)
    command = [sys.executable, "-m", "compileall", "-q", str(library / "site-packages")]
    subprocess.run(command, check=True, timeout=60)


class Provided(World):
    """A function in an OS-only runtime, with our layer attached."""

    def run(
        self,
        source: str,
        *arguments: str,
        environ: Mapping[str, str | None] | None = None,
        **options: Any,
    ) -> Runtime:
        """Start the function as Lambda does."""
        return self.start(source, BOOTSTRAP, *arguments, environ=environ, **options)
