"""Build a layer: what goes in, compiled, stripped, checked, packed and described."""

from __future__ import annotations

import hashlib
import platform
import shutil
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rapid_client.local._layer import manifest as manifests
from rapid_client.local._layer import tree
from rapid_client.local._layer.interpreter import (
    OWN,
    Interpreter,
    find_interpreter,
    own_artefact,
    unpack,
)
from rapid_client.local._layer.tree import Stage
from rapid_client.local._target.archive import MOST_DIRECT, check_size, replacing, write_zip
from rapid_client.local._target.bytecode import Compiler, find_compiler, probe
from rapid_client.local._target.checks import binaries, check_tree
from rapid_client.local._target.errors import BuildError
from rapid_client.local._target.runtimes import MACHINES
from rapid_client.local._target.strip import find_strip
from rapid_client.local._target.wheels import CORE, Wheel, fetch, fetch_core, fetch_locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rapid_client.local._target.bytecode import Job
    from rapid_client.local._target.runtimes import Target

MANIFEST: Final = "rapid/manifest.json"
#: What AWS's managed runtimes bring besides the standard library: the SDK, and what it needs.
AWS_HAS: Final = frozenset(
    {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}
    | {"awslambdaric", "simplejson"}
)


@dataclass(frozen=True, slots=True)
class Order:
    """What layer is wanted.

    Attributes:
        target: What it is for.
        out: The folder for the results.
        interpreter: ``own``, ``uv``, a folder or an archive.
        extras: Requirements, as ``boto3>=1.40``.
        requirements: A file of them.
        without: Packages of `CORE` that are left out.
        locked: The manifest of a layer that is to be repeated.
        strip: Whether binaries are stripped.
        tree: Whether the unpacked layer is wanted, too.
    """

    target: Target
    out: Path
    interpreter: str = OWN
    extras: tuple[str, ...] = ()
    requirements: Path | None = None
    without: frozenset[str] = frozenset()
    locked: manifests.Manifest | None = None
    strip: bool = True
    tree: bool = False


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the time goes.

    Attributes:
        seconds: What each step took, in the order of the first ones.
    """

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add what the block takes to a step."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began


@dataclass(frozen=True, slots=True)
class Built:
    """What was made.

    Attributes:
        zip: The layer.
        manifest: Its manifest's file.
        sbom: Its bill of materials' file.
        contents: The manifest.
    """

    zip: Path
    manifest: Path
    sbom: Path
    contents: manifests.Manifest


@dataclass(frozen=True, slots=True)
class _Parts:
    """What has been found out so far, for the manifest."""

    interpreter: Interpreter | None
    compiler: Compiler
    core: list[Wheel]
    others: list[Wheel]
    absent: list[str]
    notes: list[str]


def build(order: Order, clock: Clock) -> Built:
    """Build a layer.

    Raises:
        BuildError: If it cannot be built, or would not run.
    """
    with tempfile.TemporaryDirectory(prefix="rapid-layer-") as name:
        scratch = Path(name)
        stage = Stage(scratch / "opt", order.target, {})
        stage.root.mkdir()
        parts, hashes = _fill(order, stage, scratch, clock)
        strip = _strip(order, stage, parts, clock)
        with clock.step("checks"):
            findings = check_tree(stage.root, order.target)
        contents = manifests.describe(order.target, hashes["rapid_client"], findings)
        if parts.interpreter is not None:
            described = manifests.describe_interpreter(parts.interpreter, hashes["interpreter"])
            contents["interpreter"] = described
        contents["packages"] = manifests.describe_packages([*parts.core, *parts.others])
        contents["core"] = [wheel.name for wheel in parts.core]
        contents["absent"] = parts.absent
        contents["notes"] = [*parts.absent, *parts.notes, *findings.notes]
        contents["tools"] = manifests.tools(parts.compiler.version, strip)
        stage.put(MANIFEST, "manifest", manifests.encode(manifests.inside(contents)))
        check_size(stage.root, order.target.kind)
        return _write(order, stage, contents, clock)


def _fill(order: Order, stage: Stage, scratch: Path, clock: Clock) -> tuple[_Parts, dict[str, str]]:
    """Put everything into the tree; return what it is, and the hashes of interpreter and runtime."""
    target = order.target
    notes: list[str] = []
    hashes: dict[str, str] = {}
    runtime = tree.add_runtime(stage)
    hashes["rapid_client"] = _digest((job.shown, job.source) for job in runtime)
    if order.locked is not None:
        manifests.check_lock(order.locked, target, hashes["rapid_client"])
    interpreter: Interpreter | None = None
    library: list[Job] = []
    if not target.managed:
        with clock.step("interpreter"):
            version = order.locked["interpreter"]["version"] if order.locked else None
            interpreter = find_interpreter(order.interpreter, target, scratch, version)
            library = tree.add_interpreter(stage, interpreter, scratch)
            hashes["interpreter"] = _interpreter_digest(stage, library)
            notes += [*interpreter.notes, *tree.add_licences(stage, interpreter)]
        if order.locked is not None:
            manifests.check_locked_interpreter(order.locked, interpreter.version, hashes["interpreter"])
    with clock.step("bytecode"):
        compiler = find_compiler(target, _first(target, interpreter, scratch))
        _refuse_broken(compiler.compile([*library, *runtime]))
    with clock.step("packages"):
        release = interpreter.version if interpreter else ""
        core, others, said = _packages(order, replace(target, release=release), scratch)
        notes += _outdone(others) if target.managed else []
    with clock.step("bytecode"):
        flat = tree.add_packages(stage, core, sources=not target.managed)
        compiler.compile([*flat, *tree.add_packages(stage, others, sources=True)])
        if target.managed:
            tree.drop_sources(stage, flat)
    return _Parts(interpreter, compiler, core, others, said, notes), hashes


def _packages(order: Order, target: Target, scratch: Path) -> tuple[list[Wheel], list[Wheel], list[str]]:
    """Fetch the packages; return ours, the user's, and what is to be said about those that are absent."""
    if order.locked is not None:
        wheels = fetch_locked(order.locked["packages"], target, scratch / "locked")
        ours = [wheel for wheel in wheels if wheel.name in order.locked["core"]]
        return ours, [wheel for wheel in wheels if wheel not in ours], list(order.locked["absent"])
    file = [] if order.requirements is None else ["--requirement", str(order.requirements.resolve())]
    others = fetch(order.extras, target, scratch / "others", *file) if order.extras or file else []
    taken = {wheel.name for wheel in others} | order.without
    if target.managed:
        taken |= {"tzdata"}
    names = [name for name in CORE if name not in taken]
    core, said = fetch_core(names, target, scratch / "core") if names else ([], [])
    said += [f"{name} was left out" for name in sorted(order.without - {wheel.name for wheel in others})]
    return core, others, said


