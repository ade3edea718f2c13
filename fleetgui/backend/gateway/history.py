"""What the gateway found, kept: two JetStream streams, bounded by age and by bytes from their first day.

The streams hear subjects outside every tenant's own, so that no tenant can write history or fill the disk. Storing
waits for nobody: a bounded queue, a few writers that await the broker's ack, and a count of what could not be stored.
A page of history is cut where its reply would not fit, and its cursor (`@<sequence>`) points on from there.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from fleetgui.backend.gateway.settings import GatewaySettings
from fleetgui.backend.trouble import Trouble
from fleetgui.link import streams
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.tasks import Tasks
from fleetgui.policy.states import LinkPhase, LinkState
from fleetgui.wire.codec import Malformed, decode
from fleetgui.wire.times import rfc3339, to_epoch

log = logging.getLogger(__name__)

LAG_STREAM: Final = "gateway_lag"
THROTTLE_STREAM: Final = "gateway_throttle"
_ROOT: Final = "gateway-history"

DEFAULT_LIMIT: Final = 1000
MAX_LIMIT: Final = 5000
MOST_WAITING: Final = 10_000
_WRITERS: Final = 8
_ENSURE_AGAIN_S: Final = 2.0
_CLOCKS_APART_S: Final = 60.0
"""How far a broker's clock may be behind ours without hiding what was stored after a given time."""


@dataclass(frozen=True, slots=True)
class Since:
    """Where a page starts: at a stored sequence, at messages whose `ts` is not before a time, or at the very first."""

    sequence: int | None = None
    epoch: float | None = None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Encoded messages, oldest first, and the cursor of what follows, None at the end."""

    items: list[bytes]
    next_since: str | None


class _Stamp(msgspec.Struct, frozen=True, gc=False):
    ts: str = ""
    device_id: str | None = None


def parse_since(value: object) -> Since:
    """A request's `since`: null, an RFC 3339 time, or a cursor from a reply. Raises `ValueError` for anything else."""
    if value is None:
        return Since()
    if isinstance(value, str):
        if value.startswith("@") and value[1:].isascii() and value[1:].isdigit() and len(value) <= 20:
            return Since(sequence=max(1, int(value[1:])))
        if (epoch := to_epoch(value)) is not None:
            return Since(epoch=epoch)
    raise ValueError("since must be an RFC 3339 time, or the next_since of a reply")


