"""Sample events of the usual sources, as AWS documents their shape.

Account 123456789012, region us-east-1, and the addresses and names that are reserved for examples.
"""

from __future__ import annotations

from importlib.resources import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def sample_names() -> list[str]:
    """Return the names of all samples, sorted."""
    return sorted(
        entry.name.removesuffix(".json") for entry in _folder().iterdir() if entry.name.endswith(".json")
    )


def load_sample(name: str) -> bytes:
    """Return the sample event *name* as JSON text in UTF-8, indented, with a newline at the end.

    Raises:
        KeyError: If there is no sample of this name; `sample_names` lists them.
    """
    if name not in sample_names():
        raise KeyError(name)
    return (_folder() / f"{name}.json").read_bytes()


def _folder() -> Traversable:
    return files(__package__) / "events"
