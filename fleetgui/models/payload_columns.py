"""Columns made from paths of the record: any field that a device sends can be one (`wire.payload`).

Nobody knows beforehand what stands there, so each cell is written by what it holds; only whether a column is one of
figures is said when it is made, since its digits are to stand under digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from fleetgui.models.columns import NOTHING, PLACEHOLDER, Align, Cell, Column, Look
from fleetgui.models.facts import Facts, Unread
from fleetgui.policy import formats
from fleetgui.wire.payload import LONGEST_TEXT, Path, number_text, path_of
from fleetgui.wire.query import Value

KEY: Final = "payload:"
"""What the key of such a column begins with; its path follows. Settings and saved views know it by that."""
MOST_COLUMNS: Final = 24
"""Of this sort in one table: each costs every row that is drawn a look into its record."""
LONGEST_TITLE: Final = 32
_WIDTH: Final = 120


def column_of(path: str, *, figures: bool = False, title: str = "") -> Column | None:
    """The column of a path; None where it is none. `figures`: what stands there are numbers."""
    steps = path_of(path)
    if steps is None:
        return None
    return Column(
        KEY + path,
        formats.text(title or steps[-1], LONGEST_TITLE),
        _cell(path, steps),
        look=Look.FIGURE if figures else Look.TEXT,
        align=Align.RIGHT if figures else Align.LEFT,
        width=_WIDTH,
        hover=_hover(path, steps),
        path=path,
    )


def columns_of(paths: Iterable[tuple[str, bool]], taken: Iterable[str] = ()) -> list[Column]:
    """A column for each (path, whether figures stand there), each path once, beside others titled `taken`.

    A title is as much of the path's end as tells it from the others'. No more than `MOST_COLUMNS`.
    """
    known = {title.casefold() for title in taken}
    columns: dict[str, Column] = {}
    for path, figures in paths:
        steps = path_of(path)
        if steps is None or path in columns or len(columns) >= MOST_COLUMNS:
            continue
        titles = [".".join(steps[-number:]) for number in range(1, len(steps) + 1) if not steps[-number].isdecimal()]
        title = next((each for each in titles if each.casefold() not in known), path)
        known.add(title.casefold())
        column = column_of(path, figures=figures, title=title)
        if column is not None:
            columns[path] = column
    return list(columns.values())


def cell_of(value: Value | Unread) -> Cell:
    """How a value is written."""
    match value:
        case Unread():
            return PLACEHOLDER
        case None:
            return NOTHING
        case bool():
            return Cell("yes" if value else "no")
        case str():
            return Cell(formats.text(value))
        case _:
            return Cell(formats.figure(value))


def _cell(path: str, steps: Path) -> Callable[[Facts], Cell]:
    return lambda facts: cell_of(facts.payload(path, steps))


def _hover(path: str, steps: Path) -> Callable[[Facts], str]:
    def hover(facts: Facts) -> str:
        if not facts.loaded:
            return ""
        value = facts.payload(path, steps)
        whole = "not read" if isinstance(value, Unread) else formats.text(_exact(value), LONGEST_TEXT)
        return f"{formats.text(path)}\n{whole}"

    return hover


def _exact(value: Value) -> object:
    return number_text(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
