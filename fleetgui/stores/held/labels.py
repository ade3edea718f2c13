"""One label of each device as if it were a column: made from the texts of `labels` when it is asked for; in a worker.

The key counts whatever its case, as in the filter language; a label that is there without a value is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleetgui.policy.filters.checks import labels_in, next_label
from fleetgui.stores.held.texts import Check, Texts, TextsView
from fleetgui.stores.shards import Shards

FIELD: Final = "labels"
PREFIX: Final = f"{FIELD}."
"""What stands before a label's key where a field is named."""


_SORTED_AT_ONCE: Final = 20_000
"""Values that are sorted in one go: the interpreter is held for no longer than ten milliseconds."""


class LabelRanks(NamedTuple):
    """`rank[code]`: the place of the label's value in that text among the `distinct` ones, −1 where there is none."""

    origin: Texts
    rank: NDArray[np.int32]
    distinct: int
    numbers: Shards[int]
    """Distinct values, numbered as they were met …"""
    number: NDArray[np.int32]
    """… and by code which of them stands in the text, −1 for none."""


def label_in(text: str | None, key: str) -> str | None:
    """The value of the label `key` in the text of a device's labels; None for what is missing."""
    text, wanted = text or "", key.lower()
    if not text.isascii():  # in lower case its characters may stand elsewhere
        return next((value for name, value in labels_in(text) if name.lower() == wanted), None) or None
    if "=" in wanted or " " in wanted:
        return None
    lowered, wanted = text.lower(), wanted + "="
    at = lowered.find(wanted)
    while at > 0 and lowered[at - 1] != " ":
        at = lowered.find(wanted, at + 1)
    if at < 0 or len(wanted) == 1:
        return None
    start = at + len(wanted)
    following = next_label(text, start)
    return text[start : len(text) if following is None else following] or None


def label_ranks(texts: TextsView, key: str, before: LabelRanks | None, check: Check) -> LabelRanks:
    """The ranks of a label's values in all `texts`; those `before` spare the look at the texts that they are of."""
    if before is None or before.origin is not texts.origin:
        before = LabelRanks(texts.origin, np.zeros(0, np.int32), 0, Shards(), np.zeros(0, np.int32))
    known = len(before.number)
    if known == len(texts):
        return before
    number = np.append(before.number, np.full(len(texts) - known, -1, np.int32))
    numbers = before.numbers
    wanted = texts.containing(f"{key.lower()}=", check)
    wanted[:known] = False
    for code, text in texts.each(wanted, check):
        value = label_in(text, key)
        if value is None:
            continue
        if (met := numbers.get(value)) is None:
            met = numbers[value] = len(numbers)
        number[code] = met
    place = np.full(len(numbers) + 1, -1, np.int32)  # the last one is what −1 finds: missing stays missing
    for rank, value in enumerate(_sorted(numbers, check)):
        place[numbers.get(value, -1)] = rank
    return LabelRanks(texts.origin, place[number], len(numbers), numbers, number)


def _sorted(values: Iterable[str], check: Check) -> Iterator[str]:
    left, parts = iter(values), []
    while part := sorted(islice(left, _SORTED_AT_ONCE)):
        check()
        parts.append(part)
    return merge(*parts)
