"""What an optimised build's profile is made by: ``./python train.py test_json ...`` in CPython's own make.

CPython's tests, named on the command line, reach the corners of its C code. They hardly run Python for long,
so the interpreter's loop would be arranged for tests: the programs below are what functions are made of.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import enum
import functools
import heapq
import json
import math
import re
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import Any

#: Each program runs so often that it takes about as long as the others.
SECONDS = 0.5
FORM = "{}-{!r}"
SENTENCE = (
    "the quick brown fox jumps over the lazy dog, and Dr. Ångström counts 17 of them: 3.5 % are late.\n"
)


class State(enum.Enum):
    """Of an order."""

    NEW = "new"
    PAID = "paid"
    SENT = "sent"


@dataclasses.dataclass
class Item:
    """One line of an order."""

    name: str
    price: float
    count: int = 1
    tags: list[str] = dataclasses.field(default_factory=list)

    @property
    def total(self) -> float:
        """What it costs."""
        return self.price * self.count


class Order:
    """Some items, in a state."""

    def __init__(self, number: int, items: list[Item]) -> None:
        self.number = number
        self.items = items
        self.state = State.NEW
        self._seen: dict[str, int] = {}

    def advance(self) -> Order:
        """Go to the next state."""
        if self.state is State.NEW:
            self.state = State.PAID
        elif self.state == State.PAID:
            self.state = State.SENT
        else:
            raise ValueError(f"order {self.number} is {self.state.value}")
        return self

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Item:
        self._seen[self.items[index].name] = index
        return self.items[index]


class Special(Order):
    """One with a discount."""

    def __init__(self, number: int, items: list[Item], *, discount: float = 0.1) -> None:
        super().__init__(number, items)
        self.discount = discount

    def advance(self) -> Order:
        """Go to the next state, cheaper."""
        for item in self.items:
            item.price *= 1 - self.discount
        return super().advance()


def orders() -> int:
    """Make objects, change them, catch what they raise."""
    done = 0
    for number in range(300):
        kind = Special if number % 3 == 0 else Order
        order = kind(number, [Item(f"item {i}", i * 1.25, i % 4, ["a", "b"]) for i in range(4)])
        try:
            while len(order) and isinstance(order[0], Item):
                order.advance()
        except ValueError as exc:
            done += len(str(exc)) + len(order) + int(sum(item.total for item in order.items))
    return done


def tower(height: int, source: int, target: int) -> int:
    """Move discs: a function that calls itself."""
    if height == 0:
        return 0
    spare = 3 - source - target
    return tower(height - 1, source, spare) + 1 + tower(height - 1, spare, target)


def queens(size: int, row: int = 0, columns: int = 0, left: int = 0, right: int = 0) -> int:
    """Count how queens can stand on a board: recursion and bits."""
    if row == size:
        return 1
    count = 0
    free = ~(columns | left | right) & ((1 << size) - 1)
    while free:
        place = free & -free
        free ^= place
        count += queens(size, row + 1, columns | place, (left | place) << 1, (right | place) >> 1)
    return count


def recursion() -> int:
    """Call and return."""
    return tower(9, 0, 2) + queens(6)


def planets() -> float:
    """Floating point numbers in lists and tuples."""
    bodies = [([i * 1.1, i * 0.7, -i * 0.3], [0.01 * i, 0.0, 0.02], 1.0 / (i + 1)) for i in range(5)]
    for _ in range(60):
        for i, (place, speed, _mass) in enumerate(bodies):
            for other, _, mass in bodies[i + 1 :]:
                dx, dy, dz = (a - b for a, b in zip(place, other, strict=True))
                distance = math.sqrt(dx * dx + dy * dy + dz * dz) + 1e-9
                speed[0] -= dx * mass / distance**3
                speed[1] -= dy * mass / distance**3
                speed[2] -= dz * mass / distance**3
        for place, speed, _ in bodies:
            for axis in range(3):
                place[axis] += 0.01 * speed[axis]
    return bodies[0][0][0]


def sieve() -> int:
    """Integers, in a list and in a while loop."""
    limit = 6_000
    flags = [True] * (limit + 1)
    number = 2
    while number * number <= limit:
        if flags[number]:
            for multiple in range(number * number, limit + 1, number):
                flags[multiple] = False
        number += 1
    checksum = 0
    for index, flag in enumerate(flags):
        if flag:
            checksum = (checksum << 1 ^ index) % 1_000_003
    return checksum


def words() -> int:
    """Cut text, change it, count it, put it together again."""
    total = 0
    for number in range(60):
        line = SENTENCE.replace("lazy", f"{number:>4}").strip()
        parts = [word.strip(",.:%").lower() for word in line.split()]
        counts: dict[str, int] = {}
        for word in parts:
            counts[word] = counts.get(word, 0) + 1
        upper = " ".join(word.upper() if word.startswith("t") else word.title() for word in parts if word)
        key, _, value = f"Content-Length: {len(upper)}".partition(": ")
        total += len("%s=%s;" % (key, value))  # noqa: UP031 - people do
        total += upper.count("T") + line.find("dog") + sum(counts.values())
        total += sum(char.isdigit() for char in line) + len(FORM.format(key, parts[-1]))
    return total


def patterns() -> int:
    """Regular expressions, their groups and replacements."""
    pattern = re.compile(r"(?P<word>[a-z]+)\W+(\d*)")
    found = sum(len(match["word"]) for match in pattern.finditer(SENTENCE * 8))
    return found + len(re.sub(r"\s+", "-", SENTENCE * 4))


def groups() -> int:
    """Dictionaries, sets, sorting, counting, a heap."""
    rows: list[dict[str, Any]] = [{"id": i, "city": f"c{i * 7 % 13}", "age": i * 31 % 90} for i in range(300)]
    cities: dict[str, list[int]] = collections.defaultdict(list)
    for row in rows:
        if row["age"] > 18 and "id" in row:
            cities[row["city"]].append(row["age"])
    means = {city: sum(ages) / len(ages) for city, ages in cities.items()}
    ranked = sorted(means.items(), key=lambda pair: (-pair[1], pair[0]))
    common = collections.Counter(row["city"] for row in rows).most_common(3)
    unique = {row["age"] for row in rows} | {1, 2, 3} - {2}
    heap: list[int] = []
    for row in rows:
        heapq.heappush(heap, row["age"])
    smallest = [heapq.heappop(heap) for _ in range(50)]
    return len(ranked) + len(common) + len(unique) + smallest[-1]


def documents() -> int:
    """JSON there and back, and a walk through what came of it."""
    text = json.dumps(
        {"items": [{"n": i, "s": f"value {i}", "f": i / 3, "l": [None, True]} for i in range(60)]}
    )

    def walk(value: Any) -> int:
        if isinstance(value, dict):
            return sum(walk(inner) for inner in value.values())
        if isinstance(value, list):
            return sum(map(walk, value))
        return len(value) if isinstance(value, str) else 1

    return walk(json.loads(text)) + len(text)


def logged(function: Callable[..., int]) -> Callable[..., int]:
    """Count calls."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> int:
        wrapper.calls += 1  # type: ignore[attr-defined]
        return function(*args, **kwargs)

    wrapper.calls = 0  # type: ignore[attr-defined]
    return wrapper


