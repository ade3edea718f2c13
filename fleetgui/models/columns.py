"""The device table's columns as data: adding one is one entry here, and a test.

A field's way: message (`wire`) → store (`stores`) → `Column` → test. A column turns the facts of a row into a `Cell`,
which says what stands there and in which ink; how that is drawn is the delegate's business, and no `Cell` ever holds
text that was not made safe by `policy.formats`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NamedTuple

from fleetgui.models.facts import Facts, number
from fleetgui.policy import formats
from fleetgui.policy.freshness import is_skewed
from fleetgui.policy.states import BANDS, State
from fleetgui.stores.engagements import why_refused
from fleetgui.stores.roster import RowKind
from fleetgui.wire.payload import LABELS
from fleetgui.wire.query import FIELDS


class Align(Enum):
    LEFT = "left"
    RIGHT = "right"


class Look(Enum):
    """How the delegate draws a cell."""

    TEXT = "text"
    FIGURE = "figure"
    """Tabular numerals, so that digits stand under digits."""
    MONO = "mono"
    STATE = "state"
    """A glyph in a box of its own, then the words."""
    BAR = "bar"
    """A figure with a bar of `Cell.fraction` before it."""


class Cell(NamedTuple):
    """What stands in one cell. `ink` is a theme token; `fraction` 0 … 1 where there is a bar to draw.

    `chip`: drawn as a filled chip of that ink, for what must be louder than its neighbours. `wide`: runs on over the
    columns after it, which are blank.
    """

    text: str = ""
    ink: str = "text"
    glyph: str = ""
    fraction: float | None = None
    chip: bool = False
    wide: bool = False

    @property
    def spoken(self) -> str:
        """Glyph and words in one string, as it is copied and read aloud."""
        return f"{self.glyph} {self.text}".strip()


BLANK: Final = Cell()
NOTHING: Final = Cell(formats.NOTHING, "muted")
PLACEHOLDER: Final = Cell("· · ·", "muted")

KINDS: Final[dict[RowKind, Cell]] = {
    RowKind.NOT_LOADED: Cell(RowKind.NOT_LOADED.value, "muted", "·"),
    RowKind.LOADING: Cell(RowKind.LOADING.value, "muted", "…"),
    RowKind.HIDDEN: Cell("not visible", "offline", "⊘"),
    RowKind.MALFORMED: Cell(RowKind.MALFORMED.value, State.FAILED.token, State.FAILED.glyph),
    RowKind.UNREADABLE: Cell("too large", State.FAILED.token, State.FAILED.glyph),
    RowKind.FAILED: Cell("not read", State.FAILED.token, State.FAILED.glyph),
    RowKind.GROUP: Cell(RowKind.GROUP.value, "muted"),
}
"""How a row without a readable record says what it is."""


@dataclass(frozen=True)
class Column:
    """One column. `cell` computes what stands there for a loaded row, `hover` what the tooltip adds (plain text).

    `ages`: the cell changes as time passes, without any message. `shown`: on the screen until somebody chooses.
    `glows`: a change of it is worth a glow. `width` in pixels at 100 %; `unit` stands in the header.
    """

    key: str
    title: str
    cell: Callable[[Facts], Cell]
    unit: str = ""
    look: Look = Look.TEXT
    align: Align = Align.LEFT
    width: int = 120
    shown: bool = True
    ages: bool = False
    glows: bool = True
    hover: Callable[[Facts], str] | None = None
    other: Callable[[Facts], Cell] = lambda _facts: BLANK
    """What stands there for a row that is not loaded."""
    path: str | None = None
    """Of a column that shows any field of the record: where it stands there (`wire.payload`)."""

    @property
    def header(self) -> str:
        return f"{self.title} {self.unit}".strip()

    @property
    def field(self) -> str | None:
        """By what the column can be sorted: a field of `wire.query`, a label, a path; None for what only we know."""
        if self.path is not None:
            return f"labels.{self.path.removeprefix(LABELS)}" if self.path.startswith(LABELS) else self.path
        field = _FIELDS.get(self.key, self.key)
        return field if field in FIELDS else None

    def of(self, facts: Facts) -> Cell:
        return self.cell(facts) if facts.loaded else self.other(facts)


_FIELDS: Final = {"busy": "busy_score"}
"""Columns whose field has another name."""


def _words(value: Any, ink: str = "text") -> Cell:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, dict | list):  # where a word was expected: writing it out could take longer than a frame
        return Cell(f"{{{len(value)}}}" if isinstance(value, dict) else f"[{len(value)}]", "unknown")
    return Cell(formats.text(value), ink)


def _field(name: str, ink: str = "text") -> Callable[[Facts], Cell]:
    return lambda facts: _words(facts.field(name), ink)


def _status(name: str, ink: str = "text") -> Callable[[Facts], Cell]:
    return lambda facts: _words(facts.status(name), ink)


def _count(name: str) -> Callable[[Facts], Cell]:
    return lambda facts: Cell(formats.count(facts.field(name)))


def _state(facts: Facts) -> Cell:
    state = facts.presence or State.UNKNOWN
    words = state.word
    since = {State.OFFLINE: facts.offline_since, State.STALE: facts.last_beat}.get(state)
    if since is not None:
        words += f" {formats.age(facts.now - since)}"
    return Cell(words, state.token, state.glyph, chip=state is State.UNKNOWN)


def _state_of_other(facts: Facts) -> Cell:
    return KINDS[facts.row.kind]


def _state_hover(facts: Facts) -> str:
    if not facts.loaded:
        return "\n".join(filter(None, [facts.row.kind.value, facts.row.note and formats.text(facts.row.note)]))
    lines = [(facts.presence or State.UNKNOWN).label]
    if facts.offline_since is not None and facts.presence is State.OFFLINE:
        lines.append(f"announced offline {formats.moment_utc(facts.wall - (facts.now - facts.offline_since))}")
    lines.append(_beat_hover(facts))
    lines.append(_read_hover(facts))
    return "\n".join(filter(None, lines))


def _id_of_other(facts: Facts) -> Cell:
    if facts.row.device_id is not None:
        return Cell(formats.text(facts.row.device_id))
    return PLACEHOLDER if facts.row.kind in (RowKind.NOT_LOADED, RowKind.LOADING) else BLANK


def _note_of_other(facts: Facts) -> Cell:
    return Cell(formats.text(facts.row.note), "muted", wide=True) if facts.row.note else BLANK


LOW_BATTERY: Final = 20.0
"""Percent below which a battery is drawn in the ink of what needs attention."""


def _battery(facts: Facts) -> Cell:
    value = facts.status("battery")
    level = number(value)
    if level is None:
        return _words(value, "unknown" if value is not None else "muted")
    ink = "late" if level < LOW_BATTERY else "text"
    return Cell(formats.percent(level), ink, fraction=min(1.0, max(0.0, level / 100)))


def _busy(facts: Facts) -> Cell:
    value = facts.status("busy_score")
    score = number(value)
    if score is None:
        return _words(value, "unknown" if value is not None else "muted")
    return Cell(formats.percent(score * 100))


def _held(facts: Facts) -> Cell:
    if facts.held is None:
        return BLANK
    band = BANDS[facts.held.engagement.band]
    return Cell(
        f"{formats.age(facts.held.until - facts.wall + 0.999)} {facts.held.engagement.reason}", band.token, band.glyph
    )


def _held_hover(facts: Facts) -> str:
    if facts.held is None:
        return ""
    refusal = facts.held.engagement
    why = why_refused(refusal, left_s=facts.held.until - facts.wall)
    return f"Held back until {formats.moment_utc(facts.held.until)} by {formats.text(refusal.node, 64)}.\n{why}"


def _beat(facts: Facts) -> Cell:
    if facts.last_beat is None:
        return Cell("not heard", "muted")
    fresh = facts.presence in (State.ONLINE, State.LIVE)
    return Cell(formats.age(facts.now - facts.last_beat), "text" if fresh else "muted")


def _beat_hover(facts: Facts) -> str:
    if facts.last_beat is None:
        return "no heartbeat heard by this console yet"
    lines = [f"last heartbeat heard {formats.moment_utc(facts.wall - (facts.now - facts.last_beat))}"]
    if facts.publisher_ts is not None:
        skew = f", {formats.skew_from_ours(facts.skew_s)}" if is_skewed(facts.skew_s) else ""
        lines.append(f"the device's own clock said {formats.wire_time(facts.publisher_ts)}{skew}")
    return "\n".join(lines)


def _read(facts: Facts) -> Cell:
    return NOTHING if facts.row.read_at is None else Cell(formats.age(facts.now - facts.row.read_at), "muted")


def _read_hover(facts: Facts) -> str:
    if facts.row.read_at is None:
        return ""
    return f"record asked for {formats.moment_utc(facts.wall - (facts.now - facts.row.read_at))}"


def _ttl(facts: Facts) -> Cell:
    ttl = number(facts.field("ttl"))
    return NOTHING if ttl is None else Cell(f"{ttl:g}")


COLUMNS: Final[tuple[Column, ...]] = (
    Column("state", "State", _state, look=Look.STATE, width=132, ages=True, hover=_state_hover, other=_state_of_other),
    Column("device_id", "Device", _field("device_id"), look=Look.MONO, width=200, glows=False, other=_id_of_other),
    Column("device_type", "Type", _field("device_type"), width=116, other=_note_of_other),
    Column("location", "Location", _status("location"), width=150),
    Column("availability", "Availability", _status("availability", "muted"), width=104),
    Column("battery", "Battery", _battery, unit="%", look=Look.BAR, align=Align.RIGHT, width=108),
    Column("held", "Held back", _held, look=Look.STATE, width=128, ages=True, hover=_held_hover),
    Column(
        "last_beat", "Last beat", _beat, look=Look.FIGURE, align=Align.RIGHT, width=96, ages=True, glows=False,
        hover=_beat_hover,
    ),
    Column("firmware", "Firmware", _field("firmware", "muted"), look=Look.FIGURE, width=96),
    Column("model", "Model", _field("model", "muted"), width=112),
    Column("functions", "Functions", _count("functions"), look=Look.FIGURE, align=Align.RIGHT, width=84, shown=False),
    Column("busy", "Busy", _busy, unit="%", look=Look.FIGURE, align=Align.RIGHT, width=72, shown=False),
    Column("error_state", "Error", _status("error_state", "band_critical"), width=140, shown=False),
    Column("labels", "Labels", _field("labels"), width=220, shown=False),
    Column("manufacturer", "Manufacturer", _field("manufacturer"), width=120, shown=False),
    Column("serial_number", "Serial", _field("serial_number"), look=Look.MONO, width=140, shown=False),
    Column("arch", "Arch", _field("arch"), width=80, shown=False),
    Column("events", "Events", _count("events"), look=Look.FIGURE, align=Align.RIGHT, width=72, shown=False),
    Column("ttl", "Lease", _ttl, unit="s", look=Look.FIGURE, align=Align.RIGHT, width=72, shown=False),
    Column(
        "registered_at", "Registered",
        lambda facts: Cell(formats.wire_time(facts.field("registered_at"))),
        look=Look.FIGURE, width=164, shown=False,
    ),
    Column(
        "read", "Read", _read, look=Look.FIGURE, align=Align.RIGHT, width=72, shown=False, ages=True, glows=False,
        hover=_read_hover,
    ),
)  # fmt: skip
"""Every column there is, in the order in which they stand at first."""
