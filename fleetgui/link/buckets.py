"""Key-value buckets by plain requests: put with an ack, put and delete on a condition, get, and a watch that lasts.

A bucket is a JetStream stream laid out as every NATS client expects it (`KV_<bucket>`, subjects `$KV.<bucket>.<key>`,
a delete is a marker), so other clients read and write the same buckets. Keys may hold `[-/_=.A-Za-z0-9]` alone:
`encoded` makes a key's token of any text.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from fleetgui.link import streams
from fleetgui.link.connection import Link
from fleetgui.link.entries import Entry, is_deletion
from fleetgui.link.errors import BadSubject, LinkError
from fleetgui.link.streams import StreamFailed
from fleetgui.link.watch import Watch, WatchHandler, WatchSettings
from fleetgui.wire.times import to_epoch

log = logging.getLogger(__name__)

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]")
_TOKEN: Final = re.compile(r"(?:[A-Za-z0-9_-]|=[0-9A-F]{2})+")
_KEY: Final = re.compile(r"[-/_=A-Za-z0-9]+(?:\.[-/_=A-Za-z0-9]+)*")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")

_NO_SUCH_STREAM: Final = 10059
_NAME_IN_USE: Final = 10058
_WRONG_SEQUENCE: Final = (10071, 10164)
_NO_STORAGE_LEFT: Final = (10002, 10023, 10028, 10047, 10077)


def encoded(text: str) -> str:
    """`text` as one token of a key: letters, digits, `_` and `-` as they are, every other byte of its UTF-8 as `=XX`.

    No two texts give the same token. Raises `ValueError` for "" and for what UTF-8 cannot hold.
    """
    if not text:
        raise ValueError("a key cannot have an empty part")
    return "".join(
        char if _PLAIN.fullmatch(char) else "".join(f"={byte:02X}" for byte in char.encode()) for char in text
    )


def decoded(token: str) -> str:
    """The text that `encoded` made `token` of; raises `ValueError` for what it never makes."""
    if not _TOKEN.fullmatch(token):
        raise ValueError(f"{token[:64]!r} is no encoded part of a key")
    raw = re.sub(rb"=([0-9A-F]{2})", lambda match: bytes([int(match[1], 16)]), token.encode())
    text = raw.decode()
    if encoded(text) != token:
        raise ValueError(f"{token[:64]!r} is no encoded part of a key")
    return text


class WrongRevision(LinkError):
    """Somebody else wrote the key meanwhile; nothing was changed. Read it again and decide anew."""

    kind = "wrong revision"


class NoRoom(LinkError):
    """The bucket, its account or its broker has no room left; nothing was stored."""

    kind = "no room"


@dataclass(frozen=True)
class BucketConfig:
    """What a bucket is made with. One that is there already stays as it is.

    `history` is how many values of a key are kept. Entries vanish `ttl_s` seconds after they were written, None: never.
    `max_bytes` bounds the whole bucket: above it, puts are refused. `replicas` is 1, 3 or 5.
    """

    name: str
    replicas: int = 1
    storage: Literal["file", "memory"] = "file"
    history: int = 1
    ttl_s: float | None = None
    max_bytes: int | None = None
    max_value_bytes: int | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name[:64]!r} is no bucket's name: letters, digits, _ and - are allowed")

    @property
    def stream(self) -> str:
        return f"KV_{self.name}"

    def as_stream(self) -> dict[str, Any]:
        """The configuration of the stream behind the bucket, as JetStream's API takes it."""
        max_age = int((self.ttl_s or 0) * 1e9)
        window = 120_000_000_000
        return {
            "name": self.stream,
            "subjects": [f"$KV.{self.name}.>"],
            "retention": "limits",
            "discard": "new",
            "storage": self.storage,
            "num_replicas": self.replicas,
            "max_msgs_per_subject": self.history,
            "max_age": max_age,
            "max_bytes": self.max_bytes or -1,
            "max_msg_size": self.max_value_bytes or -1,
            "duplicate_window": min(window, max_age) if max_age else window,
            "allow_rollup_hdrs": True,
            "deny_delete": True,
            "allow_direct": True,
            "allow_msg_ttl": True,  # so that the markers of deleted keys do not stay for ever
        }


