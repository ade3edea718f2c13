"""Positions in a text, between Python and Qt: Python counts characters, Qt UTF-16 units, which differ above U+FFFF."""

from __future__ import annotations


def to_utf16(text: str, index: int) -> int:
    """How many UTF-16 units stand before the character `text[index]`."""
    before = text[:index]
    return len(before) + sum(char > "\uffff" for char in before)


def from_utf16(text: str, units: int) -> int:
    """The index of the character at so many UTF-16 units; the end of the text for more than there are."""
    seen = 0
    for index, char in enumerate(text):
        if seen >= units:
            return index
        seen += 1 + (char > "\uffff")
    return len(text)
