"""The JetStream consumer of a watch: one at a time, pushing to an inbox of ours, made and taken back by plain requests.

It is ordered: nothing is acknowledged or sent again, so a delivery that is missing ends it and another is made. Runs on
the loop.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from typing import Any

from fleetgui.link import streams
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.streams import StreamFailed

log = logging.getLogger(__name__)


class OrderedConsumer:
    """Of `stream`, for the subjects `filters`. It sends a heartbeat after so many seconds without a message.

    Left alone, the broker removes it `abandoned_after` seconds after the last who listened is gone. The link knows of
    it (`Link.consumers`) from before it is made until it is taken back.
    """

    def __init__(
        self, link: Link, stream: str, filters: Sequence[str], *, heartbeat: float, abandoned_after: float
    ) -> None:
        self._link = link
        self._stream = stream
        self._filters = list(filters)
        self._heartbeat = heartbeat
        self._abandoned_after = abandoned_after
        self._left_behind: str | None = None

    async def create(self, inbox: str, *, start: int | None) -> bool:
        """Make it; it pushes to `inbox` from the revision `start` on, None: what every key holds now, then each change.

        Returns whether it has nothing to send yet. Raises `LinkError`; `remove` what was there before.
        """
        name = self._left_behind = f"fleetgui-{secrets.token_hex(8)}"
        self._link.consumers.add(name)
        body = {"stream_name": self._stream, "config": self._config(name, inbox, start), "action": "create"}
        reply = await streams.api(self._link, f"CONSUMER.CREATE.{self._stream}.{name}", body)
        return reply.get("num_pending") == 0

    async def remove(self) -> None:
        """Take back the one that was left, if there is one; raises nothing: it also goes by itself after a while."""
        name, self._left_behind = self._left_behind, None
        if name is None:
            return
        self._link.consumers.discard(name)
        try:
            await streams.api(self._link, f"CONSUMER.DELETE.{self._stream}.{name}")
        except StreamFailed:
            pass  # it is gone already, or its bucket is
        except LinkError as error:
            self._left_behind = name
            self._link.consumers.add(name)
            log.info("the consumer %s of %s is left to the broker: %s", name, self._stream, error)

    def _config(self, name: str, inbox: str, start: int | None) -> dict[str, Any]:
        config: dict[str, Any] = {
            "name": name,
            "deliver_subject": inbox,
            "ack_policy": "none",
            "max_deliver": 1,
            "replay_policy": "instant",
            "flow_control": True,
            "idle_heartbeat": int(self._heartbeat * 1e9),
            "inactive_threshold": int(self._abandoned_after * 1e9),
            "mem_storage": True,
            "num_replicas": 1,
        }
        if len(self._filters) == 1:
            config["filter_subject"] = self._filters[0]
        else:
            config["filter_subjects"] = self._filters
        if start is None:
            config["deliver_policy"] = "last_per_subject"
        else:
            config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": start}
        return config
