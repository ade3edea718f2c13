"""Filters as people write them, texts that nobody writes, and devices that now and then match."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from fleetgui.policy.filters import Expression, parse
from fleetgui.wire.records import Summary

NOW: Final = 1_795_219_200.0
"""2026-11-21T00:00:00Z."""

# Few letters, so that what is drawn for a filter and for a device meets; with those whose case is a trap: ſ is an s and
# K (Kelvin) a k to some, İ is two characters in lower case, and Σ is ς or σ by what stands beside it.
LETTERS: Final = "aAbB1-_. ,=/sSſkKİΣσ"
words = st.text("abAB1-_s", min_size=1, max_size=3)
values = st.text(LETTERS, max_size=5)
_quoted = st.text(LETTERS + '"\\*?:(){}<>', min_size=1, max_size=4).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
_patterns = st.lists(
    st.sampled_from(["*", "?", "a", "B", "1", "ab", "\\*", "_", "s", "Σ"]), min_size=1, max_size=5
).map("".join)
_atoms = st.sampled_from(
    ["a", "B", "1", "s", "k", "-", ".", "[ab]", "[^a]", "\\d", "\\x61", "(ab)", "(a|b)", "\\/", "[]a]"]
)
_repeated = st.tuples(_atoms, st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{0,1}"])).map("".join)
expressions = st.tuples(
    st.sampled_from(["", "^"]),
    st.lists(_repeated, min_size=1, max_size=4).map("".join),
    st.sampled_from(["", "$", "|b"]),
).map("".join)
_plain_words = words.map(lambda text: text.lstrip("-") or "a")
_texts = st.one_of(_plain_words, _quoted, _patterns, expressions.map("/{}/".format), st.just("*"))
_texts_listed = st.lists(_texts, min_size=1, max_size=3).map(",".join)
_exact = st.lists(_plain_words | _quoted, min_size=1, max_size=3).map(",".join)
_signs = st.sampled_from(["<", "<=", ">", ">=", "=", ":", "!=", ":<"])
_sizes = st.sampled_from(["<", "<=", ">", ">="])


def _ordered(name: str, operands: list[str], signs: st.SearchStrategy[str] = _signs) -> st.SearchStrategy[str]:
    one = st.sampled_from(operands)
    pairs = st.tuples(st.integers(0, len(operands) - 1), st.integers(0, len(operands) - 1)).map(sorted)
    ranges = st.one_of(
        pairs.map(lambda pair: f"{operands[pair[0]]}..{operands[pair[1]]}"),
        one.map("{}..".format),
        one.map("..{}".format),
    )
    return st.one_of(
        st.tuples(st.just(name), signs, one).map("".join),
        ranges.map(lambda text: f"{name}:{text}"),
        st.just(f"{name}:*") if signs is _signs else st.nothing(),
        st.lists(one | ranges, min_size=1, max_size=3).map(lambda each: f"{name}:{','.join(each)}")
        if signs is _signs
        else st.nothing(),
    )


_fields = st.sampled_from(
    ["id", "type", "site", "fw", "label", "error", "model", "label.a", "label.B", "Type", "labels"]
)
terms = st.one_of(
    _plain_words,
    _quoted,
    _patterns,
    expressions.map("/{}/".format),
    st.sampled_from(["online", "offline", "online:yes", "online=no", "online!=yes", "is:offline", "online:yes,no"]),
    st.tuples(_fields, st.just(":"), _texts_listed).map("".join),
    st.tuples(_fields, st.sampled_from(["=", "!="]), _exact).map("".join),
    st.tuples(st.sampled_from(["has:", "no:"]), st.lists(_fields, min_size=1, max_size=2).map(",".join)).map("".join),
    st.tuples(_fields, st.just(":("), _plain_words, st.just(" or "), _quoted, st.just(")")).map("".join),
    _ordered("battery", ["-1", "0", "1", "1.5", "20%", "1e3"]),
    _ordered("busy", ["0", "0.5", "80%", "1"]),
    _ordered("ttl", ["1", "20", "1m"]),
    _ordered("fw", ["1", "1.2-rc1", "1.2", "1.2.1", "1.10"], _sizes),
    _ordered("registered", ["2026-10", "2026-11-20T23:59", "2026-11-20T23:59:59.5", "2026-11-21", "now", "today"]),
    _ordered("gone", ["yesterday", "now-1h", "1795219200"]),
    _ordered("age", ["1s", "1h", "1d"], _sizes),
    _ordered("offline", ["90s", "2d"], _sizes),
)  # fmt: skip

filters = st.recursive(
    terms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(" ".join),
        st.lists(inner, min_size=2, max_size=3).map(" or ".join),
        inner.map("({})".format),
        inner.map("-({})".format),
        inner.map("not ({})".format),
        terms.map("-{}".format),
    ),
    max_leaves=5,
)
"""Texts that are read, most of them without a mistake."""

_dense = st.one_of(
    _ordered("battery", ["0", "1", "1.5", "20"]),
    st.sampled_from(
        ["type:a", "type:ab", "type=a", "type=b,a", "type!=ab", "a", "ab", "no:type", "type:*", "-type=b,a"]
    ),
    st.sampled_from(["online", "offline", "online:*", "online:yes,no", "no:online"]),
)
crowded = st.recursive(
    st.one_of(_dense, _dense, _dense.map("-{}".format)),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(" ".join).map("({})".format),
        st.lists(inner, min_size=2, max_size=3).map(" or ".join).map("({})".format),
        inner.map("-({})".format),
    ),
    max_leaves=6,
)
"""Filters whose terms are about so few fields that they say the same, more, less or the opposite of one another."""

crowd = st.builds(
    Summary,
    device_id=st.just("x"),
    device_type=st.sampled_from([None, "", "a", "b", "ab", "B"]),
    battery=st.sampled_from([None, -1, 0, 0.5, 1, 1.2, 1.5, 2, 20, 21]),
    online=st.sampled_from([None, True, False]),
)
"""The devices that such filters tell apart."""


@st.composite
def parsed(draw: st.DrawFn) -> Expression:
    found = parse(draw(filters), now=NOW).filter
    return found if found is not None else draw(st.nothing())


_numbers = st.none() | st.sampled_from([-1, 0, 1, 1.5, 0.5, 0.8, 20, 60, 1000, float("inf"), 10**400])
_times = st.none() | st.sampled_from(
    ["2026-10-15", "2026-11-20T23:59:30Z", "2026-11-20T23:59:59.500Z", NOW, NOW + 0.5, NOW - 3600, "never", "", 1e99]
)
_labels = st.lists(st.tuples(st.sampled_from(["a", "A", "b", "aſ", "Σ"]), values), max_size=3).map(
    lambda pairs: " ".join(f"{key}={value}" for key, value in pairs)
)
summaries = st.builds(
    Summary,
    device_id=st.text(LETTERS, min_size=1, max_size=5),
    ttl=_numbers,
    device_type=st.none() | values,
    model=st.none() | values,
    firmware=st.none() | values | st.sampled_from(["1", "1.2", "1.2-rc1", "v1.2.1", "1.10", "1.02.0+b"]),
    location=st.none() | values,
    busy_score=_numbers,
    battery=_numbers,
    online=st.sampled_from([None, True, False]),
    error_state=st.none() | values,
    labels=_labels | values,
    registered_at=_times,
    offline_since=_times,
)
