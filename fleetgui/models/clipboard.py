"""Rows as text for the clipboard: tab-separated, safe where a leading character would make a formula; as Markdown."""

from __future__ import annotations

from collections.abc import Iterable
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
    lines = ["\t".join(map(cell_text, header))]
    lines.extend("\t".join(map(cell_text, row)) for row in rows)
    return "\n".join(lines) + "\n"


def markdown(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table as tickets and chats show it, each cell as it is: what a device says is no markup."""
    titles = [_plain(title) for title in header]
    lines = [titles, ["---"] * len(titles), *([_plain(text) for text in row] for row in rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _plain(text: str) -> str:
    return "".join("\\" + char if char in _MARKUP else char for char in " ".join(text.split()))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
