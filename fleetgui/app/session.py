"""One console, from the first paint to the last task: `run` reads like a table of contents.

The session is the only place that knows both sides: widgets emit what the operator wants, feeds and link carry it out,
stores hold what came of it. Runs on the Qt thread, on the one event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import shiboken6

from fleetgui.app.diagnostics import Diagnostics
from fleetgui.app.errors import ErrorSink
from fleetgui.app.fabric import Fabric
from fleetgui.app.frame import Frame
from fleetgui.app.options import ConsoleOptions, DemoOptions
from fleetgui.app.pages import Pages
from fleetgui.app.report import Timings, report, write_report
from fleetgui.app.settings import Settings
from fleetgui.app.stall import StallMeter
from fleetgui.backend.child import ChildFailed, End
from fleetgui.backend.process import BackendProcess
from fleetgui.link.context import Context, embedded
from fleetgui.link.tasks import Tasks
from fleetgui.policy.lag import LagSampler, Window
from fleetgui.policy.states import LinkPhase, LinkState, State
from fleetgui.stores.console import ConsoleState

log = logging.getLogger("fleetgui.session")

COST_EVERY_S: Final = 1.0
PICTURE_AFTER_S: Final = 25.0
"""When `--screenshot` is given without `--exit-after`: by then a demo has something worth seeing."""


class Session:
    def __init__(
        self, options: ConsoleOptions, frame: Frame, sink: ErrorSink, settings: Settings, quit_requested: asyncio.Event
    ) -> None:
        self._options = options
        self.window = frame.window
        self.state = ConsoleState()
        self.clock = frame.clock
        self._sink = sink
        self._settings = settings
        self._quit = quit_requested
        self.tasks = Tasks(sink.failed)
        self._meter = StallMeter()
        self._timings = Timings(began=self.clock.now() - (self.clock.wall() - options.started_at))
        if frame.painted_at is not None:
            self._timings.start_to_window_ms = (frame.painted_at - options.started_at) * 1000
        self.fabric: Fabric | None = None
        self.backend: BackendProcess | None = None
        self.pages = Pages(self.window, self.state, self.clock, settings, lambda: self.fabric, sink.failed)
        self.diagnostics = Diagnostics(
            self.state,
            self.clock,
            self.tasks,
            sink.log,
            lambda: self.fabric,
            settings=settings.path,
            crash=sink.last_crash,
        )

    async def run(self) -> int:
        """Open, stay until somebody wants to quit, close. Returns the exit code."""
        self._show_errors()
        self._meter.start()
        self.window.attach_state(self.state)
        self.window.close_requested.connect(self._quit.set)
        self.window.reconnect_requested.connect(self._reconnect)
        self.window.diagnostics_requested.connect(self._open_diagnostics)
        if (crash := self.diagnostics.crash) is not None:
            self.state.last_crash = crash.sentence
            self.state.journal.write(self.clock.wall(), State.FAILED, "this console", crash.sentence)
        self.tasks.spawn(self._put_in_pages(), name="put in the pages")
        self.tasks.spawn(self._open_fabric(), name="open the fabric")
        self.tasks.spawn(self._measure_first_rows(), name="measure first rows")
        self.tasks.spawn(self._import_ahead(), name="import ahead")
        self.tasks.spawn(self._every(COST_EVERY_S, self._tell_cost), name="tell the cost")
        self.tasks.spawn(self._exit_by_itself(), name="exit by itself")
        await self._quit.wait()
        return await self._close()

    # Opening

    async def _put_in_pages(self) -> None:
        await self.pages.put_in()
        # Importing plots and tables holds the loop; what is measured from here on is how the console runs.
        self._meter.reset()
        observer = self.state.observer
        self.tasks.spawn(LagSampler(observer.settings, self._window_closed).run(), name="watch the own loop")

    def _window_closed(self, window: Window) -> None:
        ago = asyncio.get_running_loop().time() - window.ended
        self.state.observer.closed(window, self.clock.wall() - ago)

    def _show_errors(self) -> None:
        def one_line(where: str, text: str) -> None:
            self.state.journal.write(self.clock.wall(), State.FAILED, where, text[:300])

        self._sink.on_error = one_line

    async def _open_fabric(self) -> None:
        """Find out where the fabric is, and connect to it."""
        context = self._options.context
        if context is None:
            context = await self._start_backend(self._options.demo or DemoOptions())
        if context is not None:
            self.fabric = Fabric(context, self.state, self.clock, self.tasks)
            self.fabric.start()
            self.pages.fabric_made()

    async def _start_backend(self, demo: DemoOptions) -> Context | None:
        link = self.state.link
        starting = f"The embedded backend is starting, with {demo.devices:,} simulated devices."
        link.set_backend_notice(starting, failed=False)
        backend = BackendProcess(devices=demo.devices, scenario=demo.scenario, seed=demo.seed, on_log=log.info)
        self.backend = backend
        try:
            facts = await backend.start()
        except ChildFailed as error:
            link.set_backend_notice(f"The embedded backend did not start: {error}")
            self.state.journal.write(self.clock.wall(), State.FAILED, "backend", str(error))
            return None
        backend.on_end(self._backend_ended)
        link.set_backend_notice("")
        return embedded(facts.url, facts.user or "", facts.password or "", facts.tenant)

    def _backend_ended(self, end: End) -> None:
        if not self._quit.is_set():
            notice = f"The embedded backend is gone: {end.sentence}. Close this window and start the demo again."
            self.state.link.set_backend_notice(notice)
            self.state.journal.write(self.clock.wall(), State.FAILED, "backend", notice)

    def _reconnect(self) -> None:
        if self.fabric is not None:
            self.fabric.link.reconnect_now()

    # While it runs

    async def _every(self, seconds: float, work: Callable[[], object]) -> None:
        while True:
            await asyncio.sleep(seconds)
            work()

    def _tell_cost(self) -> None:
        if self.fabric is not None:
            own = self.state.observer.last
            self.state.link.set_cost(self.fabric.cost(None if own is None else own.p99_ms))

    async def _measure_first_rows(self) -> None:
        """From the link being up to the first rows painted; where it first comes up is where it starts."""
        up = asyncio.Event()

        def look(link: LinkState) -> None:
            if link.phase is LinkPhase.UP:
                up.set()

        disconnect = self.state.link.changed.connect(look)
        try:
            await up.wait()
        finally:
            disconnect()
        began = self.clock.now()
        await self.pages.first_rows_painted()
        self._timings.connect_to_first_rows_ms = (self.clock.now() - began) * 1000

    async def _import_ahead(self) -> None:
        from fleetgui.app.table import import_ahead

        await self.pages.first_rows_painted()
        await asyncio.to_thread(import_ahead)

    async def _exit_by_itself(self) -> None:
        options = self._options
        after = options.exit_after
        if after is None and options.screenshot is not None:
            after = PICTURE_AFTER_S
        if after is None:
            return
        await asyncio.sleep(after)
        self._quit.set()

    def _open_diagnostics(self) -> None:
        from fleetgui.widgets.window.diagnostics import DiagnosticsWindow

        facts = self.diagnostics
        crash = None if facts.crash is None else facts.crash.text
        shown = DiagnosticsWindow(facts.sections, facts.ring, crash, self.window)

        async def save(path: str) -> None:
            try:
                await facts.write(Path(path), self._report())
            except OSError as error:
                said = f"The report was not written: {error}."
            else:
                said = f"Written to {path}."
            if shiboken6.isValid(shown):  # it may have been closed meanwhile
                shown.say(said)

        shown.report_requested.connect(lambda path: self.tasks.spawn(save(path), name="save a report"))
        if self.state.last_crash:
            self.state.last_crash = ""
            shown.show_crash()
        shown.show()

    # Closing

    async def _close(self) -> int:
        """Pictures and reports first, while all is there; then tasks, link, backend, window: in this order."""
        code = self._save_evidence()
        self._sink.on_error = None
        self.pages.save()
        self._settings.save()
        self._meter.stop()
        if self.fabric is not None:
            await self.fabric.give_back()
        stubborn = await self.tasks.cancel(within=2.0)
        if stubborn:
            log.error("tasks that would not end: %s", ", ".join(stubborn))
        if self.fabric is not None:
            await self.fabric.close()
        if self.backend is not None:
            await self.backend.stop()
        self.window.really_close()
        return code

    def save_picture(self, picture: Path) -> bool:
        """A picture of the window as it stands, as PNG."""
        return self.window.grab().save(str(picture))

    def _report(self) -> dict[str, Any]:
        self._tell_cost()
        if self.fabric is not None:
            self.fabric.vigil.look()  # so that what is under way now is in it
        events = self.fabric.events_seen if self.fabric is not None else 0
        return report(self.state, self._timings, self._meter.overall, events)

    def _save_evidence(self) -> int:
        options, code = self._options, 0
        if options.screenshot is not None and not self.save_picture(options.screenshot):
            log.error("the picture could not be written to %s", options.screenshot)
            code = 1
        if options.report is not None:
            try:
                write_report(options.report, self._report())
            except OSError as error:
                log.error("the report could not be written: %s", error)
                code = 1
        return code
