"""The filter language of the device table: reading, meaning, asking the registry, completing, saying it in words.

    type:camera battery<20 -online "hall 3"

    filter    one or more terms; a space between two means "and"
    or        `lamp or camera`; "and" binds closer than "or"; parentheses group: `(lamp or camera) -online`
    -         not what follows: `-type:camera`, `-(lamp or camera)`; `not` and `!` say the same
    word      in the id, type, location or labels, a part of one of them: `dock`; in quotes where there are spaces or
              signs in it: `"hall 3"`, in which \\" is a quote and \\\\ a backslash
    field     `id type location battery busy online fw label availability error model maker serial arch functions
              events ttl registered age reported gone offline`; other names for them: `site`, `firmware`, `tag`,
              `lease` …, and those of a summary (`device_type`)

    field:value       a text that contains it; a number, time or yes/no that is it
    field=value       a text that is exactly it, case included; otherwise as with a colon. `!=` is the opposite
    field<value       `<=  >  >=` likewise: numbers, times, and versions, where 2.10 comes after 2.9
    field:a..b        from a to b, both included; `a..` and `..b` are open at one end
    field:a,b         one of them; also `field:(a or b)`
    field:*           any value at all, also `has:field`; `no:field` none
    status.rssi>-70   any other field of the record, by where it stands in it: as numbers where both are, else as text
    label.KEY:value   a label's value; `label.KEY:*` that there is such a label; `label:text` in keys or values
    online, offline   whether it is heard to be, else what its record says; `-online` is also what nobody knows.
                      `is:online` says the same

    cam-*-07, ?       patterns: `*` is any run of characters, `?` one; of the whole value
    /^cam-0[0-9]+$/   regular expressions (RE2: no look-around, no back-references), found anywhere in the value
    20%  90s 1h30m    units where a field has one: percent; s, min, h, d, w
    2026-11-01        a day, a month (2026-11), a minute (2026-11-01T14:30), UTC unless it says otherwise; `today`,
                      `yesterday`, `now-2h`; `age<2h` and `offline>5m` say how long ago

Case never matters, but after `=`. A comparison never holds for a missing value; its negation does.

`parse` never raises: what is mistaken is left out and told (`Mistake`), what stands beside it counts. An `Expression`
is a tree of `Clause`s; `holds` is what it means, `str` how it is written, `sentence` how it is said, `pushed` what the
registry can do of it. Pure: no Qt, no network, no store; cost bounded by the length of the text.
"""

from __future__ import annotations

from fleetgui.policy.filters.completion import Completion, completions
from fleetgui.policy.filters.expression import All, Clause, Either, Expression, Not
from fleetgui.policy.filters.identity import exact_id
from fleetgui.policy.filters.pushdown import Pushed, pushed
from fleetgui.policy.filters.reading import Colour, Mistake, Token
from fleetgui.policy.filters.sentences import sentence
from fleetgui.policy.filters.syntax import Parsed, parse
from fleetgui.policy.filters.vocabulary import SUMMARY, Field, Reads, Vocabulary

GRAMMAR = (__doc__ or "").partition("`parse` never raises")[0].strip()
"""The language as people read it: what stands above."""

__all__ = [
    "GRAMMAR",
    "SUMMARY",
    "All",
    "Clause",
    "Colour",
    "Completion",
    "Either",
    "Expression",
    "Field",
    "Mistake",
    "Not",
    "Parsed",
    "Pushed",
    "Reads",
    "Token",
    "Vocabulary",
    "completions",
    "exact_id",
    "parse",
    "pushed",
    "sentence",
]
