"""Fields of the record that no summary has: named by their path, compared by what they turn out to hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.policy.filters import SUMMARY, Expression, exact_id, parse, pushed, sentence
from fleetgui.wire.query import FIELDS, Value
from tests.policy.filters.strategies import NOW, words


def read(text: str) -> Expression:
    parsed = parse(text, now=NOW)
    assert not parsed.mistakes, parsed.mistakes
    assert parsed.filter is not None
    return parsed.filter


def holds(text: str, value: Value) -> bool:
    return read(text).matches({"status.x": value}.get)


@pytest.mark.parametrize(
    ("text", "accepted", "refused"),
    [
        ("status.x>40", [40.5, 41, "41", 1e300], [40, 39, "40", "warm", "9 of 10", "", True, None]),
        ("status.x<=-1.5", [-1.5, "-2"], [-1, "a", None]),
        ("status.x>2026-11-01", ["2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z"], ["2026-10-31", 2027, None]),
        ("status.x<m", ["abc", "Lamp", "<b>"], ["zoo", "M", 5, None]),
        ("status.x:40", [40, 40.0, "40", "x40y"], [41, 4, "4", True, None]),
        ("status.x:Warm", ["warm", "lukewarm"], [1, True, None]),
        ("status.x:yes", [True, "yes"], [False, 1, None]),
        ("status.x:false", [False, "FALSE"], [True, 0, None]),
        ("status.x=40", [40, "40"], ["40.0", "x40", 41, None]),
        ("status.x=Warm,no", ["Warm", "no", False], ["warm", True, None]),
        ("status.x!=40", [41, "x", None], [40, "40"]),
        ("status.x:1..3", [1, 2.5, 3, "2"], [0.9, 3.1, "b", None]),
        ("status.x:a..c", ["a", "B", "c"], ["ca", "d", 2, None]),
        ("status.x:..3", [-5, 3], [4, "b", None]),
        ("status.x:w*m", ["warm", "WM"], ["warmer", 5, None]),
        ("status.x:/^w/", ["warm"], ["lukewarm", 5, None]),
        ("status.x:*", [0, False, "a"], [None]),
        ("has:status.x", [0, False, "a"], [None]),
        ("no:status.x", [None], [0, "a"]),
        ("status.x:1,2", [1, 2, "12"], [3, None]),
    ],
)
def test_what_is_asked_is_decided_by_what_the_value_is(text: str, accepted: list[Any], refused: list[Any]) -> None:
    assert [each for each in accepted if not holds(text, each)] == []
    assert [each for each in refused if holds(text, each)] == []
    assert holds(f"-({text})", refused[0])


def test_a_path_says_which_field_it_is_and_no_registry_is_asked_for_it() -> None:
    found = read("type:camera Status.Temp>40")
    assert found.fields() - FIELDS.keys() == {"Status.Temp"}  # case counts in a record
    asked = pushed(found)
    assert asked.where == {"device_type": {"contains": "camera"}}
    assert not asked.exact


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("status.battery<20", "battery<20"),
        ("identity.device_type:camera", "type:camera"),
        ("identity.firmware_version<2.10", "fw<2.10"),
        ("registry.registered_at>2026-11-01", "registered>2026-11-01"),
        ("capabilities.labels.site:x", "label.site:x"),
        ("has:capabilities.labels.site", "has:label.site"),
    ],
)
def test_a_path_to_what_a_summary_has_is_that(path: str, word: str) -> None:
    assert str(read(path)) == str(read(word))
    assert pushed(read(path)) == pushed(read(word))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("lable.safety:x", "did you mean label.safety?"),
        ("labes.a<b:x", "did you mean"),
        ("status.:x", 'no field "status."'),
        ("a..b:x", "no field"),
        ("has:status", "no field"),
        ("batery<20", "did you mean battery?"),
        ("status.x>1,2", "Compare with one value"),
        ("status.x>*", "no patterns"),
        ("status.x=/a/", "for a pattern write a colon"),
        (".".join("a" * 20) + ":1", "no field"),
    ],
)
def test_what_is_no_path_is_told(text: str, hint: str) -> None:
    mistakes = parse(text, now=NOW).mistakes
    assert mistakes
    assert hint in mistakes[0].sentence


def test_a_sentence_says_it_and_shows_no_control_characters() -> None:
    assert sentence(read("status.x>40")) == "status.x above 40"
    assert sentence(read("-status.x:1..3")) == "status.x not from 1 to 3"
    assert sentence(read("status.x:warm")) == "status.x is or contains warm"
    assert "\u202e" not in sentence(read("status.a\u202eb:1"))


def test_a_path_is_no_device_s_id_but_in_quotes() -> None:
    assert exact_id(parse("cam.hall:1")) is None
    assert exact_id(parse('"cam.hall:1"')) == "cam.hall:1"


_operands = st.one_of(
    words.map(lambda text: text.lstrip("-") or "a"),
    st.sampled_from(["1", "-2.5", "1e3", "..5", "a..b", "5..", '".."', '"a..b"', "\\(..b", "1...2", "yes", "*", "a*"]),
    st.text('aB1 "*.\\', min_size=1, max_size=4).map(lambda t: '"' + t.replace("\\", "\\\\").replace('"', '\\"') + '"'),
)


@given(
    st.sampled_from(["status.x", "a.b.c-d", "x.ſ"]),
    st.sampled_from([":", "=", "!=", "<", "<=", ">", ">="]),
    st.lists(_operands, min_size=1, max_size=3),
    st.none() | st.booleans() | st.sampled_from([1, -2.5, 1000, "a", "1", "b..", "yes", ""]),
)
def test_what_is_written_is_read_as_the_same(path: str, sign: str, operands: list[str], value: Value) -> None:
    found = parse(f"{path}{sign}{','.join(operands)}", now=NOW).filter
    if found is not None:
        again = parse(str(found), now=NOW)
        assert not again.mistakes
        assert again.filter == found
        assert found.fields() == {path}
        assert sentence(found)
        assert found.matches({path: value}.get) is again.filter.matches({path: value}.get)


def test_no_word_of_the_vocabulary_is_taken_for_a_path() -> None:
    for field in SUMMARY:
        for word in SUMMARY.words_of(field):
            assert SUMMARY.find(word) is field
