"""sentry-sdk with its AwsLambdaIntegration: it finds its seam, and reports arrive before the answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from tests.libraries.conftest import Collector
    from tests.support import Starter

pytestmark = pytest.mark.slow

INIT: Final = """
import os, sentry_sdk
from sentry_sdk.integrations.aws_lambda import AwsLambdaIntegration

def init(**options):
    sentry_sdk.init(
        dsn=f"http://key@{os.environ['COLLECTOR']}/1",
        integrations=[AwsLambdaIntegration(**options)],
        traces_sample_rate=0,
        debug=True,
    )
"""
AT_IMPORT: Final = (
    INIT
    + """
init()

def handler(event, context):
    if event == "message":
        sentry_sdk.capture_message("hello")
    elif event == "raise":
        raise ValueError("boom")
    elif event == "no json":
        sentry_sdk.capture_message("hello")
        return {1}
    return event
"""
)
IN_THE_HANDLER: Final = (
    INIT
    + """
def handler(event, context):
    if not sentry_sdk.is_initialized():
        init()
    if event == "message":
        sentry_sdk.capture_message("hello")
    if event == "raise":
        raise ValueError("boom")
    return event
"""
)


def test_an_error_is_reported_before_it_is_posted(run: Starter, collector: Collector) -> None:
    """The event has the exception, the function and the request, and is there when `/error` comes."""
    runtime = run(AT_IMPORT, COLLECTOR=collector.address)

    error = runtime.fail("raise", request_id="r-1")

    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "boom")
    [(event, arrived)] = collector.sentry_events()
    assert arrived < runtime.mock.requests[1].time
    [exception] = event["exception"]["values"]
    assert (exception["type"], exception["value"]) == ("ValueError", "boom")
    assert exception["mechanism"]["handled"] is False
    assert event["extra"]["lambda"]["aws_request_id"] == "r-1"
    assert event["extra"]["lambda"]["function_name"] == "f"
    assert "AwsLambdaIntegration disabled" not in runtime.stderr


def test_a_message_is_reported_before_the_response(run: Starter, collector: Collector) -> None:
    """What was captured by hand is there when `/response` comes; ordinary invocations report nothing."""
    runtime = run(AT_IMPORT, COLLECTOR=collector.address)

    assert runtime.call({"a": 1}) == {"a": 1}
    assert collector.sentry_events() == []
    assert runtime.call("message") == "message"

    [(event, arrived)] = collector.sentry_events()
    assert event["message"] == "hello"
    assert arrived < runtime.mock.requests[3].time


def test_a_message_is_reported_before_an_error_of_the_runtime(run: Starter, collector: Collector) -> None:
    """What was captured by hand is there when `/error` comes for a result that is no JSON."""
    runtime = run(AT_IMPORT, COLLECTOR=collector.address)

    assert runtime.fail("no json")["errorType"] == "Runtime.MarshalError"

    [(event, arrived)] = collector.sentry_events()
    assert event["message"] == "hello"
    assert arrived < runtime.mock.requests[1].time


def test_a_set_up_inside_the_handler(run: Starter, collector: Collector) -> None:
    """The reports of the invocation that sets Sentry up arrive before its response, too."""
    runtime = run(IN_THE_HANDLER, COLLECTOR=collector.address)

    runtime.call("message")
    [(event, arrived)] = collector.sentry_events()
    assert event["message"] == "hello"
    assert arrived < runtime.mock.requests[1].time

    assert runtime.fail("raise")["errorMessage"] == "boom"
    [_, (event, arrived)] = collector.sentry_events()
    assert event["exception"]["values"][0]["value"] == "boom"
    assert arrived < runtime.mock.requests[3].time


def test_the_warning_of_a_time_out(run: Starter, collector: Collector) -> None:
    """With `timeout_warning` an event comes 1.5 s before the deadline, while the handler runs on."""
    source = INIT + (
        "import time\ninit(timeout_warning=True)\n"
        "def handler(event, context):\n"
        "    while context.get_remaining_time_in_millis() > 500: time.sleep(0.05)\n"
    )
    runtime = run(source, COLLECTOR=collector.address).ready()

    runtime.call(deadline_ms=int(time.time() * 1000) + 4_000)

    [(event, arrived)] = collector.sentry_events()
    assert event["exception"]["values"][0]["type"] == "ServerlessTimeoutWarning"
    assert arrived < runtime.mock.requests[1].time


def test_an_init_error_is_reported(run: Starter, collector: Collector) -> None:
    """What fails after Sentry was set up is reported with its type and frames."""
    runtime = run(INIT + "init()\n1 / 0\n", COLLECTOR=collector.address)

    assert runtime.init_error()["errorType"] == "ZeroDivisionError"
    assert runtime.exit_code() == 1
    events = [event for event, _ in collector.sentry_events()]
    assert [event["exception"]["values"][-1]["type"] for event in events] == ["ZeroDivisionError"]


def test_a_missing_handler_is_reported(run: Starter, collector: Collector) -> None:
    """An init error that the runtime finds itself is reported under the name that the platform gets."""
    runtime = run(INIT + "init()\n", COLLECTOR=collector.address)

    assert runtime.init_error()["errorType"] == "Runtime.HandlerNotFound"
    assert runtime.exit_code() == 1
    assert len(collector.sentry_events()) == 1


def test_many_invocations(run: Starter, collector: Collector) -> None:
    """Responses and errors in turn, each with its own report."""
    runtime = run(AT_IMPORT, COLLECTOR=collector.address)

    for number in range(5):
        assert runtime.call(number) == number
        runtime.fail("raise", request_id=f"r-{number}")

    ids = [event["extra"]["lambda"]["aws_request_id"] for event, _ in collector.sentry_events()]
    assert ids == [f"r-{number}" for number in range(5)]
