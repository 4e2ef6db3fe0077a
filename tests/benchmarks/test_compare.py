"""`make bench-compare`: how it judges, what it says, and that it leaves nothing behind."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from benchmarks.compare.rounds import Timed
from benchmarks.compare.trees import default_base
from benchmarks.compare.verdict import Compared, Rounds, slower

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("pytest_benchmark", reason="pytest-benchmark is not installed")
pytest.importorskip("rich", reason="rich is not installed")
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

ROOT: Final = Path(__file__).parent.parent.parent

# A package with two pieces, of which the second can go, and pieces for it. Which tree is imported is written
# down beside the repository, for the order of the processes.
PACKAGE: Final = """
import os
with open(os.environ["SEEN"], "a") as seen:
    seen.write(os.path.basename(os.path.dirname(os.path.dirname(__file__))) + " ")
def work():
    sum(range(20))
def other():
    pass
"""
PIECES: Final = """
def test_work(piece):
    import rapid_client
    piece(lambda: rapid_client.work)

def test_other(piece):
    import rapid_client
    piece(lambda: rapid_client.other)
"""


class Repository:
    """A throw-away repository with a tiny package and the real command."""

    def __init__(self, folder: Path) -> None:
        self.root, self.temporary, self.seen = folder / "repository", folder / "tmp", folder / "seen"
        self.temporary.mkdir()
        benchmarks = self.root / "benchmarks"
        ignore = shutil.ignore_patterns("__pycache__", "test_*")
        for name in ("compare", "pieces"):
            shutil.copytree(ROOT / "benchmarks" / name, benchmarks / name, ignore=ignore)
        (benchmarks / "events").mkdir()
        for name in ("__init__.py", "payloads.py"):
            shutil.copyfile(ROOT / "benchmarks" / name, benchmarks / name)
        (benchmarks / "pieces" / "test_pieces.py").write_text(PIECES)
        self.write(PACKAGE)
        (self.root / ".gitignore").write_text("__pycache__/\n")
        self.git("init", "--quiet")
        self.commit("first")

    def write(self, package: str) -> None:
        """Let *package* be the source of the package."""
        (self.root / "rapid_client").mkdir(exist_ok=True)
        (self.root / "rapid_client" / "__init__.py").write_text(package)

    def git(self, *arguments: str) -> str:
        """Return what git says."""
        argv = ["git", "-c", "user.name=Nobody", "-c", "user.email=nobody@example.org", *arguments]
        environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
        return subprocess.run(
            argv, cwd=self.root, env=environ, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, message: str) -> None:
        """Commit all that is there."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command in a process group of its own, with one round unless *arguments* say more."""
        argv = [sys.executable, "-m", "benchmarks.compare", "--rounds", "1", *arguments]
        environ = {**os.environ, "TMPDIR": str(self.temporary), "SEEN": str(self.seen), "COLUMNS": "200"}
        return subprocess.Popen(
            argv,
            cwd=self.root,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def compare(self, *arguments: str) -> tuple[int, str, str]:
        """Run the command; return its exit code, its output and what it said on standard error."""
        with self.start(*arguments) as process:
            output, errors = process.communicate(timeout=60)
            return process.returncode, output, errors

    def left_behind(self) -> list[str]:
        """Return what is there beside the repository itself: other worktrees and temporary folders."""
        worktrees = self.git("worktree", "list", "--porcelain").split("\n\n")[1:]
        return worktrees + [path.name for path in self.temporary.iterdir()]


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """Return a repository; nothing may be left behind by what a test does with it."""
    made = Repository(tmp_path)
    yield made
    assert made.left_behind() == []


def slowed(package: str) -> str:
    """Return *package* with the first piece a hundred times slower."""
    return package.replace("range(20)", "range(2000)")


def one_line(errors: str) -> str:
    """Return the only line of *errors*, without the progress bar's control characters."""
    (line,) = [line for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", errors).splitlines() if line.strip()]
    return line


# The verdict...


@pytest.mark.parametrize(
    ("base", "now", "verdict"),
    [
        (100.0, 110.0, "same"),
        (100.0, 110.1, "slower"),
        (110.0, 100.0, "same"),
        (110.1, 100.0, "faster"),
        (100.0, 100.0, "same"),
    ],
)
def test_the_limit_itself_is_within_the_limit(base: float, now: float, verdict: str) -> None:
    """A piece is slower, or faster, by more than a tenth; exactly a tenth is neither."""
    assert Compared("a", base, now).verdict == verdict


@pytest.mark.parametrize(
    ("base", "now", "suspect"),
    [(100.0, 105.0, False), (100.0, 105.1, True), (105.0, 100.0, False), (105.1, 100.0, True)],
)
def test_what_differs_by_more_than_a_twentieth_is_suspect(base: float, now: float, suspect: bool) -> None:
    """In either direction."""
    assert Compared("a", base, now).suspect is suspect


def test_a_piece_stands_for_itself_by_its_median() -> None:
    """One disturbed process, or one lucky one, changes nothing."""
    rounds = Rounds(base={"a": [10.0, 10.0, 5.0]}, now={"a": [10.0, 90.0, 10.0]})

    assert rounds.compared() == [Compared("a", 10.0, 10.0)]


def test_the_second_measurement_takes_the_place_of_the_first() -> None:
    """It does not mix with what made the piece suspect; pieces that were not suspect stay."""
    rounds = Rounds(base={"a": [10.0] * 3, "b": [1.0]}, now={"a": [20.0] * 3, "b": [1.0]})
    rounds.renew(Rounds(base={"a": [11.0]}, now={"a": [11.0]}))

    assert rounds.compared() == [Compared("a", 11.0, 11.0), Compared("b", 1.0, 1.0)]


def test_what_is_slower_comes_worst_first() -> None:
    """And nothing else is among it."""
    pieces = [
        Compared("a", 1.0, 1.2),
        Compared("b", 1.0, 1.0),
        Compared("c", 1.0, 3.0),
        Compared("d", 2.0, 1.0),
    ]

    assert [one.piece for one in slower(pieces)] == ["c", "a"]


def test_a_piece_of_one_tree_is_named_with_its_reason() -> None:
    """Those that share a reason share a line; a piece of neither tree is named once."""
    from benchmarks.compare.table import one_sided

    rounds = Rounds()
    rounds.add(
        Timed({"t.py::test_old": 1.0}, {"t.py::test_new": "no x", "t.py::test_n": "no x"}), is_base=True
    )
    rounds.add(
        Timed({"t.py::test_new": 1.0}, {"t.py::test_old": "no y", "t.py::test_n": "no x"}), is_base=False
    )

    assert rounds.compared() == []
    assert list(one_sided(rounds)) == [
        "not in the base: new (no x)",
        "not there now: old (no y)",
        "in neither: n (no x)",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.234e-7, "123 ns"), (9.994e-7, "999 ns"), (9.996e-7, "1.00 us"), (0.0123, "12.3 ms"), (2.5, "2.50 s")],
)
def test_durations_have_three_digits_and_a_unit(seconds: float, text: str) -> None:
    """From nanoseconds to seconds."""
    from benchmarks.compare.table import duration

    assert duration(seconds) == text