class Bucket:
    """One bucket on one link. Many calls may be under way at once; each is one request."""

    def __init__(self, link: Link, config: BucketConfig) -> None:
        self.config = config
        self._link = link

    async def ensure(self) -> None:
        """Make the bucket, or leave the one that is there as it is; with less room where the broker has less.

        Raises `LinkError`.
        """
        try:
            await streams.api(self._link, f"STREAM.INFO.{self.config.stream}")
            return
        except StreamFailed as error:
            if error.code != _NO_SUCH_STREAM:
                raise
        wanted = self.config.as_stream()
        while True:
            try:
                await streams.api(self._link, f"STREAM.CREATE.{self.config.stream}", wanted)
                return
            except StreamFailed as error:
                if error.code == _NAME_IN_USE:
                    return  # somebody else made it first, in another way
                room = wanted["max_bytes"]
                if error.code not in _NO_STORAGE_LEFT or room // 2 < streams.SMALLEST_STREAM_BYTES:
                    raise
                wanted["max_bytes"] = room // 2
                log.warning("the broker has no %d bytes left for the bucket %s", room, self.config.name)

    async def put(self, key: str, value: bytes, *, expect: int | None = None) -> int:
        """The new revision, once the broker has stored `value`.

        `expect` is the revision that the key must have now, 0 for a key that must not be there. Raises `WrongRevision`
        when it has another, `BadSubject` for what is no key, any other `LinkError` when it could not be stored or
        when that is not known.
        """
        try:
            return await self._write(key, value, expect, {})
        except WrongRevision:
            if expect != 0:
                raise
        # A deleted key still has a revision: that of its marker.
        marker = await self._last(key)
        if marker is not None and marker.value is not None:
            raise WrongRevision(f"The key {key} of {self.config.name} is there already.")
        return await self._write(key, value, marker.revision if marker else 0, {})

    async def delete(self, key: str, *, expect: int | None = None, forget_after_s: float | None = 3600.0) -> int:
        """Delete the key; returns the revision of the marker, which itself goes after `forget_after_s`, None: never.

        Raises as `put` does.
        """
        headers = {"KV-Operation": "DEL"}
        if forget_after_s is not None:
            headers["Nats-TTL"] = f"{max(1, round(forget_after_s))}s"
        return await self._write(key, b"", expect, headers)

    async def purge(self, key: str, *, up_to: int) -> None:
        """Take away what the key holds, up to the revision `up_to`, without a marker: that needs no room.

        Watches find out when they next compare. Raises `LinkError`.
        """
        what = {"filter": self._subject(key), "seq": up_to + 1}
        await streams.api(self._link, f"STREAM.PURGE.{self.config.stream}", what)

    async def get(self, key: str) -> Entry | None:
        """The key's entry now, None when it is not there or was deleted; raises `LinkError`."""
        entry = await self._last(key)
        return entry if entry is not None and entry.value is not None else None

    def watch(
        self, keys: str | Sequence[str], handler: WatchHandler, *, settings: WatchSettings | None = None
    ) -> Watch:
        """Tell `handler` of every key that matches `keys` (with NATS wildcards, `>` for all), now and from now on."""
        filters = [keys] if isinstance(keys, str) else list(keys)
        return Watch(self._link, self.config.name, filters, handler, settings or WatchSettings())

    async def _write(self, key: str, value: bytes, expect: int | None, headers: dict[str, str]) -> int:
        if expect is not None:
            headers = {**headers, "Nats-Expected-Last-Subject-Sequence": str(expect)}
        try:
            return await streams.store(self._link, self._subject(key), value, headers)
        except StreamFailed as error:
            if error.code in _WRONG_SEQUENCE:
                raise WrongRevision(f"The key {key} of {self.config.name} was written meanwhile.") from None
            if error.code in _NO_STORAGE_LEFT:
                raise NoRoom(f"There is no room left for the bucket {self.config.name}: {error}") from None
            raise

    async def _last(self, key: str) -> Entry | None:
        """The key's last entry, a marker too."""
        batch = await streams.read(self._link, self.config.stream, {"multi_last": [self._subject(key)], "batch": 1})
        for stored in batch.messages:
            value = None if is_deletion(stored.headers) else stored.data
            return Entry(key, value, stored.sequence, to_epoch(stored.written) or 0.0)
        return None

    def _subject(self, key: str) -> str:
        if not _KEY.fullmatch(key):
            raise BadSubject(f"{key[:64]!r} is no key of a bucket.")
        return f"$KV.{self.config.name}.{key}"
