"""Which place each value has among all: sorting a million texts or numbers once, so that every later sort is cheap.

Texts are sorted eight bytes at a time: the first eight of all, then the next eight of those that are still alike, so
that what differs early is done early, a prefix that all share costs one look, and no text becomes a Python object.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleetgui.stores.held.texts import WORD, Check, TextsView, word_at, words_of

MOST_INSERTED: Final = 1_000
"""New texts that are put among sorted ones one by one; with more of them all are sorted again."""

Codes = NDArray[np.int64]


class TextRanks(NamedTuple):
    """`rank[code]`: its place among the distinct texts, from 0; `first[rank]`: one code of the text in that place."""

    rank: NDArray[np.int32]
    first: NDArray[np.int32]


def ranks_of(texts: TextsView, before: TextRanks | None, check: Check) -> TextRanks:
    """The ranks of all `texts`, from those `before` where that is the shorter way."""
    if before is not None and len(before.rank) == len(texts):
        return before
    if before is not None and len(texts) - len(before.rank) <= MOST_INSERTED:
        return _inserted(texts, before, check)
    return _sorted(texts, check)


def _sorted(texts: TextsView, check: Check) -> TextRanks:
    count = len(texts)
    lengths = texts.lengths()
    blobs, starts, base = [np.zeros(WORD, np.uint8)], [np.zeros(0, np.int64)], WORD
    for segment in texts.segments:
        starts.append(segment.starts() + base)
        blobs.append(segment.blob)
        base += len(segment.blob)
    start, words = np.concatenate(starts), words_of(np.concatenate(blobs))
    order = np.arange(count)
    group = np.zeros(count, np.int64)
    """Of each position: the first position of those that are alike so far."""
    open_ = np.arange(count)
    at = 0
    while len(open_):
        check()
        codes = order[open_]
        word = word_at(words, start[codes], lengths[codes], at)
        check()
        codes, word, fresh = _parted(codes, word, group[open_], check)
        order[open_] = codes
        firsts = np.flatnonzero(fresh)
        sizes = np.diff(np.append(firsts, len(codes)))
        group[open_] = np.repeat(open_[firsts], sizes)
        at += WORD
        # Whoever shares its bytes with others goes on, as long as one of them has bytes left.
        longest = np.maximum.reduceat(lengths[codes], firsts)
        shortest = np.minimum.reduceat(lengths[codes], firsts)
        done = (sizes == 1) | ((longest <= at) & (longest == shortest))
        over = ~done & (longest <= at)
        if over.any():  # alike but for zeros at their ends: the shorter is first
            here = np.repeat(over, sizes)
            self_at, alike = open_[here], np.flatnonzero(here)
            turn = np.lexsort((lengths[codes[alike]], group[self_at]))
            order[self_at] = codes[alike][turn]
            group[self_at] = _by_length(self_at, group[self_at], lengths[order[self_at]])
        open_ = open_[np.repeat(~(done | over), sizes)]
    fresh = np.ones(count, np.bool_)
    fresh[1:] = group[1:] != group[:-1]
    rank = np.empty(count, np.int32)
    rank[order] = np.cumsum(fresh, dtype=np.int32) - 1
    return TextRanks(rank, order[fresh].astype(np.int32))


def _parted(
    codes: Codes, word: NDArray[np.uint64], group: NDArray[np.int64], check: Check
) -> tuple[Codes, NDArray[np.uint64], NDArray[np.bool_]]:
    """Sorted by group and then word, and which of them differ from the one before."""
    apart = np.ones(len(codes), np.bool_)
    apart[1:] = group[1:] != group[:-1]
    changes = ~apart
    changes[1:] &= word[1:] != word[:-1]
    if changes.any():
        falls = changes
        falls[1:] &= word[1:] < word[:-1]
        if falls.any():
            check()
            turn = np.argsort(word, kind="stable")
            dense = np.cumsum(apart) - 1
            if dense[-1]:
                check()
                # Sorting by 16 bits is a matter of counting.
                kept = dense.astype(np.uint16) if dense[-1] < 2**16 else dense
                turn = turn[np.argsort(kept[turn], kind="stable")]
            codes, word = codes[turn], word[turn]
        apart[1:] |= word[1:] != word[:-1]
    return codes, word, apart


def _by_length(at: Codes, group: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Groups of those that differ in length alone, once they are sorted by it."""
    fresh = np.ones(len(at), np.bool_)
    fresh[1:] = (group[1:] != group[:-1]) | (lengths[1:] != lengths[:-1])
    firsts = np.flatnonzero(fresh)
    return np.repeat(at[firsts], np.diff(np.append(firsts, len(at))))


def _inserted(texts: TextsView, before: TextRanks, check: Check) -> TextRanks:
    """The few texts behind those of `before`, put where they belong."""
    known, first = len(before.rank), before.first
    new = sorted(range(known, len(texts)), key=texts.text)
    places: list[int] = []
    """Before which of the old ranks each distinct new text goes."""
    fresh: list[int] = []
    rank = np.empty(len(texts), np.int32)
    alike: list[tuple[int, int]] = []
    last: str | None = None
    for code in new:
        check()
        text = texts.text(code)
        place = bisect_left(first, text, key=lambda each: texts.text(int(each)))
        if place < len(first) and texts.text(int(first[place])) == text:
            alike.append((code, place))
            continue
        if text != last:
            places.append(place)
            fresh.append(code)
            last = text
        rank[code] = place + len(places) - 1
    at = np.array(places, np.int64)
    shift = np.zeros(len(first), np.int32)
    if places:
        shift = np.searchsorted(at, np.arange(len(first)), side="right").astype(np.int32)
    rank[:known] = before.rank + shift[before.rank]
    for code, place in alike:
        rank[code] = place + shift[place]
    return TextRanks(rank, np.insert(first, at, np.array(fresh, np.int32)))


def number_ranks(values: NDArray[np.float64], ties: NDArray[np.int64] | None = None) -> NDArray[np.int32]:
    """The place of each number among the distinct ones, −1 for NaN; `ties` orders those that are equal as floats."""
    rank = np.full(len(values), -1, np.int32)
    present = np.flatnonzero(~np.isnan(values))
    if not len(present):
        return rank
    kept = values[present]
    order = np.argsort(kept) if ties is None else np.lexsort((ties[present], kept))
    kept = kept[order]
    fresh = np.zeros(len(kept), np.bool_)
    fresh[1:] = kept[1:] != kept[:-1]
    if ties is not None:
        tied = ties[present][order]
        fresh[1:] |= tied[1:] != tied[:-1]
    rank[present[order]] = np.cumsum(fresh, dtype=np.int32)
    return rank
