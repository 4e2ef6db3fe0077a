"""What stands between the command line and the builder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
from packaging.requirements import InvalidRequirement, Requirement

from rapid_client.local._layer import build as builder
from rapid_client.local._layer.errors import LayerError
from rapid_client.local._layer.interpreter import OWN
from rapid_client.local._layer.manifest import read_manifest, target_of
from rapid_client.local._layer.runtimes import choose_target, dotted
from rapid_client.local._layer.verify import verify
from rapid_client.local._layer.view import show

if TYPE_CHECKING:
    from pathlib import Path

    from rapid_client.local._layer.build import Built, Order

__all__ = ["build", "read_order", "show", "summary", "verified"]


def read_order(runtime: str, arch: str, python: str | None, **settings: Any) -> Order:
    """Return what the command line asks for.

    Raises:
        OrderError: If there is no such runtime, architecture or Python.
        click.UsageError: If options do not go together.
    """
    target = choose_target(runtime, arch, python)
    locked = settings.pop("locked")
    for option, name in (("--with", "extras"), ("--requirements", "requirements"), ("--without", "without")):
        if locked is not None and settings[name]:
            raise click.UsageError(
                f"{option} does not go with --locked: the manifest says what is in the layer"
            )
    if target.managed and settings["interpreter"] != OWN:
        raise click.UsageError(
            f"--interpreter does not go with --runtime {runtime}: AWS brings the interpreter"
        )
    for text in settings["extras"]:
        _check_requirement(text)
    settings["without"] = frozenset(settings["without"])
    return builder.Order(target, locked=locked and read_manifest(locked), **settings)


def build(order: Order) -> tuple[Built, dict[str, float]]:
    """Build a layer; return what was made, and the seconds that each step took.

    Raises:
        LayerError: If it cannot be built, or there is no room for it.
    """
    clock = builder.Clock()
    try:
        return builder.build(order, clock), clock.seconds
    except OSError as exc:
        place = exc.filename or order.out
        raise LayerError(f"the layer cannot be written: {place}: {exc.strerror}") from None


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
