"""Chance that can be repeated: every draw is a pure function of its key, so the order of draws does not matter.

A generator with state would make a device's battery depend on how many others were asked before it. The function is
splitmix64's finaliser, folded over the parts of the key, because plain 64-bit arithmetic means the same to Python's
integers and to numpy's arrays: `draw` asks for one device, `draws` for a million at once, and they agree to the last
bit. Not for secrets: who knows the seed knows every draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers = NDArray[np.uint64]
    Floats = NDArray[np.float64]

T = TypeVar("T")
Key = int | str | tuple[Any, ...]
"""A part of a key; a tuple holds such parts itself."""

_64_BITS: Final = (1 << 64) - 1
_BASE: Final = 0x9E3779B97F4A7C15
_FIRST: Final = 0xBF58476D1CE4E5B9
_SECOND: Final = 0x94D049BB133111EB
_UNIT: Final = 2.0**-53
"""53 bits are what a float holds exactly; 64 could round up to 1."""


def draw(*key: Key) -> float:
    """A number in [0, 1) that belongs to `key` (integers, strings, tuples), the same on every machine and Python."""
    return float((_hash(key) >> 11) * _UNIT)


def draws(*key: int | str | Integers) -> Floats:
    """`draw` for each element of the arrays in `key` (uint64, of one length)."""
    drawn: Floats = (_hash(key) >> 11) * _UNIT
    return drawn


def between(low: float, high: float, *key: Key) -> float:
    return low + (high - low) * draw(*key)


def choose(options: Sequence[T], *key: Key) -> T:
    """One of `options`, which must not be empty."""
    return options[int(draw(*key) * len(options))]


def _hash(key: tuple[Any, ...]) -> Any:
    """64 bits that belong to `key`: a Python integer, or a uint64 array as soon as one part is an array."""
    state: Any = _BASE
    for part in key:
        if isinstance(part, str):
            bits: Any = _word(part)
        elif isinstance(part, tuple):
            bits = _hash(part)
        else:
            bits = part & _64_BITS
        state = ((state ^ bits) + _BASE) & _64_BITS
        state = ((state ^ state >> 30) * _FIRST) & _64_BITS
        state = ((state ^ state >> 27) * _SECOND) & _64_BITS
        state ^= state >> 31
    return state


@lru_cache(maxsize=4096)
def _word(text: str) -> int:
    """A string as 64 bits. Cached: keys say the same few words again and again."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
