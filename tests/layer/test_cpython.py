"""The interpreters that `layer/cpython/build` has made: what is in them, and that they run."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rapid_client.local._layer.frozen import FROZEN, MARKER, frozen_digest, marked_digest

ROOT = Path(__file__).parent.parent.parent
BUILT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rapid-client/interpreters"
QEMU = ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BUILT.exists(), reason=f"no interpreter has been built: {BUILT} is not there"),
]


@dataclass(frozen=True)
class Interpreter:
    """One that has been unpacked."""

    minor: str
    arch: str
    folder: Path

    @property
    def executable(self) -> Path:
        """Its executable."""
        return self.folder / "bin" / f"python{self.minor}"

    @property
    def description(self) -> dict[str, Any]:
        """What interpreter.json says."""
        loaded: dict[str, Any] = json.loads((self.folder / "interpreter.json").read_text())
        return loaded

    def run(self, code: str, *options: str, **environ: str) -> str:
        """Run code, in an environment of its own; return what it prints."""
        command = [str(self.executable), *options, "-c", code]
        if self.arch == "arm64":
            if not shutil.which(QEMU[0]):
                pytest.skip("no qemu-aarch64-static here")
            command = [*QEMU, *command]
        environ = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environ}
        done = subprocess.run(
            command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/"
        )
        assert not done.returncode, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module", params=["3.13-x86_64", "3.13-arm64", "3.11-x86_64"])
def interpreter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Interpreter:
    """Each of the interpreters that CI builds, unpacked where no interpreter was ever meant to be."""
    archive = BUILT / f"cpython-{request.param}.tar.gz"
    if not archive.exists():
        pytest.skip(f"it has not been built: {archive} is not there")
    folder = tmp_path_factory.mktemp(f"interpreter-{request.param}")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="tar")
    minor, _, arch = request.param.partition("-")
    return Interpreter(minor, arch, folder / "python")


def test_strings_are_hashed_by_siphash13(interpreter: Interpreter) -> None:
    """The string hash is CPython's own: a failed test of configure makes it the weak FNV."""
    assert interpreter.run("import sys; print(sys.hash_info.algorithm)") == "siphash13"


def test_log2_is_that_of_glibc(interpreter: Interpreter) -> None:
    """The logarithm of each power of two is exact: the compiler's own is wrong for 23 of them."""
    wrong = "import math; print([n for n in range(-1074, 1024) if math.log2(math.ldexp(1, n)) != n])"
    assert interpreter.run(wrong) == "[]"


def test_compiler_brings_no_functions_of_its_own(interpreter: Interpreter) -> None:
    """Nothing of zig's compiler-rt, which would put its memcpy and exp in the place of glibc's, is linked."""
    names = subprocess.run(["nm", interpreter.executable], capture_output=True, text=True, check=True).stdout
    assert "_PyEval_EvalFrameDefault" in names
    assert "compiler_rt" not in names


