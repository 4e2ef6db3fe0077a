"""The image, as scripts/image has built it: what the emulator project expects of one, and what we promise."""

from __future__ import annotations

import base64
import json
import os
import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.conftest import ROOT
from tests.containers.container import EMULATOR, LIMITS, Emulated, ending, podman

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "IMAGES" not in os.environ, reason="scripts/image builds the images and runs this (root and podman)"
    ),
]

#: Our image on Debian, and on stand-ins for Amazon's; each with the function of this folder on top.
DEBIAN: Final = "localhost/function-debian"
PROVIDED: Final = "localhost/function-provided"
MANAGED: Final = "localhost/function-managed"
ALL: Final = (DEBIAN, PROVIDED, MANAGED)
#: MB of 1,000,000 bytes that the image may have over Debian's.
LARGEST: Final = 40


def emulator(image: str) -> list[str]:
    """Return the options that put the emulator where Debian has none."""
    return [f"--volume={os.environ['EMULATOR']}:{EMULATOR}:ro"] if image != PROVIDED else []


def emulated(image: str, *arguments: str, options: Sequence[str] = (), port: int = 8080) -> Emulated:
    """Start *image* with the emulator in it."""
    return Emulated(image, *arguments, options=[*emulator(image), *options], port=port)


# What the emulator project's own end-to-end tests expect...


@pytest.mark.parametrize("image", ALL)
def test_the_handler_is_what_cmd_says(image: str) -> None:
    """An image answers, twice, with the handler that its CMD names, on a read-only root as Lambda's user."""
    with emulated(image) as container:
        assert [container.invoke({}).json() for _ in range(2)] == ["it went well"] * 2
        assert "a line of the function's" in container.log()


@pytest.mark.parametrize("image", ALL)
def test_the_command_line_overrides_cmd(image: str) -> None:
    """A handler behind the image's name wins over CMD, and is what `_HANDLER` says."""
    with emulated(image, "main.variable") as container:
        assert container.invoke("_HANDLER").json() == "main.variable"


@pytest.mark.parametrize("image", ALL)
def test_an_exception_comes_with_its_exact_trace(image: str) -> None:
    """The caller gets message, type and the one frame that is the function's."""
    lines = (ROOT / "tests/containers/function/main.py").read_text().splitlines()
    raised = '    raise RuntimeError("this went wrong")'
    with emulated(image, "main.fail") as container:
        error = json.loads(container.invoke({}).body)
    assert error["errorMessage"] == "this went wrong"
    assert error["errorType"] == "RuntimeError"
    number = lines.index(raised) + 1
    assert error["stackTrace"] == [f'  File "/var/task/main.py", line {number}, in fail\n{raised}\n']


@pytest.mark.parametrize("image", ALL)
def test_the_client_context_reaches_the_function(image: str) -> None:
    """What is in `custom` of X-Amz-Client-Context is `context.client_context.custom`."""
    custom = {"colour": "red", "number": 123}
    header = base64.b64encode(json.dumps({"custom": custom}).encode()).decode()
    with emulated(image, "main.client_context") as container:
        assert container.invoke({}, {"X-Amz-Client-Context": header}).json() == custom


@pytest.mark.parametrize("image", ALL)
def test_a_timeout_is_said_in_lambdas_words(image: str) -> None:
    """A function that takes too long is stopped, and its caller told after how many seconds."""
    options = ["--env=AWS_LAMBDA_FUNCTION_TIMEOUT=2"]
    with emulated(image, "main.sleep", options=options) as container:
        assert container.invoke({}).body == "Task timed out after 2.00 seconds"


def test_a_variable_may_hold_an_equals_sign() -> None:
    """ENV in the image reaches the function as it is."""
    with emulated(DEBIAN, "main.variable", options=["--env=SUM=4=4"]) as container:
        assert container.invoke("SUM").json() == "4=4"


@pytest.mark.parametrize("name", ["test_function", "my-function"])
def test_the_arn_has_the_functions_name(name: str) -> None:
    """AWS_LAMBDA_FUNCTION_NAME is the emulator's to set, and wins over its own name for it."""
    options = [] if name == "test_function" else [f"--env=AWS_LAMBDA_FUNCTION_NAME={name}"]
    with emulated(DEBIAN, "main.arn", options=options) as container:
        assert container.invoke({}).json().endswith(f":function:{name}")


@pytest.mark.parametrize("seconds", [10, 300])
def test_the_remaining_time_counts_down_from_the_timeout(seconds: int) -> None:
    """The emulator's default is 300 seconds."""
    options = [] if seconds == 300 else [f"--env=AWS_LAMBDA_FUNCTION_TIMEOUT={seconds}"]
    with emulated(DEBIAN, "main.remaining", options=options) as container:
        assert (seconds - 10) * 1000 < container.invoke({}).json() < seconds * 1000


def test_the_emulator_may_be_the_entry_point() -> None:
    """The emulator started by hand, on another port, with our entry point as its command."""
    options = [f"--entrypoint={EMULATOR}"]
    arguments = ["/lambda-entrypoint.sh", "main.succeed"]
    arguments += ["--runtime-interface-emulator-address", "127.0.0.1:8081"]
    with emulated(DEBIAN, *arguments, options=options, port=8081) as container:
        assert container.invoke({}).json() == "it went well"


