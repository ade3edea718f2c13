"""Whether a filter is somebody asking for one device by its id: then the registry is asked for it at once."""

from __future__ import annotations

from typing import Final

from fleetgui.policy.filters.checks import Contains, OneOf
from fleetgui.policy.filters.expression import Clause, Expression
from fleetgui.policy.filters.syntax import Parsed

_LONGEST: Final = 255
"""Characters of an id, as the runtime of devices allows them."""


def exact_id(what: Expression | Parsed | None) -> str | None:
    """The device id that `what` could be, None where it is no single word.

    That is a bare word, `id:word` or `id=word`. A parsed text may also be a word with a sign of the language in it
    that names no field: a device may be called `cam:1`.
    """
    if isinstance(what, Parsed):
        if what.mistakes:
            return _odd_id(what)
        what = what.filter
    if not isinstance(what, Clause):
        return None
    if what.subject is not None and what.subject.field != "device_id":
        return None
    match what.check:
        case Contains(text):
            return text if _could_be(text) else None
        case OneOf(texts) if len(texts) == 1:
            (text,) = texts
            return text if len(text) <= _LONGEST else None
    return None


def _odd_id(parsed: Parsed) -> str | None:
    text = parsed.text.strip()
    alone = parsed.filter is None and len(parsed.terms) == 1 and len(parsed.mistakes) == 1
    return text if alone and parsed.terms[0].operator in (":", "=") and _could_be(text) else None


def _could_be(text: str) -> bool:
    return len(text) <= _LONGEST and text.isprintable() and not any(char.isspace() or char in "\"'/()" for char in text)
