"""Compare what a function answers, but for what varies from run to run."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rapid_client.local._shorten import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rapid_client.local.function import InvokeResult

#: Characters of a value that are shown.
SHOWN: Final = 80
#: What is compared of a text as a whole: a number, an identifier, a time, a signature are one word each.
WORD: Final = re.compile(r"[\w.:+/=%~-]+|\s+|.")
#: What the words of a line are taken for where lines have no fixed places: all with a digit are one.
NUMBER: Final = re.compile(r"\d")
#: All that a function answers, and all that API Gateway passes on of it.
WHOLE: Final = frozenset({"$", "$.body"})
#: Where the log is in an answer.
LOG: Final = "log"
#: Lines that are Lambda's own, not the function's.
PLATFORM: Final = ("START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_REPORT ")


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where two answers differ.

    Attributes:
        path: Where in the answer, ``$.body.items[0]``, or ``$.body word 3`` of a text, where blanks and
            punctuation count as words, too; ``status`` and ``error type`` are beside it.
        before: What the one has there.
        after: What the other has there.
    """

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.path}: {_shown(self.before)} became {_shown(self.after)}"


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = _Absent()


def answer(result: InvokeResult) -> dict[str, Any]:
    """Return what counts of an answer: how it ended, the type of an error, the value of a response.

    An error's message and traceback name paths and lines, which are not the same in two folders.
    """
    found: dict[str, Any] = {"status": result.status, "error type": result.error_type}
    if result.ok:
        found["$"] = _value(result.payload)
    return found


def everything(result: InvokeResult) -> dict[str, Any]:
    """Return all of an answer: what `answer` has, an error's message and traceback, and the log.

    To be compared between runs at the same path.
    """
    lines = result.log.decode(errors="backslashreplace").splitlines()
    own = [_logged(line) for line in lines if line and not line.startswith(PLATFORM)]
    return {**answer(result), "$": _value(result.payload), LOG: own}


def reshaped(answers: Sequence[dict[str, Any]]) -> list[Difference]:
    """Return where answers vary in more than a value: how they ended, the type of a value, its parts.

    So does a whole answer, or its body, that is a text of now more and now fewer words: there is nothing to
    compare. A log that varies does not count.
    """
    found = [each for each in varying(answers) if not each.path.startswith(LOG)]
    return [
        each
        for each in found
        if not each.path.startswith("$")
        or type(each.before) is not type(each.after)
        or isinstance(each.before, list | dict)
        or (each.path in WHOLE and isinstance(each.before, str) and not _one_word(each))
    ]


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    """Return where two answers differ, as JSON values: 1 is not 1.0, the order of keys does not count."""
    return [
        difference
        for name in before | after
        for difference in _walk(before.get(name, ABSENT), after.get(name, ABSENT), name)
    ]


def varying(answers: Sequence[dict[str, Any]]) -> list[Difference]:
    """Return what varies between answers of the same function to the same event, each place once."""
    found = {each.path: each for other in answers[1:] for each in differences(answers[0], other)}
    return list(found.values())


def unexplained(answers: Sequence[dict[str, Any]], after: dict[str, Any]) -> list[Difference]:
    """Return where *after* differs from all of the *answers*, where these do not vary.

    What varies must still be of a type that it has had. Where logs have now more and now fewer lines, each
    line must be like one that was there before, and what was in each log must be there.
    """
    masked = varying(answers)
    found = differences(answers[0], after)
    if any(mask.path == LOG for mask in masked):
        found = [each for each in found if not each.path.startswith(LOG)]
        found += _other_lines([each[LOG] for each in answers], after[LOG])
    return [each for each in found if not _excused(each, masked)]


def place(difference: Difference) -> str:
    """Return what varies, for people: they are told where nothing, or not each line, is compared."""
    if difference.path == LOG:
        return "log (the number of its lines; compared are the kinds of lines)"
    return f"{difference.path} (all of it)" if difference.path in WHOLE else difference.path


def _other_lines(before: Sequence[Sequence[Any]], after: Sequence[Any]) -> Iterator[Difference]:
    """Yield lines of a kind that no log had *before*, and the kinds that each had and that are gone."""
    known = [{_kind(line): line for line in lines} for lines in before]
    kinds = {_kind(line): line for line in after}
    for kind, line in kinds.items():
        if not any(kind in each for each in known):
            yield Difference(f"{LOG} line", ABSENT, line)
    for kind, line in known[0].items():
        if kind not in kinds and all(kind in each for each in known):
            yield Difference(f"{LOG} line", line, ABSENT)


def _kind(value: Any) -> str:
    """Return a line without what may vary: numbers, and words with a digit."""
    if isinstance(value, dict):
        return " ".join(f"{key}: {_kind(value[key])}," for key in sorted(value))
    if isinstance(value, list):
        return f"[{' '.join(map(_kind, value))}]"
    if isinstance(value, str):
        return " ".join("0" if NUMBER.search(word) else word for word in WORD.findall(value))
    return "0" if type(value) in {int, float} else repr(value)


def _one_word(difference: Difference) -> bool:
    return all(len(WORD.findall(value)) == 1 for value in (difference.before, difference.after))


def _excused(difference: Difference, masked: Iterable[Difference]) -> bool:
    for mask in masked:
        if difference.path == mask.path:
            if type(mask.before) is type(mask.after) is type(difference.after) is str and _one_word(mask):
                return len(WORD.findall(difference.after)) == 1
            return type(difference.after) in {type(mask.before), type(mask.after)}
        if difference.path.startswith((f"{mask.path}.", f"{mask.path}[", f"{mask.path} word ")):
            return True
    return False


def _value(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return payload.decode(errors="backslashreplace")


def _logged(line: str) -> Any:
    """Return a line of a log as what is compared: its JSON, or its words."""
    value = _container(line)
    return value if value is not None else WORD.findall(line)


def _walk(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if isinstance(before, str) and isinstance(after, str) and before != after:
        # An answer to API Gateway has JSON in a string: what varies there is a part of it; else it is a word.
        inner = _container(before), _container(after)
        words = WORD.findall(before), WORD.findall(after)
        if None not in inner:
            before, after = inner
        elif len(words[0]) == len(words[1]) > 1:
            for number, pair in enumerate(zip(*words, strict=True), 1):
                yield from _walk(*pair, f"{path} word {number}")
            return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before | after:
            yield from _walk(before.get(key, ABSENT), after.get(key, ABSENT), f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, pair in enumerate(zip(before, after, strict=True)):
            yield from _walk(*pair, f"{path}[{number}]")
    elif type(before) is not type(after) or before != after:
        yield Difference(path, before, after)


def _container(text: str) -> Any:
    """Return the object or array that a string holds as JSON; None if it does not."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    value = _value(text.encode(errors="surrogatepass"))
    return value if isinstance(value, dict | list) else None


def _shown(value: Any) -> str:
    text = repr(value) if value is ABSENT else json.dumps(value, ensure_ascii=False)
    return shorten(text, SHOWN)