# What we promise besides...


@pytest.mark.parametrize("image", ALL)
def test_an_exec_wrapper_is_honoured(image: str) -> None:
    """The wrapper of AWS_LAMBDA_EXEC_WRAPPER, in AWS's image of RAPID_EXEC_WRAPPER, starts the runtime."""
    name = "RAPID_EXEC_WRAPPER" if image == MANAGED else "AWS_LAMBDA_EXEC_WRAPPER"
    with emulated(image, "main.variable", options=[f"--env={name}=/var/task/wrapper"]) as container:
        assert container.invoke("WRAPPED").json() == "yes"


@pytest.mark.parametrize("image", ALL)
def test_our_runtime_answers(image: str) -> None:
    """It is rapid_client that runs the function, in AWS's image too."""
    with emulated(image, options=["--env=RAPID_DEBUG=1"]) as container:
        container.invoke({}).json()
        assert re.search(r"^rapid_client \S+: Python 3\.13\.", container.log(), re.MULTILINE), container.log()


def test_our_runtime_can_be_switched_off_in_awss_image() -> None:
    """RAPID_WRAPPER=off starts AWS's own client."""
    with emulated(MANAGED, options=["--env=RAPID_DEBUG=1", "--env=RAPID_WRAPPER=off"]) as container:
        assert container.invoke({}).json() == "it went well"
        assert "rapid_client" not in container.log()


def test_without_an_emulator_one_line_says_how_to_get_it() -> None:
    """Outside Lambda and without the emulator the image ends at once."""
    done = ending(DEBIAN)
    assert done.returncode == 127
    assert len(done.stderr.splitlines()) == 1
    assert EMULATOR in done.stderr
    assert "aws-lambda-runtime-interface-emulator/releases" in done.stderr


def test_without_a_handler_one_line_says_so() -> None:
    """An image whose CMD was forgotten ends with the official images' code."""
    done = ending("localhost/rapid")
    assert (done.returncode, len(done.stderr.splitlines())) == (142, 1)
    assert "CMD" in done.stderr


def test_the_entry_point_is_one_for_sh_too() -> None:
    """Whoever starts it as a shell script, as the official one is, gets the same."""
    options = [*emulator(DEBIAN), "--entrypoint=/bin/sh"]
    with Emulated(DEBIAN, "/lambda-entrypoint.sh", "main.whoami", options=options) as container:
        assert container.invoke({}).json() == [993, 990]


@pytest.mark.parametrize("image", ["localhost/rapid", "localhost/rapid-provided", "localhost/rapid-managed"])
def test_the_image_is_laid_out_as_the_official_ones(image: str) -> None:
    """Entry point, working directory, no user, and where the function is."""
    (found,) = json.loads(podman("image", "inspect", image))
    config = found["Config"]
    assert config["Entrypoint"] == ["/lambda-entrypoint.sh"]
    assert config["WorkingDir"] == "/var/task"
    assert not config.get("User")
    variables = dict(line.split("=", 1) for line in config["Env"])
    assert (variables["LAMBDA_TASK_ROOT"], variables["LAMBDA_RUNTIME_DIR"]) == ("/var/task", "/var/runtime")


def test_the_image_is_small() -> None:
    """Over its base it has 40 MB at most."""
    image, base = (
        int(podman("image", "inspect", "--format={{.Size}}", name))
        for name in ("localhost/rapid", os.environ["BASE"])
    )
    assert image - base <= LARGEST * 1e6, f"{(image - base) / 1e6:.1f} MB"


def test_three_lines_are_an_image() -> None:
    """The example with FROM, COPY and CMD answers."""
    with emulated("localhost/example-plain") as container:
        assert container.invoke({"name": "you"}).json() == {"message": "Hello, you!"}


@pytest.mark.parametrize("image", ["localhost/example-requirements", "localhost/example-uv"])
def test_requirements_are_served_by_the_build_target(image: str) -> None:
    """The multi-stage example answers with a package from its requirements.txt, which pip or uv installs."""
    with emulated(image) as container:
        assert container.invoke({"item": "tea", "count": "2"}).json() == {"item": "tea", "count": 2}


def test_the_build_targets_tools_stay_out_of_the_functions_image() -> None:
    """Both pip and uv run in the build target, and are not in what is made of it."""
    for tool in ("pip", "uv"):
        for image, code in ("localhost/rapid:build", 0), ("localhost/example-requirements", 127):
            done = ending(image, "-c", f"{tool} --version", options=["--entrypoint=/bin/sh"])
            assert done.returncode == code, (tool, image, done.stderr)


def test_no_limit_is_forgotten() -> None:
    """The tests run as Lambda does: another user than root, who can write nowhere but in /tmp."""
    assert {"--read-only", "993:990", "--memory=128m", "--cpus=0.07"} <= set(LIMITS)
    done = ending(DEBIAN, "-c", "echo >/var/task/new", options=["--entrypoint=/bin/sh"])
    assert "Read-only file system" in done.stderr
