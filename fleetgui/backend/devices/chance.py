"""Chance that can be repeated: every draw is a pure function of its key, so the order of draws does not matter.

A generator with state would make a device's battery depend on how many others were asked before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")

_SPAN = float(2**64)


def draw(*key: object) -> float:
    """A number in [0, 1) that belongs to `key` (ints and strings), the same on every machine and Python."""
    digest = blake2b("\x1f".join(map(str, key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _SPAN


def between(low: float, high: float, *key: object) -> float:
    return low + (high - low) * draw(*key)


def choose(options: Sequence[T], *key: object) -> T:
    """One of `options`, which must not be empty."""
    return options[int(draw(*key) * len(options))]
