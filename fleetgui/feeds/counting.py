"""Whether roll-ups are still counted: what devices wrote since the last one was written, by the broker's clock alone.

An aggregator writes when a figure changes, so one that is gone looks like a fleet in which nothing happens. What tells
them apart without reading the states of a fleet is when their bucket was last written: while no device has spoken since
the last roll-up, that one holds, whoever may be there to count. One small request every `EVERY_S`, and none where there
is nothing to doubt. Where it may not be asked, nothing is claimed beyond when each roll-up was written.
"""

from __future__ import annotations

import asyncio
from typing import Final

from fleetgui.link import streams
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.policy import formats
from fleetgui.stores.deployments.reading import ReadPhase
from fleetgui.stores.deployments.rollups import Rollups
from fleetgui.wire.codec import Malformed
from fleetgui.wire.times import to_epoch

EVERY_S: Final = 10.0
"""Many times what an aggregator takes, which writes once a second: what was said a round ago is counted by now."""
BEHIND: Final = (
    "devices spoke at {spoke}, and no roll-up was written since {counted}: the aggregator is behind or does not run, "
    "or what they said changes nothing"
)


class Counting:
    """Tells `rollups.statuses` whether it lags. `wrote` with each roll-up's time; `ask` every `EVERY_S` (`run`)."""

    def __init__(self, link: Link, state_bucket: str, rollups: Rollups) -> None:
        self._link = link
        self._bucket = state_bucket
        self._rollups = rollups
        self._counted_at = float("-inf")
        self._spoke_at: float | None = None
        """When devices had last spoken one round ago."""

    def wrote(self, at: float) -> None:
        """A roll-up was written or withdrawn at epoch second `at` of the broker."""
        self._counted_at = max(self._counted_at, at)
        if self._spoke_at is not None and self._counted_at >= self._spoke_at:
            self._rollups.statuses.lags("")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.ask()

    async def ask(self) -> None:
        """Ask when devices last spoke; those that had one round ago and were not counted since speak for a lag."""
        reading = self._rollups.statuses
        if reading.phase is not ReadPhase.FOLLOWED or not self._rollups.rows or not self._link.is_up:
            return
        before, self._spoke_at = self._spoke_at, await self._last_spoken()
        if before is None or self._spoke_at is None or self._counted_at >= before:
            reading.lags("")
            return
        counted = "the beginning" if self._counted_at == float("-inf") else formats.moment_utc(self._counted_at)
        reading.lags(BEHIND.format(spoke=formats.moment_utc(self._spoke_at), counted=counted))

    async def _last_spoken(self) -> float | None:
        """Epoch second of the broker at which a device's state was last written; None where nobody can tell."""
        try:
            info = await streams.api(self._link, f"STREAM.INFO.KV_{self._bucket}")
        except (LinkError, Malformed):
            return None
        state = info.get("state")
        return to_epoch(state.get("last_ts")) if isinstance(state, dict) and state.get("messages") else None
