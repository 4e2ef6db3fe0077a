"""Powertools, the X-Ray SDK, OpenTelemetry, Datadog, SnapStart's hooks, and awslambdaric's own classes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from rapid_client.local import MockSettings
from tests.support import Starter, skip_where_site_runs
from tests.test_fences import LOADED, SHOW, STANDARD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.libraries.conftest import Daemon

pytestmark = pytest.mark.slow

HTTP_EVENT: Final = {
    "version": "2.0",
    "rawPath": "/shop",
    "rawQueryString": "",
    "headers": {"content-type": "application/json"},
    "requestContext": {"http": {"method": "POST", "path": "/shop"}, "stage": "$default", "requestId": "a"},
    "body": '{"amount": 3}',
    "isBase64Encoded": False,
}
POWERTOOLS: Final = """
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

logger, tracer = Logger(service="shop", level="INFO"), Tracer(service="shop")

@logger.inject_lambda_context(log_event=False)
@tracer.capture_lambda_handler
@event_source(data_class=APIGatewayProxyEventV2)
def handler(event: APIGatewayProxyEventV2, context: LambdaContext):
    logger.info("bought", extra={"amount": event.json_body["amount"]})
    return {"path": event.raw_path, "amount": event.json_body["amount"], "memory": context.memory_limit_in_mb}
"""


@pytest.mark.parametrize("log_format", [None, "JSON"])
def test_powertools(run: Starter, log_format: str | None) -> None:
    """Logger, Tracer, event source and context: each record once, in Powertools' own format."""
    runtime = run(POWERTOOLS, AWS_LAMBDA_LOG_FORMAT=log_format, POWERTOOLS_TRACE_DISABLED="true")

    for number in range(2):
        result = runtime.call(HTTP_EVENT, request_id=f"r-{number}", trace_id="Root=1-2-3;Sampled=1")
        assert result == {"path": "/shop", "amount": 3, "memory": "128"}

    records = [json.loads(line) for line in runtime.log]
    assert [record["function_request_id"] for record in records] == ["r-0", "r-1"]
    assert [record["cold_start"] for record in records] == [True, False]
    assert {record["message"] for record in records} == {"bought"}
    assert {record["amount"] for record in records} == {3}
    assert {record["xray_trace_id"] for record in records} == {"1-2-3"}
    assert {record["function_memory_size"] for record in records} == {"128"}


def test_powertools_logs_an_error_once(run: Starter) -> None:
    """What a handler raises is logged by Powertools if asked, and by the runtime, and posted."""
    source = POWERTOOLS.replace("log_event=False", "log_event=True") + (
        "\nfine = handler\n"
        "@logger.inject_lambda_context\ndef handler(event, context):\n"
        "    try:\n        1 / 0\n"
        "    except ZeroDivisionError:\n        logger.exception('caught')\n        raise\n"
    )
    runtime = run(source, POWERTOOLS_TRACE_DISABLED="true")

    assert runtime.fail()["errorType"] == "ZeroDivisionError"

    record, report = runtime.log
    assert json.loads(record)["exception_name"] == "ZeroDivisionError"
    assert report.startswith("[ERROR] ZeroDivisionError: division by zero\r")


XRAY: Final = """
from aws_xray_sdk.core import xray_recorder

def handler(event, context):
    with xray_recorder.in_subsegment(event) as subsegment:
        subsegment.put_annotation("request", context.aws_request_id)
    return event
"""


def test_x_ray(run: Starter, daemon: Daemon) -> None:
    """Each subsegment goes to the daemon under the trace of its invocation; an unsampled one does not."""
    runtime = run(XRAY, AWS_XRAY_DAEMON_ADDRESS=daemon.address)

    for number in range(1, 4):
        trace = f"Root=1-5759e988-bd862e3fe1be46a99427279{number};Parent=53995c3f42cd8ad{number};Sampled=1"
        runtime.call(f"work {number}", request_id=f"r-{number}", trace_id=trace)
        segment = daemon.receive()

        assert segment["name"] == f"work {number}"
        assert segment["trace_id"] == f"1-5759e988-bd862e3fe1be46a99427279{number}"
        assert segment["parent_id"] == f"53995c3f42cd8ad{number}"
        assert segment["annotations"] == {"request": f"r-{number}"}

    runtime.call(
        "unsampled", trace_id="Root=1-5759e988-bd862e3fe1be46a994272798;Parent=53995c3f42cd8ad8;Sampled=0"
    )
    last = "Root=1-5759e988-bd862e3fe1be46a994272799;Parent=53995c3f42cd8ad9;Sampled=1"
    runtime.call("last", trace_id=last)
    assert daemon.receive()["name"] == "last"


TELEMETRY: Final = """
from opentelemetry import trace
from opentelemetry.instrumentation.aws_lambda import AwsLambdaInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
"""
TELEMETRY_HANDLER: Final = """
def handler(event, context):
    if event == "raise":
        raise ValueError("boom")
    return [
        [span.name, span.attributes["faas.invocation_id"], span.status.status_code.name]
        for span in exporter.get_finished_spans()
    ]
"""
INSTRUMENT: Final = "AwsLambdaInstrumentor().instrument()\n"


