"""Functions in Lambda's folders, one for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.wrapper.managed import Managed, make_managed
from tests.wrapper.namespace import skip_without_namespace
from tests.wrapper.provided import Provided, make_provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def managed_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return AWS's folders, made once."""
    skip_without_namespace()
    folder = tmp_path_factory.mktemp("managed")
    if not make_managed(folder):
        pytest.skip("awslambdaric is not installed: nothing stands for the managed runtime client")
    return folder


@pytest.fixture(scope="session")
def provided_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the layer with an interpreter, made once."""
    skip_without_namespace()
    folder = tmp_path_factory.mktemp("provided")
    make_provided(folder)
    return folder


@pytest.fixture
def managed(managed_folders: Path, tmp_path: Path) -> Iterator[Managed]:
    """Return a function in a managed runtime."""
    with Managed(managed_folders, tmp_path) as world:
        yield world


@pytest.fixture
def provided(provided_folders: Path, tmp_path: Path) -> Iterator[Provided]:
    """Return a function in an OS-only runtime."""
    with Provided(provided_folders, tmp_path) as world:
        yield world
