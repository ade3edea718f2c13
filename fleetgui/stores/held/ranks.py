"""Which place each value has among all: sorting a million texts or numbers once, so that every later sort is cheap.

Texts are sorted eight bytes at a time: the first eight of all, then the next eight of those that are still alike, so
that what differs early is done early, a prefix that all share costs one look, and no text becomes a Python object.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleetgui.stores.held.texts import WORD, Check, Texts, TextsView, word_at, words_of

MOST_SHIFTED: Final = 4
"""Bytes of a word that all share with the first of their lot: behind more of them it is better to read another word."""

MOST_INSERTED: Final = 1_000
"""New texts that are put among sorted ones one by one; with more of them all are sorted again."""

Codes = NDArray[np.int64]


class TextRanks(NamedTuple):
    """`rank[code]`: its place among the distinct texts, from 0; `first[rank]`: one code of the text in that place."""

    origin: Texts
    rank: NDArray[np.int32]
    first: NDArray[np.int32]


def ranks_of(texts: TextsView, before: TextRanks | None, check: Check) -> TextRanks:
    """The ranks of all `texts`, from those `before` where that is the shorter way."""
    if before is not None and before.origin is not texts.origin:
        before = None
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
    fresh = np.zeros(count, np.bool_)
    """Where in `order` something begins that differs from what stands before it."""
    fresh[:1] = True
    where, codes, heads = order.copy(), order, fresh.copy()
    """Of those that are alike so far: places in `order`, codes, and at which of them a new lot begins."""
    at = _prefix(texts, lengths, check)
    while len(codes):
        check()
        lot = np.cumsum(heads) - 1
        firsts = np.flatnonzero(heads)
        word = word_at(words, start[codes], lengths[codes], at)
        check()
        shared = _shared(word, word[firsts], lot)
        at += shared
        if shared <= MOST_SHIFTED:
            # A lot's number and as many bytes as fit beside it are one number: one sort does for both.
            taken = min(WORD - shared, (64 - (len(firsts) - 1).bit_length()) // 8)
            word <<= np.uint64(8 * shared)
            if len(firsts) > 1:
                word >>= np.uint64(64 - 8 * taken)
                word |= lot.astype(np.uint64) << np.uint64(8 * taken)
            else:
                taken = WORD - shared
            if (word[1:] < word[:-1]).any():
                check()
                turn = np.argsort(word)
                codes, word = codes[turn], word[turn]
                order[where] = codes
            heads[1:] = word[1:] != word[:-1]
            fresh[where[heads]] = True
            at += taken
        check()
        codes, where, heads = _still_open(order, fresh, codes, where, heads, lengths, at)
    rank = np.empty(count, np.int32)
    rank[order] = np.cumsum(fresh, dtype=np.int32) - 1
    return TextRanks(texts.origin, rank, order[fresh].astype(np.int32))


def _prefix(texts: TextsView, lengths: NDArray[np.int64], check: Check) -> int:
    """How many bytes all texts begin with, as far as the first and the last of them have them in common."""
    if len(texts) < 2:
        return 0
    first, last = texts.text(0).encode(), texts.text(len(texts) - 1).encode()
    differs = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    shared = min(next(differs, len(first)), int(lengths.min()))
    for segment in texts.segments:
        if not shared:
            return 0
        check()
        begins = np.ndarray((len(segment.blob) - shared + 1,), f"V{shared}", segment.blob, strides=(1,))
        columns = begins[segment.starts()].view(np.uint8).reshape(-1, shared)
        alike = (columns == np.frombuffer(first[:shared], np.uint8)).all(axis=0)
        shared = shared if alike.all() else int(np.argmin(alike))
    return shared


def _shared(word: NDArray[np.uint64], first: NDArray[np.uint64], lot: Codes) -> int:
    """How many leading bytes every word has in common with the first of its lot."""
    differing = int(np.bitwise_or.reduce(word ^ (first[lot] if len(first) > 1 else first[0])))
    return (64 - differing.bit_length()) // 8


def _still_open(
    order: Codes,
    fresh: NDArray[np.bool_],
    codes: Codes,
    where: Codes,
    heads: NDArray[np.bool_],
    lengths: NDArray[np.int64],
    at: int,
) -> tuple[Codes, Codes, NDArray[np.bool_]]:
    """Those that are still like a neighbour and go on behind byte `at`; what ends there is put in its place."""
    company = ~heads
    company[:-1] |= ~heads[1:]
    codes, where, heads = codes[company], where[company], heads[company]
    if not len(codes):
        return codes, where, heads
    firsts = np.flatnonzero(heads)
    length = lengths[codes]
    ended = np.maximum.reduceat(length, firsts) <= at
    if not ended.any():
        return codes, where, heads
    lot = np.cumsum(heads) - 1
    over = ended[lot]
    mixed = over & (np.minimum.reduceat(length, firsts) != np.maximum.reduceat(length, firsts))[lot]
    if mixed.any():  # alike but for NULs at their ends: the shorter is first
        turn = np.lexsort((length[mixed], lot[mixed]))
        places = where[mixed]
        order[places] = codes[mixed][turn]
        grows = np.zeros(len(turn), np.bool_)
        grows[1:] = np.diff(length[mixed][turn]) != 0
        fresh[places[grows]] = True  # where one lot ends and the next begins it is true already
    return codes[~over], where[~over], heads[~over]


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
    return TextRanks(texts.origin, rank, np.insert(first, at, np.array(fresh, np.int32)))


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
