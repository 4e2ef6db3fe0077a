"""What lazy imports cost those who use none of them: one system call where Python has them, else nothing."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.counts.counting import SHOW, Trace
from tests.counts.laboratory import tool

if TYPE_CHECKING:
    from collections import Counter

    from tests.counts.laboratory import Laboratory

VERSION: Final = "{}.{}".format(*sys.version_info)
HAS_THEM: Final = sys.version_info >= (3, 15)
LIST: Final = {"schema": 1, "python": VERSION, "distributions": {}, "edges": {"nobody": ["colorsys"]}}


def started(laboratory: Laboratory, **variables: str) -> tuple[set[str], Counter[str], str]:
    """Return modules and system calls until the first `/next`, and the whole trace."""
    path = laboratory.folder / "trace"
    strace = [tool("strace", "-o", os.devnull), "-f", "-qq", "-y", "-s", "512", "-o", str(path)]
    laboratory.write(SHOW)
    modules = json.loads(laboratory.run([*strace, *laboratory.direct], [("16", 1)], **variables))
    text = path.read_text("utf-8", "replace")
    return set(modules), Trace(text, r"sendto\(.*/invocation/next").calls, text


def test_who_uses_none_pays_one_system_call(laboratory: Laboratory) -> None:
    """That looks for the list, from Python 3.15 on; no module is loaded for it."""
    modules, calls, text = started(laboratory)
    modules_off, calls_off, text_off = started(laboratory, RAPID_LAZY_IMPORTS="off")

    assert modules == modules_off
    assert "rapid_client._lazy" not in modules
    assert (calls - calls_off).total() == int(HAS_THEM)
    assert not calls_off - calls
    assert (text.count("rapid-lazy.json"), text_off.count("rapid-lazy.json")) == (int(HAS_THEM), 0)


@pytest.mark.skipif(not HAS_THEM, reason=f"lazy imports need Python 3.15, this is {VERSION}")
@pytest.mark.parametrize("kind", ["provisioned-concurrency", "lambda-managed-instances"])
def test_ahead_of_traffic_the_list_is_not_looked_for(laboratory: Laboratory, kind: str) -> None:
    """There nothing waits, whatever it says."""
    (laboratory.task / "rapid-lazy.json").write_text(json.dumps(LIST))

    assert "rapid-lazy.json" not in started(laboratory, AWS_LAMBDA_INITIALIZATION_TYPE=kind)[2]


@pytest.mark.skipif(not HAS_THEM, reason=f"lazy imports need Python 3.15, this is {VERSION}")
def test_a_list_costs_one_module(laboratory: Laboratory) -> None:
    """It is read without `json`, `pathlib` and `importlib.metadata`."""
    without = started(laboratory)[0]
    (laboratory.task / "rapid-lazy.json").write_text(json.dumps(LIST))

    assert started(laboratory)[0] - without == {"rapid_client._lazy"}
