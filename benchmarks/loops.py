"""Six loops in pure Python, timed by the interpreter that runs this file: ``PYTHON -S loops.py``.

What an interpreter's own speed is made of, and no library's: numbers, calls, attributes, containers, text,
generators. It prints the CPU time of each, the fastest of several runs, in milliseconds as JSON.
"""

from __future__ import annotations

import json
from time import process_time_ns

RUNS = 7


class Point:
    """Two numbers and a method."""

    __slots__ = ("x", "y")

    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y

    def moved(self, by: int) -> Point:
        """Return a point further on."""
        return Point(self.x + by, self.y - by)


def numbers() -> int:
    """Add and multiply small integers."""
    total = 0
    for i in range(60_000):
        total = (total * 31 + i) & 0xFFFFFF
    return total


def fibonacci(n: int) -> int:
    """Return the *n*-th number, the long way."""
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def calls() -> int:
    """Call a function that calls itself."""
    return fibonacci(22)


def attributes() -> int:
    """Make objects, call their method, read their attributes."""
    point = Point(0, 0)
    for i in range(15_000):
        point = point.moved(i & 3)
    return point.x


def containers() -> int:
    """Fill dictionaries and lists, and look into them."""
    counts: dict[int, int] = {}
    for i in range(30_000):
        key = i * 7 % 1000
        counts[key] = counts.get(key, 0) + 1
    return sum(sorted(counts.values())[:10])


def text() -> int:
    """Cut, join and format strings."""
    words = ["alpha", "beta", "gamma", "delta"] * 25
    length = 0
    for i in range(400):
        line = ",".join(words)
        length += len([word.upper() for word in line.split(",") if word[0] != "b"]) + len(f"{i}:{line}")
    return length


def generators() -> int:
    """Pull numbers through a chain of generators."""

    def counted(limit: int) -> Iterator[int]:
        yield from range(limit)

    return sum(number * 2 for number in (n + 1 for n in counted(30_000)) if number % 3)


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LOOPS = (numbers, calls, attributes, containers, text, generators)


def main() -> None:
    """Run each, and print."""
    fastest = {}
    for loop in LOOPS:
        times = []
        for _ in range(RUNS):
            before = process_time_ns()
            loop()
            times.append(process_time_ns() - before)
        fastest[loop.__name__] = min(times) / 1e6
    print(json.dumps(fastest))


if __name__ == "__main__":
    main()
