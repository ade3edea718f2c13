"""Many texts as bytes: 4 bytes beside their UTF-8 each, searched and sorted by numpy without the interpreter.

A text is known by its code, the number under which it was added. They stand in segments of UTF-8 beside the ends of
each; where lower-casing changes anything, a segment has a lower-cased twin, made with Python's own rules, because
that is what a search without regard to case means. Bytes of UTF-8 compare as code points do, and a valid text that is
found among its bytes is found among its characters.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SEGMENT_TEXTS: Final = 32_768
SEGMENT_BYTES: Final = 2_000_000
"""A segment is closed at either; a batch that is larger by itself makes a larger segment."""

LOT: Final = 1_024
"""Texts that are decoded together: half a millisecond."""

WORD: Final = 8
_MASKS: Final = np.array([(2**64 - 1) ^ (2 ** (64 - 8 * kept) - 1) for kept in range(WORD + 1)], dtype=np.uint64)
"""Of a word read at the end of a text, what belongs to the text, by how many bytes do."""

Mask = NDArray[np.bool_]
Check = Callable[[], None]
"""Called between steps of a long piece of work; raises when it is no longer wanted."""


class Segment:
    """Texts one after another: `blob` with 8 zero bytes behind them, and where each ends."""

    def __init__(self, blob: bytes | bytearray, ends: array[int]) -> None:
        self.blob = np.frombuffer(bytes(blob) + bytes(WORD), np.uint8)
        self.ends = np.frombuffer(ends.tobytes(), np.uint32)
        self.size = len(blob)
        self.lowered: Segment = self

    def __len__(self) -> int:
        return len(self.ends)

    def text(self, number: int) -> str:
        start = self.ends[number - 1] if number else 0
        return self.blob[start : self.ends[number]].tobytes().decode()

    def texts(self, numbers: NDArray[np.int64]) -> list[str]:
        """The texts of these numbers, which go up."""
        starts, ends = self.starts()[numbers].tolist(), self.ends[numbers].tolist()
        if not starts:
            return []
        base = starts[0]
        data = self.blob[base : ends[-1]].tobytes()
        if data.isascii():
            text = data.decode()
            return [text[start - base : end - base] for start, end in zip(starts, ends, strict=True)]
        return [data[start - base : end - base].decode() for start, end in zip(starts, ends, strict=True)]

    def starts(self) -> NDArray[np.int64]:
        starts = np.zeros(len(self.ends), np.int64)
        starts[1:] = self.ends[:-1]
        return starts

    def lengths(self) -> NDArray[np.int64]:
        return self.ends - self.starts()

    def containing(self, wanted: bytes) -> Mask:
        """Which texts have `wanted`, which is not empty, among their bytes."""
        found = np.zeros(len(self.ends), np.bool_)
        last = self.size - len(wanted) + 1
        if last <= 0:
            return found
        blob = self.blob
        mask = blob[:last] == wanted[0]
        if len(wanted) > 1:
            mask &= blob[len(wanted) - 1 : last + len(wanted) - 1] == wanted[-1]
        at = np.flatnonzero(mask)
        for offset in range(1, len(wanted) - 1):
            if not len(at):
                return found
            at = at[blob[at + offset] == wanted[offset]]
        number = np.searchsorted(self.ends, at, side="right")
        found[number[at + len(wanted) <= self.ends[number]]] = True
        return found

    def compared(self, wanted: bytes) -> NDArray[np.int8]:
        """For each text −1, 0 or 1: before `wanted` by code point, equal, after."""
        words, starts, lengths = words_of(self.blob), self.starts(), self.lengths()
        sign = np.zeros(len(self.ends), np.int8)
        open_ = np.arange(len(self.ends))
        for at in range(0, len(wanted) + WORD, WORD):
            word = word_at(words, starts[open_], lengths[open_], at)
            other = np.uint64(int.from_bytes(wanted[at : at + WORD].ljust(WORD, b"\0"), "big"))
            sign[open_[word < other]] = -1
            sign[open_[word > other]] = 1
            open_ = open_[word == other]
            if not len(open_):
                return sign
        # What is equal in every byte that both have: the shorter is first, as a NUL counts for more than an end.
        sign[open_] = np.sign(lengths[open_] - len(wanted))
        return sign


def words_of(blob: NDArray[np.uint8]) -> NDArray[Any]:
    """The 8 bytes from each byte on, as one big-endian number; without a copy."""
    return np.ndarray((len(blob) - WORD + 1,), dtype=">u8", buffer=blob, strides=(1,))


def word_at(words: NDArray[Any], starts: NDArray[np.int64], lengths: NDArray[np.int64], at: int) -> NDArray[np.uint64]:
    """The 8 bytes at `at` of each text, zeros behind its end."""
    left = np.minimum(np.maximum(lengths - at, 0), WORD)
    where = np.minimum(starts + at, len(words) - 1)
    word: NDArray[np.uint64] = words[where].astype(np.uint64)
    word &= _MASKS[left]
    return word


class TextsView:
    """Texts as they were at one moment: what a worker reads."""

    def __init__(self, origin: Texts, segments: list[Segment], bases: list[int], count: int) -> None:
        self.origin = origin
        """Whose codes these are."""
        self.segments = segments
        self._bases = bases
        self._count = count

    def __len__(self) -> int:
        return self._count

    def text(self, code: int) -> str:
        number = bisect_right(self._bases, code) - 1
        return self.segments[number].text(code - self._bases[number])

    def lengths(self) -> NDArray[np.int64]:
        """In bytes, by code."""
        return np.concatenate([np.zeros(0, np.int64), *(segment.lengths() for segment in self.segments)])

    @cached_property
    def is_empty(self) -> Mask:
        """Which texts have no length."""
        empty: Mask = self.lengths() == 0
        return empty

    def each(self, wanted: Mask, check: Check) -> Iterator[tuple[int, str]]:
        """The code and text of those `wanted`, decoded a lot at a time."""
        for base, segment in zip(self._bases, self.segments, strict=False):
            numbers = np.flatnonzero(wanted[base : base + len(segment)])
            for start in range(0, len(numbers), LOT):
                check()
                lot = numbers[start : start + LOT]
                yield from zip((lot + base).tolist(), segment.texts(lot), strict=True)

    def containing(self, lowered: str, check: Check) -> Mask:
        """Which texts have `lowered` in their lower-cased form."""
        wanted = lowered.encode()
        return self._each(lambda segment: segment.lowered.containing(wanted), np.bool_, check)

    def compared(self, wanted: str, check: Check) -> NDArray[np.int8]:
        """By code: −1, 0 or 1 for before, equal to or after `wanted` by code point."""
        data = wanted.encode()
        return self._each(lambda segment: segment.compared(data), np.int8, check)

    def _each(self, ask: Callable[[Segment], NDArray[Any]], dtype: Any, check: Check) -> NDArray[Any]:
        parts = [np.zeros(0, dtype)]
        for segment in self.segments:
            check()
            parts.append(ask(segment))
        return np.concatenate(parts)


class Texts:
    """The live side: texts are added, never changed. Used on the loop's thread only."""

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._bases: list[int] = [0]
        self._count = 0
        self._tail = _Tail()

    def __len__(self) -> int:
        return self._count

    def extend(self, texts: Sequence[str]) -> int:
        """Add texts; returns the code of the first, the others follow it."""
        first = self._count
        self._tail.extend(texts)
        self._count += len(texts)
        if self._tail.is_full:
            self._segments.append(self._tail.segment())
            self._bases.append(self._count)
            self._tail = _Tail()
        return first

    def text(self, code: int) -> str:
        number = bisect_right(self._bases, code) - 1
        within = code - self._bases[number]
        return self._segments[number].text(within) if number < len(self._segments) else self._tail.text(within)

    def view(self) -> TextsView:
        tail = [self._tail.segment()] if len(self._tail) else []
        return TextsView(self, self._segments + tail, self._bases.copy(), self._count)


