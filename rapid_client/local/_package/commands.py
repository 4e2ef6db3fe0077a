"""What stands between the command line and the packager."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from rapid_client.local._package import build as builder
from rapid_client.local._package.build import Order, Trying
from rapid_client.local._package.view import show
from rapid_client.local._target.errors import BuildError
from rapid_client.local._target.runtimes import choose_target
from rapid_client.local.environment import FunctionOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rapid_client.local._package.report import Report
    from rapid_client.local._target.runtimes import Target

__all__ = ["build", "read_order", "show", "summary"]


def read_order(runtime: str, arch: str, python: str | None, **settings: Any) -> Order:
    """Return what the command line asks for.

    Raises:
        OrderError: If there is no such runtime, architecture or Python.
        click.UsageError: If options do not go together.
    """
    target = choose_target(runtime, arch, python, "function")
    trying = _trying(**{name: settings.pop(name) for name in RUNNING})
    if settings["lazy"]:
        _check_lazy(target, trying)
    services = settings.pop("services")
    if services is not None:
        services = tuple(sorted({name.strip() for name in services.split(",")} - {""}))
    out = settings["out"]
    if out.is_dir():
        raise click.UsageError(f"--out {str(out)!r} is a folder: name the zip file")
    if out.exists() and out.samefile(settings["source"]):
        raise click.UsageError(f"--out {str(out)!r} is the source itself: name another file")
    return Order(target=target, services=services, trying=trying, **settings)


def _check_lazy(target: Target, trying: Trying | None) -> None:
    """Refuse --lazy where there is nothing to prove it with, or no Python that has it."""
    if tuple(map(int, target.python.split("."))) < LAZY_SINCE:
        raise click.UsageError(
            f"--lazy needs lazy imports, which Python has from 3.15 on; the target's is {target.python}:"
            " --python 3.15"
        )
    if trying is None:
        raise click.UsageError(
            "--lazy is proven by running the function: add --handler and at least one --event"
        )


#: The first Python that has lazy imports (PEP 810).
LAZY_SINCE = (3, 15)
#: The options about runs.
RUNNING = ("handler", "events", "env", "timeout", "memory_mb", "runs", "aws", "network")


def build(order: Order, announce: Callable[[str], None]) -> Report:
    """Package a function.

    Raises:
        BuildError: If it cannot be packaged, differs from the original, or there is no room for it.
    """
    try:
        return builder.build(order, announce)
    except OSError as exc:
        place = exc.filename or order.out
        raise BuildError(f"the function cannot be packaged: {place}: {exc.strerror or exc}") from None


def summary(report: Report) -> bytes:
    """Return the report for programs."""
    return json.dumps(report.to_dict(), indent=1).encode() + b"\n"


def _trying(
    handler: str | None, events: Mapping[str, bytes], env: dict[str, str], **settings: Any
) -> Trying | None:
    """Return how the function is to be tried; None if there are no events."""
    if events and handler is None:
        raise click.UsageError(
            "--event runs the function, and for that --handler is needed: --handler app.handler"
        )
    if not events and handler is not None:
        raise click.UsageError("--handler is for runs, and there is nothing to run it with: add --event")
    if handler is None:
        return None
    options = FunctionOptions(env=env, timeout=settings.pop("timeout"), memory_mb=settings.pop("memory_mb"))
    return Trying(handler, events, options, **settings)
