"""Export: a walk over the fleet, written page by page in a thread, with progress; one at a time, cancelled at once."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Final, ParamSpec

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


P = ParamSpec("P")


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
        self._store.replace(ExportState(ExportPhase.RUNNING, path, started=self._clock.now()))
        self._task = self._tasks.spawn(self._run(Path(path), ExportFormat(kind)), name="export")
        self._task.add_done_callback(lambda _: self._ended())
        return True

    def cancel(self) -> None:
        """Stop at once; no file is written."""
        if self._task is not None:
            self._task.cancel()

    async def finished(self) -> ExportState:
        """How the export under way, or the last one, ended."""
        if self._task is not None:
            await asyncio.wait({self._task})
            await asyncio.sleep(0)  # what the task's end calls has run then
        return self._store.state

    async def _run(self, path: Path, kind: ExportFormat) -> None:
        writer = ExportWriter(path, kind)
        coverage = Coverage()
        try:
            await _to_its_end(writer.open)
            async for page in walk(self._registry):
                coverage = page.coverage
                now, wall = self._clock.now(), self._clock.wall()
                await _to_its_end(writer.write, [self._exported(device, now, wall) for device in page.devices])
                self._store.update(coverage=coverage, eta_s=self._remaining(coverage))
            try:
                await _to_its_end(writer.finish, coverage, self._clock.wall())
            except asyncio.CancelledError:
                self._done(path, coverage)  # too late: the file stands
                raise
            self._done(path, coverage)
        except RegistryError as error:
            self._failed(str(error))
        except OSError as error:
            why = _WHY.get(error.errno or 0, error.strerror or str(error))
            self._failed(f"{path.name} could not be written: {why}.")
        finally:
            writer.abandon()

    def _ended(self) -> None:
        """A cancelled task may never have begun: only its end tells."""
        if self._store.state.phase is ExportPhase.RUNNING:
            self._store.update(phase=ExportPhase.CANCELLED, eta_s=None)

    def _done(self, path: Path, coverage: Coverage) -> None:
        self._store.update(phase=ExportPhase.DONE, eta_s=None)
        self._journal.write(self._clock.wall(), State.LIVE, "export", f"{path.name}: {coverage.sentence}")

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


async def _to_its_end(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Run blocking `work` in a thread. A cancellation waits for its end: nobody else may touch the file before."""
    running = asyncio.get_running_loop().run_in_executor(None, functools.partial(work, *args, **kwargs))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise
