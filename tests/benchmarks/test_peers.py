"""The peers: how they are started, built and described, and what is said of those that are not there."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
import venv
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.bytecode import NoBytecode, compile_all
from benchmarks.clean_room import Machine, NoInterpreter, prepare
from benchmarks.peers import FUNCTIONS, PEERS, ROOT, Absent, environment
from benchmarks.peers.building import Build, Tool, built, made_by, reason
from benchmarks.peers.native import go, node, rust
from benchmarks.peers.ours import fill
from benchmarks.peers.python import installed_files
from benchmarks.process import Process
from benchmarks.server import Server, replies
from tests.processes import alive

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the benchmarks are for Linux")

BY_NAME = {peer.name: peer for peer in PEERS}
COMPILED = sorted(peer.name for peer in PEERS if peer.language != "Python")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A clean room of the interpreter that runs the tests."""
    return prepare(sys.executable, tmp_path_factory.mktemp("clean") / "room")


@pytest.fixture
def room(tmp_path: Path) -> Machine:
    """A machine with an empty room, for peers that need no interpreter."""
    (tmp_path / "room").mkdir()
    return Machine(sys.executable, {}, tmp_path / "room")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that builds go to, in a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("RAPID_BENCH_BUILD", raising=False)
    return tmp_path / "cache" / "rapid-lambda-runtime"


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A writer of a compiler named `toolc`, first on the PATH, that notes each build in a file."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def write(action: str, version: str = "toolc 1.0") -> Path:
        log = tmp_path / "builds"
        path = folder / "toolc"
        lines = (
            "#!/bin/sh",
            f'[ "$1" != --version ] || {{ echo "{version}"; exit; }}',
            f"echo >>{log}",
            action,
        )
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o755)
        return log

    return write


@pytest.fixture
def recipe(tmp_path: Path) -> Build:
    """How `toolc` builds a client, from one source into one program."""
    source = tmp_path / "client.src"
    source.write_text("the source\n")
    return Build(
        "client",
        "the test client",
        (source,),
        (Tool("toolc", "test compiler"),),
        (("toolc", "build"),),
        ("out",),
    )


def answer(name: str, machine: Machine) -> object:
    """Start a peer on the trivial function, let it answer three events; return its last answer."""
    peer = BY_NAME[name]
    argv = peer.command(machine, "trivial.handler")
    with Server() as server:
        environ = environment(peer, "trivial", server.address, machine)
        with Process(argv, environ, FUNCTIONS) as process:
            server.accept(process)
            server.serve(3, replies(b'{"key": "value"}'))
            return json.loads(server.body)


def distribution(folder: Path, name: str, requires: str = "") -> None:
    """Put a distribution of one module into a site-packages *folder*, as an installer leaves it."""
    module, info = f"{name.replace('-', '_')}.py", f"{name.replace('-', '_')}-1.0.dist-info"
    (folder / info).mkdir()
    (folder / module).write_text('"""Nothing."""\n')
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    (folder / info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}")
    (folder / info / "RECORD").write_text(f"{module},,\n{info}/METADATA,,\n{info}/RECORD,,\n")


# The clean room...


def test_a_clean_room_holds_what_functions_import_and_what_that_requires(tmp_path: Path) -> None:
    """What is installed of boto3, pydantic and requests is copied with its requirements, and nothing else."""
    venv.create(tmp_path / "installed", symlinks=True)
    [library] = (tmp_path / "installed").glob("lib/python*/site-packages")
    distribution(library, "boto3", "Python.DateUtil (>=2)")
    distribution(library, "python-dateutil")
    distribution(library, "pytest-of-a-developer")
    machine = prepare(str(tmp_path / "installed" / "bin" / "python"), tmp_path / "room")
    modules = {path.name for path in (tmp_path / "room").glob("lib/python*/site-packages/*.py")}

    assert modules == {"boto3.py", "python_dateutil.py"}
    assert {**machine.versions, "python": ""} == {"python": "", "boto3": "1.0", "python-dateutil": "1.0"}


def test_all_of_a_clean_room_has_bytecode_or_nothing_is_measured(tmp_path: Path) -> None:
    """Its packages are compiled without being named; one that cannot be is named in the refusal."""
    machine = prepare(sys.executable, tmp_path / "room")
    [library] = (tmp_path / "room").glob("lib/python*/site-packages")
    (library / "good.py").write_text("pass\n")
    compile_all(machine.python, [])
    assert len(list((library / "__pycache__").glob("good.*.pyc"))) == 1

    (library / "bad.py").write_text("def (\n")
    with pytest.raises(NoBytecode, match=r"^no valid \.pyc for .*/bad\.py: "):
        compile_all(machine.python, [])


def test_nothing_is_measured_without_bytecode(tmp_path: Path) -> None:
    """A package that cannot be compiled is named, and the run is refused."""
    package = tmp_path / "broken_package"
    package.mkdir()
    (package / "__init__.py").write_text("def (\n")
    room = tmp_path / "room"
    machine = prepare(sys.executable, room)
    [library] = room.glob("lib/python*/site-packages")
    package.rename(library / "broken_package")

    with pytest.raises(NoBytecode, match=r"no valid \.pyc for .*broken_package/__init__\.py"):
        compile_all(machine.python, ["broken_package"])


def test_an_interpreter_that_fails_is_named(tmp_path: Path) -> None:
    """What is no Python is said in one line."""
    with pytest.raises(NoInterpreter, match="/bin/false could not make"):
        prepare("/bin/false", tmp_path / "room")


# The registry...


def test_the_peers_have_the_names_that_figures_are_kept_under() -> None:
    """Saved results and targets name peers so, in this order."""
    names = (
        "direct bootstrap module pipeline awslambdaric awslambdaric-threads httpx go rust rust-current node"
    )
    assert [peer.name for peer in PEERS] == [*names.split(), "floor-python", "floor-c"]


def test_clients_in_other_languages_run_the_trivial_function_only() -> None:
    """The functions are written in Python."""
    assert {name: BY_NAME[name].functions for name in COMPILED} == {name: {"trivial"} for name in COMPILED}
    assert BY_NAME["bootstrap"].functions == {path.stem for path in FUNCTIONS.glob("*.py")}


def test_lock_files_name_no_host_but_the_public_ones() -> None:
    """A lock file pins versions and hashes, and lets each machine's own settings say where to get them."""
    folder = ROOT / "benchmarks" / "peers"
    for path in folder.rglob("package-lock.json"):
        assert '"resolved"' not in path.read_text()
    sources = set(
        re.findall(r'^source = "(.+)"$', (folder / "rust" / "Cargo.lock").read_text(), re.MULTILINE)
    )
    assert sources == {"registry+https://github.com/rust-lang/crates.io-index"}


# Ours...


@pytest.mark.parametrize("name", ["direct", "bootstrap", "module", "pipeline", "floor-python"])
def test_our_peers_answer(name: str, machine: Machine) -> None:
    """Each way to start us serves events."""
    assert answer(name, machine) == {"ok": True}


def test_direct_has_no_shell_between(machine: Machine) -> None:
    """Its first line names the clean room's interpreter and -S, and the rest of it is bootstrap."""
    [path] = BY_NAME["direct"].command(machine, "trivial.handler")
    first, _, rest = Path(path).read_bytes().partition(b"\n")

    assert first == f"#!{machine.python} -S".encode()
    assert rest == (ROOT / "bootstrap").read_bytes().partition(b"\n")[2]
    assert os.access(path, os.X_OK)


@pytest.mark.parametrize("folder", ["a blank", "long" * 60])
def test_direct_is_absent_where_no_first_line_can_name_the_interpreter(
    folder: str, tmp_path: Path, machine: Machine
) -> None:
    """Linux would cut the line, or take what follows a blank for an argument."""
    inside = replace(machine, python=str(tmp_path / folder / "python"), room=tmp_path / "room")
    fill(tmp_path / "room" / "layer", sys.executable)

    with pytest.raises(Absent, match="a script's first line cannot name"):
        BY_NAME["direct"].prepare(inside, print)


def test_a_layer_holds_bytecode_only(machine: Machine) -> None:
    """What is installed of us is bootstrap and unchecked bytecode, without the half that stays at home."""
    files = BY_NAME["direct"].installed(machine)
    modules = {path.stem for path in files if path.suffix == ".pyc"}

    assert {path.name for path in files if path.suffix != ".pyc"} == {"bootstrap", "py.typed"}
    assert {"__init__", "_runtime", "_site"} <= modules
    assert not modules & {"_command", "cli"}
    [site] = [path for path in files if path.stem == "_site"]
    assert site.read_bytes()[4:8] == b"\1\0\0\0"  # PEP 552: made from a hash that is not checked


def test_without_a_clean_room_bootstrap_is_absent() -> None:
    """There is nothing to start it from, and that is said."""
    with pytest.raises(Absent, match="no clean room"):
        BY_NAME["bootstrap"].command(Machine(sys.executable, {}), "trivial.handler")


# The other clients in Python...


@pytest.mark.parametrize("name", ["awslambdaric", "awslambdaric-threads", "httpx"])
def test_other_python_clients_answer_and_say_what_they_are(name: str, machine: Machine) -> None:
    """Where they are installed they serve events, and their files and versions can be told."""
    peer = BY_NAME[name]
    try:
        version, files = peer.version(machine), peer.installed(machine)
    except Absent as exc:
        pytest.skip(str(exc))

    assert answer(name, machine) == {"ok": True}
    assert version.startswith(
        f"{peer.name.removesuffix('-threads')} {machine.versions[name.partition('-')[0]]}, "
    )
    assert machine.room
    assert {path.is_relative_to(machine.room) for path in files} == {True}
    required = {"awslambdaric": "snapshot_restore_py.py", "httpx": "_readers.py"}  # the latter is h11's
    assert required[name.partition("-")[0]] in {path.name for path in files}


def test_installed_files_are_those_of_a_distribution_and_what_it_requires(tmp_path: Path) -> None:
    """Names are compared as PEP 503 says, files that are gone do not count."""
    distribution(tmp_path, "client", "Needed.Thing>=1")
    distribution(tmp_path, "needed-thing")
    distribution(tmp_path, "other")
    (tmp_path / "client-1.0.dist-info" / "RECORD").write_text("client.py,,\ngone.py,,\n")

    names = {path.name for path in installed_files([tmp_path], ["Client"])}
    assert names == {"client.py", "needed_thing.py", "METADATA", "RECORD"}


def test_a_client_that_is_not_installed_is_absent() -> None:
    """Its package is named."""
    bare = Machine(sys.executable, {"httpx": "1"})
    for name, missing in {"awslambdaric": "awslambdaric", "httpx": "orjson"}.items():
        for asked in (BY_NAME[name].version, BY_NAME[name].installed):
            with pytest.raises(Absent, match=f"^{missing} not installed for this interpreter$"):
                asked(bare)


# Building...


def test_what_is_built_is_kept_and_not_built_again(
    room: Machine, cache: Path, recipe: Build, tool: Callable[[str], Path]
) -> None:
    """A second use, in this clean room or in another, takes it from the cache."""
    log, said = tool("cp client.src out"), list[str]()
    folder = built("client", lambda: recipe, room, said.append)
    again = built("client", lambda: recipe, room, said.append)
    elsewhere = built("client", lambda: recipe, Machine(sys.executable, {}), said.append)

    assert folder == again == elsewhere
    assert folder.parent == cache
    assert (folder / "out").read_text() == "the source\n"
    assert made_by(folder) == "toolc 1.0"
    assert said == ["building the test client (once)"]
    assert log.read_text() == "\n"


@pytest.mark.parametrize("changed", ["source", "compiler", "step"])
def test_what_changes_is_built_anew(
    changed: str, room: Machine, cache: Path, recipe: Build, tool: Callable[..., Path]
) -> None:
    """The cache knows a build by its sources, its tools' versions and its steps."""
    log = tool("cp client.src out")
    before = built("client", lambda: recipe, room)
    if changed == "source":
        recipe.sources[0].write_text("another\n")
    elif changed == "compiler":
        tool("cp client.src out", version="toolc 2.0")
    else:
        recipe = replace(recipe, steps=(("toolc", "build", "-O2"),))
    after = built("client", lambda: recipe, replace(room, room=None))

    assert after != before
    assert log.read_text() == "\n\n"


