"""A column for every field of a summary: small arrays that give back exactly what was put in.

A text is a code into the texts of its column, in which what repeats stands once; a number is a float, with those that
no float can hold kept beside; a time is its seconds and how they were written. `view()` is the column as it stands,
for a worker to read; whatever changes a column runs on the loop's thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleetgui.stores.held import times
from fleetgui.stores.held.cells import Cells, Rows, Sharing
from fleetgui.stores.held.texts import LOT, Check, Texts, TextsView
from fleetgui.wire.query import Value

MOST_SHARED: Final = 32_768
"""Texts of a column that are recognised when they come again. A column with more distinct ones repeats them."""

_NULL, _EMPTY = 0, 1
_TRUTHS: Final = (False, True, None)


class TextView:
    """`codes` by row, and the texts that they stand for. What has no length is missing."""

    def __init__(self, cells: Cells | None, texts: TextsView) -> None:
        self._cells = cells
        self.texts = texts

    def codes(self, size: int) -> NDArray[np.int32]:
        return np.arange(size, dtype=np.int32) if self._cells is None else self._cells.whole(size)

    def raw(self, row: int) -> str | None:
        code = row if self._cells is None else self._cells.at(row)
        return None if code == _NULL and self._cells is not None else self.texts.text(code)

    def value(self, row: int) -> Value:
        return self.raw(row) or None


class Tidied(NamedTuple):
    """The texts that are needed, and by old code the new one."""

    texts: Texts
    codes: NDArray[np.int32]


class TextColumn:
    """Texts, of which None and the empty one are both missing."""

    def __init__(self, sharing: Sharing) -> None:
        self._cells = Cells(sharing, np.int32, _NULL)
        self._texts = Texts()
        self._texts.extend(["", ""])
        self._known: dict[str | None, int] = {None: _NULL, "": _EMPTY}

    def write(self, rows: Rows, values: Sequence[str | None], known_rows: int) -> None:
        """Put `values` at `rows`; rows from `known_rows` on are new."""
        codes: list[int | None] = list(map(self._known.get, values))
        if None in codes:
            self._add(rows, values, codes, known_rows)
        self._cells.write(rows, np.array(codes, np.int32))

    def raw(self, row: int) -> str | None:
        code = self._cells.at(row)
        return None if code == _NULL else self._texts.text(code)

    def value(self, row: int) -> Value:
        return self.raw(row) or None

    def view(self) -> TextView:
        return TextView(self._cells.view(), self._texts.view())

    def is_wasteful(self, size: int) -> bool:
        """Whether most of its texts may be such as no row has any more."""
        return len(self._texts) > 2 * (size + MOST_SHARED)

    def tidied(self, view: TextView, size: int, check: Check) -> Tidied:
        """Only those texts that some row has, or that would be recognised; in a worker, from a view."""
        used = np.zeros(len(view.texts), np.bool_)
        used[view.codes(size)] = True
        used[: 2 + MOST_SHARED] = True  # the shared ones were the first to come
        texts = Texts()
        lot: list[str] = []
        for _, text in view.texts.each(used, check):
            lot.append(text)
            if len(lot) == LOT:
                texts.extend(lot)
                lot = []
        texts.extend(lot)
        return Tidied(texts, np.where(used, np.cumsum(used, dtype=np.int32) - 1, 0))

    def tidy(self, tidied: Tidied, size: int) -> None:
        """Take over what `tidied` has made, and what was added since."""
        since = [self._texts.text(code) for code in range(len(tidied.codes), len(self._texts))]
        first = tidied.texts.extend(since)
        codes = np.append(tidied.codes, np.arange(first, first + len(since), dtype=np.int32))
        self._known = {text: int(codes[code]) for text, code in self._known.items()}
        self._cells.rewrite(codes[self._cells.whole(size)])
        self._texts = tidied.texts

    def _add(self, rows: Rows, values: Sequence[str | None], codes: list[int | None], known_rows: int) -> None:
        new: dict[str, int] = {}
        for at, code in enumerate(codes):
            value = values[at]
            if code is not None or value is None:  # None has a code
                continue
            if len(self._known) >= MOST_SHARED and (row := int(rows[at])) < known_rows and self.raw(row) == value:
                codes[at] = self._cells.at(row)
                continue
            codes[at] = new.setdefault(value, len(self._texts) + len(new))
        self._texts.extend(list(new))
        for text, code in new.items():
            if len(self._known) >= MOST_SHARED:
                break
            self._known[text] = code


class NumberView:
    """`numbers` by row, NaN for what is missing; `odd` are those that the float only comes near to."""

    def __init__(self, cells: Cells, odd: dict[int, int], whole: bool) -> None:
        self._cells = cells
        self.odd = odd
        self.is_whole = whole

    def numbers(self, size: int) -> NDArray[np.float64]:
        return self._cells.whole(size)

    def raw(self, row: int) -> float | None:
        return self.value_of(self._cells.at(row), row)

    def value_of(self, number: float, row: int) -> float | None:
        """The exact value of the float that stands at a row."""
        if row in self.odd:
            return self.odd[row]
        if number != number:
            return None
        return int(number) if self.is_whole else number

    def value(self, row: int) -> Value:
        return self.raw(row)

    def ties(self, numbers: NDArray[np.float64]) -> NDArray[np.int64] | None:
        """What orders numbers that are the same float but not the same number."""
        if not self.odd:
            return None
        beyond = {row: odd - (int(numbers[row]) if np.isfinite(numbers[row]) else 0) for row, odd in self.odd.items()}
        places = sorted({0, *beyond.values()})
        place = {each: number - places.index(0) for number, each in enumerate(places)}
        ties = np.zeros(len(numbers), np.int64)
        for row, each in beyond.items():
            ties[row] = place[each]
        return ties


_INEXACT: Final = 2.0**53


class NumberColumn:
    """Numbers; `whole` gives them back as int."""

    def __init__(self, sharing: Sharing, *, whole: bool) -> None:
        self._cells = Cells(sharing, np.float64, np.nan)
        self._odd: dict[int, int] = {}
        self._whole = whole

    def write(self, rows: Rows, values: Sequence[float | None], _known_rows: int) -> None:
        try:
            numbers = np.array(values, np.float64)
        except OverflowError:
            numbers = np.array([_near(value) for value in values])
        large = bool((np.abs(numbers) >= _INEXACT).any())
        if large or self._odd:
            for row, value, number in zip(rows.tolist(), values, numbers.tolist(), strict=True):
                self._odd.pop(row, None)
                exact: object = value
                if isinstance(exact, int) and exact != number:
                    self._odd[row] = exact
        self._cells.write(rows, numbers)

    def raw(self, row: int) -> float | None:
        return NumberView(self._cells, self._odd, self._whole).raw(row)

    def value(self, row: int) -> Value:
        return self.raw(row)

    def view(self) -> NumberView:
        return NumberView(self._cells.view(), self._odd.copy(), self._whole)


def _near(value: float | None) -> float:
    if value is None:
        return float("nan")
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


class TimeView:
    """`numbers` are epoch seconds by row, NaN for what is missing or no time."""

    def __init__(self, seconds: Cells, forms: Cells, kept: dict[int, str | float]) -> None:
        self._seconds = seconds
        self._forms = forms
        self._kept = kept

    def numbers(self, size: int) -> NDArray[np.float64]:
        return self._seconds.whole(size)

    def raw(self, row: int) -> str | float | None:
        form = self._forms.at(row)
        return self._kept[row] if form == times.KEPT else times.put_together(self._seconds.at(row), form)

    def value(self, row: int) -> Value:
        seconds: float = self._seconds.at(row)
        return None if seconds != seconds else seconds


class TimeColumn:
    def __init__(self, sharing: Sharing) -> None:
        self._seconds = Cells(sharing, np.float64, np.nan)
        self._forms = Cells(sharing, np.uint8, times.NONE)
        self._kept: dict[int, str | float] = {}

    def write(self, rows: Rows, values: Sequence[str | float | None], _known_rows: int) -> None:
        if not len(values):
            return
        seconds, forms = times.all_apart(values)
        if self._kept or (forms == times.KEPT).any():
            for row, value, form in zip(rows.tolist(), values, forms.tolist(), strict=True):
                self._kept.pop(row, None)
                if form == times.KEPT and value is not None:
                    self._kept[row] = value
        self._seconds.write(rows, seconds)
        self._forms.write(rows, forms)

    def raw(self, row: int) -> str | float | None:
        return TimeView(self._seconds, self._forms, self._kept).raw(row)

    def value(self, row: int) -> Value:
        return TimeView(self._seconds, self._forms, self._kept).value(row)

    def view(self) -> TimeView:
        return TimeView(self._seconds.view(), self._forms.view(), self._kept.copy())


class TruthView:
    """`truths` by row: 0, 1, or 2 for what is missing."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells

    def truths(self, size: int) -> NDArray[np.int8]:
        return self._cells.whole(size)

    def raw(self, row: int) -> bool | None:
        return _TRUTHS[self._cells.at(row)]

    def value(self, row: int) -> Value:
        return self.raw(row)


class TruthColumn:
    def __init__(self, sharing: Sharing) -> None:
        self._cells = Cells(sharing, np.int8, 2)

    def write(self, rows: Rows, values: Sequence[bool | None], _known_rows: int) -> None:
        self._cells.write(rows, np.array([2 if value is None else value for value in values], np.int8))

    def restate(self, truths: NDArray[np.int8]) -> Rows:
        """Put 0, 1, or 2 for missing into the first rows; returns those in which something else stood."""
        rows: Rows = np.flatnonzero(self._cells.whole(len(truths)) != truths).astype(np.int32)
        if len(rows):
            self._cells.rewrite(truths)  # block by block: quicker than row by row where many are others
        return rows

    def raw(self, row: int) -> bool | None:
        return _TRUTHS[self._cells.at(row)]

    def value(self, row: int) -> Value:
        return self.raw(row)

    def view(self) -> TruthView:
        return TruthView(self._cells.view())


Column = TextColumn | NumberColumn | TimeColumn | TruthColumn
ColumnView = TextView | NumberView | TimeView | TruthView
