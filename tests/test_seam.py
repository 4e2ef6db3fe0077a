"""The stand-in for awslambdaric's ``bootstrap`` module: what a library wraps around it is what runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.support import Starter

# Wraps what Sentry's integration wraps, in its way, and notes in `seen` what it has been through.
WRAP: Final = """
import functools, sys
seen = []

def wrap(bootstrap):
    real = bootstrap.handle_event_request
    @functools.wraps(real)
    def handle_event_request(client, handler, *args, **kwargs):
        seen.append("handle")
        def inner(event, context):
            seen.append("handler")
            return handler(event, context)
        result = real(client, inner, *args, **kwargs)
        seen.append("handled")
        return result
    bootstrap.handle_event_request = handle_event_request
    owner = bootstrap.LambdaRuntimeClient
    for name in ("post_init_error", "post_invocation_error", "post_invocation_result"):
        setattr(owner, name, wrap_post(name, getattr(owner, name)))

def wrap_post(name, real):
    def post(*args, **kwargs):
        seen.append(name)
        print("posting through", name, flush=True)
        return real(*args, **kwargs)
    return post

import __main__
"""
AT_IMPORT: Final = WRAP + "wrap(__main__.bootstrap)\n"
HANDLER: Final = """
def handler(event, context):
    if event == "fail":
        raise ValueError("on request")
    passed = list(seen)
    seen.clear()
    return passed
"""


def test_wrapped_at_import_each_invocation_goes_through(start: Starter) -> None:
    """Wrappers set at import run around the handler, then around the post, then return, in that order."""
    runtime = start(AT_IMPORT + HANDLER)

    assert runtime.call("first") == ["handle", "handler"]
    assert runtime.call("second") == ["post_invocation_result", "handled", "handle", "handler"]


def test_a_failing_handler_is_posted_through_the_wrapper(start: Starter) -> None:
    """An error goes through `post_invocation_error` and arrives as it does without a wrapper."""
    runtime = start(AT_IMPORT + HANDLER)

    error = runtime.fail("fail")
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "on request")
    passed = ["handle", "handler", "post_invocation_error", "handled", "handle", "handler"]
    assert runtime.call("more") == passed


def test_wrapped_in_the_handler_it_counts_from_the_next_post_on(start: Starter) -> None:
    """A library that wraps in the first invocation wraps whole invocations from the second on."""
    source = (
        WRAP
        + """
def handler(event, context):
    if event == "wrap":
        wrap(__main__.bootstrap)
    passed = list(seen)
    seen.clear()
    return passed
"""
    )
    runtime = start(source)

    assert runtime.call("plain") == []
    assert runtime.call("wrap") == []
    assert runtime.call("now")[-2:] == ["handle", "handler"]
    assert runtime.call("on") == ["post_invocation_result", "handled", "handle", "handler"]


def test_an_init_error_goes_through_the_wrapper(start: Starter) -> None:
    """A module that wraps and then fails has its init error posted through `post_init_error`."""
    runtime = start(AT_IMPORT + "raise KeyError('no such table')\n")

    assert runtime.init_error()["errorType"] == "KeyError"
    assert runtime.exit_code() == 1
    assert "posting through post_init_error" in runtime.log


def test_a_wrapper_gets_what_the_original_gets(start: Starter) -> None:
    """`post_init_error` is handed the body as text and the type of the error, as a library unpacks it."""
    source = """
import __main__, json
owner = __main__.bootstrap.LambdaRuntimeClient
real = owner.post_init_error
def post(self, *args, **kwargs):
    print(json.dumps([type(args[0]).__name__, args[1], json.loads(args[0])["errorMessage"]]), flush=True)
    return real(self, *args, **kwargs)
owner.post_init_error = post
raise RuntimeError("wörd")
"""
    runtime = start(source)

    assert runtime.init_error()["errorMessage"] == "wörd"
    lines: list[Any] = [json.loads(line) for line in runtime.log if line.startswith('["str"')]
    assert lines == [["str", "RuntimeError", "wörd"]]


def test_it_is_one_module_for_all_who_ask(start: Starter) -> None:
    """Whoever asks gets the same object, so that two libraries wrap one after the other."""
    source = """
import __main__
first = __main__.bootstrap
def handler(event, context):
    return [first is __main__.bootstrap, __main__.bootstrap.LambdaRuntimeClient is first.LambdaRuntimeClient]
"""
    assert start(source).call() == [True, True]


def test_asked_and_left_alone_it_changes_nothing(start: Starter) -> None:
    """A library that only looks gets answers and errors through as ever."""
    source = """
import __main__
__main__.bootstrap
def handler(event, context):
    return {"event": event, "twice": 1 / event["by"]}
"""
    runtime = start(source)

    assert runtime.call({"by": 2}) == {"event": {"by": 2}, "twice": 0.5}
    assert runtime.fail({"by": 0})["errorType"] == "ZeroDivisionError"


def test_other_names_of_main_are_missing_as_ever(start: Starter) -> None:
    """Any other name is an AttributeError in Python's words, so `hasattr` and `getattr` work."""
    source = """
import __main__
def handler(event, context):
    try:
        __main__.bootstrapper
    except AttributeError as exc:
        return [str(exc), hasattr(__main__, "nothing"), getattr(__main__, "nothing", 7)]
"""
    runtime = start(source)

    assert runtime.call() == ["module '__main__' has no attribute 'bootstrapper'", False, 7]


def test_nobody_asks_and_nothing_is_built(start: Starter) -> None:
    """Without a library that asks, the seam is not even imported."""
    source = "import sys\ndef handler(event, context):\n    return 'rapid_client._seam' in sys.modules\n"

    assert start(source).call() is False
