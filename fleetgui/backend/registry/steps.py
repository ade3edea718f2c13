"""Long work in small steps, so that a registration never waits for somebody's search.

Work is a generator: it yields wherever it may be interrupted, at least every millisecond or so, and returns its
result. What it yields is None, or a function to be run off the loop before it goes on (for numpy, which lets the
loop run meanwhile; plain Python would not).
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Generator, Sequence
from time import perf_counter
from typing import Any, Final, TypeVar

T = TypeVar("T")

Steps = Generator[Callable[[], object] | None, None, T]

TURN_S: Final = 0.004
"""How long one turn of the loop may be used."""

_AT_ONCE: Final = 1_000
_FREED_AT_ONCE: Final = 10_000
_MOST_PIVOTS: Final = 1_024
_OVERSAMPLED: Final = 4


def at_once(steps: Steps[T]) -> T:
    """Do all of it now; for what is known to be little."""
    while True:
        try:
            work = next(steps)
        except StopIteration as done:
            result: T = done.value
            return result
        if work is not None:
            work()


async def in_turns(steps: Steps[T]) -> T:
    """Do it over as many turns of the loop as it takes."""
    ends = perf_counter() + TURN_S
    while True:
        try:
            work = next(steps)
        except StopIteration as done:
            result: T = done.value
            return result
        if work is not None:
            await asyncio.to_thread(work)
        elif perf_counter() < ends:
            continue
        else:
            await asyncio.sleep(0)
        ends = perf_counter() + TURN_S


def let_go(items: list[Any]) -> Steps[None]:
    """Empty a list that nobody else holds: to free a million objects at once takes a tenth of a second."""
    while items:
        del items[-_FREED_AT_ONCE:]
        yield None


def sorted_in_steps(keys: Sequence[Any], items: Sequence[T], *, descending: bool = False) -> Steps[list[T]]:
    """`items` sorted by the key that stands at the same place in `keys`; ties stay in the order in which they are.

    Python's own sort cannot be interrupted: a sample says into which buckets to throw the items, and those are sorted
    one by one. A key that is frequent gets a bucket of its own, which needs no sorting. Places are moved about, not
    pairs: a million new tuples would have the garbage collector stop everything to look through them.
    """
    key_at = keys.__getitem__
    if len(keys) <= _AT_ONCE:
        return [items[place] for place in sorted(range(len(keys)), key=key_at, reverse=descending)]
    wanted = min(_MOST_PIVOTS, len(keys) // (_AT_ONCE // 2))
    sample = sorted(keys[:: max(1, len(keys) // (wanted * _OVERSAMPLED))])
    pivots = sorted(set(sample[::_OVERSAMPLED]))
    yield None
    buckets: list[list[int]] = [[] for _ in range(2 * len(pivots) + 1)]
    for start in range(0, len(keys), _AT_ONCE):
        for place in range(start, min(start + _AT_ONCE, len(keys))):
            key = key_at(place)
            position = bisect_left(pivots, key)
            is_pivot = position < len(pivots) and pivots[position] == key
            buckets[2 * position + is_pivot].append(place)
        yield None
    ordered: list[T] = []
    numbers = range(len(buckets))
    for number in reversed(numbers) if descending else numbers:
        bucket = buckets[number]
        if number % 2 == 0:
            bucket.sort(key=key_at, reverse=descending)
        for start in range(0, len(bucket), _AT_ONCE):
            ordered += [items[place] for place in bucket[start : start + _AT_ONCE]]
            yield None
        bucket.clear()
    return ordered
