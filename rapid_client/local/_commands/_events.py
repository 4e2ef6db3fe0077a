"""What `--event` may be."""

from __future__ import annotations

import json
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from rapid_client.local._shorten import shorten
from rapid_client.local.samples import load_sample, sample_names

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

#: Characters of an argument that are shown.
SHOWN: Final = 60


def read_event(text: str) -> bytes:
    """Return the event that *text* means: ``-``, a file, a sample's name, or JSON, in this order.

    Raises:
        click.UsageError: If it is none of them, or cannot be read.
    """
    if text == "-":
        return _checked(sys.stdin.buffer.read(), "what came on standard input")
    path = Path(text)
    if _is_file(path):
        try:
            return _checked(path.read_bytes(), f"the file {text!r}")
        except OSError as exc:
            raise click.UsageError(f"--event {text!r} cannot be read: {exc.strerror}") from None
    if text in sample_names():
        return load_sample(text)
    event = text.encode(errors="surrogateescape")  # as the command line had it
    if text.lstrip().startswith(("{", "[", '"')):
        return _checked(event, "--event")
    try:
        return _checked(event, "--event")
    except click.UsageError:
        if "/" in text or text.endswith(".json"):
            raise click.UsageError(f"--event: there is no file {shorten(text, SHOWN)!r}") from None
        raise click.UsageError(
            f"--event {shorten(text, SHOWN)!r} is neither - (standard input), nor an existing file,"
            f" nor a sample event ({', '.join(sample_names())}), nor JSON"
        ) from None


def read_events(texts: Sequence[str]) -> dict[str, bytes]:
    """Return the events that these mean, by names that messages can show; a folder means its .json files.

    Raises:
        click.UsageError: If one is neither a folder with .json files nor what `read_event` takes.
    """
    events: dict[str, bytes] = {}
    for text in texts:
        if not _is_folder(text):
            events[_unused_name(shorten(text, SHOWN), events)] = read_event(text)
            continue
        files = sorted(Path(text).glob("*.json"))
        if not files:
            raise click.UsageError(f"--event: the folder {text!r} has no .json file")
        for file in files:
            events[_unused_name(file.name, events)] = read_event(str(file))
    return events


def _unused_name(name: str, taken: Container[str]) -> str:
    return next(each for each in _numbered(name) if each not in taken)


def _numbered(name: str) -> Iterator[str]:
    yield name
    for number in count(2):
        yield f"{name} ({number})"


def _checked(event: bytes, source: str) -> bytes:
    """Return *event* if it is JSON: what a function could not read is better said here."""
    try:
        json.loads(event.decode("utf-8-sig"), parse_constant=_refuse)
    except RecursionError:
        return event
    except ValueError as exc:
        raise click.UsageError(f"{source} is not JSON in UTF-8: {exc}") from None
    return event


def _refuse(constant: str) -> NoReturn:
    """Python's own parser takes NaN, Infinity and -Infinity."""
    raise ValueError(f"it holds {constant}, which JSON does not have")


def _is_file(path: Path) -> bool:
    """Whether this is a file or a pipe (``<(command)``); JSON may be too long for a path, or hold a NUL."""
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):
        return False


def _is_folder(text: str) -> bool:
    """Whether this is a folder; JSON may be too long for a path, or hold a NUL."""
    try:
        return text not in ("", "-") and Path(text).is_dir()
    except (OSError, ValueError):
        return False
