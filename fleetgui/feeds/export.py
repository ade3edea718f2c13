"""Export: a walk over the fleet, written page by page in a thread, with progress; one at a time, cancelled at once."""

from __future__ import annotations

import asyncio
import errno
import functools
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Final, ParamSpec

from fleetgui.feeds.course import WalkedRecord
from fleetgui.feeds.errors import RegistryError
from fleetgui.feeds.registry import RegistryClient
from fleetgui.feeds.walk import walk
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.formats import text
from fleetgui.policy.states import State
from fleetgui.snapshots.export import ExportedDevice, ExportFormat, ExportWriter, companion_of
from fleetgui.stores.export import Coverage, ExportPhase, ExportState, ExportStore
from fleetgui.stores.journal import Journal
from fleetgui.stores.ledger import Ledger
from fleetgui.stores.presence import Presence

_WHY: Final = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your quota on that disk is used up",
    errno.EFBIG: "it would be larger than a file may be there",
    errno.EROFS: "the folder is read-only",
    errno.EACCES: "you may not write there",
    errno.EPERM: "you may not write there",
    errno.ENOENT: "the folder does not exist",
    errno.ENOTDIR: "the folder does not exist",
    errno.EISDIR: "it is a folder",
    errno.ENAMETOOLONG: "the name is too long",
}
"""By name, because the numbers differ between systems."""


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
        *,
        ledger: Ledger | None = None,
    ) -> None:
        self._ledger = ledger or Ledger()
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
        form = ExportFormat(kind)
        beside = companion_of(Path(path), form)
        companion = None if beside is None else str(beside)
        self._store.replace(ExportState(ExportPhase.RUNNING, path, started=self._clock.now(), companion=companion))
        self._task = self._tasks.spawn(self._run(Path(path), form), name="export")
        self._task.add_done_callback(self._ended)
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
            async with aclosing(walk(self._registry)) as pages:
                async for page in pages:
                    coverage = page.coverage
                    now, wall = self._clock.now(), self._clock.wall()
                    await _to_its_end(writer.write, [self._exported(device, now, wall) for device in page.devices])
                    self._store.update(coverage=coverage, eta_s=self._remaining(coverage))
            try:
                await _to_its_end(writer.finish, coverage, self._clock.wall(), self._ledger.spans())
            except asyncio.CancelledError:
                self._done(path, coverage)  # too late: the file stands
                raise
            self._done(path, coverage)
        except RegistryError as error:
            self._failed(str(error))
        except OSError as error:
            why = _WHY.get(error.errno or 0, error.strerror or str(error))
            self._failed(f"{text(path.name, 120)} could not be written: {why}.")
        except ValueError as error:  # a name that no system takes, such as one with a NUL in it
            self._failed(f"{text(path.name, 120)} could not be written: {error}.")
        finally:
            writer.abandon()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A cancelled task may never have begun: only its end tells. One that broke was not cancelled."""
        if self._store.state.phase is not ExportPhase.RUNNING:
            return
        if task.cancelled():
            self._store.update(phase=ExportPhase.CANCELLED, eta_s=None)
        else:
            self._failed(f"The export broke: {task.exception()}.")

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
    """Run blocking `work` in a thread. A cancellation waits for its end: nobody else may touch the file before.

    Raises what `work` raised, also where a cancellation came meanwhile: a file that failed was not written in time.
    """
    running = asyncio.get_running_loop().run_in_executor(None, functools.partial(work, *args, **kwargs))
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait({running})
        except asyncio.CancelledError as error:
            cancelled = error
    running.result()
    if cancelled is not None:
        raise cancelled
