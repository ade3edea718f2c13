"""The fields of the filter language: what operators call them, and how what stands after them is read.

A field of the summary has one entry, and an age two: `registered` is a time, `age` the same time as "how long ago".
Who shows columns beyond the summary adds entries of their own (`Vocabulary.with_fields`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Final

from fleetgui.wire.query import Kind


class Reads(Enum):
    """How a field's operand is read, and the kind of what it is compared with."""

    TEXT = Kind.TEXT, "text"
    VERSION = Kind.TEXT, "version"
    """A text that is ordered as versions are: 2.10 after 2.9."""
    LABELS = Kind.TEXT, "labels"
    NUMBER = Kind.NUMBER, "number"
    PERCENT = Kind.NUMBER, "percent"
    """A number from 0 to 100; `20` and `20%` are the same."""
    SHARE = Kind.NUMBER, "share"
    """A number from 0 to 1; `0.8` and `80%` are the same."""
    SECONDS = Kind.NUMBER, "seconds"
    """A number of seconds; `90` and `1m30s` are the same."""
    TIME = Kind.TIME, "time"
    AGE = Kind.TIME, "age"
    """A time as how long ago it was: `age<2h`."""
    TRUTH = Kind.TRUTH, "truth"
    PAYLOAD = None, "payload"
    """A value of whatever kind, as the device has put it into its record."""

    def __init__(self, kind: Kind | None, word: str) -> None:
        self.kind = kind
        self.word = word

    @property
    def is_text(self) -> bool:
        return self.kind is Kind.TEXT

    @property
    def is_ordered(self) -> bool:
        """Whether it can be compared by size."""
        return self not in (Reads.TEXT, Reads.LABELS, Reads.TRUTH)


@dataclass(frozen=True, slots=True)
class Field:
    """One entry.

    `word` is how it is written, `field` the name of what it looks at (`wire.query.FIELDS`, or a column's own),
    `title` what a sentence calls it, `explains` what completion says of it, `example` a right use of it;
    `others` are further words for it.
    """

    word: str
    field: str
    reads: Reads
    title: str
    explains: str
    example: str
    others: tuple[str, ...] = ()


_SUMMARY: Final = (
    Field("id", "device_id", Reads.TEXT, "id", "the device's id", "id:cam-*", ("device", "device_id")),
    Field("type", "device_type", Reads.TEXT, "type", "what sort of device it is", "type:camera",
          ("device_type", "identity.device_type")),
    Field("location", "location", Reads.TEXT, "location", "where it is", "location:site-04",
          ("site", "loc", "status.location")),
    Field("battery", "battery", Reads.PERCENT, "battery", "battery level, percent", "battery<20",
          ("status.battery",)),
    Field("busy", "busy_score", Reads.SHARE, "busy", "how busy it is, 0 to 1", "busy>=0.8",
          ("busy_score", "status.busy_score")),
    Field("online", "online", Reads.TRUTH, "online", "whether it is heard to be online", "online:yes",
          ("status.online",)),
    Field("fw", "firmware", Reads.VERSION, "firmware", "firmware version", "fw<2.4",
          ("firmware", "version", "identity.firmware_version")),
    Field("label", "labels", Reads.LABELS, "labels", "its labels; one of them: label.KEY", "label.safety:critical",
          ("labels", "tag")),
    Field("availability", "availability", Reads.TEXT, "availability", "what it says of itself, such as idle",
          "availability:idle", ("avail", "status.availability")),
    Field("error", "error_state", Reads.TEXT, "error", "the error that it reports", "has:error",
          ("error_state", "status.error_state")),
    Field("model", "model", Reads.TEXT, "model", "model", "model:C-100", ("identity.model",)),
    Field("maker", "manufacturer", Reads.TEXT, "manufacturer", "manufacturer", "maker:acme",
          ("manufacturer", "vendor", "identity.manufacturer")),
    Field("serial", "serial_number", Reads.TEXT, "serial number", "serial number", "serial:SN-0042",
          ("sn", "serial_number", "identity.serial_number")),
    Field("arch", "arch", Reads.TEXT, "architecture", "processor architecture", "arch=arm64", ("identity.arch",)),
    Field("functions", "functions", Reads.NUMBER, "functions", "how many functions it has", "functions>=5"),
    Field("events", "events", Reads.NUMBER, "events", "how many kinds of event it has", "events=0"),
    Field("ttl", "ttl", Reads.SECONDS, "lease", "its lease, seconds", "ttl>1m", ("lease", "device_ttl")),
    Field("registered", "registered_at", Reads.TIME, "registered", "when it registered",
          "registered>2026-11-01", ("registered_at", "registry.registered_at")),
    Field("age", "registered_at", Reads.AGE, "age", "how long ago it registered", "age<2h"),
    Field("reported", "status_ts", Reads.TIME, "status reported", "when its status was reported",
          "reported>today", ("status_ts", "status.ts")),
    Field("gone", "offline_since", Reads.TIME, "offline since", "when its lease ended", "gone>today",
          ("offline_since", "status.offline_since")),
    Field("offline", "offline_since", Reads.AGE, "offline for", "how long ago its lease ended", "offline>5m"),
)  # fmt: skip


class Vocabulary:
    """Which words there are; case does not matter."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self._fields = tuple(fields)
        self._words = {word.lower(): each for each in self._fields for word in (each.word, *each.others)}

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields)

    def find(self, word: str) -> Field | None:
        return self._words.get(word.lower())

    def words_of(self, field: Field) -> tuple[str, ...]:
        return (field.word, *field.others)

    def nearest(self, word: str) -> str | None:
        """The word that somebody who wrote `word` may have meant."""
        known = [*self._words, *(each.value for each in Special)]
        close = get_close_matches(word.lower()[:40], known, n=1, cutoff=0.6)
        return close[0] if close else None

    def with_fields(self, *fields: Field) -> Vocabulary:
        """This one and further fields; a word that both have is the further one's."""
        return Vocabulary((*self._fields, *fields))


class Special(Enum):
    """Words before a colon that are no fields."""

    HAS = "has"
    NO = "no"
    IS = "is"
    STATE = "state"


SUMMARY: Final = Vocabulary(_SUMMARY)
"""The fields of a device's summary."""
