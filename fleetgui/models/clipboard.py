"""Rows as tab-separated text, for the clipboard: safe to paste where a leading character would make a formula."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_FORMULA: Final = frozenset("=+-@")


def cell_text(text: str) -> str:
    """`text` as one cell: without tabs and line ends, and never the start of a formula (numbers stay numbers)."""
    flat = " ".join(text.split("\t")).replace("\r", " ").replace("\n", " ")
    if flat[:1] in _FORMULA and not _is_number(flat):
        return "'" + flat
    return flat


def tab_separated(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = ["\t".join(map(cell_text, header))]
    lines.extend("\t".join(map(cell_text, row)) for row in rows)
    return "\n".join(lines) + "\n"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
