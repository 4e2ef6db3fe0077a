"""Where log text goes: standard output and telemetry frames, on real descriptors."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rapid_client._sink import FrameSink, StdoutSink, json_frame, open_sink, text_frame
from rapid_client.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

Frame = tuple[bytes, int, bytes]


def read_all(fd: int) -> bytes:
    """Return everything up to the end of *fd*, and close it."""
    with os.fdopen(fd, "rb") as file:
        return file.read()


def frames(data: bytes) -> list[Frame]:
    """Take *data* apart: type, time stamp, message."""
    found = []
    while data:
        length = int.from_bytes(data[4:8], "big")
        found.append((data[:4], int.from_bytes(data[8:16], "big"), data[16 : 16 + length]))
        assert len(data) >= 16 + length
        data = data[16 + length :]
    return found


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Return the ends of a pipe; the tests close the reading end."""
    reader, writer = os.pipe()
    yield reader, writer
    for fd in reader, writer:
        try:
            os.close(fd)
        except OSError:
            pass


# ... the types


@pytest.mark.parametrize(
    ("level", "text", "as_json"),
    [
        (0, "a55a0003", "a55a0002"),
        (10, "a55a000b", "a55a000a"),
        (20, "a55a000f", "a55a000e"),
        (30, "a55a0013", "a55a0012"),
        (40, "a55a0017", "a55a0016"),
        (50, "a55a001b", "a55a001a"),
        (-5, "a55a0003", "a55a0002"),
        (9, "a55a0003", "a55a0002"),
        (25, "a55a000f", "a55a000e"),
        (39, "a55a0013", "a55a0012"),
        (1000, "a55a001b", "a55a001a"),
    ],
)
def test_frame_types(level: int, text: str, as_json: str) -> None:
    """Each level has its type; a level between two named ones counts as the lower."""
    assert text_frame(level).hex() == text
    assert json_frame(level).hex() == as_json


# ... frames


def test_frame_is_header_and_message(pipe: tuple[int, int]) -> None:
    """A frame is type, length in bytes, microseconds since the epoch, and the message in UTF-8."""
    reader, writer = pipe
    sink = open_sink(str(writer))
    before = time.time_ns() // 1000
    sink.log("caf\u00e9\n", b"\xa5\x5a\x00\x0f")
    after = time.time_ns() // 1000
    os.close(writer)
    data = read_all(reader)

    assert data[:8] + data[16:] == bytes.fromhex("a55a000f 00000006") + "caf\u00e9\n".encode()
    assert before <= int.from_bytes(data[8:16], "big") <= after


def test_frames_without_type_and_of_errors(pipe: tuple[int, int]) -> None:
    r"""Without a type a message is text without level; an error is joined by ``\n``, with none last."""
    reader, writer = pipe
    sink = open_sink(str(writer))
    sink.log("")
    sink.log_error(["[ERROR] E: x", "Traceback (most recent call last):"])
    sink.log_error(["{}"], json_frame(40))
    os.close(writer)

    assert [(kind.hex(), text) for kind, _, text in frames(read_all(reader))] == [
        ("a55a0003", b""),
        ("a55a0017", b"[ERROR] E: x\nTraceback (most recent call last):"),
        ("a55a0016", b"{}"),
    ]


@given(st.lists(st.text(max_size=50), max_size=5))
@example(["before", "\ud800 and \udfff", "after"])
def test_any_text_can_be_framed(texts: list[str]) -> None:
    """No text makes a frame fail, lone surrogates included, and each frame is whole."""
    reader, writer = os.pipe()
    sink = FrameSink(writer)
    for text in texts:
        sink.log(text)
    os.close(writer)
    expected = [text.encode("utf-8", "backslashreplace") for text in texts]

    assert [text for _, _, text in frames(read_all(reader))] == expected


@pytest.mark.parametrize("blocking", [True, False])
def test_large_frames_arrive_whole(blocking: bool) -> None:
    """Frames far larger than the descriptor's buffer are written completely, also if it does not block."""
    ours, theirs = socket.socketpair()
    ours.setblocking(blocking)
    sink = FrameSink(ours.fileno())
    messages = ["x" * 1_000_000, "y" * 500_000]
    received = bytearray()

    def receive() -> None:
        while data := theirs.recv(65536):
            received.extend(data)

    reader = threading.Thread(target=receive)
    reader.start()
    for message in messages:
        sink.log(message)
    ours.close()
    reader.join()
    theirs.close()

    assert [text.decode() for _, _, text in frames(bytes(received))] == messages