# The command, on a repository of its own...


def test_a_slower_piece_is_named_and_fails_the_run(repository: Repository) -> None:
    """The last line names it, the exit code is 1; what the other tree lacks is named, too."""
    without_other = slowed(PACKAGE).replace("other", "another")
    repository.write(without_other)
    code, output, _ = repository.compare()

    assert code == 1
    assert re.search(r"^slower by more than 10%: work \(\d+\.\d\d x\)$", output.splitlines()[-1])
    assert "not there now: other (AttributeError: module 'rapid_client' has no attribute 'other')" in output


def test_a_faster_piece_does_not_fail_the_run(repository: Repository) -> None:
    """The table says faster, the last line that nothing is slower."""
    repository.write(slowed(PACKAGE))
    repository.commit("slow")
    repository.write(PACKAGE)
    code, output, _ = repository.compare("--only", "work")

    assert code == 0
    assert re.search(r"^work .* faster *$", output, re.MULTILINE)
    assert output.splitlines()[-1] == "nothing is slower by more than 10%"


def test_the_trees_take_turns_and_a_suspect_is_measured_again(repository: Repository) -> None:
    """One round, then two for what differs: the tree that came first comes second in the next."""
    repository.write(slowed(PACKAGE))
    repository.compare("--only", "work")

    assert repository.seen.read_text().split() == ["old", "new", *("old", "new", "new", "old")]


