"""What `rapid invoke` is made of: reading an event, showing a log, the progress bar, the table."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import click
import pytest
from rich.console import Console

from rapid_client.local._commands._events import read_event
from rapid_client.local._commands._view import LogView, ProgressBar, console
from rapid_client.local.samples import load_sample

if TYPE_CHECKING:
    from pathlib import Path


def test_an_event_is_a_file_a_sample_or_json(tmp_path: Path) -> None:
    """A file is read as it is, a sample by its name, and anything else that is JSON is the event itself."""
    file = tmp_path / "event.json"
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}')

    assert read_event(str(file)) == b'\xef\xbb\xbf{"a": 1}'
    assert read_event("sqs") == load_sample("sqs")
    assert [read_event(text) for text in ("[1]", ' {"b": 2}', "7", "null")] == [
        b"[1]",
        b' {"b": 2}',
        b"7",
        b"null",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "--event is not JSON in UTF-8: "),
        ("[NaN]", "it holds NaN, which JSON does not have"),
        ('["\udcff"]', "--event is not JSON in UTF-8: "),
        ("no/such", "--event: there is no file 'no/such'"),
        ("missing.json", "--event: there is no file 'missing.json'"),
        ("sqsx", "'sqsx' is neither - (standard input)"),
        ("x" * 5000, f"'{'x' * 57}...' is neither"),
        ("a\0b", "is neither"),
    ],
    ids=["cut", "NaN", "not UTF-8", "path", "name of a file", "word", "too long for a path", "NUL"],
)
def test_an_event_that_is_none_is_a_usage_error(text: str, message: str) -> None:
    """The error names what was given, shortened, and what it may be."""
    with pytest.raises(click.UsageError) as raised:
        read_event(text)

    assert message in str(raised.value)


def test_a_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    """The error names the file whose content no function could read."""
    file = tmp_path / "event.txt"
    file.write_text("{'a': 1}", encoding="utf-8")

    with pytest.raises(click.UsageError, match=r"event\.txt' is not JSON in UTF-8"):
        read_event(str(file))


def test_an_event_too_deep_to_check_is_the_function_s_business() -> None:
    """What Python's parser cannot check for its depth is sent as it is."""
    text = "[" * 200_000 + "]" * 200_000

    assert read_event(text) == text.encode()


def test_a_log_that_nobody_reads_is_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    """A hidden log shows nothing; CR is a newline, also where LF comes in the next part."""
    view = LogView(visible=False)
    view.write(b"hidden\n")
    for part in (b"one\rtwo\r\n", b"three\r", b"\nfour\n"):
        view.show(part)
    view.visible = True
    view.write(b"five\n")

    assert capfd.readouterr().err == "one\ntwo\nthree\nfour\nfive\n"


def test_a_log_whose_reader_has_gone_stops_quietly() -> None:
    """A closed pipe at the other end of stderr ends the showing, not the command."""
    reader, writer = os.pipe()
    os.close(reader)
    kept, sys.stderr = sys.stderr, open(writer, "w", encoding="utf-8")  # noqa: SIM115 - closed below
    try:
        view = LogView(visible=True)
        view.write(b"lost\n")
        view.write(b"not tried any more\n")
    finally:
        broken, sys.stderr = sys.stderr, kept
        with pytest.raises(BrokenPipeError):  # what was lost is still in its buffer
            broken.close()


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "file"])
def test_the_bar_is_for_terminals(terminal: bool) -> None:
    """On a terminal the bar counts up to its total; elsewhere nothing is written."""
    screen = Console(file=io.StringIO(), force_terminal=terminal, width=80)
    with ProgressBar(screen, 3) as bar:
        bar.start()
        bar.advance(3)
    assert isinstance(screen.file, io.StringIO)

    assert ("3/3" in screen.file.getvalue()) is terminal


def test_the_console_is_on_stderr() -> None:
    """Tables and bars go where the response does not."""
    assert console().stderr
