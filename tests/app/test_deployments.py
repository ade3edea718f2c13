"""Deployments in the console as a whole: live in a demo, and out of the way where a fabric has none."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from fleetgui.app.options import DemoOptions
from fleetgui.app.session import Session
from fleetgui.link.streams import api
from fleetgui.policy.states import LinkPhase, State
from fleetgui.stores.deployments.reading import ReadPhase
from fleetgui.widgets.deployments.page import DeploymentsPage
from tests.app.consoles import context, run_console
from tests.nats_server import NatsServer
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)


def page_of(session: Session) -> DeploymentsPage:
    page = session.window.docks.pages["deployments"].widget()
    assert isinstance(page, DeploymentsPage)
    return page


def test_a_demo_shows_its_deployments_live_and_the_devices_of_the_one_that_is_opened(
    qapp: QApplication, tmp_path: Path
) -> None:
    async def drive(session: Session) -> None:
        deployments = session.state.deployments
        rollups = deployments.rollups
        await until(
            lambda: any(row.counted and row.counted.target for row in rollups.rows.values()),
            rollups.changed,
            rollups.statuses.changed,
        )
        assert rollups.statuses.state(session.clock.now()) is State.LIVE
        page = page_of(session)
        session.window.docks.bring_up(session.window.docks.pages["deployments"])
        page.model.flush()
        assert page.model.rowCount() == len(rollups.rows)
        name = next(name for name, row in rollups.rows.items() if row.counted and row.counted.target)
        row = page.model.row_of(name)
        assert row is not None
        page.table.opened.emit(page.model.index(row, 0))
        opened = deployments.opened
        assert opened is not None
        await until(lambda: opened.rows, opened.changed)
        page.opened.model.flush()
        device = page.opened.model.names[0]
        page.opened.table.opened.emit(page.opened.model.index(0, 0))
        assert session.window.open_details == [device]
        page.deployment_closed.emit()
        assert deployments.opened is None
        assert session.fabric is not None
        assert session.fabric.link.footprint.connections == 1

    run_console(qapp, tmp_path, drive, demo=DemoOptions(devices=60))


def test_a_fabric_without_jetstream_says_so_on_its_page_and_nowhere_else(
    qapp: QApplication, tmp_path: Path, nats_server: NatsServer
) -> None:
    async def drive(session: Session) -> None:
        statuses = session.state.deployments.rollups.statuses
        await until(lambda: statuses.phase is ReadPhase.NO_STREAMS, statuses.changed)
        page = page_of(session)
        assert "JetStream" in page.sentence
        session.window.tick()
        assert session.window.header.failing.isHidden()

    run_console(qapp, tmp_path, drive, on=context(nats_server.url))


def test_a_console_that_is_closed_leaves_no_consumer_behind(qapp: QApplication, tmp_path: Path) -> None:
    with NatsServer(jetstream=True) as broker:

        async def drive(session: Session) -> None:
            link = session.state.link
            await until(lambda: link.state.phase is LinkPhase.UP, link.changed)
            fabric = session.fabric
            assert fabric is not None
            for bucket in ("deployment-status", "deployment"):
                await api(
                    fabric.link,
                    f"STREAM.CREATE.KV_{bucket}",
                    {"name": f"KV_{bucket}", "subjects": [f"$KV.{bucket}.>"], "max_msgs_per_subject": 1},
                )
            fabric.deployments.look_again()
            rollups = session.state.deployments.rollups
            await until(
                lambda: rollups.statuses.is_read and rollups.definitions.is_read,
                rollups.statuses.changed,
                rollups.definitions.changed,
            )
            assert broker.monitor("jsz")["consumers"] == 2

        run_console(qapp, tmp_path, drive, on=context(broker.url))
        assert broker.monitor("jsz")["consumers"] == 0
