"""Stores with made-up devices, filled through their own apply methods, for tests of models and of what shows them."""

from __future__ import annotations

import json
from typing import Any

from fleetgui.policy.clock import ManualClock
from fleetgui.policy.states import LinkPhase, LinkState
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.presence import Beat, Edge
from fleetgui.wire.gateway import Engagement
from fleetgui.wire.times import rfc3339


def device_id(index: int) -> str:
    return f"camera-{index:06d}"


def record(index: int, **fields: Any) -> bytes:
    """An encoded record; `fields` replace its own."""
    whole: dict[str, Any] = {
        "device_id": device_id(index),
        "device_ttl": 15,
        "identity": {"device_type": "camera", "model": "C-1", "firmware_version": "1.4.2"},
        "status": {"location": f"site-{index % 7:02d}", "availability": "idle", "battery": index % 101},
        "capabilities": {"functions": [{"name": "ping"}], "events": [], "labels": {"category": "camera"}},
        "registry": {"registered_at": "2026-11-21T00:02:20Z"},
    }
    return json.dumps(whole | fields).encode()


class Fleet:
    """A console's stores and the clock they are told."""

    def __init__(self, total: int = 0, *, loaded: int | None = None, link_up: bool = True) -> None:
        self.clock = ManualClock()
        self.state = ConsoleState()
        if link_up:
            self.link_up()
        if total:
            self.read(0, range(min(total, total if loaded is None else loaded)), total=total)

    def link_up(self) -> None:
        self.state.link.set_state(LinkState(LinkPhase.UP, self.clock.now(), self.clock.wall()))
        self.state.sources.link_came_up(self.clock.now())

    def link_down(self) -> None:
        now, wall = self.clock.now(), self.clock.wall()
        self.state.link.set_state(LinkState(LinkPhase.RECONNECTING, now, wall, lost_at=now))

    def read(self, offset: int, indices: Any, *, total: int, next_offset: int | None = -1) -> None:
        """A page of these devices; `next_offset` −1: right after them."""
        records = [record(index) for index in indices]
        self.read_records(offset, records, total=total, next_offset=next_offset)

    def read_records(self, offset: int, records: list[bytes], *, total: int, next_offset: int | None = -1) -> None:
        end = offset + len(records)
        following = (end if end < total else None) if next_offset == -1 else next_offset
        now = self.clock.now()
        summaries = self.state.roster.page_read(offset, records, next_offset=following, total=total, read_at=now)
        self.state.presence.listed([(each.device_id, each.ttl) for each in summaries], now)

    def beat(self, *indices: int, **status: Any) -> None:
        now, wall = self.clock.now(), self.clock.wall()
        self.state.presence.apply_beats(
            [
                Beat(device_id(index), json.dumps({"device_id": device_id(index), "ts": wall, **status}).encode(), now)
                for index in indices
            ]
        )

    def offline(self, *indices: int) -> None:
        now = self.clock.now()
        self.state.presence.apply_edges([Edge(device_id(index), False, now, None) for index in indices])

    def refuse(self, index: int, *, backoff_ms: int = 16_000, band: Any = "elevated") -> None:
        self.state.engagements.apply(
            [
                Engagement(
                    node="gw-1",
                    epoch="e",
                    seq=self.state.engagements.total + 1,
                    ts=rfc3339(self.clock.wall()),
                    device_id=device_id(index),
                    reason="rate",
                    band=band,
                    observed=9,
                    allowed=5,
                    window_ms=60_000,
                    backoff_ms=backoff_ms,
                    level=2,
                    warmup=False,
                )
            ],
            live=True,
        )
