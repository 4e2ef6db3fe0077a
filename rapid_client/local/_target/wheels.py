"""Packages: wheels for the target's platform, fetched by pip and unpacked."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging.metadata import parse_email
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from rapid_client.local._target.archive import DAMAGED
from rapid_client.local._target.errors import BuildError
from rapid_client.local._target.runtimes import dotted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.metadata import RawMetadata

    from rapid_client.local._target.runtimes import Target

SCRIPT: Final = Path(__file__).with_name("_pip.py")
#: What a layer has by itself, and the oldest version that the runtime works with.
CORE: Final = {
    "orjson": "orjson>=3.9.15",
    "snapshot-restore-py": "snapshot-restore-py>=1.0.0",
    "tzdata": "tzdata",
}
#: The oldest glibc that wheels are made for, and the names that some had before they had glibc's version.
OLDEST: Final = {"x86_64": 5, "aarch64": 17}
LEGACY: Final = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
#: What pip says in the end: the names of the packages, those of folders among them.
TAKEN: Final = re.compile(r"^Successfully downloaded (.+)$", re.MULTILINE)
NO_WHEEL: Final = "No matching distribution found for "
REMEDY: Final = (
    "one that has no wheel at all: `pip wheel NAME` makes it, and a line --find-links FOLDER of the"
    " requirements says where"
)
#: And of requirements that exclude each other: in its complaint, and before the list of who wants what.
CONFLICT: Final = "conflicting dependencies"
CAUSES: Final = "The conflict is caused by:\n"


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel.

    Attributes:
        name: The package's normalised name.
        version: Its version.
        path: The file.
        sha256: Its hash.
        licence: What its metadata says of the licence: an SPDX expression, a name, or nothing.
    """

    name: str
    version: str
    path: Path
    sha256: str
    licence: str


def fetch(requirements: Iterable[str], target: Target, folder: Path, *options: str) -> list[Wheel]:
    """Fetch wheels for the target, and for what they depend on.

    Args:
        requirements: Lines of a requirements file.
        target: What is built.
        folder: A folder for the wheels, to be made.
        options: Further options of pip.

    Raises:
        BuildError: If pip does not find wheels for all, with its reason.
    """
    folder.mkdir()
    wanted = folder.with_suffix(".txt")
    wanted.write_text("".join(f"{line}\n" for line in requirements), encoding="utf-8")
    fixed = ["--progress-bar=off", "--dest", str(folder), "--requirement", str(wanted)]
    chosen, complaint = _pip(["download", *fixed, *options, *_platform(target)], target)
    if complaint is not None:
        what = "no one set of wheels" if CONFLICT in complaint else "no wheels"
        raise BuildError(f"{what} for Python {target.python} on {_described(target)}: {complaint}")
    found = sorted(folder.iterdir())
    other = next((path.name for path in found if path.suffix != ".whl"), None)
    if other is not None:
        raise BuildError(
            f"{other} is no wheel: build one of it by `pip wheel`, and name that in the requirements"
        )
    wheels = sorted(map(read_wheel, found), key=lambda wheel: wheel.name)
    # pip takes a folder with a project for granted: it keeps no file of it.
    folders = sorted(chosen - {wheel.name for wheel in wheels})
    if folders:
        raise BuildError(
            f"{', '.join(folders)} is a folder: build a wheel of it by `pip wheel`, and name that in the"
            " requirements"
        )
    return wheels


def fetch_locked(packages: Iterable[Mapping[str, str]], target: Target, folder: Path) -> list[Wheel]:
    """Fetch the very wheels that a manifest names.

    Raises:
        BuildError: If one of them is no longer there, or is another file now.
    """
    lines = [f"{each['name']}=={each['version']} --hash=sha256:{each['sha256']}" for each in packages]
    return fetch(lines, target, folder, "--no-deps", "--require-hashes") if lines else []


def fetch_core(names: Iterable[str], target: Target, folder: Path) -> tuple[list[Wheel], list[str]]:
    """Fetch packages of `CORE`; orjson only where it has a wheel, since the runtime works without it.

    Returns:
        The wheels, and what is to be said about those that are absent.
    """
    wanted = [CORE[name] for name in names]
    try:
        return fetch(wanted, target, folder), []
    except BuildError as exc:
        if CORE["orjson"] not in wanted or f"{NO_WHEEL}orjson" not in exc.message:
            raise
    wanted.remove(CORE["orjson"])
    # The others tell whether it is the wheel that is missing, or the index.
    wheels = fetch(wanted, target, folder.with_name(f"{folder.name}-without-orjson"))
    note = f"orjson has no wheel for Python {target.python} on {_described(target)}: the layer is without it"
    return wheels, [note]


