"""What the tests of the guard share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.counts.laboratory import Laboratory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def laboratory(tmp_path: Path, clean_python: Path) -> Laboratory:
    """Return a copy of the runtime in which everything is compiled."""
    return Laboratory(tmp_path, clean_python)