def test_runs_on_old_glibc(interpreter: Interpreter) -> None:
    """Every symbol of glibc that is needed was there in 2.17: Amazon Linux 2 has 2.26."""
    symbols = subprocess.run(
        ["readelf", "--dyn-syms", "--wide", interpreter.executable],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    versions = {tuple(map(int, found.split("."))) for found in re.findall(r"@GLIBC_([\d.]+)", symbols)}
    assert versions
    assert max(versions) <= (2, 17)


def test_libraries_are_not_exported(interpreter: Interpreter) -> None:
    """A wheel that brings its own OpenSSL, zlib or SQLite is not given ours instead."""
    symbols = subprocess.run(
        ["nm", "--dynamic", "--defined-only", interpreter.executable],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "PyObject_GetAttr" in symbols
    foreign = re.compile("(SSL_|EVP_|X509_|sqlite3_|deflate|inflate|lzma_|BZ2_|ffi_|XML_|mpd_)")
    assert [name for name in symbols if foreign.match(name)] == []


@pytest.mark.parametrize(
    "code",
    [
        "import ssl; assert ssl.OPENSSL_VERSION_INFO >= (3, 5); ssl.create_default_context(); print('fine')",
        "import sqlite3; c = sqlite3.connect(':memory:'); c.execute('create virtual table t using fts5(a)');"
        " assert c.execute('''select json('{\"a\":1}')''').fetchone() == ('{\"a\":1}',); print('fine')",
        "import ctypes; f = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x: x + 1); assert f(1) == 2;"
        " assert ctypes.CDLL(None).abs(-3) == 3; print('fine')",
        "import lzma, bz2, zlib\n"
        "for m in (lzma, bz2, zlib): assert m.decompress(m.compress(b'a' * 999)) == b'a' * 999\n"
        "print('fine')",
        "import decimal, _decimal; assert decimal.Decimal is _decimal.Decimal; print('fine')",
        "import hashlib\n"
        "assert {'md5', 'sha1', 'sha256', 'sha3_256', 'blake2b'} <= hashlib.algorithms_available\n"
        "assert hashlib.sha256(b'').hexdigest()[:8] == 'e3b0c442'\n"
        "hashlib.pbkdf2_hmac('sha256', b'', b'', 1); print('fine')",
        "import os; assert os.environ['PATH'] and os.getenv('PYTHONDONTWRITEBYTECODE') == '1'; print('fine')",
        "import inspect; assert str(inspect.signature(len)) == '(obj, /)'; assert len.__doc__; print('fine')",
        "import os.path, io, time, zipimport, threading, unittest, zoneinfo, uuid, socket; print('fine')",
    ],
    ids=["ssl", "sqlite3", "ctypes", "compression", "decimal", "hashlib", "environ", "signature", "imports"],
)
def test_modules_work(interpreter: Interpreter, code: str) -> None:
    """What functions use works: TLS, databases, callbacks from C, compression, numbers, the environment."""
    assert interpreter.run(code) == "fine"


def test_every_extension_module_is_there(interpreter: Interpreter) -> None:
    """All C modules of the standard library are linked in, but those that need a terminal or Windows."""
    code = (
        "import sys, importlib.util as u\n"
        "print(*[m for m in sorted(sys.stdlib_module_names) if m[0] == '_' and u.find_spec(m) is None])"
    )
    unwanted = {"_curses", "_curses_panel", "_dbm", "_gdbm", "_tkinter", "_uuid", "_crypt"}
    elsewhere = {"_msi", "_overlapped", "_scproxy", "_winapi", "_wmi"}
    assert set(interpreter.run(code).split()) <= unwanted | elsewhere
    assert not list(interpreter.folder.rglob("*.so"))


@pytest.mark.parametrize(
    "code",
    [
        "import asyncio\n"
        "async def f(): return await (await asyncio.create_subprocess_exec('/bin/true')).wait()\n"
        "assert asyncio.run(f()) == 0; print('fine')",
        "import multiprocessing\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool: assert pool.map(abs, [-1, -2]) == [1, 2]\n"
        "print('fine')",
    ],
    ids=["asyncio", "multiprocessing"],
)
def test_processes_work(interpreter: Interpreter, code: str) -> None:
    """Other processes are started and talked to; not under an emulator, which is no machine."""
    if interpreter.arch == "arm64":
        pytest.skip("the emulator has its own processes")
    assert interpreter.run(code) == "fine"


def test_follows_its_folder(interpreter: Interpreter) -> None:
    """Unpacked anywhere, it finds its library, and a symbolic link leads to the same."""
    told = interpreter.run(
        "import sys; print(sys.prefix, sys._stdlib_dir, sys.exec_prefix == sys.base_prefix)"
    )
    library = interpreter.folder / "lib" / f"python{interpreter.minor}"
    assert told.split() == [str(interpreter.folder), str(library), "True"]
    assert os.readlink(interpreter.folder / "bin/python3") == f"python{interpreter.minor}"


def test_library_may_have_no_sources(interpreter: Interpreter, tmp_path: Path) -> None:
    """A library of bytecode alone is found as well."""
    if interpreter.arch == "arm64":
        pytest.skip("bytecode is made by the interpreter of this machine")
    copied = tmp_path / "python"
    shutil.copytree(interpreter.folder, copied, symlinks=True)
    library = copied / "lib" / f"python{interpreter.minor}"
    shutil.copy2(library / "json/__init__.py", tmp_path)
    command = [
        str(copied / "bin/python3"),
        "-m",
        "compileall",
        "-q",
        "-b",
        str(library / "json"),
        str(library / "os.py"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (library / "os.py").unlink()
    for source in (library / "json").glob("*.py"):
        source.unlink()
    told = subprocess.run(
        [copied / "bin/python3", "-S", "-c", "import json, sys; print(json.__file__, sys.prefix)"],
        capture_output=True, text=True, check=True, cwd="/",
    )  # fmt: skip
    assert told.stdout.split() == [str(library / "json/__init__.pyc"), str(copied)]
    assert told.stderr == ""


def test_variables_of_python_count(interpreter: Interpreter, tmp_path: Path) -> None:
    """PYTHONPATH, PYTHONOPTIMIZE and PYTHONHASHSEED do what they do everywhere."""
    (tmp_path / "mine.py").write_text("answer = 42\n")
    code = "import mine, sys; print(mine.answer, sys.flags.optimize, sys.path[1], hash('x'))"
    one, other = (
        interpreter.run(code, PYTHONPATH=str(tmp_path), PYTHONOPTIMIZE="1", PYTHONHASHSEED="3") for _ in "12"
    )
    assert one == other
    assert one.split()[:3] == ["42", "1", str(tmp_path)]


def test_modules_of_the_start_are_frozen(interpreter: Interpreter) -> None:
    """The codecs and the runtime are imported from the executable, and no file is looked for."""
    frozen = interpreter.description["frozen"]
    if frozen is None:
        pytest.skip("nothing of ours is frozen into this one")
    assert {"encodings", "encodings.aliases", "encodings.utf_8", "__future__", *FROZEN} == set(
        frozen["modules"]
    )
    code = "import sys, importlib\nfor name in %r: print(importlib.import_module(name).__spec__.origin)"
    assert set(interpreter.run(code % (frozen["modules"],), "-S").split()) == {"frozen"}
    assert (
        interpreter.run("import rapid_client._runtime as r; print(r.__doc__, r.main.__doc__)", "-S")
        == "None None"
    )


def test_runtime_beside_the_library_completes_the_frozen_one(interpreter: Interpreter) -> None:
    """What is not frozen of the runtime comes from the folder in the library."""
    if interpreter.description["frozen"] is None:
        pytest.skip("nothing of ours is frozen into this one")
    library = interpreter.folder / "lib" / f"python{interpreter.minor}" / "rapid_client"
    library.mkdir(exist_ok=True)
    shutil.copy2(ROOT / "rapid_client/errors.py", library)
    told = interpreter.run(
        "import rapid_client, rapid_client.errors as e; print(rapid_client.__path__, e.__file__)", "-S"
    )
    assert told == f"['{library}'] {library}/errors.py"


def test_traceback_names_the_shipped_file(interpreter: Interpreter) -> None:
    """A frame of a frozen module has the name of the file in the layer, with its line."""
    if interpreter.description["frozen"] is None:
        pytest.skip("nothing of ours is frozen into this one")
    code = (
        "import rapid_client._config as c, traceback\n"
        "try: c.Config({})\nexcept Exception as error: print(traceback.extract_tb(error.__traceback__)[-1])"
    )
    assert re.search(
        rf"<FrameSummary file /opt/rapid/lib/python{interpreter.minor}/rapid_client/\w+.py, line \d+ in",
        interpreter.run(code, "-S"),
    )


def test_executable_carries_the_digest(interpreter: Interpreter) -> None:
    """The digest in the executable is that of interpreter.json, and stands there once."""
    frozen = interpreter.description["frozen"]
    executable = str(interpreter.executable)
    assert marked_digest(executable) == (frozen and frozen["sha256"])
    assert Path(executable).read_bytes().count(MARKER) == (1 if frozen else 0)


def test_components_are_listed(interpreter: Interpreter) -> None:
    """Each library that is linked in has a version, a source with its checksum, a licence and its text."""
    components = interpreter.description["components"]
    assert {"CPython", "OpenSSL", "SQLite", "zlib", "bzip2", "libffi", "Expat", "libmpdec"} <= {
        component["name"] for component in components
    }
    for component in components:
        assert component["version"]
        assert component["licence"]
        assert component["source"].startswith("https://")
        assert re.fullmatch("[0-9a-f]{64}", component["sha256"])
        assert (interpreter.folder / component["licence_file"]).read_text().strip()
    told = interpreter.run(
        "import sys, ssl, sqlite3; print(sys.version.split()[0], ssl.OPENSSL_VERSION, sqlite3.sqlite_version)"
    )
    versions = {component["name"]: component["version"] for component in components}
    assert told.split()[0] == interpreter.description["version"] == versions["CPython"]
    assert told.split()[2] == versions["OpenSSL"]
    assert told.split()[-1] == versions["SQLite"]


def test_no_path_of_the_build_is_left(interpreter: Interpreter) -> None:
    """Nothing says where it was compiled, so that the same sources make the same files anywhere."""
    cache = str(BUILT.parent).encode()
    for path in interpreter.folder.rglob("*"):
        if path.is_file():
            assert cache not in path.read_bytes(), path


def test_tests_and_windows_are_left_out(interpreter: Interpreter) -> None:
    """No function needs them."""
    library = interpreter.folder / "lib" / f"python{interpreter.minor}"
    assert not [
        name
        for name in ("test", "idlelib", "tkinter", "turtledemo", "ensurepip")
        if (library / name).exists()
    ]
    assert (library / "unittest").exists()


@pytest.mark.parametrize("where", ["etc/pki/tls/cert.pem", "etc/ssl/certs/ca-certificates.crt"])
def test_certificates_are_verified_by_default(interpreter: Interpreter, where: str, tmp_path: Path) -> None:
    """A TLS handshake is verified from Amazon Linux's CA file and from Debian's, and fails without either."""
    if interpreter.arch == "arm64" or os.geteuid() != 0 or not shutil.which("openssl"):
        pytest.skip("needs root, the command openssl, and an interpreter of this machine")
    key = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    key += ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [*key, "-keyout", tmp_path / "key.pem", "-out", tmp_path / "ca.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    (tmp_path / "handshake.py").write_text(HANDSHAKE)
    shutil.copytree(
        "/etc", tmp_path / "etc", symlinks=True, ignore=shutil.ignore_patterns("pki", "ssl", "*shadow*")
    )

    def handshake() -> str:
        command = f"exec {interpreter.executable} {tmp_path}/handshake.py {tmp_path}"
        script = f"mount --bind {tmp_path}/etc /etc; {command}"
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-ec", script],
            env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout.strip() or done.stderr

    assert "CERTIFICATE_VERIFY_FAILED" in handshake()
    target = tmp_path / where
    target.parent.mkdir(parents=True)
    shutil.copy2(tmp_path / "ca.pem", target)
    assert handshake() == f"verified /{where}"


HANDSHAKE = """
import socket, ssl, sys, threading
folder = sys.argv[1]
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(f"{folder}/ca.pem", f"{folder}/key.pem")
listener = socket.create_server(("127.0.0.1", 0))
def serve():
    try:
        server.wrap_socket(listener.accept()[0], server_side=True).recv(1)
    except OSError:
        pass
threading.Thread(target=serve, daemon=True).start()
client = ssl.create_default_context()
with socket.create_connection(listener.getsockname(), 10) as plain:
    with client.wrap_socket(plain, server_hostname="localhost") as secure:
        print("verified", ssl.get_default_verify_paths().cafile)
"""


def test_usual_place_is_found_without_looking(interpreter: Interpreter) -> None:
    """At /opt/rapid the paths are what `getpath` finds elsewhere, without an entry that is not there."""
    if interpreter.arch == "arm64" or os.geteuid() != 0 or interpreter.minor != "3.13":
        pytest.skip("needs root, and an interpreter of this machine with the short way in it")
    code = (
        "import sys, sysconfig\n"
        "print(sys.path, sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, sys.executable,"
        " sys._base_executable, sys._stdlib_dir, sys.platlibdir, sysconfig.get_path('stdlib'), sep='|')"
    )
    at_opt = (
        'mount -t tmpfs none /opt; mkdir /opt/rapid; mount --bind "$1" /opt/rapid;'
        ' export PYTHONPATH="$2"; shift 2; exec "$@"'
    )

    def told(executable: str, pythonpath: str) -> list[str]:
        done = subprocess.run(
            [*("unshare", "--mount", "sh", "-ec", at_opt, "-", str(interpreter.folder), pythonpath),
             *(executable, "-S", "-c", code)],
            env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, cwd="/usr",
        )  # fmt: skip
        assert not done.returncode, done.stderr
        return str(done.stdout).strip().split("|")

    library = "/opt/rapid/lib/python3.13"
    for pythonpath, entries in (
        ("", []),
        ("/a:/b c", ["/a", "/b c"]),
        ("rel", ["/usr/rel"]),
        ("/a:", ["/a", "/usr"]),
    ):
        usual = told("/opt/rapid/bin/python3.13", pythonpath)
        assert usual[0] == str(["", *entries, library])
        assert usual[1:5] == ["/opt/rapid"] * 4
        assert usual[5:] == ["/opt/rapid/bin/python3.13"] * 2 + [library, "lib", library]
    # Started by the symbolic link it searches, with the same result but for the name.
    linked = told("/opt/rapid/bin/python3", "/a")
    assert linked[0] == str(["", "/a", library])
    assert linked[1:5] == ["/opt/rapid"] * 4


def test_usual_place_is_not_searched_for(interpreter: Interpreter) -> None:
    """At /opt/rapid no file is asked for that only a search would look at."""
    if interpreter.arch == "arm64" or os.geteuid() != 0 or interpreter.minor != "3.13":
        pytest.skip("needs root, and an interpreter of this machine with the short way in it")
    if not shutil.which("strace"):
        pytest.skip("no strace here")
    at_opt = 'mount -t tmpfs none /opt; mkdir /opt/rapid; mount --bind "$1" /opt/rapid; shift; exec "$@"'
    run = ["strace", "-f", "-e", "trace=file", "/opt/rapid/bin/python3.13", "-S", "/dev/null"]
    traced = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", at_opt, "-", str(interpreter.folder), *run],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    opened = [line for line in traced.splitlines() if "/opt/rapid/" in line]
    assert "pyvenv.cfg" in "".join(opened)
    assert "pybuilddir.txt" not in "".join(opened)
    assert len(opened) <= 10


def test_digest_changes_with_the_source(tmp_path: Path) -> None:
    """The digest is that of the sources: one byte more, and it is another."""
    shutil.copytree(ROOT / "rapid_client", tmp_path / "rapid_client", ignore=shutil.ignore_patterns("local"))
    before = frozen_digest(str(tmp_path / "rapid_client"))
    assert before == frozen_digest(str(ROOT / "rapid_client"))
    with (tmp_path / "rapid_client/_loop.py").open("a") as file:
        file.write("\n")
    assert frozen_digest(str(tmp_path / "rapid_client")) != before
    assert hashlib.sha256().digest_size * 2 == len(before)
