"""A bench: a folder for functions and wheels, and no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.package.bench import APP, SHOP, Bench

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench with nothing on it."""
    return Bench(tmp_path)


@pytest.fixture
def shop(bench: Bench) -> Bench:
    """Return a bench with a small function, and the wheel of the package that it needs."""
    bench.function({"app.py": APP})
    bench.make_wheel("shop", "1.0", SHOP)
    return bench
