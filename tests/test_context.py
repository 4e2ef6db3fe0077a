"""The context object is awslambdaric's, field by field."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import pytest

from rapid_client import LambdaContext
from rapid_client._caller import ClientContext, client_context_from, parse
from rapid_client.context import CognitoIdentity
from rapid_client.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTION: Final = {
    "AWS_LAMBDA_LOG_GROUP_NAME": "g",
    "AWS_LAMBDA_LOG_STREAM_NAME": "s",
    "AWS_LAMBDA_FUNCTION_NAME": "f",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
}
IDENTITY: Final = "CognitoIdentity([cognito_identity_id=None,cognito_identity_pool_id=None])"
FULL: Final = {
    "custom": {"a": 1},
    "env": {"e": 2},
    "client": {"installation_id": "i", "app_title": "t", "unknown": 1},
    "unknown": 1,
}


@pytest.fixture
def function() -> Iterator[None]:
    """Set the variables of the function while a test runs."""
    before = dict(os.environ)
    os.environ.update(FUNCTION)
    yield
    os.environ.clear()
    os.environ.update(before)


def make(client_context: Any = None, identity: Any = None, deadline: int = 0) -> LambdaContext:
    """Return a context as tests make it."""
    return LambdaContext("req-1", client_context, identity, deadline)


@pytest.mark.usefixtures("function")
def test_the_constructor_and_all_fields() -> None:
    """The constructor is awslambdaric's, and the function's fields come from the environment, as text."""
    context = LambdaContext(
        "req-1", FULL.copy(), {"cognitoIdentityId": "c", "cognitoIdentityPoolId": "p"}, 5, "arn", "t1"
    )

    assert (context.aws_request_id, context.invoked_function_arn, context.tenant_id) == ("req-1", "arn", "t1")
    assert (context.log_group_name, context.log_stream_name) == ("g", "s")
    assert (context.function_name, context.memory_limit_in_mb, context.function_version) == (
        "f",
        "128",
        "$LATEST",
    )
    assert (context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id) == ("c", "p")
    assert repr(context.client_context) == (
        "ClientContext([custom={'a': 1},env={'e': 2},client=Client([installation_id=i,app_title=t,"
        "app_version_name=None,app_version_code=None,app_package_name=None])])"
    )


@pytest.mark.usefixtures("function")
def test_the_representation() -> None:
    """The representation is awslambdaric's."""
    context = LambdaContext(
        invoke_id="req-1",
        client_context=None,
        cognito_identity=None,
        epoch_deadline_time_in_ms=0,
        invoked_function_arn="arn:1",
    )
    assert repr(context) == (
        "LambdaContext([aws_request_id=req-1,log_group_name=g,log_stream_name=s,function_name=f,"
        "memory_limit_in_mb=128,function_version=$LATEST,invoked_function_arn=arn:1,client_context=None,"
        f"identity={IDENTITY},tenant_id=None])"
    )


def test_optional_arguments() -> None:
    """ARN and tenant are None where they are not given."""
    context = make()
    assert (context.invoked_function_arn, context.tenant_id) == (None, None)


def test_every_attribute_can_be_assigned() -> None:
    """Tests and libraries may set what they like, also what awslambdaric does not have."""
    context = make()
    for name in [*vars(context), "something_new"]:
        setattr(context, name, "x")
        assert getattr(context, name) == "x"


@pytest.mark.parametrize(("offset", "low", "high"), [(-60_000, 0, 0), (3_600_000, 1, 3_600_000)])
def test_remaining_time(offset: int, low: int, high: int) -> None:
    """The time left counts down to 0 and is never negative."""
    left = make(deadline=int(time.time() * 1000) + offset).get_remaining_time_in_millis()
    assert low <= left <= high
    assert isinstance(left, int)


def test_remaining_time_without_a_deadline_or_with_a_far_one() -> None:
    """No deadline leaves 0; one in the far future is not clamped."""
    assert make().get_remaining_time_in_millis() == 0
    assert make(deadline=9999999999999).get_remaining_time_in_millis() > 10**12


@pytest.mark.parametrize(
    ("w3c", "fields"),
    [
        (
            {"traceparent": "p", "tracestate": "s", "baggage": "b", "x": "y"},
            {"traceparent": "p", "tracestate": "s", "baggage": "b"},
        ),
        ({"traceparent": 1, "baggage": "b"}, {"baggage": "b"}),
        ("text", {}),
        (None, {}),
    ],
)
def test_w3c(w3c: object, fields: dict[str, str]) -> None:
    """The trace context is taken out of the client context; a copy of its text fields is returned."""
    parsed = {"custom": 1, "w3c": w3c}
    context = make(parsed)

    assert context.w3c() == fields
    assert "w3c" not in parsed
    context.w3c()["x"] = "y"
    assert context.w3c() == fields
    assert make({"custom": 1}).w3c() == {}


def test_an_empty_client_context() -> None:
    """None stays None; an empty object has its fields None."""
    assert client_context_from(None) is None
    context = client_context_from({})
    assert isinstance(context, ClientContext)
    assert repr(context) == "ClientContext([custom=None,env=None,client=None])"


@pytest.mark.parametrize("parsed", [[1], "x", 5, {"client": [1]}])
def test_a_client_context_that_is_no_object(parsed: object) -> None:
    """What is no object is the AttributeError that awslambdaric raises."""
    with pytest.raises(AttributeError, match="object has no attribute 'get'"):
        make(parsed)


def test_no_identity_is_an_object() -> None:
    """Without an identity both of its fields are None."""
    assert isinstance(make().identity, CognitoIdentity)
    assert repr(make().identity) == IDENTITY


@pytest.mark.parametrize("name", ["Client Context", "Cognito Identity"])
def test_headers_that_are_no_json(name: str) -> None:
    """A header that is no JSON has awslambdaric's name and text for it."""
    with pytest.raises(FaultError) as caught:
        parse(name, "{bad")
    assert caught.value.error_type == "Runtime.LambdaContextUnmarshalError"
    assert caught.value.message == (
        f"Unable to parse {name} JSON: "
        "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    )
    assert list(caught.value.trace) == []
    assert parse(name, '{"é": null}') == {"é": None}


def test_log_without_a_sink(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no handler of ours is installed, a log text goes to stdout as it is."""
    make().log("x")
    make().log(5)
    assert capsys.readouterr().out == "x5"


COMPARE: Final = """
import json, sys
from {module} import LambdaContext
full = json.loads(sys.argv[1])
one = LambdaContext("r", full, {{"cognitoIdentityId": "c"}}, 5, "arn", "t")
two = LambdaContext("r", None, None, 5)
print(json.dumps([[list(vars(c)), repr(c), repr(c.client_context), c.w3c(),
                   sorted(n for n in dir(c) if n[0] != "_")] for c in (one, two)]))
"""


@pytest.mark.usefixtures("official")
def test_the_official_context_looks_the_same(child_environ: dict[str, str]) -> None:
    """Fields, their order, texts and public names are those of awslambdaric."""
    argument = json.dumps({**FULL, "w3c": {"traceparent": "p", "x": "y"}})
    ours, theirs = (
        subprocess.run(
            [sys.executable, "-c", COMPARE.format(module=module), argument],
            env={**child_environ, **FUNCTION},
            capture_output=True,
            check=True,
        ).stdout
        for module in ("rapid_client.context", "awslambdaric.lambda_context")
    )
    assert json.loads(ours) == json.loads(theirs)