def read_wheel(path: Path) -> Wheel:
    """Return what the wheel at *path* is.

    Raises:
        BuildError: If it is damaged.
    """
    try:
        name, version, _, _ = parse_wheel_filename(path.name)
        with zipfile.ZipFile(path) as archive:
            inner = next(
                each for each in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", each)
            )
            metadata, _ = parse_email(archive.read(inner))
    except (InvalidWheelFilename, StopIteration, *DAMAGED) as exc:
        raise BuildError(f"{path.name} is no valid wheel: {str(exc) or 'it has no metadata'}") from None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Wheel(canonicalize_name(name), str(version), path, digest, _licence(metadata))


def unpack(wheel: Wheel, folder: Path) -> list[Path]:
    """Unpack a wheel into a folder of packages, as pip's ``--target`` does, without scripts and headers.

    Returns:
        The paths of its files, relative to the folder.

    Raises:
        BuildError: If it is damaged, or would write elsewhere.
    """
    try:
        return _unpack(wheel, folder)
    except DAMAGED as exc:
        raise BuildError(f"{wheel.path.name} is damaged: {exc}") from None


def make_record(names: Iterable[str]) -> bytes:
    """Return the list of a package's files that importlib.metadata reads; hashes are optional in it."""
    return "".join(f'"{name}",,\n' if "," in name else f"{name},,\n" for name in sorted(names)).encode()


def _unpack(wheel: Wheel, folder: Path) -> list[Path]:
    files = []
    data = "-".join(wheel.path.name.split("-")[:2]) + ".data"
    with zipfile.ZipFile(wheel.path) as archive:
        for entry in archive.infolist():
            place = None if entry.is_dir() else _place(entry.filename, data)
            if place is None:
                continue
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(entry))
            path.chmod(0o755 if entry.external_attr >> 16 & 0o111 else 0o644)
            files.append(place)
    return files


def _place(name: str, data: str) -> Path | None:
    """Return where a wheel's file goes, *data* being its folder of schemes; None for what is not needed.

    Raises:
        BuildError: If that would be outside.
    """
    parts = Path(name).parts
    if Path(name).is_absolute() or ".." in parts:
        raise BuildError(f"a wheel has a file {name!r}, which would not stay in its folder")
    if len(parts) > 2 and parts[0] == data:
        return Path(*parts[2:]) if parts[1] in {"purelib", "platlib", "data"} else None
    dist_info = len(parts) == 2 and parts[0].endswith(".dist-info")
    return None if dist_info and parts[1].startswith("RECORD") else Path(name)


def _pip(arguments: list[str], target: Target) -> tuple[set[str], str | None]:
    """Run pip as if on the target; return the packages that it took, or else what it complains about."""
    # -P: a file that is called pip.py beside us is not pip.
    command = [sys.executable, "-P", str(SCRIPT), json.dumps(_conditions(target)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        said = TAKEN.search(done.stdout)
        return {canonicalize_name(name) for name in said[1].split()} if said else set(), None
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    complaint = "; ".join(errors or lines[-1:]) or f"pip ended with exit code {done.returncode}"
    causes = done.stdout.partition(CAUSES)[2].partition("\n\n")[0]
    if causes:
        return (
            set(),
            f"{complaint}: {', '.join(line.strip() for line in causes.splitlines() if line.strip())}",
        )
    return set(), f"{complaint}; {REMEDY}" if NO_WHEEL in complaint else complaint


def _platform(target: Target) -> list[str]:
    """Return the options that make pip choose wheels for the target."""
    newest = target.glibc[1]
    options = ["--only-binary=:all:", "--implementation=cp", f"--python-version={target.full_version}"]
    # The last is what `pip wheel` makes; what such a wheel needs is read from its files, as of all.
    options += [f"--abi=cp{target.digits}", f"--platform=linux_{target.machine}"]
    for minor in range(newest, OLDEST[target.machine] - 1, -1):
        options.append(f"--platform=manylinux_2_{minor}_{target.machine}")
        if minor in LEGACY:
            options.append(f"--platform={LEGACY[minor]}_{target.machine}")
    return options


def _conditions(target: Target) -> dict[str, str]:
    """Return what conditions in requirements see on the target (PEP 508)."""
    return {
        "implementation_name": "cpython",
        "implementation_version": target.full_version,
        "os_name": "posix",
        "platform_machine": target.machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": target.full_version,
        "python_version": target.python,
        "sys_platform": "linux",
    }


def _described(target: Target) -> str:
    return f"{target.machine} with glibc {dotted(target.glibc)}"


def _licence(metadata: RawMetadata) -> str:
    """Return what a package says of its licence, the most precise first."""
    if expression := metadata.get("license_expression"):
        return expression
    named = [
        line.split(" :: ")[-1] for line in metadata.get("classifiers", []) if line.startswith("License :: ")
    ]
    text = metadata.get("license", "").strip()
    # Some put the whole text there.
    return text if text and len(text) < 60 and "\n" not in text else " and ".join(named)