def test_a_failed_build_says_why_in_one_line_and_leaves_nothing(
    room: Machine, cache: Path, recipe: Build, tool: Callable[[str], Path]
) -> None:
    """The compiler's error is the reason; in the same run it is not tried again."""
    log = tool("echo a warning; echo 'client.src:1: error: no such word' >&2; echo 1 error >&2; exit 1")
    for _ in range(2):
        with pytest.raises(Absent) as caught:
            built("client", lambda: recipe, room)
        assert str(caught.value) == "the test client could not be built: client.src:1: error: no such word"

    assert log.read_text() == "\n"
    assert list(cache.iterdir()) == []


def test_a_build_that_takes_too_long_is_ended_with_all_its_processes(
    room: Machine, cache: Path, recipe: Build, tool: Callable[[str], Path], tmp_path: Path
) -> None:
    """Its process group is killed, and the reason says after how many seconds."""
    tool(f"sleep 300 & echo $! >{tmp_path}/child; wait")
    with pytest.raises(Absent, match=r"^building the test client took over 2 s and was ended$"):
        built("client", lambda: replace(recipe, seconds=2), room)

    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 30  # the kernel ends it when it gets to it
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(child)


def test_a_build_may_be_forbidden(
    room: Machine, cache: Path, recipe: Build, tool: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With RAPID_BENCH_BUILD=0 nothing is built, and what has been built is used."""
    log = tool("cp client.src out")
    monkeypatch.setenv("RAPID_BENCH_BUILD", "0")
    with pytest.raises(Absent, match=r"not built yet, and RAPID_BENCH_BUILD=0 forbids it"):
        built("client", lambda: recipe, room)
    assert not log.exists()

    monkeypatch.delenv("RAPID_BENCH_BUILD")
    fresh = replace(room, room=None)
    folder = built("client", lambda: recipe, fresh)
    monkeypatch.setenv("RAPID_BENCH_BUILD", "0")
    assert built("client", lambda: recipe, fresh) == folder


def test_a_tool_that_does_not_run_is_named(
    room: Machine, cache: Path, recipe: Build, tool: Callable[..., Path]
) -> None:
    """A version manager without a version fails so."""
    tool("", version='"; echo "error: no default toolchain" >&2; exit 1; echo "')
    with pytest.raises(Absent, match=r"^the test compiler \(toolc\) does not run: no default toolchain$"):
        built("client", lambda: recipe, room)


def test_other_programs_that_a_build_needs_are_named(
    room: Machine, cache: Path, recipe: Build, tool: Callable[[str], Path]
) -> None:
    """All that are missing, at once, before anything is begun."""
    log = tool("cp client.src out")
    needy = replace(recipe, needs=("no-cmake", "sh", "no-make"))
    with pytest.raises(
        Absent, match="^the test client cannot be built without no-cmake and no-make: not found$"
    ):
        built("client", lambda: needy, room)
    assert not log.exists()


def test_a_cache_that_cannot_be_written_is_a_reason(
    room: Machine, recipe: Build, tool: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's message follows."""
    tool("cp client.src out")
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(Absent, match=r"^the test client cannot be built: .*Not a directory"):
        built("client", lambda: recipe, room)


@pytest.mark.parametrize("name", COMPILED)
def test_without_its_toolchain_a_peer_is_absent(
    name: str, room: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program that was looked for is named, in one line, by all that the peer can be asked."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    peer = BY_NAME[name]
    program = {"go": "go", "node": "node", "floor-c": "cc"}.get(name, "rustc")
    for asked in (
        lambda: peer.prepare(room, print),
        lambda: peer.version(room),
        lambda: peer.installed(room),
    ):
        with pytest.raises(Absent, match=rf"^no [\w .]+ \({program}\) was found$"):
            asked()


REASONS = {
    "go": (
        "go: downloading github.com/aws/aws-lambda-go v1.55.1",
        "main.go:8:2: module lookup disabled by GOPROXY=off",
        "-> no network? main.go:8:2: module lookup disabled by GOPROXY=off",
    ),
    "go-compile": (
        "# benchmark",
        "./main.go:17:20: cannot use 1 (untyped int constant) as bool value in struct literal",
        "-> ./main.go:17:20: cannot use 1 (untyped int constant) as bool value in struct literal",
    ),
    "cargo": (
        "error: no matching package named `serde_json` found",
        "location searched: crates.io index",
        "As a reminder, you're using offline mode (--offline) which can cause surprising failures",
        "-> no network? no matching package named `serde_json` found",
    ),
    "cargo-compile": (
        "warning: unused import: `json`",
        "error[E0425]: cannot find value `x` in this scope",
        " --> src/main.rs:1",
        'error: could not compile `benchmark` (bin "rust") due to 1 previous error',
        "-> cannot find value `x` in this scope",
    ),
    "npm": (
        "npm error code ENOTCACHED",
        "npm error request to https://registry.npmjs.org/x failed: cache mode is 'only-if-cached'.",
        "npm error A complete log of this run can be found in: /x.log",
        "-> no network? request to https://registry.npmjs.org/x failed: cache mode is 'only-if-cached'.",
    ),
    "npm-script": (
        "npm error code 1",
        "npm error path /x",
        "npm error command failed",
        "npm error command sh -c ./preinstall.sh",
        "npm error Error: cmake is not installed.",
        "npm error A complete log of this run can be found in: /x.log",
        "-> Error: cmake is not installed.",
    ),
    "nothing": ("", "-> it said nothing"),
    "long": ("x" * 500, "-> " + "x" * 200),
}


@pytest.mark.parametrize("kind", sorted(REASONS))
def test_the_reason_is_the_line_that_says_what_was_wrong(kind: str) -> None:
    """Not the last line, where that is the tool's own advice; a missing network is recognised."""
    *output, expected = REASONS[kind]

    assert "-> " + reason("\n".join(output)) == expected


def test_a_compile_error_of_the_real_compiler_is_one_line(room: Machine, cache: Path, tmp_path: Path) -> None:
    """The first error is the reason."""
    compiler = shutil.which("cc") or pytest.skip("no C compiler")
    source = tmp_path / "broken.c"
    source.write_text("int main(void) { return missing; }\n")
    broken = Build(
        "x", "it", (source,), (Tool(compiler, "C compiler"),), ((compiler, "-o", "x", source.name),), ("x",)
    )
    with pytest.raises(
        Absent, match=r"^it could not be built: broken\.c:1:\d+: error: .*missing.*$"
    ) as caught:
        built("x", lambda: broken, room)
    assert "\n" not in str(caught.value)


# The real builds...


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_client_answers_and_says_what_it_is(name: str, room: Machine) -> None:
    """Where its toolchain is, it is built, serves events, and its files and versions can be told."""
    peer = BY_NAME[name]
    try:
        peer.prepare(room, print)
    except Absent as exc:
        pytest.skip(str(exc))

    assert answer(name, room) == {"ok": True}
    assert all(path.is_file() for path in peer.installed(room))
    assert re.match(
        {"go": r"aws-lambda-go [\d.]+, go\d", "node": r"aws-lambda-ric [\d.]+, Node.js v\d+"}.get(
            name, r"lambda_runtime [\d.]+, rustc \d" if "rust" in name else r".*\d"
        ),
        peer.version(room),
    )


OFFLINE = {
    "go": (go, {"GOPROXY": "off", "GOFLAGS": "-modcacherw", "GOMODCACHE": "{}"}),
    "rust": (rust, {"CARGO_NET_OFFLINE": "true", "CARGO_HOME": "{}"}),
    "node": (node, {"npm_config_offline": "true", "npm_config_cache": "{}"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OFFLINE))
def test_without_a_network_a_client_is_absent(
    name: str, room: Machine, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not hang, and its one line asks whether there is a network."""
    make, settings = OFFLINE[name]
    for variable, value in settings.items():
        monkeypatch.setenv(variable, value.format(tmp_path / "empty"))
    with pytest.raises(Absent) as caught:
        built(name, make, room)
    if "was found" in str(caught.value) or "without" in str(caught.value):
        pytest.skip(str(caught.value))

    assert re.fullmatch(r"the .+ could not be built: no network\? .+", str(caught.value))
