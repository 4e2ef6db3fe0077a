"""What the platform and the user told the process, read once."""

from __future__ import annotations

import posix
import sys

import rapid_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

#: The managed runtimes whose JSON is raw UTF-8; everywhere else awslambdaric escapes to ASCII.
UTF8_ENVIRONMENTS: Final = (
    "AWS_Lambda_python3.12",
    "AWS_Lambda_python3.13",
    "AWS_Lambda_python3.14",
    "AWS_Lambda_python3.15",
)
#: Initialised ahead of traffic: what the first invocation would load may be loaded now.
EAGER_TYPES: Final = ("provisioned-concurrency", "snap-start", "lambda-managed-instances")
#: Variable -> its legal values, the default first.
SWITCHES: Final = {
    "RAPID_JSON": ("auto", "orjson", "stdlib"),
    "RAPID_JSON_NAN": ("null", "literal", "error"),
    "RAPID_INIT_TRACE": ("full", "user"),
    "RAPID_BYTES_LIKE": ("error", "raw"),
    "RAPID_ERROR_TYPE_HEADER": ("0", "1"),
    "RAPID_PIPELINE": ("0", "1"),
    "RAPID_DEBUG": ("0", "1"),
    "RAPID_TRUST_PYC": ("0", "1"),
    "RAPID_HINTS": ("1", "0"),
    "RAPID_LAZY_IMPORTS": ("package", "safe", "off"),
}


def read_environ() -> dict[str, str]:
    """Return a copy of the environment, without importing `os` (7 modules and 2 ms) for it.

    ``sitecustomize`` may have changed ``os.environ``; it counts once somebody has imported `os`.
    """
    os = sys.modules.get("os")
    if os is not None:
        return dict(os.environ)
    decode = bytes.decode
    return {
        decode(key, "utf-8", "surrogateescape"): decode(value, "utf-8", "surrogateescape")
        for key, value in posix.environ.items()
    }


class Config:
    """The process's settings.

    Args:
        environ: The environment variables.
        handler: The handler named by the command line; it wins over ``_HANDLER``.

    Raises:
        ConfigError: If there is no Runtime API to talk to, or no handler is named.
    """

    __slots__ = ("address", "environ", "handler", "init_type", "log_format", "log_level", "task_root", "utf8")

    def __init__(self, environ: Mapping[str, str], handler: str | None = None) -> None:
        self.environ = environ
        self.address = environ.get("AWS_LAMBDA_RUNTIME_API", "")
        if not self.address:
            message = (
                "AWS_LAMBDA_RUNTIME_API is not set: Lambda sets it to the address of its Runtime API;"
                " to run a function here, use `rapid invoke app.handler`"
            )
            raise rapid_client.errors.ConfigError(message)
        named = environ.get("_HANDLER") if handler is None else handler
        if named is None:
            message = "no handler is named: give one as the argument, app.handler for one, or set _HANDLER"
            raise rapid_client.errors.ConfigError(message)
        self.handler = named
        self.init_type = environ.get("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        self.log_format = environ.get("AWS_LAMBDA_LOG_FORMAT", "")
        self.log_level = environ.get("AWS_LAMBDA_LOG_LEVEL", "")
        self.task_root = environ.get("LAMBDA_TASK_ROOT", "")
        self.utf8 = environ.get("AWS_EXECUTION_ENV") in UTF8_ENVIRONMENTS

    @property
    def snapstart(self) -> bool:
        """Whether a snapshot is taken after init (AWS docs: Lambda SnapStart)."""
        return self.init_type == "snap-start"

    @property
    def on_demand(self) -> bool:
        """Whether a request waits for init."""
        return self.init_type == "on-demand"

    @property
    def eager(self) -> bool:
        """Whether the environment is initialised ahead of traffic."""
        return self.init_type in EAGER_TYPES


class Switches:
    """The RAPID_* variables, checked; see the README for what each does.

    Args:
        environ: The environment variables; an empty RAPID_ value counts as unset.

    Raises:
        ConfigError: If a value is none of the legal ones, or if what this version cannot do is asked for.
    """

    __slots__ = (
        "bytes_like",
        "debug",
        "error_type_header",
        "hints",
        "init_trace",
        "json",
        "lazy_imports",
        "nan",
        "pipeline",
        "trust_pyc",
    )

    def __init__(self, environ: Mapping[str, str]) -> None:
        chosen = {name: _choice(environ, name) for name in SWITCHES}
        self.json = chosen["RAPID_JSON"]
        self.nan = chosen["RAPID_JSON_NAN"]
        self.init_trace = chosen["RAPID_INIT_TRACE"]
        self.bytes_like = chosen["RAPID_BYTES_LIKE"]
        self.error_type_header = chosen["RAPID_ERROR_TYPE_HEADER"] == "1"
        self.pipeline = chosen["RAPID_PIPELINE"] == "1"
        self.debug = chosen["RAPID_DEBUG"] == "1"
        self.trust_pyc = chosen["RAPID_TRUST_PYC"] == "1"
        self.hints = chosen["RAPID_HINTS"] == "1"
        self.lazy_imports = chosen["RAPID_LAZY_IMPORTS"]
        _refuse_concurrency(environ.get("AWS_LAMBDA_MAX_CONCURRENCY"))


def _choice(environ: Mapping[str, str], name: str) -> str:
    """Return the value of the switch *name*."""
    legal = SWITCHES[name]
    value = environ.get(name) or legal[0]
    if value not in legal:
        message = f"{name}={value!r} is not known: use one of {', '.join(legal)}"
        raise rapid_client.errors.ConfigError(message)
    return value


def _refuse_concurrency(value: str | None) -> None:
    """Refuse what Lambda Managed Instances ask for: more than one invocation at a time."""
    if value is None or value == "1":
        return
    if not value.isdecimal() or int(value) == 0:
        message = f"AWS_LAMBDA_MAX_CONCURRENCY={value!r} is not a whole number above 0"
    else:
        message = (
            f"AWS_LAMBDA_MAX_CONCURRENCY={value!r}: this version runs one invocation at a time;"
            " set it to 1, or use an on-demand function"
        )
    raise rapid_client.errors.ConfigError(message)
