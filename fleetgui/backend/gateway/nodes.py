"""Which gateway replicas there are: each keeps its own entry alive in a key-value bucket whose entries expire.

The bucket is read with one request and without a watch: a watch can go silent for good, a request fails and is made
again. What was read last answers `gateway/describe`, so that this never waits for JetStream.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Final

from nats.js.api import DiscardPolicy, StorageType, StreamConfig

from fleetgui.backend.gateway.notices import NOT_A_NODE
from fleetgui.backend.trouble import Trouble
from fleetgui.link import streams
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.wire.codec import Malformed, decode_object, encode
from fleetgui.wire.gateway import NodeInfo, validate

log = logging.getLogger(__name__)

BUCKET: Final = "gateway_nodes"
REFRESH_S: Final = 5.0
TTL_S: Final = 20.0
MOST_NODES: Final = 1000

_STREAM: Final = f"KV_{BUCKET}"
_SUBJECTS: Final = f"$KV.{BUCKET}.>"
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def checked_node(node: object) -> str:
    """`node` itself when a gateway may be called so; raises `ValueError` with one sentence."""
    if not isinstance(node, str) or not _NAME.fullmatch(node) or node in NOT_A_NODE:
        words = ", ".join(sorted(NOT_A_NODE))
        raise ValueError(f"A gateway's name is up to 64 letters, digits, _ or -, and none of {words}.")
    return node


class Nodes:
    """`me()` is this replica as it is now; `copies` is on how many brokers the bucket is kept."""

    def __init__(self, link: Link, me: Callable[[], NodeInfo], copies: int = 1) -> None:
        self._link = link
        self._me = me
        self._copies = copies
        self._others: dict[str, NodeInfo] = {}
        self._made = False
        self._trouble = Trouble("the other gateways are not known for now", log)

    def all(self) -> list[NodeInfo]:
        """Every replica, by name; this one as it is now, the others as they last said."""
        me = self._me()
        return sorted(
            [me, *(each for each in self._others.values() if each.node != me.node)], key=lambda each: each.node
        )

    async def run(self) -> None:
        """Tell and ask every few seconds, until cancelled."""
        while True:
            try:
                await self.refresh()
                self._trouble.is_now(None)
            except LinkError as error:
                self._made = False
                self._trouble.is_now(error, alike=type(error))
            await asyncio.sleep(REFRESH_S)

    async def refresh(self) -> None:
        """Tell the bucket that this replica lives, and read who else does. Raises `LinkError`."""
        if not self._made:
            await streams.ensure(self._link, self._config())
            self._made = True
        me = self._me()
        await streams.store(self._link, f"$KV.{BUCKET}.{me.node}", encode(me.model_dump(by_alias=True)))
        entries = await streams.read(self._link, _STREAM, {"multi_last": [_SUBJECTS], "batch": MOST_NODES})
        others: dict[str, NodeInfo] = {}
        for entry in entries.messages:
            try:
                info = validate(NodeInfo, decode_object(entry.data))
            except Malformed:
                continue  # an entry that was deleted is empty; one of a newer gateway may not fit
            others[info.node] = info
        self._others = others

    async def leave(self) -> None:
        """Take this replica's entry out. Raises `LinkError`; then it expires by itself."""
        await streams.store(self._link, f"$KV.{BUCKET}.{self._me().node}", b"")

    def _config(self) -> StreamConfig:
        """The stream behind a key-value bucket, as key-value clients expect it."""
        return StreamConfig(
            name=_STREAM,
            subjects=[_SUBJECTS],
            max_msgs_per_subject=1,
            max_age=TTL_S,
            max_bytes=streams.SMALLEST_STREAM_BYTES,
            duplicate_window=TTL_S,
            storage=StorageType.MEMORY,
            discard=DiscardPolicy.NEW,
            deny_delete=True,
            allow_rollup_hdrs=True,
            allow_direct=True,
            num_replicas=self._copies,
        )