def test_the_base_is_the_newest_tag_or_what_came_before_the_last_change(repository: Repository) -> None:
    """Without a tag it is HEAD if the package differs from it, else the commit before its last change."""
    repository.write(slowed(PACKAGE))

    assert default_base(repository.root) == "HEAD"

    repository.commit("second")
    changed = repository.git("rev-parse", "--short", "HEAD")
    repository.commit("third, of something else")

    assert default_base(repository.root) == f"{changed}~1"

    repository.git("tag", "v1", changed)

    assert default_base(repository.root) == "v1"


def test_the_environment_of_a_hook_does_not_lead_astray(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git tells hooks, and what they start, which repository is meant: theirs."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))

    assert default_base(repository.root)

    monkeypatch.undo()


def test_a_base_that_is_none_is_one_clear_line(repository: Repository) -> None:
    """It names what was asked for, and how to see what there is."""
    code, output, errors = repository.compare("nowhere")

    assert (code, output) == (2, "")
    assert one_line(errors) == (
        "benchmarks.compare: BASE=nowhere is no commit, tag or branch of this checkout:"
        " `git log` and `git tag` show what there is"
    )


def test_an_option_is_no_base(repository: Repository) -> None:
    """What begins with a dash does not reach git as an option of its own."""
    code, _, errors = repository.compare("--", "--help")

    assert code == 2
    assert "BASE=--help is no commit" in one_line(errors)


def test_a_shallow_clone_says_how_to_get_the_base(repository: Repository, tmp_path: Path) -> None:
    """The commits before its own are elsewhere."""
    repository.commit("second")
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.root}", str(tmp_path / "shallow"))
    repository.root = tmp_path / "shallow"
    for base in ("HEAD~1", ""):
        code, _, errors = repository.compare(base)

        assert code == 2
        assert "this clone is shallow, so `git fetch --unshallow --tags` first" in one_line(errors)


@pytest.mark.parametrize("inside", ["nothing", "another checkout"])
def test_a_tarball_has_no_base(repository: Repository, tmp_path: Path, inside: str) -> None:
    """Unpacked anywhere, also within some other checkout, whose commits are none of ours."""
    tree = tmp_path / "elsewhere" if inside == "nothing" else repository.root / "vendor"
    shutil.copytree(repository.root, tree, ignore=shutil.ignore_patterns(".git"))
    whole, repository.root = repository.root, tree
    code, _, errors = repository.compare("HEAD")
    repository.root = whole

    assert code == 2
    assert f"{tree} is no git checkout" in one_line(errors)


def test_words_that_match_no_piece_are_one_clear_line(repository: Repository) -> None:
    """And the worktree goes."""
    code, _, errors = repository.compare("HEAD", "--only", "nothing")

    assert code == 2
    assert "no piece matches 'nothing'" in one_line(errors)


def test_a_tree_that_cannot_be_imported_is_one_clear_line(repository: Repository) -> None:
    """And the worktree goes."""
    repository.write("raise RuntimeError('broken')")
    code, _, errors = repository.compare("HEAD")

    assert code == 2
    assert "broken" in one_line(errors)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_nothing_is_left_behind_by_an_interrupted_run(
    repository: Repository, number: signal.Signals, code: int
) -> None:
    """Ctrl-C reaches all processes of the terminal, a polite kill one of them."""
    repository.write("import time\n" + PACKAGE.replace("sum(range(20))", "time.sleep(30)"))
    repository.commit("hangs")
    with repository.start("HEAD") as process:
        deadline = time.monotonic() + 30
        while not (repository.seen.exists() and repository.seen.read_text()):  # a piece is running
            assert time.monotonic() < deadline
            time.sleep(0.01)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        process.communicate(timeout=30)

    assert process.returncode == code


# The pieces themselves...


def test_every_piece_is_there_in_this_tree(child_environ: dict[str, str]) -> None:
    """A piece that has lost its place in the runtime would be skipped from now on, and no longer guard it."""
    argv = [sys.executable, "-m", "pytest", "benchmarks/pieces", "--benchmark-disable", "-q", "-ra"]
    argv += ["-p", "no:xdist", "-p", "no:cacheprovider"]
    if importlib.util.find_spec("orjson") is None:  # it has no wheel for every Python
        argv += ["-k", "not orjson"]
    done = subprocess.run(argv, cwd=ROOT, env=child_environ, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout, done.stdout
