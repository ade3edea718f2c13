"""Rows as text for spreadsheets and tickets: no cell is a formula, none breaks out of its place."""

from __future__ import annotations

import pytest

from fleetgui.models.clipboard import cell_text, tab_separated


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", '=HYPERLINK("http://x")'])
def test_what_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    assert cell_text(text) == "'" + text


@pytest.mark.parametrize("text", ["-5", "+3.5", "-1e3", "camera-1", "● online", "–", ""])
def test_numbers_and_words_stay_as_they_are(text: str) -> None:
    assert cell_text(text) == text


def test_a_cell_never_breaks_out_of_its_cell() -> None:
    text = tab_separated(["A", "B"], [["x\ty", "1\r\n2"]])
    assert text == "A\tB\nx y\t1  2\n"
