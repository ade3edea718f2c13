"""Rows as text for the clipboard: tab-separated, safe where a leading character would make a formula; as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

_FORMULA: Final = frozenset("=+-@")
_MARKUP: Final = frozenset("\\`*_{}[]()<>#+!|~")


def cell_text(text: str) -> str:
    """`text` as one cell: without tabs and line ends, and never the start of a formula (numbers stay numbers)."""
    flat = " ".join(text.split("\t")).replace("\r", " ").replace("\n", " ")
    if flat[:1] in _FORMULA and not _is_number(flat):
        return "'" + flat
    return flat


def tab_separated(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    return "".join(map(tab_line, (header, *rows)))


def tab_line(cells: Iterable[str]) -> str:
    return "\t".join(map(cell_text, cells)) + "\n"


def markdown_head(header: Sequence[str]) -> str:
    """What begins a table as tickets and chats show it, each cell as it is: what a device says is no markup."""
    return markdown_line(header) + "| " + " | ".join(["---"] * len(header)) + " |\n"


def markdown_line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(map(_plain, cells)) + " |\n"


def _plain(text: str) -> str:
    return "".join("\\" + char if char in _MARKUP else char for char in " ".join(text.split()))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
