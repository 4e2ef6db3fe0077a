"""A share of a CPU, as a function of little memory has it: a control group with a quota, version 1 or 2.

A group is made where the kernel lets us: in our own group, or in one above it. With version 1 that takes
root; with version 2 root, or a group that systemd has delegated to a user (``user@1000.service`` mostly is).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

FULL: Final = 1769
"""MB of memory at which a function has one CPU; with less, it has its share (Lambda's documentation)."""

PERIOD: Final = 20_000
"""Microseconds after which a quota is filled again. Functions on Lambda are seen to stop and go in steps of
20 ms; with the kernel's own default, 100 ms, a start of 7 ms of CPU time would never be stopped."""

SETTLING: Final = 2 * PERIOD / 1e6
"""Seconds from joining a group to exec: what the shell has used of the quota is filled again by then."""


class NotPermitted(Exception):
    """No share of a CPU can be given to a process on this machine; the message says why."""


@dataclass(frozen=True)
class Place:
    """A folder of the kernel's in which groups can be made, and the version that it speaks."""

    folder: Path
    version: int


class Group:
    """A group whose processes together have the share of a CPU that goes with *megabytes* of memory.

    Use it as a context manager: leaving removes it, once its processes have ended. `members` is the file into
    which a process writes its number to join.
    """

    def __init__(self, place: Place, megabytes: int) -> None:
        """Make the group.

        Raises:
            OSError: If the kernel refuses.
        """
        quota = PERIOD * megabytes // FULL
        self._folder = Path(tempfile.mkdtemp(prefix="rapid-bench-", dir=place.folder))
        self.members = self._folder / "cgroup.procs"
        try:
            if place.version == 2:
                self._write("cpu.max", f"{quota} {PERIOD}")
            else:
                self._write("cpu.cfs_period_us", str(PERIOD))
                self._write("cpu.cfs_quota_us", str(quota))
        except BaseException:
            self.__exit__()
            raise

    def _write(self, name: str, value: str) -> None:
        descriptor = os.open(self._folder / name, os.O_WRONLY)  # the kernel has it, or not
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        limit = time.monotonic() + 2
        while True:
            try:
                return self._folder.rmdir()
            except OSError:  # a process that was killed is still on its way out
                if time.monotonic() > limit:
                    raise
                time.sleep(0.005)

    def settle(self, pid: int) -> None:
        """Wait until process *pid* is a member, and then until the quota is filled again.

        Raises:
            TimeoutError: If it does not join.
        """
        limit = time.monotonic() + 5
        while str(pid) not in self.members.read_text().split():
            if time.monotonic() > limit:
                raise TimeoutError("no process could join the group that limits its CPU")
            time.sleep(0.001)
        time.sleep(SETTLING)


def find(proc: Path = Path("/proc/self")) -> Place:
    """Return a place where groups with a quota can be made and joined; *proc* says in which we are.

    Raises:
        NotPermitted: If there is none.
    """
    reason = "no control groups for the CPU are mounted"
    for place in _places(proc):
        try:
            with Group(place, 128) as group:
                join = ["/bin/sh", "-c", 'echo $$ >"$0"', str(group.members)]
                subprocess.run(join, check=True, capture_output=True, text=True, timeout=10)
            return place
        except subprocess.CalledProcessError as exc:
            reason = f"{place.folder}: {exc.stderr.strip()}"
        except (OSError, subprocess.SubprocessError) as exc:
            reason = str(exc)
    raise NotPermitted(
        f"no share of a CPU can be set ({reason}): run as root, or where systemd has delegated the CPU to you"
    )


def _places(proc: Path) -> Iterator[Place]:
    """Yield our own group and those above it, version 1 first: it has the CPU where both are mounted."""
    try:
        mounts = [line.split() for line in (proc / "mountinfo").read_text().splitlines()]
        groups = [line.split(":", 2) for line in (proc / "cgroup").read_text().splitlines()]
    except OSError:
        return
    for version in (1, 2):
        for fields in mounts:
            kind, _, options = fields[fields.index("-") + 1 :][:3]
            if version == 1 and not (kind == "cgroup" and "cpu" in options.split(",")):
                continue
            if version == 2 and kind != "cgroup2":
                continue
            root, mount = fields[3], Path(fields[4])
            for _, controllers, path in groups:
                if ("cpu" in controllers.split(",")) if version == 1 else not controllers:
                    with contextlib.suppress(ValueError):  # mounted from elsewhere
                        inside = Path(path).relative_to(root)
                        folders = [mount / inside, *(mount / inside).parents]
                        yield from (
                            Place(folder, version) for folder in folders if folder.is_relative_to(mount)
                        )