def _outdone(wheels: list[Wheel]) -> list[str]:
    """Return what is to be said about packages that AWS's managed runtimes have: its own come first."""
    names = [wheel.name for wheel in wheels if wheel.name in AWS_HAS]
    note = (
        f"{', '.join(names)}: AWS's own comes before this layer's; to replace it, put it into the function's"
        " package, or into a layer of your own below python/"
    )
    return [note] if names else []


def _first(target: Target, interpreter: Interpreter | None, scratch: Path) -> Iterator[Path]:
    """Yield the interpreters that should make the bytecode: the layer's, else ours for this machine."""
    if interpreter is not None and interpreter.runs:
        yield interpreter.executable(target)
    arch = next((arch for arch, machine in MACHINES.items() if machine == platform.machine()), "")
    path = own_artefact(target, arch)
    if platform.system() == "Linux" and path.is_file() and (interpreter is None or not interpreter.runs):
        yield unpack(path, scratch / "host") / "python" / "bin" / f"python{target.python}"


def _refuse_broken(broken: dict[Path, str]) -> None:
    for path, reason in broken.items():
        raise BuildError(f"{path} cannot be compiled: {reason}")


def _interpreter_digest(stage: Stage, library: Sequence[Job]) -> str:
    """Return the hash of what the layer has of the interpreter, before anything is changed."""
    owned = [(place, stage.root / place) for place, owner in stage.owners.items() if owner == "CPython"]
    modules = [(path.relative_to(stage.root).as_posix(), path) for path in stage.root.rglob("*.so")]
    return _digest([*owned, *modules, *((job.shown, job.source) for job in library)])


