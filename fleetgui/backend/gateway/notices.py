"""What this gateway says of itself: lag, band changes, engagements and keepalives, numbered and published.

A number rises by one per message of a family, per tenant for engagements, because a tenant sees only its own; `epoch`
changes with the process. So a listener can count exactly what it lost. A message that cannot be published, because
the link is down, keeps its number: it is a loss that listeners see.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from fleetgui.backend.gateway.history import History
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.policy.band import Band, Change, WindowStats
from fleetgui.policy.clock import Clock
from fleetgui.policy.throttle import Reject
from fleetgui.wire import rpc
from fleetgui.wire.codec import encode
from fleetgui.wire.gateway import BandChange, Engagement, Keepalive, Lag, validate
from fleetgui.wire.subjects import NotAddressable, Subjects
from fleetgui.wire.times import rfc3339

MOST_TENANTS: Final = 10_000
NOT_A_NODE: Final = frozenset({"cmd", "event", "heartbeat", "presence"})


class Notices:
    """`unpublished` counts messages that no tenant got, or one tenant did not."""

    def __init__(self, link: Link, clock: Clock, history: History, node: str, tenants: Iterable[str]) -> None:
        self.node = node
        self.epoch = secrets.token_hex(8)
        self.latest_lag: Lag | None = None
        self.unpublished = 0
        self._link = link
        self._clock = clock
        self._history = history
        self._subjects: dict[str, Subjects] = {}
        self._lag_seq = 0
        self._band_seq = 0
        self._throttle_seqs: Counter[str] = Counter()
        for tenant in tenants:
            self.serve(tenant)

    def serve(self, tenant: str) -> bool:
        """Tell this tenant too, from now on; False when it cannot be addressed or there are too many already.

        A tenant once served stays so: if it came and went, its listeners would count losses that are none.
        """
        if tenant in self._subjects:
            return True
        if len(self._subjects) >= MOST_TENANTS:
            return False
        try:
            self._subjects[tenant] = Subjects(tenant)
        except NotAddressable:
            return False
        return True

    @property
    def tenants(self) -> list[str]:
        return sorted(self._subjects)

    def lag(self, stats: WindowStats, length_ms: float, band: Band, ended_wall: float) -> None:
        """A window was closed; `ended_wall` is when it ended, in epoch seconds."""
        self._lag_seq += 1
        message = validate(
            Lag,
            {
                **self._head(self._lag_seq, ended_wall),
                "window_ms": length_ms,
                "samples": stats.samples,
                "mean_ms": round(stats.mean_ms, 3),
                "p50_ms": round(stats.p50_ms, 3),
                "p99_ms": round(stats.p99_ms, 3),
                "max_ms": round(stats.max_ms, 3),
                "band": band.value,
            },
        )
        self.latest_lag = message
        params = message.model_dump(by_alias=True)
        self._tell_all("lag", params)
        self._history.keep_lag(self.node, encode(params))

    def band(self, change: Change, ended_wall: float) -> None:
        """The band changed with the window that ended then."""
        self._band_seq += 1
        message = validate(
            BandChange,
            {
                **self._head(self._band_seq, ended_wall),
                "from": change.from_band.value,
                "to": change.to_band.value,
                "p99_ms": round(change.p99_ms, 3),
            },
        )
        self._tell_all("band", message.model_dump(by_alias=True))

    def engagement(self, tenant: str, device_id: str, reject: Reject, window_ms: float, count: int) -> None:
        """`count` registrations of a device were refused, the last of them with `reject`."""
        if not self.serve(tenant):
            return
        self._throttle_seqs[tenant] += 1
        message = validate(
            Engagement,
            {
                **self._head(self._throttle_seqs[tenant], self._clock.wall()),
                "device_id": device_id,
                "reason": reject.reason,
                "band": reject.band.value,
                "observed": reject.observed,
                "allowed": reject.allowed,
                "window_ms": window_ms,
                "backoff_ms": reject.backoff_ms,
                "level": reject.level,
                "warmup": reject.warmup,
                "count": count,
            },
        )
        params = message.model_dump(by_alias=True, exclude_defaults=True)
        self._tell(tenant, "throttle", rpc.notification("gateway/throttle", params))
        self._history.keep_engagement(tenant, self.node, device_id, encode(params))

    def keepalive(self) -> None:
        """Tell every tenant the last number of each family."""
        ts = rfc3339(self._clock.wall())
        for tenant in self._subjects:
            last = {"lag": self._lag_seq, "band": self._band_seq, "throttle": self._throttle_seqs[tenant]}
            message = validate(Keepalive, {"node": self.node, "epoch": self.epoch, "ts": ts, "last": last})
            self._tell(tenant, "keepalive", rpc.notification("gateway/keepalive", message.model_dump()))

    def _head(self, seq: int, wall: float) -> dict[str, Any]:
        return {"node": self.node, "epoch": self.epoch, "seq": seq, "ts": rfc3339(wall)}

    def _tell_all(self, family: str, params: dict[str, Any]) -> None:
        data = rpc.notification(f"gateway/{family}", params)
        for tenant in self._subjects:
            self._tell(tenant, family, data)

    def _tell(self, tenant: str, family: str, data: bytes) -> None:
        try:
            self._link.send(self._subjects[tenant].gateway_node(self.node, family), data)
        except LinkError:
            self.unpublished += 1
