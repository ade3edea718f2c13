"""Export: a walk over the fleet, written page by page in a thread, with progress; one at a time, cancelled at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from fleetgui.feeds.errors import RegistryError
from fleetgui.feeds.registry import RegistryClient
from fleetgui.feeds.walk import WalkedRecord, walk
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.states import State
from fleetgui.snapshots.export import ExportedDevice, ExportFormat, ExportWriter
from fleetgui.stores.export import Coverage, ExportPhase, ExportState, ExportStore
from fleetgui.stores.journal import Journal
from fleetgui.stores.presence import Presence

_WHY: Final = {
    28: "the disk is full",
    30: "the folder is read-only",
    13: "you may not write there",
    2: "the folder does not exist",
    20: "the folder does not exist",
    36: "the name is too long",
}


class ExportFeed:
    """Writes the fleet to a file; its progress stands in `store`."""

    def __init__(
        self,
        registry: RegistryClient,
        presence: Presence,
        store: ExportStore,
        journal: Journal,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._registry = registry
        self._presence = presence
        self._store = store
        self._journal = journal
        self._clock = clock
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None

    def start(self, path: str, kind: str) -> bool:
        """Begin to write `path` as `kind` (csv or jsonl); False while another export is under way."""
        if self._task is not None and not self._task.done():
            return False
        self._store.state = ExportState(ExportPhase.RUNNING, path, started=self._clock.now())
        self._store.changed.emit(self._store.state)
        self._task = self._tasks.spawn(self._run(Path(path), ExportFormat(kind)), name="export")
        return True

    def cancel(self) -> None:
        """Stop at once; no file is written."""
        if self._task is not None:
            self._task.cancel()

    async def finished(self) -> ExportState:
        """How the export under way, or the last one, ended."""
        if self._task is not None:
            await asyncio.wait({self._task})
        return self._store.state

    async def _run(self, path: Path, kind: ExportFormat) -> None:
        writer: ExportWriter | None = None
        try:
            writer = await asyncio.to_thread(ExportWriter, path, kind)
            coverage = Coverage()
            async for page in walk(self._registry):
                coverage = page.coverage
                now, wall = self._clock.now(), self._clock.wall()
                devices = [self._exported(device, now, wall) for device in page.devices]
                await asyncio.to_thread(writer.write, devices)
                self._store.update(coverage=coverage, eta_s=self._remaining(coverage))
            await asyncio.to_thread(writer.finish, coverage, self._clock.wall())
            writer = None
        except asyncio.CancelledError:
            self._store.update(phase=ExportPhase.CANCELLED, eta_s=None)
            raise
        except RegistryError as error:
            self._failed(str(error))
        except OSError as error:
            why = _WHY.get(error.errno or 0, error.strerror or str(error))
            self._failed(f"{path.name} could not be written: {why}.")
        else:
            self._store.update(phase=ExportPhase.DONE, eta_s=None)
            self._journal.write(self._clock.wall(), State.LIVE, "export", f"{path.name}: {coverage.sentence}")
        finally:
            if writer is not None:
                writer.abandon()

    def _failed(self, sentence: str) -> None:
        self._store.update(phase=ExportPhase.FAILED, error=sentence, eta_s=None)
        self._journal.write(self._clock.wall(), State.FAILED, "export", sentence)

    def _exported(self, device: WalkedRecord, now: float, wall: float) -> ExportedDevice:
        """With the state that the device is in now, as far as its heartbeats say."""
        summary = device.summary
        if summary is not None:
            self._presence.listed([(summary.device_id, summary.ttl)], device.asked_at)
        state = self._presence.state(device.device_id, now) if device.device_id is not None else State.UNKNOWN
        return ExportedDevice(device.record, summary, device.device_id, state, wall - (now - device.asked_at))

    def _remaining(self, coverage: Coverage) -> float | None:
        if not coverage.seen or coverage.expected is None:
            return None
        spent = self._clock.now() - self._store.state.started
        return max(0.0, spent / coverage.seen * (coverage.expected - coverage.seen))
