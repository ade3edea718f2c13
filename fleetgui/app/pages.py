"""The window's pages: imported and put in after the first paint, and their intents handed to the fabric.

Each page comes in a turn of its own, so that the window answers between them. Until there is a fabric (a demo's
backend is still starting) intents have nobody to go to and are dropped; the pager reads what is in view anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget

from fleetgui.app.frame import has_screen
from fleetgui.app.settings import Settings
from fleetgui.policy.clock import Clock
from fleetgui.policy.settings import LagSettings
from fleetgui.stores.console import ConsoleState
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.placeholder import Placeholder
from fleetgui.widgets.window.main_window import MainWindow

if TYPE_CHECKING:
    from fleetgui.app.fabric import Fabric
    from fleetgui.widgets.devices.page import DevicesPage
    from fleetgui.widgets.overview.page import OverviewPage


class Pages:
    def __init__(
        self,
        window: MainWindow,
        state: ConsoleState,
        clock: Clock,
        settings: Settings,
        fabric: Callable[[], Fabric | None],
        failed: Callable[[str, BaseException], None],
    ) -> None:
        self._window = window
        self._state = state
        self._clock = clock
        self._settings = settings
        self._fabric = fabric
        self._failed = failed
        self._thresholds: tuple[float, float] | None = None
        self._first_rows = asyncio.Event()
        self.devices: DevicesPage | None = None
        window.device_opened.connect(self.open_device)
        window.detail_closed.connect(self._close_device)
        window.refresh_requested.connect(lambda: self._tell(lambda fabric: fabric.table.refresh()))
        window.theme_chosen.connect(self._choose_theme)
        window.density_chosen.connect(self._choose_density)
        window.export_requested.connect(self._open_export)

    async def first_rows_painted(self) -> None:
        """Return once the table was painted with rows that were read."""
        await self._first_rows.wait()

    async def put_in(self) -> None:
        """Devices first: that is where operators live; then the overview with its plots, then the journal.

        A page that cannot be made says so in its place, and the others are put in all the same.
        """
        for key, put_in in (
            ("devices", self._put_in_devices),
            ("overview", self._put_in_overview),
            ("deployments", self._put_in_deployments),
            ("topology", self._put_in_topology),
            ("journal", self._put_in_journal),
        ):
            try:
                put_in()
            except Exception as error:  # noqa: BLE001 - reported; one page's fault must not take the others along
                self._failed(f"the page {key}", error)
                said = f"The page {key} could not be shown: {type(error).__name__}."
                self._window.attach_page(key, Placeholder(said))
            await asyncio.sleep(0)

    def _put_in_devices(self) -> None:
        from fleetgui.widgets.devices.page import DevicesPage

        page = DevicesPage(self._state, self._clock, place=self._place)
        page.restore_state(self._settings.get("devices"))
        page.device_opened.connect(self.open_device)
        page.refresh_requested.connect(self._window.refresh_requested)
        page.reconnect_requested.connect(self._window.reconnect_requested)
        page.said.connect(self._window.say)
        page.view_moved.connect(lambda first, last: self._tell(lambda fabric: fabric.view_moved(first, last)))
        page.view_left.connect(lambda: self._tell(lambda fabric: fabric.table.view_left()))
        page.wanted.connect(lambda wanted: self._tell(lambda fabric: fabric.table.show(wanted)))
        page.fields_shown.connect(lambda paths: self._tell(lambda fabric: fabric.table.columns_wanted(paths)))
        page.whole_answered.connect(lambda agreed: self._tell(lambda fabric: fabric.table.read_whole(agreed)))
        page.values_asked.connect(lambda *asked: self._tell(lambda fabric: fabric.table.values_wanted(*asked)))
        page.walk_asked.connect(lambda what: self._tell(lambda fabric: fabric.table.walk(what)))
        self.devices = page
        self.fabric_made()
        self._watch = _Painted(page.table.viewport(), lambda: self._state.roster.loaded > 0, self._first_rows)
        self._window.attach_page("devices", page)

    def fabric_made(self) -> None:
        """Tell the fabric what was arranged before there was one, or before there was a page."""
        if (page := self.devices) is not None and page.columns.paths:
            self._tell(lambda fabric: fabric.table.columns_wanted(page.columns.paths))

    def _place(self) -> str:
        """The context and tenant that are looked at, for what is kept for each of them; "" before there is one."""
        fabric = self._fabric()
        return "" if fabric is None else f"{fabric.link.context.name}/{fabric.link.context.tenant}"

    def _put_in_overview(self) -> None:
        from fleetgui.widgets.overview.page import OverviewPage

        page = OverviewPage(self._state, self._clock)
        page.device_opened.connect(self.open_device)
        page.said.connect(self._window.say)
        page.history_wanted.connect(lambda since: self._tell(lambda fabric: fabric.gateway.past.look_back(since)))
        self._state.lag.changed.connect(lambda _: self._show_thresholds(page))
        self._state.observer.ran_late.connect(page.set_observer_late)
        self._window.attach_page("overview", page)

    def _show_thresholds(self, page: OverviewPage) -> None:
        """The bands as the gateways have set them; with several, the strictest."""
        settings = [
            LagSettings.from_environ({name: str(value) for name, value in node.settings.items()})
            for node in self._state.lag.nodes.values()
        ]
        if settings:
            elevated, critical = min((each.elevated_ms, each.critical_ms) for each in settings)
            if (elevated, critical) != self._thresholds:
                self._thresholds = (elevated, critical)
                page.set_thresholds(elevated, critical)

    def _put_in_deployments(self) -> None:
        from fleetgui.widgets.deployments.page import DeploymentsPage

        page = DeploymentsPage(self._state, self._clock)
        page.deployment_opened.connect(lambda name: self._tell(lambda fabric: fabric.deployments.open(name)))
        page.deployment_closed.connect(lambda: self._tell(lambda fabric: fabric.deployments.shut()))
        page.look_again_requested.connect(lambda: self._tell(lambda fabric: fabric.deployments.look_again()))
        page.reconnect_requested.connect(self._window.reconnect_requested)
        page.device_opened.connect(self.open_device)
        page.said.connect(self._window.say)
        self._window.attach_page("deployments", page)

    def _put_in_topology(self) -> None:
        from fleetgui.widgets.topologies.page import TopologyPage

        page = TopologyPage(self._state, self._clock)
        page.looked_at.connect(self._look_at_topologies)
        page.open_requested.connect(lambda name: self._tell(lambda fabric: fabric.topologies.open(name)))
        page.close_requested.connect(lambda name: self._tell(lambda fabric: fabric.topologies.shut(name)))
        page.refresh_requested.connect(lambda: self._tell(lambda fabric: fabric.topologies.refresh()))
        page.reconnect_requested.connect(self._window.reconnect_requested)
        page.device_opened.connect(self.open_device)
        page.said.connect(self._window.say)
        self._window.attach_page("topology", page)

    def _look_at_topologies(self, looked_at: bool) -> None:
        self._state.topologies.looked_at = looked_at  # there may be no fabric yet, whose link coming up reads them
        self._tell(lambda fabric: fabric.topologies.look(looked_at))

    def _put_in_journal(self) -> None:
        from fleetgui.widgets.journal import JournalPage

        page = JournalPage(self._state.journal)
        page.device_opened.connect(self.open_device)
        self._window.attach_page("journal", page)

    # Devices

    def open_device(self, device_id: str) -> None:
        """Show a device's detail: fetched now, or brought to the front when it is open already."""
        if self._window.raise_detail(device_id):
            return
        from fleetgui.widgets.detail.page import DeviceDetail

        detail = DeviceDetail(device_id, self._state, self._clock)
        detail.refresh_requested.connect(lambda name: self._tell(lambda fabric: fabric.details.refresh(name)))
        detail.call_requested.connect(
            lambda name, function, params, timeout: self._tell(
                lambda fabric: fabric.calls.invoke(name, function, params, timeout)
            )
        )
        detail.call_cancel_requested.connect(lambda call: self._tell(lambda fabric: fabric.calls.cancel(call)))
        self._tell(lambda fabric: fabric.details.open(device_id))
        self._window.open_detail_dock(device_id, detail)

    def _close_device(self, device_id: str) -> None:
        self._tell(lambda fabric: fabric.details.shut(device_id))

    # The rest

    def _tell(self, what: Callable[[Fabric], object]) -> None:
        fabric = self._fabric()
        if fabric is not None:
            what(fabric)

    def _open_export(self) -> None:
        from fleetgui.widgets.window.export_dialog import ExportDialog

        dialog = ExportDialog(self._state.export, self._clock, self._window)
        dialog.export_requested.connect(lambda path, kind: self._tell(lambda fabric: fabric.export.start(path, kind)))
        dialog.export_cancel_requested.connect(lambda: self._tell(lambda fabric: fabric.export.cancel()))
        dialog.open()

    def _choose_theme(self, mode: str) -> None:
        if mode in theme.MODES:
            theme.apply(_application(), mode)
            self._settings.put("look", self._settings.get("look") | {"theme": mode})

    def _choose_density(self, name: str) -> None:
        density = theme.Density.__members__.get(name.upper())
        if density is not None:
            theme.apply(_application(), density=density)
            self._settings.put("look", self._settings.get("look") | {"density": name})

    def save(self) -> None:
        """Put what should be the same at the next start into the settings."""
        if has_screen(_application()):
            self._settings.put("window", self._window.save_state())
        if self.devices is not None:
            self._settings.put("devices", self.devices.save_state())


class _Painted(QObject):
    """Sets `event` at the first paint of `widget` at which `when()` holds."""

    def __init__(self, widget: QWidget, when: Callable[[], bool], event: asyncio.Event) -> None:
        super().__init__(widget)
        self._when = when
        self._event = event
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and self._when():
            watched.removeEventFilter(self)
            self._event.set()
        return False


def _application() -> QApplication:
    return cast(QApplication, QApplication.instance())