@pytest.mark.parametrize("where", ["module", "sitecustomize"])
def test_open_telemetry(run: Starter, where: str) -> None:
    """The attribute that `_HANDLER` names is wrapped at import or before, and what was wrapped is called."""
    if where == "module":
        runtime = run(TELEMETRY + TELEMETRY_HANDLER + INSTRUMENT)
    else:
        run.write(
            f"{TELEMETRY}\nimport builtins\nbuiltins.exporter = exporter\n{INSTRUMENT}", "sitecustomize.py"
        )
        path = f"{run.task}:{run.environ['PYTHONPATH']}"
        runtime = run(TELEMETRY_HANDLER, PYTHONPATH=path)

    assert runtime.call(request_id="r-1") == []
    assert runtime.fail("raise", request_id="r-2")["errorMessage"] == "boom"
    spans = runtime.call(request_id="r-3")

    assert [span[1:] for span in spans] == [["r-1", "UNSET"], ["r-2", "ERROR"]]


DATADOG: Final = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("boom")
    return {"request": context.aws_request_id}
"""
DATADOG_VARIABLES: Final = {
    "DD_LAMBDA_HANDLER": "app.handler",
    "DD_FLUSH_TO_LOG": "true",
    "DD_SITE": "datadoghq.com",
    "DD_API_KEY": "none",
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "DD_CRASHTRACKING_ENABLED": "false",
}


@pytest.mark.parametrize("trace", ["true", "false"])
def test_datadog(run: Starter, trace: str) -> None:
    """`_HANDLER` is Datadog's, which imports the function's and wraps it; results and errors come through."""
    runtime = run(
        DATADOG,
        handler="datadog_lambda.handler.handler",
        environ={
            **DATADOG_VARIABLES,
            "_HANDLER": "datadog_lambda.handler.handler",
            "DD_TRACE_ENABLED": trace,
        },
    )
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f"

    assert runtime.call({}, request_id="r-1", function_arn=arn) == {"request": "r-1"}
    assert runtime.fail({"fail": True}, function_arn=arn)["errorMessage"] == "boom"
    assert runtime.call({}, request_id="r-3", function_arn=arn) == {"request": "r-3"}
    metrics = [json.loads(line)["m"] for line in runtime.log if line.startswith('{"m"')]
    assert metrics.count("aws.lambda.enhanced.invocations") == 3
    assert metrics.count("aws.lambda.enhanced.errors") == 1


SNAPSTART: Final = """
from snapshot_restore_py import register_after_restore, register_before_snapshot

@register_before_snapshot
def one(): print("b1")

@register_before_snapshot
def two(): print("b2")

@register_after_restore
def three(): print("a1")

@register_after_restore
def four(): print("a2")

def handler(event, context): return "invoked"
"""


def test_snap_start(run: Starter) -> None:
    """Hooks of the real package run around the snapshot: the last before hook first, after hooks in order."""
    runtime = run(
        SNAPSTART, settings=MockSettings(snapstart=True), AWS_LAMBDA_INITIALIZATION_TYPE="snap-start"
    )

    assert runtime.call() == "invoked"
    assert runtime.log == ["b2", "b1", "a1", "a2"]


CONTEXT: Final = """
from awslambdaric.lambda_context import LambdaContext

def handler(event, context: LambdaContext):
    made = LambdaContext("id", None, None, 0)
    return [isinstance(context, LambdaContext), made.aws_request_id, made.get_remaining_time_in_millis()]
"""


def test_the_context_class_without_awslambdaric(start: Starter, clean_python: Path) -> None:
    """Where awslambdaric is not installed its class is ours, for annotations, `isinstance` and tests."""
    assert start(CONTEXT, python=clean_python).call() == [True, "id", 0]


def test_the_context_class_with_awslambdaric(run: Starter) -> None:
    """Where awslambdaric is installed its module is the real one, and annotations with it work."""
    pytest.importorskip("awslambdaric")
    result = run(CONTEXT.replace("isinstance(context, LambdaContext)", "LambdaContext.__module__")).call()

    assert result == ["awslambdaric.lambda_context", "id", 0]


def test_what_is_not_used_costs_nothing(
    tmp_path: Path, unmeasured_environ: dict[str, str], clean_python: Path, libraries_path: Path
) -> None:
    """With all the libraries installed a function that uses none loads none, nor what serves them."""
    skip_where_site_runs()
    path = f"{unmeasured_environ['PYTHONPATH']}:{libraries_path}"
    with Starter("bootstrap", tmp_path, {**unmeasured_environ, "PYTHONPATH": path}) as start:
        loaded = start(SHOW, python=clean_python).call()

    ours = {name for name in loaded if name.startswith("rapid_client")}
    assert ours == LOADED
    assert set(loaded) >= STANDARD
    assert len(loaded) < 50
