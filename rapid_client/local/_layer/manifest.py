"""The manifest: what is in a layer, for people, for `rapid layer verify` and for ``--locked``."""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import rapid_client
from rapid_client.local._target.errors import BuildError
from rapid_client.local._target.runtimes import MACHINES, MAGIC, RUNTIMES, Target, dotted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rapid_client.local._layer.interpreter import Interpreter
    from rapid_client.local._target.archive import Entry
    from rapid_client.local._target.checks import Findings
    from rapid_client.local._target.wheels import Wheel

SCHEMA: Final = 1
Manifest = dict[str, Any]


def describe(target: Target, runtime_sha256: str, findings: Findings) -> Manifest:
    """Return the manifest's beginning: what the layer is for, and our runtime in it."""
    return {
        "schema": SCHEMA,
        "name": target.name,
        "runtime": target.runtime,
        "arch": target.arch,
        "python": target.python,
        "glibc": {
            "limit": dotted(target.glibc),
            "needed": dotted(findings.glibc) if findings.count else None,
            "symbol": findings.symbol,
            "path": findings.path,
        },
        "rapid_client": {"version": rapid_client.__version__, "sha256": runtime_sha256},
    }


def describe_interpreter(interpreter: Interpreter, sha256: str) -> Manifest:
    """Return the manifest's part on the interpreter."""
    return {
        "version": interpreter.version,
        "origin": interpreter.origin,
        "sha256": sha256,
        "optimisation": interpreter.details.get("optimisation"),
        "frozen": interpreter.frozen,
        "components": interpreter.components,
    }


def describe_packages(wheels: Sequence[Wheel]) -> list[Manifest]:
    """Return the manifest's part on packages, by name."""
    return [
        {
            "name": wheel.name,
            "version": wheel.version,
            "wheel": wheel.path.name,
            "sha256": wheel.sha256,
            "licence": wheel.licence or None,
        }
        for wheel in sorted(wheels, key=lambda wheel: wheel.name)
    ]


def tools(compiler: str, strip: str | None) -> Manifest:
    """Return what made the layer's bytes: other versions may make others, which do the same."""
    return {"bytecode": f"CPython {compiler}", "strip": strip, "zlib": zlib.ZLIB_RUNTIME_VERSION}


def sizes(entries: Sequence[Entry], owners: Mapping[str, str]) -> Manifest:
    """Return how large the layer is, and each component in it."""
    unpacked: dict[str, int] = defaultdict(int)
    zipped: dict[str, int] = defaultdict(int)
    for entry in entries:
        unpacked[owners[entry.path]] += entry.size
        zipped[owners[entry.path]] += entry.zipped
    return {
        "files": len(entries),
        "unpacked": sum(unpacked.values()),
        "components": {
            name: {"unpacked": unpacked[name], "zipped": zipped[name]} for name in sorted(unpacked)
        },
    }


def files(entries: Sequence[Entry]) -> list[Manifest]:
    """Return the list of files, which `rapid layer verify` compares."""
    return [
        {"path": entry.path, "mode": f"{entry.mode:o}", "size": entry.size, "sha256": entry.sha256}
        for entry in entries
    ]


def encode(manifest: Manifest) -> bytes:
    """Return the manifest as the bytes of its file."""
    return json.dumps(manifest, indent=1, ensure_ascii=False).encode() + b"\n"


def inside(manifest: Manifest) -> Manifest:
    """Return what the layer itself has of it: not where the interpreter came from, which changes no byte."""
    if "interpreter" not in manifest:
        return manifest
    kept = {key: value for key, value in manifest["interpreter"].items() if key != "origin"}
    return {**manifest, "interpreter": kept}


def read_manifest(path: Path) -> Manifest:
    """Read a manifest that lies beside a layer.

    Raises:
        BuildError: If there is none at *path*, or of another version.
    """
    try:
        manifest = json.loads(path.read_bytes())
    except OSError as exc:
        raise BuildError(f"the manifest {path} cannot be read: {exc.strerror}") from None
    except ValueError as exc:
        raise BuildError(f"{path} is no manifest of a layer: {exc}") from None
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA or not _complete(manifest):
        raise BuildError(f"{path} is no manifest of a layer that this version of rapid_client reads")
    return manifest


def _complete(manifest: Manifest) -> bool:
    """Whether it has what is read of it, and knows runtime, architecture and Python."""
    known = (("runtime", RUNTIMES), ("arch", MACHINES), ("python", MAGIC))
    lists: tuple[str, ...] = ("packages", "files", "core", "absent")
    objects: tuple[str, ...] = ("zip", "rapid_client", "tools")
    if not all(_texts(manifest, key) and manifest[key] in values for key, values in known):
        return False
    if not target_of(manifest).managed:
        objects += ("interpreter",)
    return (
        all(isinstance(manifest.get(key), list) for key in lists)
        and all(isinstance(manifest.get(key), dict) for key in objects)
        and all(_texts(package, "name", "version", "sha256") for package in manifest["packages"])
        and all(_texts(entry, "path", "mode", "sha256") for entry in manifest["files"])
        and all(isinstance(name, str) for key in ("core", "absent") for name in manifest[key])
        and all(_texts(manifest[key], "sha256") for key in objects if key != "tools")
        and _texts(manifest, "name")
        and _texts(manifest["rapid_client"], "version")
        and ("interpreter" not in objects or _texts(manifest["interpreter"], "version", "origin"))
    )


def _texts(value: object, *keys: str) -> bool:
    """Whether it is an object that has a text for each key."""
    return isinstance(value, dict) and all(isinstance(value.get(key), str) for key in keys)


def target_of(manifest: Manifest) -> Target:
    """Return what the layer of a manifest is for."""
    return Target(manifest["runtime"], manifest["arch"], manifest["python"])


def check_lock(lock: Manifest, target: Target, runtime_sha256: str) -> None:
    """Check that a layer as in the manifest *lock* can be built.

    Raises:
        BuildError: If it is for something else, or of another version of rapid_client.
    """
    if target_of(lock) != target:
        raise BuildError(f"the manifest is of {lock['name']}, and this would be {target.name}")
    if lock["rapid_client"]["sha256"] != runtime_sha256:
        other = lock["rapid_client"]
        raise BuildError(
            f"the manifest's layer has rapid_client {other['version']} ({other['sha256'][:12]}), and this"
            f" is {rapid_client.__version__} ({runtime_sha256[:12]}): install the other one"
        )


def check_locked_interpreter(lock: Manifest, version: str, sha256: str) -> None:
    """Check that the interpreter is the manifest's.

    Raises:
        BuildError: If it is another one.
    """
    wanted = lock["interpreter"]
    if wanted["sha256"] != sha256:
        raise BuildError(
            f"the manifest's layer has CPython {wanted['version']} ({wanted['origin']},"
            f" {wanted['sha256'][:12]}), and the interpreter here is another one: {version} ({sha256[:12]});"
            " name the other by --interpreter"
        )
