"""sentry-sdk with its integration for Lambda, sending to a list."""

import sentry_sdk
from sentry_sdk.integrations.aws_lambda import AwsLambdaIntegration
from sentry_sdk.transport import Transport

SENT = []


class ToList(Transport):
    """Keeps what would be sent."""

    def capture_envelope(self, envelope):
        """Keep it."""
        SENT.append(envelope)


sentry_sdk.init(
    dsn="http://key@127.0.0.1:9/1",
    transport=ToList,
    integrations=[AwsLambdaIntegration(timeout_warning=True)],
    auto_enabling_integrations=False,
    traces_sample_rate=1.0,
)


def handler(event, context):
    """Report an error within a transaction."""
    reported = None
    with sentry_sdk.start_transaction(name="corpus"):
        try:
            1 / event["by"]
        except ZeroDivisionError as exc:
            reported = sentry_sdk.capture_exception(exc)
    return [bool(reported), len(SENT), sorted(sentry_sdk.get_client().integrations)]
