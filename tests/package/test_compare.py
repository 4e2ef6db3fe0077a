"""Answers are compared as JSON values, but for what varies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rapid_client.local._package.compare import (
    answer,
    differences,
    everything,
    reshaped,
    unexplained,
    varying,
)
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

    assert [each.path for each in differences(first, second)] == ["$ word 2"]
    assert differences(first, first) == []


def logged(*lines: Any, value: Any = 1) -> dict[str, Any]:
    """Return an answer with a log; what is no text is a line of JSON."""
    log = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines).encode()
    payload = json.dumps(value).encode()
    return everything(InvokeResult(status="response", request_id="1", payload=payload, log=log))


@pytest.mark.parametrize("wrap", [lambda text: text, lambda text: {"body": text}, lambda text: [{"a": text}]])
def test_of_a_text_only_the_words_that_vary_are_masked(wrap: Any) -> None:
    """A request's id in a text excuses another id, and no other word."""
    answers = [response(wrap(f"order {word} total 5")) for word in ("a1", "b2", "c3")]

    assert reshaped(answers) == []
    assert unexplained(answers, response(wrap("order d4 total 5"))) == []
    assert unexplained(answers, response(wrap("order d4 total 6"))) != []
    assert unexplained(answers, response(wrap("order d4 total 5 or so"))) != []


def test_of_a_line_in_json_only_the_words_that_vary_are_masked() -> None:
    """So it is in the message of a structured log."""
    answers = [logged({"message": f"request {word} is denied"}) for word in ("a1", "b2", "c3")]

    assert unexplained(answers, logged({"message": "request d4 is denied"})) == []
    assert unexplained(answers, logged({"message": "request d4 is granted"})) != []


def test_a_word_stays_a_word() -> None:
    """What was one word in each answer does not excuse a sentence."""
    answers = [response({"id": word}) for word in ("a1/b+2==", "b2", "c3")]

    assert unexplained(answers, response({"id": "d4/="})) == []
    assert unexplained(answers, response({"id": "it has failed"})) != []


@pytest.mark.parametrize("wrap", [lambda text: text, lambda text: {"body": text}])
def test_a_whole_answer_of_varying_length(wrap: Any) -> None:
    """There would be nothing to compare."""
    assert reshaped([response(wrap("a b")), response(wrap("a b c"))]) != []
    assert reshaped([response(wrap("a")), response(wrap("b"))]) == []


def test_a_log_does_not_count_as_the_shape_of_an_answer() -> None:
    """Lines more or less, and words more or less, are no reason to prove nothing."""
    assert reshaped([logged("a 1"), logged("a 1", "b 2"), logged("a 1 c")]) == []
    assert reshaped([logged("a", value=[1]), logged("a", value=[1, 2])]) != []


def test_a_log_of_varying_length_is_compared_by_kinds_of_lines() -> None:
    """A line of another kind is a difference, and so is one that each log had and that is gone."""
    answers = [logged("start", *(f"try {number} of {{}}" for number in range(tries))) for tries in (1, 3, 2)]

    assert unexplained(answers, logged("start", *(f"try {number} of {{}}" for number in range(9)))) == []
    assert [str(each) for each in unexplained(answers, logged("start", "try 1 of {}", "no filter"))] == [
        'log line: nothing became ["no", " ", "filter"]'
    ]
    assert unexplained(answers, logged("try 1 of {}")) != []
    records = [logged(*[{"level": "INFO", "n": number, "m": "took 5 ms"}] * number) for number in (1, 2)]
    assert unexplained(records, logged({"level": "INFO", "n": 7, "m": "took 71.5 ms"})) == []
    assert unexplained(records, logged({"level": "WARN", "n": 7, "m": "took 71.5 ms"})) != []
