"""A REST API with Powertools: logger, metrics, tracer (switched off), event handler."""

import os

os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "1")

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="greetings")
tracer = Tracer(service="greetings")
metrics = Metrics(namespace="corpus", service="greetings")
app = APIGatewayRestResolver()


@app.get("/hello/<name>")
@tracer.capture_method
def hello(name: str):
    """Greet, but for one."""
    if name == "nobody":
        raise NotFoundError("nobody is here")
    metrics.add_metric(name="greetings", unit=MetricUnit.Count, value=1)
    logger.info("hello", extra={"to": name})
    return {"hello": name}


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict, context: LambdaContext):
    """Answer a request of API Gateway."""
    return app.resolve(event, context)
