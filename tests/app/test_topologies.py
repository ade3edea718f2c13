"""The console as a whole on a real publisher: what is on its topology page while that is killed and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from PySide6.QtWidgets import QApplication

from fleetgui.app.session import Session
from fleetgui.widgets.topologies.page import TopologyPage
from tests.app.consoles import context, run_console
from tests.backend.links import party
from tests.backend.roles import Role
from tests.backend.topology.rig import FakeRegistry
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.timeout(180)


async def until_shown(holds: Callable[[], object], what: str) -> None:
    """Wait until the screen shows it, which may be because time passed."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():  # noqa: ASYNC110 - the screen sets no event
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"never on the screen: {what}")


async def topology_page(session: Session) -> TopologyPage:
    dock = session.window.docks.pages["topology"]
    await until_shown(lambda: isinstance(dock.widget(), TopologyPage), "the page")
    dock.show()
    dock.raise_()
    return cast(TopologyPage, dock.widget())


def column(page: TopologyPage, number: int) -> list[str]:
    members = page.opened.members
    return [members.index(row, number).data() for row in range(members.rowCount())]


def test_what_is_open_follows_through_the_publishers_death(qapp: QApplication, tmp_path: Path) -> None:
    with NatsServer() as nats:

        async def drive(session: Session) -> None:
            async with party(nats.url) as one:
                registry = FakeRegistry(one)
                registry.places = {"cam-1": "hall", "cam-2": "hall", "door-1": "yard"}
                role = Role("fleetgui.backend.topology", {"url": nats.url})
                page = await topology_page(session)
                await until_shown(lambda: "No topology service answers" in page.sentence, "that there is no service")
                try:
                    await asyncio.to_thread(role.start)
                    page.refresh_requested.emit()
                    await until_shown(lambda: page.model.rowCount() == 2, "the list")
                    page.table.opened.emit(page.model.index(0, 0))
                    await until_shown(lambda: column(page, 1) == ["cam-1", "cam-2"], "the members")
                    registry.offline("cam-2")
                    await until_shown(lambda: column(page, 0) == ["● online", "○ offline"], "that one went")
                    await asyncio.to_thread(role.kill)
                    page.refresh_requested.emit()
                    await until_shown(lambda: page.opened.sentence.startswith("Interrupted: No topology"), "its death")
                    assert column(page, 0) == ["◌ was online", "◌ was offline"]
                    registry.places["cam-3"] = "hall"
                    await asyncio.to_thread(role.start)
                    await until_shown(lambda: column(page, 1) == ["cam-1", "cam-2", "cam-3"], "all of them again")
                    await until_shown(lambda: "live" in page.opened.chip.text, "that it is live again")
                    page.opened.close_button.click()
                    assert session.fabric is not None
                    link = session.fabric.link
                    await link.flush()
                    subjects = {each for row in nats.connections() for each in row.get("subscriptions_list", [])}
                    assert "device-connect.default.topology.hall.>" not in subjects
                    assert link.footprint.connections == 1
                finally:
                    role.close()

        run_console(qapp, tmp_path, drive, on=context(nats.url))


def test_a_member_opens_its_device(qapp: QApplication, tmp_path: Path) -> None:
    with NatsServer() as nats:

        async def drive(session: Session) -> None:
            async with party(nats.url) as one:
                FakeRegistry(one).places = {"cam-1": "hall"}
                role = Role("fleetgui.backend.topology", {"url": nats.url})
                try:
                    await asyncio.to_thread(role.start)
                    page = await topology_page(session)
                    await until_shown(lambda: page.model.rowCount() == 1, "the list")
                    page.table.opened.emit(page.model.index(0, 0))
                    await until_shown(lambda: page.opened.members.rowCount() == 1, "the member")
                    page.opened.members_table.opened.emit(page.opened.members.index(0, 0))
                    assert session.window.open_details == ["cam-1"]
                finally:
                    role.close()

        run_console(qapp, tmp_path, drive, on=context(nats.url))
