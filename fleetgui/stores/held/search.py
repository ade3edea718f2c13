"""Which rows a plan holds for: column by column where that is possible, value by value where it is not.

Runs in a worker. What costs least is asked first, and of the rest only those rows that are still in question. A
regular expression, a version, a label sees each distinct text of those rows once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleetgui.stores.held.cells import Rows
from fleetgui.stores.held.columns import NumberView, TextView, TimeView
from fleetgui.stores.held.payload import PayloadView
from fleetgui.stores.held.plan import All, Among, Between, Contains, Each, Either, Leaf, Not, Plan, Present
from fleetgui.stores.held.snapshot import Snapshot
from fleetgui.stores.held.texts import Check, Mask

_FEW: Final = 500
"""Rows that are asked one by one rather than whole columns."""
_BETWEEN_CHECKS: Final = 256
_EXACT: Final = 2**53
"""Integers up to this are the same as floats."""
_MOST_COMPARED: Final = 8
"""Texts that are looked for by comparing a whole column with each; more of them are looked up value by value."""


def search(snapshot: Snapshot, plan: Plan, among: Rows | None, check: Check) -> Rows:
    """The rows for which `plan` holds, in the order of `among`, or of all rows."""
    rows = snapshot.rows if among is None else snapshot.living(among)
    found: Rows = rows[_Search(snapshot, check).mask(plan, rows)]
    return found


class _Search:
    def __init__(self, snapshot: Snapshot, check: Check) -> None:
        self._snapshot = snapshot
        self._check = check

    def mask(self, plan: Plan, rows: Rows) -> Mask:
        """For each of `rows`, whether `plan` holds."""
        self._check()
        match plan:
            case All():
                return self._all(plan.parts, rows)
            case Either():
                return ~self._all(tuple(Not(part) for part in plan.parts), rows)
            case Not():
                return ~self.mask(plan.part, rows)
            case Each():
                summary = self._snapshot.summary
                return self._one_by_one(lambda row: plan.holds(summary(row)), rows)
            case Leaf():
                return self._leaf(plan, rows)

    def _all(self, parts: tuple[Plan, ...], rows: Rows) -> Mask:
        mask = np.ones(len(rows), np.bool_)
        for part in sorted(parts, key=_cost):
            open_ = np.flatnonzero(mask)
            if len(open_) == len(rows):
                mask = self.mask(part, rows)
            elif len(open_):
                mask[open_] = self.mask(part, rows[open_])
        return mask

    def _leaf(self, leaf: Leaf, rows: Rows) -> Mask:
        column = self._snapshot.columns.get(leaf.field)
        if column is None:  # nobody has read it: it is missing everywhere
            return np.full(len(rows), bool(leaf.holds(None)))
        if not len(rows):
            return np.zeros(0, np.bool_)
        if len(rows) <= _FEW:
            return self._one_by_one(lambda row: leaf.holds(column.value(row)), rows)
        match column:
            case TextView():
                return self._of_texts(leaf, column, self._snapshot.array(leaf.field)[rows])
            case PayloadView():
                return self._of_any(leaf, column, rows)
            case NumberView() | TimeView():
                return self._of_numbers(leaf, column, rows)
            case _:
                answers = np.array([bool(leaf.holds(value)) for value in (False, True, None)])
                mask: Mask = answers[self._snapshot.array(leaf.field)[rows]]
                return mask

    def _one_by_one(self, holds: Callable[[int], bool], rows: Rows) -> Mask:
        mask = np.zeros(len(rows), np.bool_)
        for at, row in enumerate(rows.tolist()):
            if at % _BETWEEN_CHECKS == 0:
                self._check()
            mask[at] = holds(row)
        return mask

    # Texts

    def _of_texts(self, leaf: Leaf, column: TextView, codes: NDArray[np.int32]) -> Mask:
        by_code = self._by_code(leaf, column)
        if by_code is not None:
            by_code[column.texts.is_empty] = False  # what has no length is missing
            answer: Mask = by_code[codes]
            return answer
        wanted = np.zeros(len(column.texts), np.bool_)
        wanted[codes] = True
        for needed in _least(leaf.needs):
            wanted &= column.texts.containing(needed, self._check)
        by_code = np.zeros(len(column.texts), np.bool_)
        for code, text in column.texts.each(wanted, self._check):
            by_code[code] = leaf.holds(text or None)
        if leaf.needs:
            by_code[column.texts.is_empty] = leaf.holds(None)
        answer = by_code[codes]
        return answer  # noqa: RET504 - the annotation is what says that it is a mask

    def _by_code(self, leaf: Leaf, column: TextView) -> Mask | None:
        """For each text, whether the leaf holds for it; None when that has to be asked of each by itself."""
        texts, check = column.texts, self._check
        match leaf.how:
            case Present():
                return np.ones(len(texts), np.bool_)
            case Contains(lowered):
                return texts.containing(lowered, check)
            case Among(values) if len(values) <= _MOST_COMPARED:
                mask = np.zeros(len(texts), np.bool_)
                for value in values:
                    if isinstance(value, str):
                        mask |= texts.compared(value, check) == 0
                return mask
            case Between(low, high, low_open, high_open):
                mask = np.ones(len(texts), np.bool_)
                if low is not None:
                    sign = texts.compared(low, check)
                    mask &= sign > 0 if low_open else sign >= 0
                if high is not None:
                    sign = texts.compared(high, check)
                    mask &= sign < 0 if high_open else sign <= 0
                return mask
            case _:
                return None

    # Values of any kind

    def _of_any(self, leaf: Leaf, column: PayloadView, rows: Rows) -> Mask:
        """The quicker way, where there is one, is for the numbers."""
        numbers = column.number_of(rows)
        mask = _by_number(leaf, numbers)
        if mask is None:
            mask = self._by_value(leaf, column.numbers, numbers)
        _ask_the_odd(leaf, column.numbers, rows, mask)
        truths = column.truth_of(rows)
        there = truths < 2
        mask[there] = np.array([bool(leaf.holds(value)) for value in (False, True)])[truths[there]]
        rest = np.isnan(numbers) & ~there
        if rest.any():
            plain = Leaf(leaf.field, leaf.holds, needs=leaf.needs)
            mask[rest] = self._of_texts(plain, column.texts, column.codes[rows[rest]])
        return mask

    # Numbers and times

    def _of_numbers(self, leaf: Leaf, column: NumberView | TimeView, rows: Rows) -> Mask:
        numbers = self._snapshot.array(leaf.field)[rows]
        mask = _by_number(leaf, numbers)
        if mask is None:
            mask = self._by_value(leaf, column, numbers)
        if isinstance(column, NumberView):
            _ask_the_odd(leaf, column, rows, mask)
        return mask

    def _by_value(self, leaf: Leaf, column: NumberView | TimeView, numbers: NDArray[np.float64]) -> Mask:
        distinct, places = np.unique(numbers, return_inverse=True)
        whole = isinstance(column, NumberView) and column.is_whole
        answers = np.zeros(len(distinct), np.bool_)
        for at, number in enumerate(distinct.tolist()):
            if at % _BETWEEN_CHECKS == 0:
                self._check()
            if number != number:
                answers[at] = leaf.holds(None)
            else:
                # An infinite whole number stands for one that no float holds, which is asked by itself.
                answers[at] = leaf.holds(number) if not whole else np.isfinite(number) and leaf.holds(int(number))
        answer: Mask = answers[places]
        return answer


def _ask_the_odd(leaf: Leaf, column: NumberView, rows: Rows, mask: Mask) -> None:
    """Numbers that no float stands for are asked one by one."""
    if column.odd:
        odd = np.isin(rows, np.fromiter(column.odd, np.int32, len(column.odd)))
        for at in np.flatnonzero(odd).tolist():
            mask[at] = leaf.holds(column.odd[int(rows[at])])


def _by_number(leaf: Leaf, numbers: NDArray[np.float64]) -> Mask | None:
    """For each number, whether the leaf holds for it; None when that has to be asked of each by itself."""
    mask: Mask
    match leaf.how:
        case Present():
            mask = ~np.isnan(numbers)
        case Among(values) if len(values) <= _MOST_COMPARED and all(map(_comparable, values)):
            mask = np.zeros(len(numbers), np.bool_)
            for value in values:
                mask |= numbers == float(value)
        case Between(low, high, low_open, high_open) if all(each is None or _comparable(each) for each in (low, high)):
            mask = ~np.isnan(numbers)
            if low is not None:
                mask &= numbers > float(low) if low_open else numbers >= float(low)
            if high is not None:
                mask &= numbers < float(high) if high_open else numbers <= float(high)
        case _:
            return None
    return mask


def _least(needs: tuple[str, ...]) -> list[str]:
    """Those of `needs` that no other one has in it: who has the others has all of them."""
    least: list[str] = []
    for need in sorted(needs, key=len, reverse=True):
        if not any(need in other for other in least):
            least.append(need)
    return least


def _comparable(value: Any) -> bool:
    """Whether a float stands for `value` exactly."""
    if isinstance(value, bool):
        return False
    return isinstance(value, float) or (isinstance(value, int) and abs(value) <= _EXACT)


def _cost(plan: Plan) -> int:
    """What to ask first: a guess, in no unit."""
    match plan:
        case Leaf():
            if plan.how is None:
                return 50 if plan.needs else 100
            return 10 if isinstance(plan.how, Contains) else 1
        case Not():
            return _cost(plan.part)
        case Each():
            return 10_000
        case _:
            return sum(map(_cost, plan.parts))
