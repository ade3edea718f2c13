"""One label of each device as if it were a column: made from the texts of `labels` when it is asked for; in a worker.

The key counts whatever its case, as in the filter language; a label that is there without a value is missing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleetgui.policy.filters.checks import labels_in
from fleetgui.stores.held.texts import Check, Texts, TextsView

FIELD: Final = "labels"
PREFIX: Final = f"{FIELD}."
"""What stands before a label's key where a field is named."""


class LabelRanks(NamedTuple):
    """`rank[code]`: the place of the label's value in that text among the `distinct` ones, −1 where there is none."""

    origin: Texts
    rank: NDArray[np.int32]
    distinct: int


def label_in(text: str | None, key: str) -> str | None:
    """The value of the label `key` in the text of a device's labels; None for what is missing."""
    wanted = key.lower()
    return next((value for name, value in labels_in(text or "") if name.lower() == wanted), None) or None


def label_ranks(texts: TextsView, key: str, before: LabelRanks | None, check: Check) -> LabelRanks:
    """The ranks of a label's values in all `texts`; those `before` where they are of the same texts."""
    if before is not None and before.origin is texts.origin and len(before.rank) == len(texts):
        return before
    number = np.full(len(texts), -1, np.int32)
    numbers: dict[str, int] = {}
    for code, text in texts.each(texts.containing(f"{key.lower()}=", check), check):
        value = label_in(text, key)
        if value is not None:
            number[code] = numbers.setdefault(value, len(numbers))
    check()
    place = np.full(len(numbers) + 1, -1, np.int32)  # the last one is what −1 finds: missing stays missing
    for rank, value in enumerate(sorted(numbers)):
        place[numbers[value]] = rank
    return LabelRanks(texts.origin, place[number], len(numbers))
