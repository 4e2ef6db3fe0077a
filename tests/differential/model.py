"""What a differential case is: what goes in, and how the two runtimes have to compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from rapid_client.local import InvokeOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rapid_client.local import Fault

Field = Literal["posts", "stdout", "stderr", "frames", "exit", "asked"]
ALL: tuple[Field, ...] = ("posts", "stdout", "stderr", "frames", "exit")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How the processes of a group of cases are started; cases with the same one share a process.

    Attributes:
        env: Environment variables on top of the common ones.
        handler: The handler as the command line has it; None gives none.
        files: Sources to write into the task folder, beside the common ``app.py``.
        frames: Whether there is a telemetry descriptor.
        snapstart: Whether the restore endpoints exist.
        unset: Common variables to leave out.
        bootstrap: Whether ours is started by ``bootstrap``, without ``site``, rather than as a module.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    handler: str | None = "app.handler"
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    frames: bool = False
    snapstart: bool = False
    unset: tuple[str, ...] = ()
    bootstrap: bool = False


PLAIN = Setting()
UTF8 = Setting(env={"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13"})


BOOTSTRAP = Setting(bootstrap=True)
#: awslambdaric has one engine only; ours has to agree with it with both.
ORJSON = Setting(env={"RAPID_JSON": "orjson"})
NO_ORJSON = "" if find_spec("orjson") else "orjson is not installed"


@dataclass(frozen=True, kw_only=True)
class Expect:
    """What one runtime does, as far as it is said; texts are searched for as regular expressions.

    Attributes:
        call: The call that answers: ``response``, ``error``, ``init/error``, ``restore/error``; ``nothing``.
        value: The body as Python value.
        raw: The body as it is.
        raw_has: A part of the body as it is.
        error_type: ``errorType`` of the body.
        message: ``errorMessage`` of the body, whole.
        path: The end of the path.
        body: What the body has.
        headers: Header lines by name, whole; None where there is none.
        exit: The exit code; ``lives`` if the process goes on.
        log: What standard output has.
        stderr: What standard error has.
    """

    call: str | None = None
    value: object = ...
    raw: bytes | None = None
    raw_has: bytes = b""
    error_type: str | None = None
    message: str | None = None
    path: str | None = None
    body: str | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    exit: int | Literal["lives"] | None = None
    log: str | None = None
    stderr: str | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """One input.

    Attributes:
        id: What the case is about.
        action: What ``app.handler`` does: a name in its table; ``show`` describes the event.
        event: The event, as `MockRuntimeApi.invoke` takes it; ``...`` sends none: the process ends by itself.
        options: What goes with it.
        setting: How the process is started.
        faults: What the Runtime API does wrong.
        fresh: Whether the case needs a process of its own.
        started: Whether what initialisation writes and asks belongs to the case; the process is its own then.
        sigterm: Whether SIGTERM is sent instead of an event, once the runtime waits for one.
        ours: None: both have to do the same. Else what rapid_client does, on purpose.
        theirs: What awslambdaric 4.2.2 does then; it is not run where that is None.
        compare: What has to be the same.
        more_log: Whether our log goes on where theirs ends, with what belongs to the error.
        skip: Why the case cannot run here; empty if it can.
    """

    id: str
    action: str = "show"
    event: object = None
    options: InvokeOptions = field(default_factory=InvokeOptions)
    setting: Setting = PLAIN
    faults: tuple[Fault, ...] = ()
    fresh: bool = False
    started: bool = False
    sigterm: bool = False
    ours: Expect | None = None
    theirs: Expect | None = None
    compare: tuple[Field, ...] = ALL
    more_log: bool = False
    skip: str = ""
