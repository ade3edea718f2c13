"""What is rolled out: the buckets of deployments, labels and states, watched for as long as the publisher lives.

Without JetStream, or before anybody has deployed anything, there are none of these buckets; the watches ask again every
few seconds, and topologies are shown with their members alone meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from fleetgui.backend.topology.picture import Picture
from fleetgui.link.buckets import Bucket, BucketConfig
from fleetgui.link.connection import Link
from fleetgui.link.entries import Entry
from fleetgui.link.watch import Watch, WatchPhase
from fleetgui.wire.codec import Malformed
from fleetgui.wire.deployments import (
    ALL_DEPLOYMENTS,
    ALL_INFOS,
    ALL_STATES,
    BucketNames,
    Deployment,
    DeploymentName,
    DeviceInfo,
    DeviceState,
    device_of_info,
    parts_of_state,
)
from fleetgui.wire.subjects import NotAddressable

log = logging.getLogger(__name__)

MOST_LABELS: Final = 256
"""Of one device; a record with more is left out and counted."""


class _Handler:
    """Hears one bucket. `reading`: all that is there is being told. `heard`: that was done once."""

    def __init__(self, apply: Callable[[Entry, bool], None]) -> None:
        self.malformed = 0
        self.reading = False
        self.heard = False
        self._apply = apply

    def read_began(self) -> None:
        self.reading = True

    def entry(self, entry: Entry) -> None:
        try:
            self._apply(entry, self.reading)
        except Malformed:
            self.malformed += 1

    def synced(self) -> None:
        self.reading = False
        self.heard = True


class DeploymentFeed:
    """Feeds `picture.rollouts`; nothing, and says so, for a tenant whose name cannot stand in a bucket's."""

    def __init__(self, link: Link, picture: Picture) -> None:
        self._link = link
        self._picture = picture
        self._watches: list[tuple[Watch, _Handler]] = []
        self._complaint: str | None = None

    @property
    def malformed(self) -> int:
        """Entries that were no records; what stood under their keys before still holds."""
        return sum(handler.malformed for _, handler in self._watches)

    def start(self) -> None:
        """Watch from now on."""
        try:
            names = BucketNames(self._link.context.tenant)
        except NotAddressable as error:
            log.warning("sites are shown without what is rolled out to them: %s.", error)
            return
        for name, keys, apply in (
            (names.info, ALL_INFOS, self._info),
            (names.deployment, ALL_DEPLOYMENTS, self._deployment),
            (names.state, ALL_STATES, self._state),
        ):
            handler = _Handler(apply)
            self._watches.append((Bucket(self._link, BucketConfig(name)).watch(keys, handler), handler))
        self._picture.loading = True

    async def close(self) -> None:
        """Take the consumers back; raises nothing."""
        for watch, _ in self._watches:
            await watch.close()

    def look(self) -> bool:
        """Whether all that is there has been read, as far as it can be; to be called every now and then."""
        self._picture.loading = any(self._is_loading(watch, handler) for watch, handler in self._watches)
        if not self._picture.loading:
            self._say(next((str(watch.error) for watch, _ in self._watches if watch.error is not None), None))
        return not self._picture.loading

    @staticmethod
    def _is_loading(watch: Watch, handler: _Handler) -> bool:
        """A first read that is under way, or has yet to begin or to fail."""
        if handler.heard:
            return False
        return watch.phase is WatchPhase.READING or watch.error is None

    def _say(self, complaint: str | None) -> None:
        if complaint is not None and self._complaint is None:
            log.warning("sites are shown without what is rolled out to them: %s It is asked again.", complaint)
        if complaint is None and self._complaint is not None:
            log.info("what is rolled out to the sites is shown")
        self._complaint = complaint

    def _info(self, entry: Entry, _anew: bool) -> None:
        device = device_of_info(entry.key)
        labels = None if entry.value is None else DeviceInfo.decode(entry.key, entry.value).labels
        if labels is not None and len(labels) > MOST_LABELS:
            raise Malformed(f"{len(labels)} labels are more than the {MOST_LABELS} of a device")
        self._picture.rollouts.set_labels(device, labels)

    def _deployment(self, entry: Entry, _anew: bool) -> None:
        name = DeploymentName(entry.key)
        deployment = None if entry.value is None else Deployment.decode(entry.key, entry.value)
        self._picture.rollouts.set_deployment(name, deployment)

    def _state(self, entry: Entry, anew: bool) -> None:
        device, name = parts_of_state(entry.key)
        state = None if entry.value is None else DeviceState.decode(entry.key, entry.value)
        self._picture.rollouts.set_state(device, name, state, anew=anew)
