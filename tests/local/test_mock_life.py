"""The mock starts, waits, records and ends as its documentation says, within bounds."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rapid_client import local
from rapid_client.local import MockClosedError, MockError, MockRuntimeApi, MockSettings
from rapid_client.local._mock.recorder import Recorder
from tests.local.mock_client import NEXT, Client, request

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1 << 20


def test_address_is_on_loopback_and_usable() -> None:
    """Port 0 takes a free one; the address is what AWS_LAMBDA_RUNTIME_API wants."""
    with MockRuntimeApi() as mock:
        host, port = mock.address.split(":")
        assert (host, int(port) > 0) == ("127.0.0.1", True)
        with Client(mock) as client:
            assert client.get("/2018-06-01/ping").body == b"pong"
        address = mock.address
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(address.split(":")[1])), 5)


def test_taken_port_is_one_clear_line() -> None:
    """A second mock on the same port says which and what to do."""
    with MockRuntimeApi() as mock:
        port = int(mock.address.split(":")[1])
        with pytest.raises(MockError, match=rf"127\.0\.0\.1:{port} \(Address already in use\): choose"):
            MockRuntimeApi(settings=MockSettings(port=port)).start()


def test_impossible_port_is_one_clear_line() -> None:
    """A port that is none is an error of the same kind."""
    with pytest.raises(MockError, match=r"cannot listen on 127\.0\.0\.1:70000"):
        MockRuntimeApi(settings=MockSettings(port=70000)).start()


def test_no_address_before_start_and_no_second_start() -> None:
    """Before start() there is no address; a mock that was used is not used again."""
    mock = MockRuntimeApi()
    with pytest.raises(MockError, match="before start"):
        assert mock.address
    with mock, pytest.raises(MockError, match="make a new one"):
        mock.start()
    mock.close()
    with pytest.raises(MockError, match="make a new one"):
        mock.start()


def test_events_can_be_queued_before_the_start() -> None:
    """An event that was queued before start() is delivered."""
    mock = MockRuntimeApi()
    mock.invoke("early")
    with mock, Client(mock) as client:
        assert client.next().body == b"early"


@pytest.mark.parametrize(
    "wait", [lambda mock: mock.invoke(b"{}").result(), lambda mock: mock.wait_for("response", timeout=60)]
)
def test_close_ends_every_wait(wait: Callable[[MockRuntimeApi], object]) -> None:
    """Whoever waits when the mock is closed gets an error that says so, at once."""
    errors: list[BaseException] = []
    mock = MockRuntimeApi().start()

    def target() -> None:
        try:
            wait(mock)
        except MockClosedError as error:
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    until_waiting(thread)
    with Client(mock) as client:
        client.send(NEXT)
        mock.wait_for("next")
        mock.close()
    thread.join(20)
    assert "was closed" in str(errors[0])
    with pytest.raises(MockClosedError):
        mock.invoke(b"{}")


def until_waiting(thread: threading.Thread) -> None:
    """Wait until *thread* waits for a condition: until then there is no wait to end."""
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        frame = sys._current_frames().get(thread.ident or 0)
        if frame is not None and frame.f_code is threading.Condition.wait.__code__:
            return
        time.sleep(0.002)
    raise AssertionError("the thread does not wait for anything")


def test_timeouts_say_what_was_seen() -> None:
    """A wait that ends without result names state and calls; it is a TimeoutError."""
    with MockRuntimeApi() as mock:
        with pytest.raises(TimeoutError, match=r"no answer to request .* state Started, calls so far: none"):
            mock.invoke(b"{}").result(0.01)
        with Client(mock) as client:
            client.next()
            with pytest.raises(
                TimeoutError, match=r"no 2 call\(s\) to next .* Running, calls so far: next 1"
            ):
                mock.wait_for("next", 2, timeout=0.01)
        with pytest.raises(MockError, match="no such call"):
            mock.wait_for("nonsense")  # type: ignore[arg-type]


def test_requests_are_recorded_as_sent() -> None:
    """A record has method, path, header lines in their case and order, body, raw head and connection."""
    with MockRuntimeApi() as mock, Client(mock) as client, Client(mock) as other:
        pending = mock.invoke(b"{}")
        client.next()
        data = request(f"invocation/{pending.request_id}/response?q", b"body", "x-CaSe:  \xe4 ")
        other.send(data).read()
        first, second = mock.requests
        assert (first.call, first.method, first.raw_head, first.body) == ("next", "GET", NEXT, b"")
        assert (second.call, second.path, second.version) == (
            "response",
            f"/2018-06-01/runtime/invocation/{pending.request_id}/response?q",
            "1.1",
        )
        assert second.headers == (("Host", "mock"), ("Content-Length", "4"), ("x-CaSe", "\xe4"))
        assert (second.header("X-CASE"), second.header("none")) == ("\xe4", None)
        assert (second.raw_head, second.body, second.body_size) == (data[:-4], b"body", 4)
        assert second.body is pending.result(5).body
        assert first.connection != second.connection
        assert first.time <= second.time
        client.get("/unknown")
        assert (mock.requests[2].call, mock.requests[2].path) == (None, "/unknown")


@pytest.mark.parametrize(("record", "kept"), [(0, 0), (3, 3), (1000, 10)])
def test_record_is_bounded_by_count(record: int, kept: int) -> None:
    """Only the last requests are kept, none with 0; the counts go on."""
    with MockRuntimeApi(settings=MockSettings(record=record)) as mock, Client(mock) as client:
        for _ in range(10):
            client.get("/2018-06-01/ping")
        assert (len(mock.requests), mock.calls("ping")) == (kept, 10)


def test_record_is_bounded_by_bytes() -> None:
    """When bodies pass the bound, the oldest records lose theirs, and say so."""
    with MockRuntimeApi(settings=MockSettings(record=7, record_bytes=2000)) as mock, Client(mock) as client:
        for _ in range(10):
            client.post("invocation/x/error", b"x" * 100)
            pending = mock.invoke(b"{}")
            client.next()
            client.respond(pending.request_id, b"y" * 1000)
        kept = mock.requests
    assert len(kept) == 7
    responses = [record for record in kept if record.call == "response"]
    assert [(one.body_size, len(one.body), one.dropped) for one in responses] == [
        (1000, 0, True),
        (1000, 0, True),
        (1000, 1000, False),
    ]
    assert sum(len(record.body) + len(record.raw_head) for record in kept) <= 2000


def test_recorder_forgets_the_oldest_bytes_first() -> None:
    """Bytes are let go from the old end, whatever came in between, and never go negative."""
    with MockRuntimeApi(settings=MockSettings(record=100)) as mock, Client(mock) as client:
        for _ in range(30):
            client.get("/2018-06-01/ping")
        samples = mock.requests
    size = len(samples[0].raw_head)
    roomy = Recorder(2, size * 3)
    for sample in samples:
        roomy.add(sample)
    assert roomy.requests == samples[-2:]
    recorder = Recorder(10, size * 4)
    for sample in samples:
        recorder.add(sample)
        kept = recorder.requests
        assert [not one.dropped for one in kept] == [False] * max(0, len(kept) - 4) + [True] * min(
            4, len(kept)
        )


SCRIPT = """
import resource, sys
sys.path.insert(0, {root!r})
from rapid_client.local import MockRuntimeApi, MockSettings
from tests.local.mock_client import Client, NEXT
body = b"x" * (6 << 20)
with MockRuntimeApi() as mock, Client(mock) as client:
    peaks = [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]
    for number in range({count}):
        pending = mock.invoke(body)
        client.send(NEXT)
        while client.line() != b"\\r\\n":
            pass
        size = int(client.line(), 16)
        while size:
            size -= len(client.exactly(min(size, 65536)))
        assert client.exactly(7) == b"\\r\\n0\\r\\n\\r\\n"
        path = f"/2018-06-01/runtime/invocation/{{pending.request_id}}/response"
        head = f"POST {{path}} HTTP/1.1\\r\\nHost: m\\r\\nContent-Length: {{len(body)}}\\r\\n\\r\\n"
        client.send(head.encode())
        client.send(body)
        assert client.read().status == 202
        assert len(pending.result(10).body) == len(body)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    print(peaks[0], peaks[10], peaks[-1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
def test_hundreds_of_megabytes_are_served_in_bounded_memory() -> None:
    """360 MB each way cost the event, a body or two and the recorder's 16 MB, however many there were."""
    script = SCRIPT.format(root=_root(), count=60)
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=False
    )
    assert run.returncode == 0, run.stderr
    before, early, late = map(int, run.stdout.split())
    assert late - early < 14 * 1024
    assert late - before < 48 * 1024


def test_many_threads_may_invoke() -> None:
    """Invocations queued from several threads each get their own answer."""
    with MockRuntimeApi() as mock, Client(mock) as client:
        results: list[bool] = []

        def call(name: str) -> None:
            for number in range(20):
                event = f"{name}{number}".encode()
                results.append(mock.invoke(event).result(20).body == event)

        threads = [threading.Thread(target=call, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for _ in range(60):
            seen = client.next()
            assert client.respond(str(seen["Lambda-Runtime-Aws-Request-Id"]), seen.body).status == 202
        for thread in threads:
            thread.join(20)
    assert results == [True] * 60


def test_public_names_are_there() -> None:
    """Every public name is found, listed, and documented; another is an AttributeError."""
    for name in local.__all__:
        assert getattr(local, name).__doc__
        assert name in dir(local)
    with pytest.raises(AttributeError, match="nonsense"):
        local.nonsense  # noqa: B018


def test_it_shares_no_code_with_the_runtime() -> None:
    """The mock loads no module of the runtime but the errors: a bug cannot cancel itself out."""
    code = (
        "import sys, rapid_client.local as l; l.MockRuntimeApi;"
        "print(sorted(m for m in sys.modules if m.startswith('rapid_client') and '.local' not in m))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=_root(), timeout=60
    )
    assert run.stdout.strip() == "['rapid_client', 'rapid_client.errors']"


def _root() -> str:
    return str(Path(__file__).parents[2])
