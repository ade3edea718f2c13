"""Long work in small steps, so that a registration never waits for somebody's search.

Work is a generator: it yields wherever it may be interrupted, at least every millisecond or so, and returns its
result. What it yields is None, or a function to be run off the loop before it goes on (for numpy, which lets the
loop run meanwhile; plain Python would not).
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Generator
from operator import itemgetter
from time import perf_counter
from typing import Any, Final, TypeVar

T = TypeVar("T")

Steps = Generator[Callable[[], object] | None, None, T]

TURN_S: Final = 0.004
"""How long one turn of the loop may be used."""

_AT_ONCE: Final = 1_000
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


def sorted_in_steps(pairs: list[tuple[Any, T]], *, descending: bool = False) -> Steps[list[T]]:
    """The second of each pair, sorted by the first; ties stay in the order in which they are.

    Python's own sort cannot be interrupted: a sample says which buckets to throw the pairs into, and those are sorted
    one by one. A key that is frequent gets a bucket of its own, which needs no sorting.
    """
    if len(pairs) <= _AT_ONCE:
        return [item for _, item in sorted(pairs, key=itemgetter(0), reverse=descending)]
    wanted = min(_MOST_PIVOTS, len(pairs) // (_AT_ONCE // 2))
    sample = sorted(key for key, _ in pairs[:: max(1, len(pairs) // (wanted * _OVERSAMPLED))])
    pivots = sorted(set(sample[::_OVERSAMPLED]))
    yield None
    buckets: list[list[tuple[Any, T]]] = [[] for _ in range(2 * len(pivots) + 1)]
    for start in range(0, len(pairs), _AT_ONCE):
        for pair in pairs[start : start + _AT_ONCE]:
            key = pair[0]
            position = bisect_left(pivots, key)
            is_pivot = position < len(pivots) and pivots[position] == key
            buckets[2 * position + is_pivot].append(pair)
        yield None
    ordered: list[T] = []
    numbers = range(len(buckets))
    for number in reversed(numbers) if descending else numbers:
        bucket = buckets[number]
        if number % 2 == 0:
            bucket.sort(key=itemgetter(0), reverse=descending)
        ordered += [item for _, item in bucket]
        if bucket:
            yield None
    return ordered
