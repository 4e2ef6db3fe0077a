"""What the environment and the command line say, and what is wrong with them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

import pytest

from rapid_client._config import SWITCHES, Config, Switches, read_environ
from rapid_client.errors import ConfigError

API: Final = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}
FIELDS: Final = {
    "RAPID_JSON": "json",
    "RAPID_JSON_NAN": "nan",
    "RAPID_INIT_TRACE": "init_trace",
    "RAPID_BYTES_LIKE": "bytes_like",
    "RAPID_ERROR_TYPE_HEADER": "error_type_header",
    "RAPID_PIPELINE": "pipeline",
    "RAPID_DEBUG": "debug",
    "RAPID_TRUST_PYC": "trust_pyc",
    "RAPID_HINTS": "hints",
    "RAPID_LAZY_IMPORTS": "lazy_imports",
}
LEGAL: Final[dict[str, dict[str, object]]] = {
    "RAPID_JSON": {"auto": "auto", "orjson": "orjson", "stdlib": "stdlib"},
    "RAPID_JSON_NAN": {"null": "null", "literal": "literal", "error": "error"},
    "RAPID_INIT_TRACE": {"full": "full", "user": "user"},
    "RAPID_BYTES_LIKE": {"error": "error", "raw": "raw"},
    "RAPID_ERROR_TYPE_HEADER": {"0": False, "1": True},
    "RAPID_PIPELINE": {"0": False, "1": True},
    "RAPID_DEBUG": {"0": False, "1": True},
    "RAPID_TRUST_PYC": {"0": False, "1": True},
    "RAPID_HINTS": {"1": True, "0": False},
    "RAPID_LAZY_IMPORTS": {"package": "package", "safe": "safe", "off": "off"},
}
VALUES: Final = [(name, value, got) for name, values in LEGAL.items() for value, got in values.items()]


def test_every_switch_is_tested() -> None:
    """The tables here know every switch and every value of it."""
    assert {name: tuple(values) for name, values in LEGAL.items()} == SWITCHES


@pytest.mark.parametrize(("name", "value", "got"), VALUES)
def test_legal_values(name: str, value: str, got: object) -> None:
    """Each legal value is taken."""
    assert getattr(Switches({name: value}), FIELDS[name]) == got


@pytest.mark.parametrize("environ", [{}, dict.fromkeys(SWITCHES, "")], ids=["unset", "empty"])
def test_defaults(environ: dict[str, str]) -> None:
    """What is unset or empty has the default."""
    switches = Switches(environ)
    for name, field in FIELDS.items():
        assert getattr(switches, field) == next(iter(LEGAL[name].values()))


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize("value", ["nonsense", "AUTO", "2", " ", "true"])
def test_illegal_values(name: str, value: str) -> None:
    """Any other value is refused in one line with variable, value and choices."""
    with pytest.raises(ConfigError) as caught:
        Switches({name: value})
    assert str(caught.value) == f"{name}={value!r} is not known: use one of {', '.join(LEGAL[name])}"


@pytest.mark.parametrize("value", [None, "1"])
def test_one_invocation_at_a_time(value: str | None) -> None:
    """One invocation at a time is what this version does."""
    Switches({} if value is None else {"AWS_LAMBDA_MAX_CONCURRENCY": value})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2", "one invocation at a time"),
        ("64", "at a time"),
        ("0", "not a whole number"),
        ("abc", "not a whole"),
        ("-1", "not a whole"),
        ("1.5", "not a whole"),
    ],
)
def test_many_invocations_at_a_time_are_refused(value: str, text: str) -> None:
    """A concurrency that cannot be served is refused with its value."""
    with pytest.raises(ConfigError, match=f"AWS_LAMBDA_MAX_CONCURRENCY='{value}'.*{text}"):
        Switches({"AWS_LAMBDA_MAX_CONCURRENCY": value})


@pytest.mark.parametrize("environ", [{}, {"AWS_LAMBDA_RUNTIME_API": ""}], ids=["unset", "empty"])
def test_no_runtime_api(environ: dict[str, str]) -> None:
    """Without an address the message says what sets it, and what to do here."""
    with pytest.raises(ConfigError, match="AWS_LAMBDA_RUNTIME_API is not set: .* `rapid invoke app.handler`"):
        Config(environ, "app.handler")


@pytest.mark.parametrize(
    ("variable", "argument", "handler"),
    [("v.h", None, "v.h"), ("v.h", "a.h", "a.h"), (None, "a.h", "a.h"), ("", None, ""), ("v.h", "", "")],
)
def test_the_argument_wins_over_the_variable(
    variable: str | None, argument: str | None, handler: str
) -> None:
    """The command line names the handler, else `_HANDLER` does; an empty one is the loader's business."""
    environ = API if variable is None else {**API, "_HANDLER": variable}
    assert Config(environ, argument).handler == handler


def test_no_handler() -> None:
    """Without a handler the message says how to name one."""
    with pytest.raises(ConfigError, match=r"no handler is named: .* or set _HANDLER"):
        Config(API)


def test_what_the_platform_says() -> None:
    """The platform's variables are taken as they are."""
    said = {
        "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "LAMBDA_TASK_ROOT": "/var/task",
    }
    config = Config({**API, **said}, "app.handler")
    assert (config.init_type, config.log_format, config.log_level, config.task_root) == tuple(said.values())
    bare = Config(API, "app.handler")
    assert (bare.init_type, bare.log_format, bare.log_level, bare.task_root) == ("on-demand", "", "", "")
    assert bare.address == "127.0.0.1:9001"


@pytest.mark.parametrize(
    ("init_type", "snapstart", "eager"),
    [
        ("on-demand", False, False),
        ("provisioned-concurrency", False, True),
        ("snap-start", True, True),
        ("lambda-managed-instances", False, True),
    ],
)
def test_initialization_types(init_type: str, snapstart: bool, eager: bool) -> None:
    """All but on-demand are initialised ahead of traffic; one of them has a snapshot taken."""
    config = Config({**API, "AWS_LAMBDA_INITIALIZATION_TYPE": init_type}, "app.handler")
    assert (config.snapstart, config.eager) == (snapstart, eager)


@pytest.mark.parametrize(
    ("name", "utf8"),
    [(None, False), ("", False), *((f"AWS_Lambda_python3.{minor}", minor >= 12) for minor in range(9, 16))],
)
def test_which_environments_are_utf8(name: str | None, utf8: bool) -> None:
    """The managed runtimes from 3.12 on write raw UTF-8, all else ASCII."""
    assert Config(API if name is None else {**API, "AWS_EXECUTION_ENV": name}, "a.h").utf8 is utf8


def test_the_environment_is_what_os_says() -> None:
    """Once `os` is imported its mapping counts, and a copy of it is handed out."""
    environ = read_environ()
    assert environ == dict(os.environ)
    environ["RAPID_CLIENT_TEST"] = "x"
    assert "RAPID_CLIENT_TEST" not in os.environ


PROBE: Final = """
import sys
sys.modules.pop("os", None)
from rapid_client._config import read_environ
environ = read_environ()
assert "os" not in sys.modules
sys.stdout.write(ascii([environ["BAD"], environ["GOOD"]]))
"""


def test_variables_that_are_not_utf8(child_environ: dict[str, str]) -> None:
    """Without `os`, bytes that are not UTF-8 come out as surrogates, as `os` itself gives them."""
    environ = {os.fsencode(name): os.fsencode(value) for name, value in child_environ.items()}
    environ |= {b"BAD": b"a\xff", b"GOOD": "é".encode()}
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROBE], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == ascii(["a\udcff", "é"])
