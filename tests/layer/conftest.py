"""A workbench: everything that a layer needs, and no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.layer.workbench import Workbench

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """Return a workbench with an interpreter for arm64 and the wheels that every layer has."""
    return _workbench(tmp_path)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """Return a workbench where the layer has been built, with a package: to be looked at only."""
    bench = _workbench(tmp_path_factory.mktemp("built"))
    files = {
        "shop/__init__.py": "def price():\n    return 1\n",
        "shop/template.py": "class {{ name }}:\n",
        "shop/data.txt": "data",
        "shop/tests/test_shop.py": "",
        "shop-1.0.data/scripts/shop": "#!python\n",
        "shop-1.0.data/purelib/extra.py": "",
    }
    bench.make_wheel("shop", "1.0", files)
    bench.build("--requirements", bench.write("my requirements.txt", "shop\n"), "--tree")
    return bench


def _workbench(folder: Path) -> Workbench:
    bench = Workbench(folder)
    bench.make_interpreter()
    bench.make_core()
    return bench
