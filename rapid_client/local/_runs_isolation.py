"""What keeps runs from doing harm: no network, the function's folder read-only, no process left behind."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: <linux/sched.h>
CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000
#: <linux/sockios.h>, <linux/if.h>
SIOCSIFFLAGS: Final = 0x8914
IFF_UP: Final = 1
#: <linux/mount.h>
MS_RDONLY: Final = 1
MS_REMOUNT: Final = 32
MS_BIND: Final = 4096
MS_REC: Final = 16384
MS_PRIVATE: Final = 1 << 18
MNT_DETACH: Final = 2
#: nosuid, nodev, noexec, noatime and nodiratime, as `os.statvfs` has them: a user namespace has to keep them.
MS_KEPT: Final = 2 | 4 | 8 | 1024 | 2048
#: <linux/prctl.h>
PR_SET_CHILD_SUBREAPER: Final = 36


def cut_network() -> str | None:
    """Put this process and those that it starts into a network that has nothing but its own loopback.

    Returns:
        Why it could not be done. The process may then be without any network, its own loopback among it.
    """
    try:
        _unshare(CLONE_NEWNET)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    except OSError as exc:
        return exc.strerror or str(exc)
    return None


def own_mounts() -> str | None:
    """Give this process and those that it starts mounts of their own, so that `read_only` can be used.

    Returns:
        Why it could not be done.
    """
    try:
        _unshare(CLONE_NEWNS)
        _mount(None, "/", MS_REC | MS_PRIVATE)
        with read_only(Path(__file__).parent):
            pass
    except OSError as exc:
        return exc.strerror or str(exc)
    return None


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let the block see *folder* read-only; what is mounted below it stays as it is."""
    _mount(str(folder), str(folder), MS_BIND | MS_REC)
    try:
        kept = os.statvfs(folder).f_flag & MS_KEPT
        _mount(None, str(folder), MS_BIND | MS_REMOUNT | MS_RDONLY | kept)
        yield
    finally:
        # A process that is still in it does not keep it from being taken away.
        _checked(_libc().umount2(os.fsencode(folder), MNT_DETACH))


def adopt_orphans() -> None:
    """Become the parent of processes below this one whose own parent ends: Linux only, else nothing."""
    platform: str = sys.platform  # the type checker would call one half unreachable
    if platform == "linux":
        _libc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_children() -> None:
    """End all processes below this one: they become its children one after the other. Linux only."""
    while found := _children():
        for child in found:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _children() -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text("utf-8", "replace")
        except OSError:  # it has ended
            continue
        if int(text.rpartition(")")[2].split()[1]) == os.getpid():
            found.append(int(path.parent.name))
    return found


def _unshare(what: int) -> None:
    """Leave a namespace: as root that takes one call.

    Others get it together with a user namespace in which they are who they were.
    """
    platform: str = sys.platform  # the type checker would call one half unreachable
    if platform != "linux":
        raise OSError(0, "only Linux has namespaces")
    user, group = os.geteuid(), os.getegid()
    if _libc().unshare(what) == 0:
        return
    _checked(_libc().unshare(CLONE_NEWUSER | what))
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")


def _mount(source: str | None, target: str, flags: int) -> None:
    where = None if source is None else os.fsencode(source)
    _checked(_libc().mount(where, os.fsencode(target), None, ctypes.c_ulong(flags), None))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