@logged
def area(width: int, height: int = 2, *more: int, scale: int = 1) -> int:
    """Take arguments of all kinds."""
    return width * height * scale + len(more)


@contextlib.contextmanager
def counted(into: list[int]) -> Iterator[None]:
    """Note that something ran."""
    into.append(1)
    try:
        yield
    finally:
        into.append(-1)


def closures() -> int:
    """Decorators, closures, keyword arguments, context managers, a cache."""

    def adder(step: int) -> Callable[[int], int]:
        return lambda value: value + step

    cached = functools.lru_cache(maxsize=32)(adder(5))
    total, seen, options = 0, list[int](), {"scale": 1}
    for i in range(400):
        with counted(seen):
            total += area(i, scale=2) + area(i, i, i) + area(*(i, 3), **options) + cached(i % 40)
        total += functools.partial(area, 2)(i)
    return total + len(seen)


def tree(depth: int) -> Generator[int, None, int]:
    """Walk a binary tree: generators in generators."""
    if depth == 0:
        yield 1
        return 1
    left = yield from tree(depth - 1)
    yield depth
    right = yield from tree(depth - 1)
    return left + right


def generators() -> int:
    """Pull values through generators and expressions."""
    squares = (n * n for n in range(1500) if n % 3)
    pairs = zip(squares, map(str, range(1500)), strict=False)
    return sum(a + len(b) for a, b in pairs if a & 1) + sum(tree(6))


class Step:
    """Something to wait for, once."""

    def __await__(self) -> Generator[int, int, int]:
        return (yield 1)


async def fetch(number: int) -> int:
    """Wait, and go on."""
    got = await Step()
    return got + number


async def gather(count: int) -> int:
    """Wait for many."""
    total = 0
    for number in range(count):
        try:
            total += await fetch(number)
        finally:
            total += 1
    return total


def coroutines() -> int:
    """Drive coroutines as an event loop does."""
    running = gather(500)
    try:
        running.send(None)
        while True:
            running.send(2)
    except StopIteration as stop:
        return int(stop.value)


PROGRAMS = (
    orders, recursion, planets, sieve, words, patterns, groups, documents, closures, generators, coroutines
)  # fmt: skip


def main() -> None:
    """Run the programs, then the tests, which end the process."""
    for program in PROGRAMS:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            program()
    from test.libregrtest.main import main as run_tests  # type: ignore[import-not-found]

    sys.argv[1:1] = ["--pgo"]
    run_tests()


if __name__ == "__main__":
    main()
