"""What is written to `deployment-status`: only what differs from what stands there, and only on that condition.

The bucket is watched, so that this knows what stands under each key and its revision. A status is written when its
content differs, on the condition that the key still has that revision. So several aggregators do no harm: the first
writes, the others hear of it and find nothing to do; of two that write at once one is refused and compares anew. What
somebody else wrote is left alone for `settle_s` first, since the one who wrote it may know more than we do yet.

What the broker stored for us counts as standing until the watch tells of it, and no longer than `settle_s`: a bucket
that is emptied or made anew right after a write tells nobody what it lost. From then on what was told holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fleetgui.backend.deployments.rollup import Figures
from fleetgui.link.buckets import Bucket, WrongRevision
from fleetgui.link.entries import Entry
from fleetgui.policy.clock import Clock
from fleetgui.wire.codec import Malformed
from fleetgui.wire.deployments import DeploymentName, DeploymentStatus, Moment

SETTLE_S: Final = 5.0
_NO_TIME: Final = Moment(0.0)


@dataclass
class StatusCounters:
    """`collided`: somebody else wrote at the same time, and nothing of ours was stored."""

    written: int = 0
    removed: int = 0
    unchanged: int = 0
    collided: int = 0
    malformed: int = 0


@dataclass(frozen=True, slots=True)
class _Standing:
    """What stands under a key: `content` as it would be written at no time, None where it does not decode."""

    revision: int
    content: bytes | None


class Statuses:
    """A `WatchHandler` for the bucket that it writes."""

    def __init__(
        self, bucket: Bucket, clock: Clock, *, settle_s: float = SETTLE_S, doubted: Callable[[], None] = lambda: None
    ) -> None:
        """`doubted` is called when there is something more to compare."""
        self.counters = StatusCounters()
        self._bucket = bucket
        self._clock = clock
        self._settle_s = settle_s
        self._doubted = doubted
        self._told: dict[DeploymentName, _Standing] = {}
        self._written: dict[DeploymentName, _Standing] = {}
        """What the broker stored for us and the watch has not told yet."""
        self._doubtful: dict[DeploymentName, float] = {}
        """What somebody else wrote, or the watch has not told yet, and when it is to be compared (`Clock.now()`)."""
        self._reading = False

    # What the watch tells

    def read_began(self) -> None:
        self._reading = True

    def entry(self, entry: Entry) -> None:
        try:
            name = DeploymentName(entry.key)
        except Malformed:
            self.counters.malformed += 1
            return
        if entry.value is None:
            self._told.pop(name, None)
        else:
            self._told[name] = _Standing(entry.revision, self._content(entry.key, entry.value))
        written = self._written.get(name)
        if written is not None and entry.revision < written.revision:
            return  # what was written here came after it
        self._written.pop(name, None)
        if written is not None and entry.revision == written.revision:  # its echo
            self._doubtful.pop(name, None)
        else:
            self._doubt(name, self._settle_s)

    def synced(self) -> None:
        if self._reading:
            self._reading = False
            for name in (*self._told, *self._written):
                self._doubt(name, 0.0)

    def _content(self, key: str, value: bytes) -> bytes | None:
        try:
            status = DeploymentStatus.decode(key, value)
        except Malformed:
            self.counters.malformed += 1
            return None
        figures = Figures(status.target, status.succeeded, status.failed, status.pending, status.last_error)
        return _encoded(status.name, figures, _NO_TIME)

    def _doubt(self, name: DeploymentName, after: float) -> None:
        self._doubtful.pop(name, None)
        self._doubtful[name] = self._clock.now() + after
        self._doubted()

    # What is to be written

    @property
    def next_due(self) -> float | None:
        """When something that others wrote is to be compared next (`Clock.now()`)."""
        return min(self._doubtful.values(), default=None)

    def take_due(self) -> list[DeploymentName]:
        """What is to be compared with what should stand there, by now."""
        now = self._clock.now()
        due = [name for name, at in self._doubtful.items() if at <= now]
        for name in due:
            del self._doubtful[name]
            self._written.pop(name, None)
        return due

    async def settle(self, name: DeploymentName, wanted: Figures | None) -> None:
        """Let `wanted` stand under `name`, None: nothing. Returns once the broker has stored it, or if it stands there.

        Raises `LinkError`: then it is not known, and to be tried again.
        """
        standing = self._written.get(name) or self._told.get(name)
        content = None if wanted is None else _encoded(name, wanted, _NO_TIME)
        try:
            if wanted is None:
                if standing is not None:
                    await self._bucket.delete(str(name), expect=standing.revision)
                    self.counters.removed += 1
                    self._forget(name, standing)
            elif standing is None or standing.content != content:
                data = _encoded(name, wanted, Moment(self._clock.wall()))
                revision = await self._bucket.put(str(name), data, expect=standing.revision if standing else 0)
                self.counters.written += 1
                self._stored(name, _Standing(revision, content))
            else:
                self.counters.unchanged += 1
        except WrongRevision:
            self.counters.collided += 1
            self._doubt(name, self._settle_s)

    def _stored(self, name: DeploymentName, written: _Standing) -> None:
        told = self._told.get(name)
        if told is None or told.revision < written.revision:
            self._written[name] = written
            self._doubt(name, self._settle_s)

    def _forget(self, name: DeploymentName, standing: _Standing) -> None:
        for known in (self._written, self._told):
            if known.get(name) is standing:
                del known[name]


def _encoded(name: DeploymentName, figures: Figures, at: Moment) -> bytes:
    return DeploymentStatus(
        name=name,
        target=figures.target,
        succeeded=figures.succeeded,
        failed=figures.failed,
        pending=figures.pending,
        updated_at=at,
        last_error=figures.last_error,
    ).encode()