def test_threads_do_not_mix_their_frames() -> None:
    """Frames of several threads, each too large for one write, do not run into each other."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)  # so that writes are cut short
    sink = FrameSink(ours.fileno())
    texts = [letter * 2_000_000 for letter in "abcd"]
    threads = [threading.Thread(target=sink.log, args=(text,)) for text in texts]
    received: list[bytes] = []
    collector = threading.Thread(target=lambda: received.append(read_all(theirs.detach())))
    collector.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ours.close()
    collector.join()

    assert sorted(text.decode() for _, _, text in frames(received[0])) == texts


def test_forked_child_can_log(child_environ: dict[str, str]) -> None:
    """A child forked while another thread was writing a frame does not wait for that thread for ever."""
    code = """
import os, threading, time
from rapid_client._sink import FrameSink
reader, writer = os.pipe()
sink = FrameSink(writer)
threading.Thread(target=sink.log, args=("x" * 1_000_000,), daemon=True).start()
os.read(reader, 16)  # the thread holds the lock now, and waits for a reader
time.sleep(0.05)
child = os.fork()
if child == 0:
    devnull = os.open("/dev/null", os.O_WRONLY)
    os.dup2(devnull, writer)
    sink.log("from the child")
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
os._exit(0)
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=child_environ, timeout=30)

    assert (done.stdout, done.stderr) == ("7\n", "")


def test_broken_descriptor_is_an_error(pipe: tuple[int, int]) -> None:
    """Nobody reading is an OSError for the caller, as with any file."""
    reader, writer = pipe
    sink = FrameSink(writer)
    os.close(reader)

    with pytest.raises(BrokenPipeError):
        sink.log("lost")


@pytest.mark.parametrize("value", ["", "abc", "-1", "999999", "99999999999999999999", "1.5"])
def test_bad_descriptor_is_a_config_error(value: str) -> None:
    """What is not an open descriptor is said in one line, with variable, value and remedy."""
    with pytest.raises(ConfigError) as caught:
        open_sink(value)

    assert str(caught.value) == (
        f"_LAMBDA_TELEMETRY_LOG_FD is {value!r}, which is not the number of an open file descriptor; "
        "unset it to log to standard output"
    )


# ... standard output


def test_without_descriptor_text_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    r"""Messages go out as they are; the lines of an error are joined by ``\r`` and end with ``\n``."""
    sink = open_sink(None)
    sink.log("no newline", text_frame(30))
    sink.log_error(["a", "b"], text_frame(40))

    assert type(sink) is StdoutSink
    assert capsys.readouterr().out == "no newlinea\rb\n"


def test_standard_output_is_looked_up_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that the function puts in place gets the text."""
    sink = open_sink(None)
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    sink.log("here")

    assert stream.getvalue() == "here"


@pytest.mark.parametrize(
    ("encoding", "errors", "expected"),
    [
        ("utf-8", "strict", b"\xc3\xa9 \xe2\x82\xac \\ud800\n"),
        ("latin-1", "strict", b"\xe9 \\u20ac \\ud800\n"),
        ("ascii", "strict", b"\\xe9 \\u20ac \\ud800\n"),
        ("ascii", "replace", b"? ? ?\n"),
    ],
)
def test_what_cannot_be_encoded_is_escaped(
    monkeypatch: pytest.MonkeyPatch, encoding: str, errors: str, expected: bytes
) -> None:
    """Lone surrogates, and characters that the stream's encoding lacks, do not raise."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding, errors)
    monkeypatch.setattr(sys, "stdout", stream)
    open_sink(None).log("\u00e9 \u20ac \ud800\n")
    stream.flush()

    assert raw.getvalue() == expected


def test_no_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was started without standard output drops the text."""
    monkeypatch.setattr(sys, "stdout", None)
    open_sink(None).log("nowhere")
    open_sink(None).log_error(["nowhere"])