def _device_token(device_id: str) -> str:
    """A subject token for an id that may hold anything."""
    return hashlib.sha256(device_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class History:
    """Writes and reads both histories over `link`. `not_stored` counts what is missing from them."""

    def __init__(self, link: Link, tasks: Tasks, settings: GatewaySettings) -> None:
        self.not_stored = 0
        self.ready = asyncio.Event()
        """Set while both streams are known to be there."""
        self._link = link
        self._tasks = tasks
        self._configs = (
            self._config(LAG_STREAM, f"{_ROOT}.lag.*", settings, settings.lag_history_bytes),
            self._config(THROTTLE_STREAM, f"{_ROOT}.throttle.*.*.*", settings, settings.throttle_history_bytes),
        )
        self._waiting: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(MOST_WAITING)
        self._look = asyncio.Event()
        self._making = Trouble("there is no history for now", log)
        self._storing = Trouble("history is not being stored", log)
        self._phase = link.state.phase

    @staticmethod
    def _config(name: str, subject: str, settings: GatewaySettings, max_bytes: int) -> StreamConfig:
        age = settings.lag.retention_days * 86_400
        return StreamConfig(
            name=name,
            subjects=[subject],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            max_age=age,
            max_bytes=max_bytes,
            duplicate_window=min(120.0, age),
            num_replicas=settings.history_replicas,
            allow_direct=True,
        )

    def start(self) -> None:
        self._link.state_changed.connect(self._link_changed)
        self._look.set()
        self._tasks.spawn(self._keep_streams(), name="gateway: history streams")
        for number in range(_WRITERS):
            self._tasks.spawn(self._write(), name=f"gateway: history writer {number + 1}")

    def keep_lag(self, node: str, params: bytes) -> None:
        """Store one encoded lag message, soon."""
        self._put(f"{_ROOT}.lag.{node}", params)

    def keep_engagement(self, tenant: str, node: str, device_id: str, params: bytes) -> None:
        """Store one encoded engagement, soon."""
        self._put(f"{_ROOT}.throttle.{tenant}.{node}.{_device_token(device_id)}", params)

    async def lag(self, node: str | None, since: Since, limit: int, max_bytes: int) -> HistoryPage:
        """Lag messages, oldest first: at most `limit` and at most `max_bytes` together. Raises `LinkError`."""
        return await self._page(LAG_STREAM, f"{_ROOT}.lag.{node or '*'}", None, since, limit, max_bytes)

    async def engagements(
        self, tenant: str, node: str | None, device_id: str | None, since: Since, limit: int, max_bytes: int
    ) -> HistoryPage:
        """Likewise the engagements of one tenant, of one device if it is given."""
        device = "*" if device_id is None else _device_token(device_id)
        subject = f"{_ROOT}.throttle.{tenant}.{node or '*'}.{device}"
        return await self._page(THROTTLE_STREAM, subject, device_id, since, limit, max_bytes)

    async def _page(
        self, stream: str, subject: str, device_id: str | None, since: Since, limit: int, max_bytes: int
    ) -> HistoryPage:
        earliest = "" if since.epoch is None else rfc3339(since.epoch)
        where: dict[str, object] = {"seq": since.sequence or 1}
        if since.epoch is not None:
            where = {"start_time": rfc3339(since.epoch - _CLOCKS_APART_S)}
        items: list[bytes] = []
        room = max_bytes
        while True:
            batch = await streams.read(
                self._link, stream, {"batch": limit - len(items) + 1, "next_by_subj": subject, **where}
            )
            for stored in batch.messages:
                if not _wanted(stored.data, earliest, device_id):
                    continue
                room -= len(stored.data) + 1
                if items and (room < 0 or len(items) == limit):
                    return HistoryPage(items, f"@{stored.sequence}")
                items.append(stored.data)
            if not batch.messages or not batch.pending:
                return HistoryPage(items, None)
            where = {"seq": batch.messages[-1].sequence + 1}

    def _put(self, subject: str, data: bytes) -> None:
        try:
            self._waiting.put_nowait((subject, data))
        except asyncio.QueueFull:
            self.not_stored += 1

    async def _write(self) -> None:
        while True:
            subject, data = await self._waiting.get()
            await self.ready.wait()
            try:
                await streams.store(self._link, subject, data)
                self._storing.is_now(None)
            except LinkError as error:
                self.not_stored += 1
                if self._link.is_up and self.ready.is_set():
                    self._storing.is_now(error, alike=type(error))
                    self.ready.clear()
                    self._look.set()
            finally:
                self._waiting.task_done()

    async def stored(self) -> None:
        """Return once everything put in so far is stored or counted as not stored."""
        await self._waiting.join()

    def _link_changed(self, state: LinkState) -> None:
        before, self._phase = self._phase, state.phase
        if state.phase is not LinkPhase.UP:
            self.ready.clear()
        elif before is not LinkPhase.UP:
            self._look.set()

    async def _keep_streams(self) -> None:
        """Make the streams whenever there is reason to think that they are not there."""
        while True:
            await self._look.wait()
            self._look.clear()
            if not self._link.is_up:
                continue
            try:
                for config in self._configs:
                    await streams.ensure(self._link, config)
                self.ready.set()
                self._making.is_now(None)
            except LinkError as error:
                self._making.is_now(error, alike=type(error))
                await asyncio.sleep(_ENSURE_AGAIN_S)
                self._look.set()


def _wanted(data: bytes, earliest: str, device_id: str | None) -> bool:
    """Whether a stored message is at or after `earliest` and of the device that was asked for."""
    try:
        stamp = decode(data, _Stamp)
    except Malformed:
        return False
    return stamp.ts >= earliest and (device_id is None or stamp.device_id == device_id)


def joined(items: Iterable[bytes]) -> msgspec.Raw:
    """Encoded messages as one encoded list."""
    return msgspec.Raw(b"[" + b",".join(items) + b"]")
