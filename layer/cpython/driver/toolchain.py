"""zig's C compiler for old glibc, LLVM's profile tools, and what of the machine's own tools is needed."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from driver.problem import Problem, run
from driver.source import sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Both are clang 22: profiles that one's code writes are read by the other.
ZIG = "0.17.0"
LLVM = 22
GLIBC = "2.17"
#: What users call an architecture: what compilers do.
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
#: What takes debugging information out of an executable.
STRIP = {"x86_64": "strip", "arm64": "aarch64-linux-gnu-strip"}
_TOOLS = {
    "make": "make", "gcc": "gcc", "perl": "perl", "tclsh": "tcl", "patch": "patch", "tar": "tar",
    "xz": "xz-utils", "bzip2": "bzip2", "strip": "binutils",
}  # fmt: skip


@dataclass(frozen=True)
class Toolchain:
    """A folder of compiler wrappers for one architecture; `environ` has it first on PATH."""

    arch: str
    folder: Path

    @property
    def host(self) -> str:
        """The name that configure scripts have for the architecture."""
        return f"{MACHINES[self.arch]}-linux-gnu"

    def environ(self, **more: str) -> dict[str, str]:
        """Return the environment of a compilation: of the user's it has PATH and little else."""
        kept = {name: os.environ[name] for name in ("SSL_CERT_FILE", "TMPDIR") if name in os.environ}
        path = f"{self.folder}:{os.environ.get('PATH', '/usr/bin:/bin')}"
        always = {"HOME": str(self.folder), "PATH": path, "LC_ALL": "C", "TZ": "UTC", "PYTHONHASHSEED": "0"}
        return {**kept, **always, "PKG_CONFIG": "/bin/false", "HOST": self.host, **more}


def check_tools(arch: str) -> None:
    """Raise Problem, with the packages to install, if a tool of the machine's is missing."""
    here = f"{os.uname().sysname} on {os.uname().machine}"
    if here != "Linux on x86_64":
        raise Problem(
            f"it compiles on Linux on x86_64 only, for both architectures, and this is {here}: give"
            " `rapid layer build` a release's archive by --interpreter FILE, or --interpreter uv"
        )
    missing = {package for tool, package in _TOOLS.items() if not shutil.which(tool)}
    if not _libgcc("x86_64"):
        missing.add("gcc")
    if not _libgcc(arch):
        missing.add("gcc-aarch64-linux-gnu")
    if missing:
        raise Problem(f"tools are missing: apt-get install {' '.join(sorted(missing))}")


def libgcc_version(arch: str) -> str:
    """Return the major version of the machine's libgcc.a for this architecture."""
    return Path(_libgcc(arch)).parent.name


def libgcc_sha256(arch: str) -> str:
    """Return the SHA-256 of the machine's libgcc.a for this architecture."""
    return sha256(Path(_libgcc(arch)))


def prepare(arch: str, libraries: Path, cache: Path, profiling: bool) -> Toolchain:
    """Install zig into the cache, once, and write the compiler wrappers for one architecture.

    Args:
        arch: x86_64 or arm64.
        libraries: Where the static libraries are or will be: on each command's search path.
        cache: The folder of the cache.
        profiling: Whether a profile will be made: with what zig lacks for it.
    """
    zig = _zig(cache)
    folder = cache / f"bin-{arch}"
    folder.mkdir(exist_ok=True)
    machine = MACHINES[arch]
    profile_runtime = ""
    if profiling:
        llvm = _llvm(cache)
        profile_runtime = (
            f"-Wl,-u,__llvm_profile_runtime {llvm}/lib/clang/{LLVM}/lib/linux/libclang_rt.profile-x86_64.a"
        )
        path = f"{llvm}/../../lib/x86_64-linux-gnu:{llvm}/lib"
        _script(folder / "llvm-profdata", f'LD_LIBRARY_PATH={path} exec {llvm}/bin/llvm-profdata "$@"\n')
    zig_cache = f"export ZIG_GLOBAL_CACHE_DIR={cache}/zig-cache ZIG_LOCAL_CACHE_DIR={cache}/zig-cache"
    # libgcc.a comes before zig's own compiler-rt in every link: the latter is one object that also holds
    # memcpy, strlen, exp, log2, fma, fmod and, once taken for any helper, puts them in the place of glibc's
    # (log2 is then wrong for 23 powers of two). Without -fno-sanitize=undefined configure's test of alignment
    # aborts, and hashes become FNV. zig keeps frame pointers unless told: two instructions more in each
    # function, one register less. Without `-u` there is no profile, and no error either. The code stays
    # position-independent, though the executable is not: the linker takes the detours out, and code that is
    # not would make it copy glibc's `environ` into the executable, where it stays empty.
    _script(
        folder / "zclang",
        f"""{zig_cache}
output= links=yes profile=
for argument in "$@"; do
    case "$argument" in
    -o) output=yes ;;
    -c | -E | -S | -M | -MM) links= ;;
    -fprofile-instr-generate*) profile=yes ;;
    esac
done
last=
if [ -n "$links" ] && [ -n "$output" ]; then
    last={_libgcc(arch)}
    [ -z "$profile" ] || last="{profile_runtime} $last"
fi
exec {zig} cc -target {machine}-linux-gnu.{GLIBC} -fomit-frame-pointer -fno-sanitize=undefined \\
    -Wno-date-time -I{libraries}/include -L{libraries}/lib "$@" $last
""",
    )
    _script(folder / "zar", f'{zig_cache}\nexec {zig} ar "$@"\n')
    _script(folder / "zranlib", f'{zig_cache}\nexec {zig} ranlib "$@"\n')
    return Toolchain(arch, folder)


def _libgcc(arch: str) -> str:
    """Return the path of gcc's helpers for this architecture, or "" if they are not installed."""
    pattern = {
        "x86_64": "/usr/lib/gcc/x86_64-linux-gnu/*/libgcc.a",
        "arm64": "/usr/lib/gcc-cross/aarch64-linux-gnu/*/libgcc.a",
    }
    return max(glob(pattern[arch]), default="", key=lambda path: int(Path(path).parent.name))


def _zig(cache: Path) -> Path:
    """Return the path of zig, from PyPI's package ziglang."""
    folder = cache / f"zig-{ZIG}"
    if not folder.exists():
        with new_folder(folder) as new:
            run([sys.executable, "-m", "venv", str(new / "venv")])
            pip = [f"{new}/venv/bin/python", "-m", "pip", "install", "--quiet", "--no-deps"]
            run([*pip, "--target", str(new), f"ziglang=={ZIG}"])
            shutil.rmtree(new / "venv")
    return folder / "ziglang/zig"


def _llvm(cache: Path) -> Path:
    """Return the folder of LLVM's profile tools, which zig lacks: Debian's packages, unpacked."""
    folder = cache / f"llvm-{LLVM}"
    if not folder.exists():
        packages = (f"llvm-{LLVM}", f"libllvm{LLVM}", f"libclang-rt-{LLVM}-dev")
        with new_folder(folder) as new:
            try:
                run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *packages], cwd=str(new))
            except Problem as problem:
                raise Problem(
                    f"no profile tools: {problem}; run apt-get update, or build with --no-pgo"
                ) from None
            for package in new.glob("*.deb"):
                run(["dpkg", "-x", str(package), str(new)])
                package.unlink()
    return folder / f"usr/lib/llvm-{LLVM}"


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Make a folder that gets its name only when it is complete."""
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    folder.chmod(0o755)
    try:
        yield folder
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _script(path: Path, text: str) -> None:
    """Write an executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
