"""What stands between the command line and the builder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
from packaging.requirements import InvalidRequirement, Requirement

from rapid_client.local._layer import build as builder
from rapid_client.local._layer.interpreter import OWN
from rapid_client.local._layer.manifest import read_manifest, target_of
from rapid_client.local._layer.verify import verify
from rapid_client.local._layer.view import show
from rapid_client.local._target.errors import BuildError
from rapid_client.local._target.runtimes import choose_target, dotted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rapid_client.local._layer.build import Built, Order
    from rapid_client.local._layer.manifest import Manifest

__all__ = ["build", "read_order", "show", "summary", "verified"]


def read_order(runtime: str | None, arch: str | None, python: str | None, **settings: Any) -> Order:
    """Return what the command line asks for; what it leaves open is the locked layer's, if there is one.

    Raises:
        BuildError: If the manifest of a locked layer is none.
        OrderError: If there is no such runtime, architecture or Python.
        click.UsageError: If options do not go together.
    """
    path = settings.pop("locked")
    lock = None if path is None else read_manifest(path)
    if lock is not None:
        _check_lock(lock, settings)
        known = target_of(lock)
        runtime, arch, python = runtime or known.runtime, arch or known.arch, python or known.python
    if runtime is None:
        raise click.UsageError("Missing option '--runtime', or '--locked' with a layer to repeat.")
    target = choose_target(runtime, arch or "x86_64", python)
    if target.managed and settings["interpreter"] != OWN:
        raise click.UsageError(
            f"--interpreter does not go with --runtime {runtime}: AWS brings the interpreter"
        )
    for text in settings["extras"]:
        _check_requirement(text)
    settings["without"] = frozenset(settings["without"])
    return builder.Order(target, locked=lock, **settings)


def _check_lock(lock: Manifest, settings: Mapping[str, Any]) -> None:
    """Refuse what would make another layer than the one to repeat."""
    for option, name in (("--with", "extras"), ("--requirements", "requirements"), ("--without", "without")):
        if settings[name]:
            raise click.UsageError(
                f"{option} does not go with --locked: the manifest says what is in the layer"
            )
    if not settings["strip"] and lock["tools"].get("strip") is not None:
        raise click.UsageError("--no-strip does not go with --locked: the layer to repeat was stripped")


def build(order: Order) -> tuple[Built, dict[str, float]]:
    """Build a layer; return what was made, and the seconds that each step took.

    Raises:
        BuildError: If it cannot be built, or there is no room for it.
    """
    clock = builder.Clock()
    try:
        return builder.build(order, clock), clock.seconds
    except OSError as exc:
        place = exc.filename or order.out
        raise BuildError(f"the layer cannot be written: {place}: {exc.strerror or exc}") from None


def summary(built: Built, seconds: dict[str, float]) -> bytes:
    """Return the result for programs: the manifest without its list of files, and where things are."""
    contents = {key: value for key, value in built.contents.items() if key != "files"}
    paths = {"zip": str(built.zip), "manifest": str(built.manifest), "sbom": str(built.sbom)}
    return json.dumps({"paths": paths, "seconds": seconds, **contents}, indent=1).encode() + b"\n"


def verified(path: Path, manifest: Path) -> bytes:
    """Verify a layer; return the line that says what it is."""
    said, findings = verify(path, manifest)
    line = f"{path}: {len(said['files'])} files as in the manifest; "
    if findings.count:
        line += f"{findings.count} binaries for {said['arch']} need glibc {dotted(findings.glibc)},"
        line += f" {said['runtime']} has {dotted(target_of(said).glibc)}"
    else:
        line += "no binaries"
    return f"{line}\n".encode()


def _check_requirement(text: str) -> None:
    try:
        Requirement(text)
    except InvalidRequirement as exc:
        reason = str(exc).splitlines()[0]
        raise click.UsageError(f"--with {text!r} is no requirement, as boto3>=1.40 is: {reason}") from None
