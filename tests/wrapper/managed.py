"""AWS's managed runtime as far as it is known: /var/runtime/bootstrap, bootstrap.py, and awslambdaric."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rapid_client.local import MockSettings
from tests.differential import normal
from tests.wrapper.namespace import LAYER, PYTHON, World, compile_package, install, make_interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support import Runtime

SWITCH: Final = "AWS_LAMBDA_EXEC_WRAPPER"
WRAPPER: Final = "/opt/rapid-wrapper"
# Written from what is known of it: the files of AWS's image python:3.11, in other words.
BOOTSTRAP: Final = f"""#!/bin/bash
export AWS_EXECUTION_ENV=AWS_Lambda_{PYTHON}
set -- /var/lang/bin/{PYTHON} /var/runtime/bootstrap.py
if [ -n "$AWS_LAMBDA_EXEC_WRAPPER" ]; then
    wrapper=$AWS_LAMBDA_EXEC_WRAPPER
    [ -f "$wrapper" ] || {{ echo "$wrapper: does not exist"; exit 127; }}
    [ -x "$wrapper" ] || {{ echo "$wrapper: is not an executable"; exit 126; }}
    set -- "$wrapper" "$@"
fi
exec -- "$@"
"""
BOOTSTRAP_PY: Final = """
import os, site, sys
import awslambdaric.__main__ as awslambdaricmain

if __name__ == "__main__":
    task, version = os.environ["LAMBDA_TASK_ROOT"], "python%d.%d" % sys.version_info[:2]
    layers = ["/opt/python/lib/" + version + "/site-packages", "/opt/python"]
    default = "PYTHONPATH" not in os.environ
    if default:
        sys.path[:0] = [*layers, "/var/lang/lib/" + version + "/site-packages"]
    sys.path.insert(0, task)
    for folder in [task, *layers] if default else [task]:
        site.addsitedir(folder)
    if default:
        os.environ["PYTHONPATH"] = os.environ["LAMBDA_RUNTIME_DIR"]
    awslambdaricmain.main([task, os.environ["_HANDLER"]])
"""


def make_managed(folder: Path) -> bool:
    """Make AWS's folders and the layer in *folder*; return whether there is an awslambdaric for them."""
    make_interpreter(folder / "lang")
    packages = folder / "lang" / "lib" / PYTHON / "site-packages"
    there = install("awslambdaric", packages)
    for name in ("simplejson", "snapshot-restore-py"):
        install(name, packages)
    (packages / "boto3.py").write_text("__version__ = 'of the runtime'\n", encoding="utf-8")
    runtime = folder / "runtime"
    runtime.mkdir()
    (runtime / "bootstrap").write_text(BOOTSTRAP, encoding="utf-8")
    (runtime / "bootstrap").chmod(0o755)
    (runtime / "bootstrap.py").write_text(BOOTSTRAP_PY, encoding="utf-8")
    (runtime / "of_the_runtime.py").write_text("", encoding="utf-8")
    make_layer(folder / "opt")
    for each in (packages, folder / "opt"):
        subprocess.run([sys.executable, "-m", "compileall", "-q", str(each)], check=True, timeout=60)
    return there


def make_layer(folder: Path) -> None:
    """Make the layer for managed runtimes in *folder*."""
    library = folder / "rapid" / "lib"
    library.mkdir(parents=True)
    shutil.copy2(LAYER / "rapid-wrapper", folder)
    shutil.copy2(LAYER / "start.py", folder / "rapid")
    compile_package(library)
    for name in ("orjson", "snapshot-restore-py"):
        install(name, library)


class Answer(NamedTuple):
    """What one client did with one event, comparable: what it posted, and what it logged."""

    posts: list[normal.Post]
    stdout: str
    stderr: str
    exit_code: int | None


class Managed(World):
    """A function in a managed runtime, with our layer attached."""

    def through(
        self,
        wrapper: str | None,
        source: str,
        environ: Mapping[str, str | None] | None = None,
        **options: Any,
    ) -> Runtime:
        """Start the function as Lambda does, through *wrapper* if there is one."""
        given = {SWITCH: wrapper, **(environ or {})}
        return self.start(source, "/var/runtime/bootstrap", environ=given, **options)

    def both(self, source: str, environ: Mapping[str, str | None] | None = None, **options: Any) -> list[Any]:
        """Return what the function answers, through awslambdaric and through the wrapper."""
        return [self.through(each, source, environ, **options).call({}) for each in (None, WRAPPER)]

    def answers(self, source: str, environ: Mapping[str, str | None] | None = None) -> tuple[Answer, Answer]:
        """Return what both did with one event, from the start on."""
        official, ours = (
            answer(self.through(each, source, environ, settings=MockSettings(invocation_id="off")))
            for each in (None, WRAPPER)
        )
        return official, ours


def answer(runtime: Runtime) -> Answer:
    """Send one event; return what came of it, or of a start that fails."""
    runtime.send({"a": 1}, request_id="an-id")
    runtime.until(lambda: runtime.process.poll() is not None or runtime.mock.calls("next") > 1, "the answer")
    posts = [normal.post(request) for request in runtime.mock.requests if request.method == "POST"]
    return Answer(
        posts,
        normal.text(runtime.stdout.encode()),
        normal.text(runtime.stderr.encode()),
        runtime.process.poll(),
    )
