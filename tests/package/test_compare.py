"""Answers are compared as JSON values, but for what varies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rapid_client.local._package.compare import answer, differences, unexplained, varying
from rapid_client.local.function import InvokeResult

if TYPE_CHECKING:
    from rapid_client.local.function import Status


def response(value: Any) -> dict[str, Any]:
    """Return a function's answer."""
    return answer(InvokeResult(status="response", request_id="1", payload=json.dumps(value).encode()))


def failure(status: Status, error_type: str, message: str = "") -> dict[str, Any]:
    """Return the answer of a function that failed."""
    payload = json.dumps({"errorMessage": message}).encode()
    return answer(InvokeResult(status=status, request_id="1", payload=payload, error_type=error_type))


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        (1, 1.0, ["$"]),
        (1, True, ["$"]),
        (None, False, ["$"]),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ["$.a[1].b"]),
        ({"a": [1]}, {"a": [1, 2]}, ["$.a"]),
        ({"a": 1}, {}, ["$.a"]),
        ({}, {"a": None}, ["$.a"]),
        ({"body": '{"x": 1, "y": 2}'}, {"body": '{"y": 2, "x": 3}'}, ["$.body.x"]),
        ({"body": "[1]"}, {"body": "1"}, ["$.body"]),
        ("a", "b", ["$"]),
    ],
    ids=str,
)
def test_where_answers_differ(before: Any, after: Any, paths: list[str]) -> None:
    """Each place is named, also within JSON in a string; types count, the order of keys does not."""
    assert [each.path for each in differences(response(before), response(after))] == paths


def test_failures_are_compared_by_how_and_what() -> None:
    """Status and type of the error count; the message has paths, and does not."""
    before = failure("error", "KeyError", "/a")

    assert differences(before, failure("error", "KeyError", "/b")) == []
    assert [str(each) for each in differences(before, failure("init-error", "ImportError"))] == [
        'status: "error" became "init-error"',
        'error type: "KeyError" became "ImportError"',
    ]


def test_what_varies_is_not_compared() -> None:
    """A place that varies may have any value of its type, and whatever is below it; no other may change."""
    answers = [response({"id": "a", "n": 1, "list": [1]}), response({"id": "b", "n": 1, "list": [1, 2]})]

    assert [each.path for each in varying(answers)] == ["$.id", "$.list"]
    assert unexplained(answers, response({"id": "c", "n": 1, "list": [3]})) == []
    assert [each.path for each in unexplained(answers, response({"id": 5, "n": 2, "list": None}))] == [
        "$.id",
        "$.n",
        "$.list",
    ]


def test_payloads_that_are_no_json() -> None:
    """They are compared as text."""
    first, second = (
        answer(InvokeResult(status="response", request_id="1", payload=data)) for data in (b"\xff1", b"\xff2")
    )

    assert [each.path for each in differences(first, second)] == ["$"]
    assert differences(first, first) == []
