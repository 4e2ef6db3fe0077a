"""The unpacked layers, run on a system that has nothing that they might lean on, and looked at file by file.

A layer lies at /opt of a Debian bullseye: an older glibc than Amazon Linux 2023's, no Python, no time zones,
no certificates. The Runtime API and the callers are outside the container's control group, in the network
namespace that it joins.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from rapid_client.local import MockRuntimeApi, MockSettings
from tests.conformance.emulator import Emulator
from tests.conftest import ROOT
from tests.containers.authority import SAID, Authority
from tests.containers.container import BOUND, Runtime, command, remove
from tests.containers.elf import Elf, elf_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "LAYERS" not in os.environ,
        reason="scripts/layer-run makes what it needs and runs this (root and podman)",
    ),
]

FOLDER: Final = Path(os.environ.get("LAYERS", "/nowhere"))
TASK: Final = Path(__file__).parent / "task"
#: Debian bullseye's; Amazon Linux 2023 has 2.34.
BASE: Final = "docker.io/library/debian:bullseye-slim"
#: The newest glibc that a layer may need, by the runtime that it is for.
GLIBC: Final = {"provided.al2": (2, 26), "provided.al2023": (2, 34)}
EVENT: Final = json.loads((ROOT / "rapid_client/local/events/apigateway-http.json").read_text())
#: What Lambda's OS-only runtimes set.
LAMBDA: Final = {
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:"
    "/var/task:/var/task/lib:/opt/lib",
    "AWS_LAMBDA_FUNCTION_NAME": "test_function",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_REGION": "us-east-1",
}


def trees(arch: str) -> list[str]:
    """Return the names of the layers for OS-only runtimes in the folder."""
    return sorted(path.name for path in FOLDER.glob(f"rapid-provided.*-{arch}") if path.is_dir())


ALL: Final = [*trees("x86_64"), *trees("arm64")]
#: What runs; a layer for provided.al2 is the same but for its name, and glibc 2.26 is nowhere to be had.
HERE: Final = [name for name in ALL if "al2023" in name and name.endswith("x86_64")]
ARM: Final = [name for name in ALL if "al2023" in name and name.endswith("arm64")]


def version_of(layer: str) -> str:
    """Return the Python of a layer, by its name."""
    return layer.rpartition("-python")[2].partition("-")[0]


class Function:
    """A function in its container, which asks a mock of the Runtime API for events.

    Args:
        mock: The mock.
        run: The container.
    """

    def __init__(self, mock: MockRuntimeApi, run: Runtime) -> None:
        self._mock, self._run = mock, run

    def call(self, event: object) -> Any:
        """Invoke it; anything but a response fails the test, with what the process has written."""
        pending, limit = self._mock.invoke(json.dumps(event).encode()), time.monotonic() + BOUND
        while not pending.done:
            over = self._run.ended() or time.monotonic() > limit
            assert not over, f"no answer: {self._run.words()}"
            time.sleep(0.05)
        outcome = pending.result(0)
        assert outcome.kind == "response", f"{outcome}: {self._run.words()}"
        return json.loads(outcome.body)


@contextmanager
def function(layer: str, handler: str, options: Sequence[str] = (), task: Path = TASK) -> Iterator[Function]:
    """Run bootstrap of *layer* on *handler* of uses.py, which is in *task*, against the mock."""
    with MockRuntimeApi(settings=MockSettings(timeout=BOUND)) as mock:
        more = [f"--env=AWS_LAMBDA_RUNTIME_API={mock.address}", f"--env=_HANDLER=uses.{handler}", *options]
        name = f"rapid-layer-{uuid.uuid4().hex[:12]}"
        with Runtime(contained(layer, name, [f"--volume={task}:/var/task:ro", *more]), name) as run:
            yield Function(mock, run)


def contained(layer: str, name: str, options: Sequence[str]) -> list[str]:
    """Return the command that runs bootstrap of *layer* in a container."""
    place = [f"--name={name}", f"--network=ns:/run/netns/{os.environ['NAMESPACE']}"]
    place += [f"--volume={FOLDER / layer}:/opt:ro", "--workdir=/var/task"]
    variables = [f"--env={key}={value}" for key, value in LAMBDA.items()]
    return command(BASE, ["/opt/bootstrap"], [*place, *variables, *options])


# Where an event is answered...


@pytest.mark.parametrize("layer", HERE)
def test_bootstrap_answers_an_http_api_through_the_mock(layer: str) -> None:
    """An event of API Gateway, as it is there, with the layer alone."""
    with function(layer, "handler") as running:
        assert running.call(EVENT)["body"] == EVENT["rawPath"]


@pytest.mark.parametrize("layer", HERE)
def test_bootstrap_answers_an_http_api_through_the_emulator(layer: str, tmp_path: Path) -> None:
    """The same through the real emulator, which starts the container as its runtime."""
    name = f"rapid-layer-{uuid.uuid4().hex[:12]}"
    passed = ["--env=AWS_*", "--env=_HANDLER", f"--volume={TASK}:/var/task:ro"]
    environ = {**os.environ, **LAMBDA, "PATH": os.environ["PATH"], "_HANDLER": "uses.handler"}
    del environ["LD_LIBRARY_PATH"]
    try:
        with Emulator(
            Path(os.environ["EMULATOR"]), contained(layer, name, passed), tmp_path, environ
        ) as emulator:
            answer = emulator.invoke(json.dumps(EVENT).encode())
    finally:
        remove(name)
    assert answer.status == 200, answer
    assert json.loads(answer.body)["body"] == EVENT["rawPath"]


# What the function can use...


@pytest.mark.parametrize("layer", HERE)
def test_what_a_function_uses_is_there(layer: str) -> None:
    """The modules that are linked in, and the packages, do their work."""
    version = version_of(layer)
    with function(layer, "use") as running:
        found = running.call(None)
    assert found.pop("orjson from").startswith(f"/opt/rapid/lib/python{version}/site-packages/orjson/")
    assert found.pop("argv") == [f"/opt/rapid/bin/python{version}", "-S", "/opt/bootstrap"]
    assert found == {
        "user": [993, 990],
        "version": [int(part) for part in version.split(".")],
        "hash": "siphash13",
        "sqlite3": 42,
        "ctypes": [1, 2, 3],
        "asyncio": 42,
        "uvloop": ["uvloop"],
        "decimal": "0.1428571428571428571428571429",
        "orjson": '{"n":1}',
        "zone": 2.0,
        "packed": [True, True, True],
        "sha256": "e3b0c442",
        "unittest": "TestCase",
    }


@pytest.mark.parametrize("layer", HERE)
@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/etc/pki/tls/cert.pem", SAID),
        ("/etc/ssl/certs/ca-certificates.crt", SAID),
        ("/elsewhere.pem", "unable to get local issuer certificate"),
    ],
)
def test_tls_trusts_the_systems_certificates(layer: str, place: str, said: str, tmp_path: Path) -> None:
    """A server is trusted because of the file where Amazon Linux has it, or Debian, for no other reason."""
    with Authority(tmp_path) as authority:
        mount = f"--volume={authority.certificates}:{place}:ro"
        with function(layer, "handshake", [mount]) as running:
            assert running.call(authority.port) == said


@pytest.mark.parametrize("layer", HERE)
def test_an_older_orjson_of_the_functions_own_wins(layer: str, tmp_path: Path) -> None:
    """What the layer brings comes last on `sys.path`."""
    version = version_of(layer)
    shutil.copytree(Path(os.environ["ORJSON"]) / version, tmp_path / "task")
    shutil.copy(TASK / "uses.py", tmp_path / "task")
    with function(layer, "which_orjson", task=tmp_path / "task") as running:
        assert running.call(None) == ["3.10.12", "/var/task/orjson/__init__.py"]


@pytest.mark.parametrize("layer", HERE)
def test_an_exec_wrapper_is_honoured(layer: str) -> None:
    """AWS_LAMBDA_EXEC_WRAPPER of a layer for managed runtimes works here, too."""
    wrapper = Path(__file__).parent / "function" / "wrapper"
    options = [f"--volume={wrapper}:/wrapper:ro", "--env=AWS_LAMBDA_EXEC_WRAPPER=/wrapper"]
    with function(layer, "variable", options) as running:
        assert running.call("WRAPPED") == "yes"


# What its files are...


@pytest.mark.parametrize("layer", ALL)
def test_no_file_needs_more_than_the_runtime_has(layer: str) -> None:
    """Every ELF file is of the layer's architecture, and needs no symbol that the runtime's glibc lacks."""
    runtime, _, rest = layer.removeprefix("rapid-").partition("-python")
    arch = rest.rpartition("-")[2]
    files = elf_files(FOLDER / layer)
    assert FOLDER / layer / "rapid/bin" / f"python{rest.partition('-')[0]}" in files
    wrong = {str(path): elf for path, elf in files.items() if elf.arch != arch or elf.glibc > GLIBC[runtime]}
    assert not wrong, f"wanted {Elf(arch, GLIBC[runtime])} at most"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="it emulates an ARM processor on another one")
@pytest.mark.parametrize("layer", ARM)
def test_the_layer_for_arm_answers_under_qemu(layer: str) -> None:
    """The interpreter that its bootstrap names answers an event on an emulated processor."""
    shebang, *options = (FOLDER / layer / "bootstrap").read_text().splitlines()[0].removeprefix("#!").split()
    assert shebang.startswith("/opt/rapid/bin/python3."), shebang
    # At /opt, as on Lambda, in a mount namespace that ends with the process.
    script = 'mount --bind "$0" /opt && cd /var && exec "$@"'
    emulated = ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu", shebang, *options, "/opt/bootstrap"]
    mounted = ["unshare", "--mount", "sh", "-c", script, str(FOLDER / layer), *emulated]
    with MockRuntimeApi(settings=MockSettings(timeout=BOUND)) as mock:
        environ = {**LAMBDA, "LAMBDA_TASK_ROOT": str(TASK), "AWS_LAMBDA_RUNTIME_API": mock.address}
        environ |= {"_HANDLER": "uses.handler", "PATH": os.environ["PATH"]}
        del environ["LD_LIBRARY_PATH"]
        process = subprocess.Popen(mounted, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            outcome = mock.invoke(EVENT).result(BOUND)
        except TimeoutError as exc:
            process.kill()
            out, _ = process.communicate()
            raise AssertionError(f"{exc}: {out.decode()}") from None
        finally:
            process.kill()
            process.communicate()
    assert json.loads(outcome.body)["body"] == EVENT["rawPath"], outcome
