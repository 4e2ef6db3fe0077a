"""The two trees that are compared: a commit in a worktree of its own, and a copy of what lies here."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = "rapid_client"
#: What the pieces need besides themselves, under benchmarks/.
PIECES: Final = ("__init__.py", "payloads.py", "events", "pieces")


class NoBase(Exception):
    """There is nothing to compare with; the message says why in one line, and what to do."""


@dataclass(frozen=True)
class Trees:
    """Where the two packages and the pieces are; all of it goes in the end."""

    base: Path
    now: Path
    room: Path
    """The folder to run the pieces in: they are the present ones for both trees."""
    title: str
    """The commit that is the base, as ``3f2a1bc (v0.1.0), Say it better``."""


@contextmanager
def checked_out(root: Path, ref: str) -> Iterator[Trees]:
    """Put both trees into folders whose names are equally long, and remove them whatever happens.

    The present one is copied, since somebody may be editing it during the run.

    Args:
        root: The top folder of the checkout.
        ref: The commit, tag or branch to compare with; empty for `default_base`.

    Raises:
        NoBase: If that cannot be had.
    """
    check_repository(root)
    ref = ref or default_base(root)
    commit = resolve(root, ref)
    with tempfile.TemporaryDirectory(prefix="rapid-compare-") as name:
        folder = Path(name).resolve()
        base = folder / "old"
        try:
            git(root, "worktree", "add", "--detach", "--quiet", str(base), commit)
            if not (base / PACKAGE).is_dir():
                raise NoBase(f"{ref} has no {PACKAGE}/: name a later commit, as BASE={ref}")
            yield Trees(
                base,
                copied(root, folder / "new"),
                with_pieces(root, folder / "run"),
                title(root, commit, ref),
            )
        finally:
            remove(root, base)


def check_repository(root: Path) -> None:
    """Find out whether *root* is a git checkout, and not a folder that lies in another one's.

    Raises:
        NoBase: If it is none.
    """
    try:
        prefix = git(root, "rev-parse", "--show-prefix")
    except FileNotFoundError:
        raise NoBase("git is not installed, and the base is one of its commits: install git") from None
    except NoBase as exc:
        raise NoBase(f"{root} is no git checkout that can be read, and the base is a commit: {exc}") from None
    if prefix:
        raise NoBase(f"{root} is no git checkout, and the base is a commit: clone the repository")


def default_base(root: Path) -> str:
    """Return the newest tag; where there is none, the last commit in which the package is another.

    Raises:
        NoBase: If there is no such commit.
    """
    try:
        return git(root, "describe", "--tags", "--abbrev=0")
    except NoBase:
        pass
    if git(root, "status", "--porcelain", "--", PACKAGE):
        return "HEAD"
    last = git(root, "log", "-1", "--format=%h", "--", PACKAGE)
    if not last:
        raise NoBase(f"no commit here has {PACKAGE}/: name one that has, as BASE=v0.1.0")
    return f"{last}~1"


def resolve(root: Path, ref: str) -> str:
    """Return the commit that *ref* names.

    Raises:
        NoBase: If it names none.
    """
    try:
        return git(root, "rev-parse", "--verify", "--quiet", ref + "^{commit}")
    except NoBase:
        pass
    if git(root, "rev-parse", "--is-shallow-repository") == "true":
        advice = "this clone is shallow, so `git fetch --unshallow --tags` first"
    else:
        advice = "`git log` and `git tag` show what there is"
    raise NoBase(f"BASE={ref} is no commit, tag or branch of this checkout: {advice}")


def title(root: Path, commit: str, ref: str) -> str:
    """Return what to call *commit*, which *ref* names."""
    short, _, subject = git(root, "log", "-1", "--format=%h %s", commit).partition(" ")
    return f"{short} ({ref}), {subject}"


def git(root: Path, *arguments: str) -> str:
    """Return what git says.

    A hook's environment names its own repository and index; they are not meant. Hooks are not run.

    Raises:
        NoBase: If it fails, with its first line.
        FileNotFoundError: If there is no git.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    argv = ["git", "-C", str(root), "-c", f"core.hooksPath={os.devnull}", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, env=environ, stdin=subprocess.DEVNULL)
    if done.returncode:
        words = done.stderr.strip().splitlines() or [f"`git {arguments[0]}` ended with {done.returncode}"]
        raise NoBase(words[0])
    return done.stdout.strip()


def copied(root: Path, target: Path) -> Path:
    """Copy the package of *root*, without bytecode, to *target*; return that."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / PACKAGE, target / PACKAGE, ignore=ignore)
    return target


def with_pieces(root: Path, target: Path) -> Path:
    """Copy the pieces of *root* and what they need to *target*, with settings of their own; return that."""
    target.mkdir()
    for name in PIECES:
        source, to = root / "benchmarks" / name, target / "benchmarks" / name
        to.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, to)
    (target / "pytest.ini").write_text("[pytest]\n", encoding="ascii")
    return target


def remove(root: Path, worktree: Path) -> None:
    """Remove *worktree*, even while somebody goes on pressing Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        git(root, "worktree", "remove", "--force", "--force", str(worktree))
    except NoBase:  # it was not finished: without its folder, its entry is stale
        shutil.rmtree(worktree, ignore_errors=True)
        git(root, "worktree", "prune")
    finally:
        signal.signal(signal.SIGINT, before)
