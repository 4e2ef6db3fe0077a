"""What packages bring and no function loads: tests, type stubs, C sources, notes of installers."""

from __future__ import annotations

import ast
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rapid_client.local._package.packages import Package

TESTS: Final = "tests"
STUBS: Final = "type stubs"
NATIVE: Final = "C sources"
METADATA: Final = "installers' notes"
#: What makes a folder of that name one of tests, and not of data: ``train`` and ``test``, for one.
TEST_FOLDERS: Final = frozenset({"test", "tests"})
TEST_FILE: Final = re.compile(r"(test_.*|.*_test|conftest|__init__)\.py$")
STUB_FILES: Final = frozenset({"py.typed"})
#: lazy_loader.attach_stub() reads a package's imports from its stub.
STUBS_AT_RUN_TIME: Final = (b"attach_stub", b".pyi")
NATIVE_SUFFIXES: Final = frozenset(
    {
        *(".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".hxx", ".inl"),
        *(".pyx", ".pxd", ".pxi", ".f", ".f90", ".a"),
    }
)
#: Of a package's metadata; METADATA, entry_points.txt, top_level.txt, licences and what is not known stay.
INSTALLERS: Final = frozenset(
    {
        *("RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json"),
        *("zip-safe", "uv_build.json", "uv_cache.json"),
    }
)
DOTTED: Final = re.compile(r"[A-Za-z_][\w.]*")


def unused(root: Path, packages: Sequence[Package]) -> dict[str, list[str]]:
    """Return the files that no function loads, by kind; nothing of the user's own code is among them.

    What any source that stays refers to stays, too: tests that are imported, headers that are named.
    """
    found: dict[str, list[str]] = {TESTS: [], STUBS: [], NATIVE: [], METADATA: []}
    folders = _test_folders(packages)
    referred = _referred(root, folders) | _entry_points(root, packages)
    gone = sorted(folder for folder in folders if not _is_referred(folder, referred))
    for package in packages:
        sources = _Sources(root, package)
        for place in sorted(package.files):
            if any(place.startswith(f"{folder}/") for folder in gone):
                found[TESTS].append(place)
            elif (kind := _kind(place, package, sources)) is not None:
                found[kind].append(place)
        for name in sorted(INSTALLERS):
            place = f"{package.info}/{name}"
            if place not in package.files and (root / place).is_file():
                found[METADATA].append(place)
    return found


class _Sources:
    """All that a package's own Python says, read when it is first asked for."""

    def __init__(self, root: Path, package: Package) -> None:
        self._root, self._package = root, package
        self._text: bytes | None = None

    def mention(self, *words: bytes) -> bool:
        """Whether any of these is in a source."""
        if self._text is None:
            names = (place for place in sorted(self._package.files) if place.endswith(".py"))
            self._text = b"\n".join((self._root / place).read_bytes() for place in names)
        text = self._text
        return any(word in text for word in words)


def _kind(place: str, package: Package, sources: _Sources) -> str | None:
    """Return what kind of thing a file is that is not loaded; None if it may be."""
    path = PurePosixPath(place)
    if len(path.parts) == 2 and path.parts[0] == package.info:
        return METADATA if path.name in INSTALLERS else None
    if path.parts[0] == package.info:
        # Bills of materials are for scanners, and grow with what a binary was made of.
        return METADATA if path.parts[1] == "sboms" else None
    if path.suffix == ".pyi" or path.name in STUB_FILES:
        return None if sources.mention(*STUBS_AT_RUN_TIME) else STUBS
    if path.suffix in NATIVE_SUFFIXES:
        return None if sources.mention(path.name.encode()) else NATIVE
    return None


def _test_folders(packages: Sequence[Package]) -> set[str]:
    """Return the outermost folders of tests."""
    found = set()
    for package in packages:
        for place in package.files:
            path = PurePosixPath(place)
            if TEST_FILE.match(path.name):
                above = [each for each in reversed(path.parents) if each.name in TEST_FOLDERS]
                found |= {str(above[0])} if above else set()
    return found


def _is_referred(folder: str, referred: set[str]) -> bool:
    name = folder.replace("/", ".")
    return any(each == name or each.startswith(f"{name}.") for each in referred)


def _referred(root: Path, folders: set[str]) -> set[str]:
    """Return what the sources outside of these folders import or name, as far as it can be one of them."""
    found: set[str] = set()
    if not folders:
        return found
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root).as_posix()
        if path.is_file() and not any(place.startswith(f"{folder}/") for folder in folders):
            data = path.read_bytes()
            if b"test" in data:
                names = set(_names(data, PurePosixPath(place)))
                found |= names | _by_path(place, names, folders)
    return found


def _by_path(place: str, names: set[str], folders: set[str]) -> set[str]:
    """Return the test folders of a source's own package whose names it has: HERE / "tests" / "data"."""
    top, inside, _ = place.partition("/")
    near = [folder for folder in folders if inside and folder.startswith(f"{top}/")]
    return {folder.replace("/", ".") for folder in near if folder.rpartition("/")[2] in names}


def _entry_points(root: Path, packages: Sequence[Package]) -> set[str]:
    """Return what looks like a module's name in the packages' entry points."""
    paths = [root / package.info / "entry_points.txt" for package in packages]
    return {
        name
        for path in paths
        if path.is_file()
        for name in DOTTED.findall(path.read_bytes().decode(errors="replace"))
    }


def _names(data: bytes, place: PurePosixPath) -> Iterator[str]:
    """Yield the full names of what a source imports, and the strings that could be names of modules."""
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError):
        # A newer Python's syntax, or no Python: anything that looks like a name is one.
        yield from DOTTED.findall(data.decode(errors="replace"))
        return
    package = place.parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = [*above, *([node.module] if node.module else [])]
            yield ".".join(base)
            yield from (".".join([*base, alias.name]) for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "test" in node.value:
            name = node.value.partition(":")[0]  # pkg.tests.plug:f
            if DOTTED.fullmatch(name):
                yield name
            elif node.value.startswith("."):  # import_module(".tests", __package__)
                yield ".".join([*package, node.value.lstrip(".")])