def _digest(files: Any) -> str:
    """Return one hash of files, given with the paths that they have in the layer."""
    digest = hashlib.sha256()
    for place, path in sorted(files):
        digest.update(f"{place}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _strip(order: Order, stage: Stage, parts: _Parts, clock: Clock) -> str | None:
    """Strip the tree's binaries; return what the tool says of itself, None if nothing was to be stripped."""
    wanted = order.strip if order.locked is None else order.locked["tools"].get("strip") is not None
    with clock.step("strip"):
        found = binaries(stage.root)
        if not wanted or not found:
            return None
        tool = find_strip(order.target)
        for path in found:
            if not order.target.native:
                whole = tool.apply(path, lambda _: True)
            elif path.parent == stage.root / "rapid/bin":
                whole = tool.apply(path, lambda file: probe(str(file)) is not None)
            else:
                whole = tool.apply(path, parts.compiler.loads)
            if not whole:
                place = path.relative_to(stage.root).as_posix()
                parts.notes.append(f"{place} would not load any more when stripped: it is as it came")
    return tool.version


def _write(order: Order, stage: Stage, contents: manifests.Manifest, clock: Clock) -> Built:
    """Write the results: all of them, or none."""
    # deferred: 1.7 s, which jsonschema takes to be imported, and a refusal needs none
    from rapid_client.local._layer.sbom import make_sbom  # noqa: PLC0415 - as above

    out, name = order.out, order.target.name
    out.mkdir(parents=True, exist_ok=True)
    zipped = out / f"{name}.zip"
    with ExitStack() as results:
        with clock.step("zip"):
            path = results.enter_context(replacing(zipped))
            entries = write_zip(stage.root, path)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            size = path.stat().st_size
        contents["sizes"] = {"zipped": size, **manifests.sizes(entries, stage.owners)}
        contents["zip"] = {"name": zipped.name, "size": size, "sha256": digest}
        contents["notes"] += _remarks(order, contents)
        with clock.step("bill of materials"):
            results.enter_context(replacing(out / f"{name}.cdx.json")).write_bytes(make_sbom(contents))
        contents["files"] = manifests.files(entries)
        path = results.enter_context(replacing(out / f"{name}.manifest.json"))
        path.write_bytes(manifests.encode(contents))
    if order.tree:
        with clock.step("tree"):
            _copy_tree(stage.root, out / name)
    return Built(zipped, out / f"{name}.manifest.json", out / f"{name}.cdx.json", contents)


def _remarks(order: Order, contents: manifests.Manifest) -> list[str]:
    """Return what is to be said about the finished zip file."""
    said, size = [], contents["zip"]["size"]
    if size > MOST_DIRECT:
        said.append(f"the zip file has {size:,} bytes, above {MOST_DIRECT:,} it must go through S3")
    if order.locked is not None and order.locked["zip"]["sha256"] != contents["zip"]["sha256"]:
        here, there = contents["tools"], order.locked["tools"]
        tools = [f"{key} {there.get(key)}, here {here[key]}" for key in here if here[key] != there.get(key)]
        said.append(
            "the same versions, and not the same bytes as the locked layer, which was made by"
            f" {'; '.join(tools) or 'something else'}"
        )
    return said


def _copy_tree(root: Path, folder: Path) -> None:
    """Put a copy of the tree in the place of an older one.

    Raises:
        BuildError: If something else is in its place.
    """
    if folder.is_dir():
        if any(folder.iterdir()) and not (folder / MANIFEST).is_file():
            raise BuildError(f"{folder} holds something else than a layer: remove it")
        shutil.rmtree(folder)
    shutil.copytree(root, folder, symlinks=True)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    folder.chmod(0o755)
