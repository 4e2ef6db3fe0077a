"""What the benchmarks of the image and of the layer make of what they see; the scripts run containers."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.containers.gate import ContainerError
from benchmarks.containers.ratios import Ratio, as_json, as_table
from benchmarks.containers.reading import reading
from benchmarks.layer import LOOPS, main
from benchmarks.peers import ROOT

if TYPE_CHECKING:
    from pathlib import Path

TRACE = """\
7 read(0</gate/open>, "\\n", 1) = 1
7 execve("/lambda-entrypoint.sh", ["/lambda-entrypoint.sh", "app.handler"], 0x1 /* 9 vars */) = 0
7 openat(AT_FDCWD</var/task>, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3</etc/ld.so.cache>
7 read(3</lib/libc.so.6>, "\\177ELF"..., 832) = 832
7 openat(AT_FDCWD</var/task>, "/var/task/nothing", O_RDONLY) = -1 ENOENT (No such file or directory)
7 openat(AT_FDCWD</var/task>, "/opt/a.pyc", O_RDONLY <unfinished ...>
8 read(4<socket:[12]>, "HTTP", 10) = 4
7 <... openat resumed>) = 3</opt/a.pyc>
7 readv(3</opt/a.pyc>, [{iov_base="x", iov_len=9}], 1) = 1
7 sendto(5<socket:[12]>, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\n", 99, 0, NULL, 0) = 99
7 openat(AT_FDCWD</var/task>, "/opt/late.pyc", O_RDONLY) = 3</opt/late.pyc>
"""


def test_a_start_is_read_from_its_exec_to_its_first_request() -> None:
    """What was opened, and the bytes read of files, between the two; sockets and failures do not count."""
    found = reading(TRACE.splitlines())
    assert dict(found.opened) == {"/etc/ld.so.cache": 1, "/opt/a.pyc": 1}
    assert dict(found.read) == {"/lib/libc.so.6": 832, "/opt/a.pyc": 1}


@pytest.mark.parametrize("lines", [TRACE.splitlines()[:-2], TRACE.splitlines()[:1]])
def test_half_a_trace_is_none(lines: list[str]) -> None:
    """A process that did not come as far as its first request has no figures."""
    with pytest.raises(ContainerError, match="no request for an event"):
        reading(lines)


def test_a_missed_target_is_named() -> None:
    """The table and the JSON say which figure is beyond its limit."""
    ratios = [Ratio("files opened", 0.4, 0.5), Ratio("bytes read", 0.6, 0.5)]
    *_, good, bad = as_table(ratios)
    assert (good, bad) == ("| files opened | 0.400 | 0.5 |  |", "| bytes read | 0.600 | 0.5 | missed |")
    assert [one["met"] for one in as_json(ratios)] == [True, False]


def test_the_loops_need_nothing_but_an_interpreter() -> None:
    """Without `site`, as the layer has it, they print the time of each."""
    done = subprocess.run([sys.executable, "-S", str(LOOPS)], capture_output=True, check=True, text=True)
    assert set(json.loads(done.stdout)) == {
        "numbers",
        "calls",
        "attributes",
        "containers",
        "text",
        "generators",
    }


def test_a_folder_without_a_layer_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The benchmark of the layer says in one line what is missing."""
    with pytest.raises(SystemExit) as ended:
        main(["--tree", str(tmp_path)])
    assert ended.value.code == 2
    assert f"--tree {tmp_path}: there is no bootstrap in it" in capsys.readouterr().err


def test_nothing_runs_in_the_images_own_stages() -> None:
    """On every base the image is copied together: RUN stands in the stages of the build targets alone."""
    stage = ""
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("FROM "):
            stage = line.split()[-1]
        if line.startswith(("RUN ", "USER ")):
            assert stage == "tools", line
    assert stage == "runtime"