class _Tail:
    """The segment that texts are added to."""

    def __init__(self) -> None:
        self._texts = _Joined()
        self._lowered: _Joined | None = None
        """From the first text on that lower-casing changes."""
        self._made: Segment | None = None

    def __len__(self) -> int:
        return len(self._texts.ends)

    @property
    def is_full(self) -> bool:
        return len(self) >= SEGMENT_TEXTS or len(self._texts.blob) >= SEGMENT_BYTES

    def extend(self, texts: Sequence[str]) -> None:
        joined = "".join(texts)
        lowered = joined.lower()
        if self._lowered is None and lowered != joined:
            self._lowered = self._texts.copy()
        if self._lowered is not None:
            if lowered == joined:
                self._lowered.extend(texts, joined)
            elif joined.isascii():
                self._lowered.extend(texts, lowered)
            else:  # lengths change, and how a letter is lowered may depend on those around it
                each = [text.lower() for text in texts]
                self._lowered.extend(each, "".join(each))
        self._texts.extend(texts, joined)

    def text(self, number: int) -> str:
        return self._texts.blob[self._texts.ends[number - 1] if number else 0 : self._texts.ends[number]].decode()

    def segment(self) -> Segment:
        """What it holds now; made once for as long as nothing is added."""
        if self._made is None or len(self._made) != len(self):
            self._made = Segment(self._texts.blob, self._texts.ends)
            if self._lowered is not None:
                self._made.lowered = Segment(self._lowered.blob, self._lowered.ends)
        return self._made


class _Joined:
    def __init__(self) -> None:
        self.blob = bytearray()
        self.ends = array("I")

    def copy(self) -> _Joined:
        other = _Joined()
        other.blob, other.ends = self.blob[:], self.ends[:]
        return other

    def extend(self, texts: Sequence[str], joined: str) -> None:
        parts: Sequence[str | bytes] = texts if joined.isascii() else [text.encode() for text in texts]
        lengths = accumulate(map(len, parts), initial=len(self.blob))
        next(lengths)
        self.ends.extend(lengths)
        self.blob += joined.encode()
