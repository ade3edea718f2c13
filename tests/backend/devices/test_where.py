"""The conditions of broadcasts: the part of CEL that is understood, and that nothing else does harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.backend.devices.where import MOST_CHARACTERS, WhereError, compile_where

CONTEXT = {
    "identity": {"device_id": "cam-001", "seat_row": 1},
    "labels": {"category": "camera", "location": ["site-01/dock", "site-01/roof"]},
    "status": {"battery": 88, "busy_score": 0.25, "online": True, "error_state": None, "location": "site-01"},
    "bindings": {"mask": [[0, 1], [1, 0]], "threshold": 90, "names": {"cam-001": 7}},
}


@pytest.mark.parametrize(
    "expression",
    [
        "true",
        "status.battery > 50",
        'labels.category == "camera" && status.battery > 50',
        "labels.category == 'camera'",
        "bindings.mask[identity.seat_row][0] == 1",
        "!(bindings.threshold < status.battery)",
        '"site-01/dock" in labels.location',
        '"cam-001" in bindings.names && bindings.names["cam-001"] == 7',
        'identity["device_id"].startsWith("cam-")',
        "identity.device_id.endsWith('1') && identity.device_id.contains('m-0')",
        "size(labels.location) == 2 && labels.location.size() == 2 && size('abc') == 3",
        "has(status.battery) && !has(status.temperature)",
        "has(status.temperature) ? status.temperature > 30 : status.busy_score < 0.5",
        "status.error_state == null && status.error_state != 1 && status.online",
        "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 7 / 2 == 3 && -7 / 2 == -3 && -7 % 2 == -1 && 7.0 / 2.0 == 3.5",
        "'a' + 'b' == 'ab' && [1] + [2] == [1, 2] && 'a' < 'b'",
        "- -1 == 1 && !!true",
        "1 == 1.0 && 1 != true",
        r"'a\"b\n' == 'a\"b\n'",
        "status.missing == 1 || true",
        "!(status.missing == 1 && false)",
        " \t true \n ",
    ],
)
def test_a_condition_that_holds(expression: str) -> None:
    assert compile_where(expression)(CONTEXT) is True
    assert compile_where(f"!({expression})")(CONTEXT) is False


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "ends too early"),
        ("status.battery >", "ends too early"),
        ("status.battery 50", "'50' is not expected there"),
        ("(true", r"'\)' is missing"),
        ("[1, 2 == 3", "',' is missing"),
        ("status.", "ends too early"),
        ("status.7", "'7' is no name"),
        ("status.battery = 50", "is not understood"),
        ("labels.location.exists(each, each == 'x')", r"exists\(\) with 2 arguments is not supported"),
        ("labels.category.matches('^(a+)+$')", "is not supported"),
        ("timestamp('x')", "is not supported"),
        ("'\\q' == 'q'", "is not understood"),
        ("'unfinished", "is not understood"),
        ("(" * 60 + "true" + ")" * 60, "nested deeper than 40"),
        ("true ? " * 60, "nested deeper than 40"),
        ("x" * (MOST_CHARACTERS + 1), "longer than 4096"),
    ],
)
def test_what_does_not_compile_says_why(expression: str, why: str) -> None:
    with pytest.raises(WhereError, match=why):
        compile_where(expression)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("battery > 50", "there is no 'battery'"),
        ("status.temperature > 30", "there is no field 'temperature'"),
        ("status.battery > '50'", "a number > a text"),
        ("status.error_state > 1", "null > a number"),
        ("status.battery", "the condition is a number, not true or false"),
        ("status.battery && true", "a number is neither true nor false"),
        ("status ? true : false", "an object is neither"),
        ("1 / 0 == 1", "/ has no result"),
        ("1 % 0 == 1", "% has no result"),
        ("true < false", "true or false < true or false"),
        ("labels.location[2] == 'x'", "nothing at that index"),
        ("labels.location[-1] == 'x'", "nothing at that index"),
        ("labels.location[true] == 'x'", "nothing at that index"),
        ("size(1) == 1", "a number has no size"),
        ("!1", "! before a number"),
        ("1 in 2", "nothing can be in a number"),
        ("(1).startsWith('x')", "startsWith needs texts"),
    ],
)
def test_what_fails_on_a_device_says_why(expression: str, why: str) -> None:
    judge = compile_where(expression)
    with pytest.raises(WhereError, match=why):
        judge(CONTEXT)


@pytest.mark.parametrize("part", ["1 + ", "!", "- ", "true && ", "1 < ", "1 * ", "false || "])
def test_a_long_condition_of_any_shape_is_evaluated_or_refused_but_does_no_harm(part: str) -> None:
    expression = part * ((MOST_CHARACTERS - 8) // len(part)) + "1"
    with pytest.raises(WhereError):
        compile_where(expression)(CONTEXT)


@pytest.mark.parametrize("expression", ["bindings + bindings == bindings", "1 in bindings", "bindings == bindings"])
@pytest.mark.parametrize("bindings", ["x" * 10_001, [0] * 10_001])
def test_what_a_caller_binds_is_not_compared_at_any_length(expression: str, bindings: object) -> None:
    with pytest.raises(WhereError, match=r"too long|nothing can be in"):
        compile_where(expression)({"bindings": bindings})


def test_long_rows_of_fields_and_indices_are_followed() -> None:
    nested: list[object] = []
    for _ in range(1_000):
        nested = [nested]
    assert compile_where("size(bindings" + "[0]" * 1_000 + ") == 0")({"bindings": nested})


@given(st.text(alphabet="abstuz.()[]'\"\\!&|=<>+-*/%?: 019,in", max_size=60))
def test_nonsense_is_refused_and_nothing_else(expression: str) -> None:
    try:
        judged = compile_where(expression)(CONTEXT)
    except WhereError:
        return
    assert isinstance(judged, bool)
