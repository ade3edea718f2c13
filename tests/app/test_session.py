"""The console as a whole: it opens, shows, survives and closes in every state it can be in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest
from PySide6.QtWidgets import QApplication

from fleetgui.app.options import DemoOptions
from fleetgui.app.session import Session
from fleetgui.policy.states import LinkPhase, State
from fleetgui.stores.calls import Outcome
from fleetgui.stores.details import DetailPhase
from fleetgui.stores.roster import RosterPhase
from fleetgui.stores.sources import HEARTBEATS, LINK, REGISTRY
from tests.app.consoles import context, run_console
from tests.nats_server import NatsServer, free_port
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)


async def link_is(session: Session, phase: LinkPhase) -> None:
    link = session.state.link
    await until(lambda: link.state.phase is phase, link.changed)


async def rows_are_there(session: Session, at_least: int) -> None:
    roster = session.state.roster
    await until(
        lambda: roster.status.phase is RosterPhase.READY and roster.loaded >= at_least,
        roster.rows_changed,
        roster.status_changed,
    )


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


def test_a_console_whose_setting_up_took_long_is_open_as_long_as_it_was_to_be(
    qapp: QApplication, tmp_path: Path
) -> None:
    async def drive(session: Session) -> None:
        await until(lambda: session.pages.devices is not None, session.state.observer.changed)
        assert not session._quit.is_set()

    where = f"nats://127.0.0.1:{free_port()}"
    run_console(qapp, tmp_path, drive, on=context(where), exit_after=300.0, started_ago=3_600.0)


def test_a_demo_shows_devices_lag_and_events_and_leaves_nothing(qapp: QApplication, tmp_path: Path) -> None:
    pids: set[int] = set()
    others = children()  # of other tests' servers

    async def drive(session: Session) -> None:
        state = session.state
        await rows_are_there(session, 60)
        pids.update(children() - others)
        await until(lambda: state.lag.samples >= 2, state.lag.changed)
        await until(lambda: state.presence.online_count(session.clock.now()) == 60, state.presence.changed)
        assert state.roster.total == 60
        assert session.fabric is not None
        assert session.fabric.link.footprint.connections == 1
        session.save_picture(tmp_path / "console.png")

    run_console(qapp, tmp_path, drive, demo=DemoOptions(devices=60, scenario="calm"))
    assert (tmp_path / "console.png").stat().st_size > 10_000
    assert len(pids) >= 4
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


def test_a_device_is_opened_called_and_closed(qapp: QApplication, tmp_path: Path) -> None:
    async def drive(session: Session) -> None:
        state = session.state
        await rows_are_there(session, 8)
        device_id = state.roster.row(0).device_id
        assert device_id is not None
        session.window.device_opened.emit(device_id)
        details = state.details
        await until(lambda: (open_ := details.get(device_id)) and open_.phase is DetailPhase.READ, details.changed)
        assert session.window.open_details == [device_id]
        assert session.fabric is not None
        call_id = session.fabric.calls.invoke(device_id, "no_such_function", {}, 10.0)
        calls = state.calls
        await until(lambda: (call := calls.get(call_id)) and call.outcome is Outcome.FAILED, calls.changed)

    run_console(qapp, tmp_path, drive, demo=DemoOptions(devices=8, scenario="calm"))


def test_no_broker_at_the_start_and_then_there_is_one(qapp: QApplication, tmp_path: Path) -> None:
    server = NatsServer(port=free_port())

    async def drive(session: Session) -> None:
        link = session.state.link
        await until(lambda: link.state.error, link.changed)
        assert link.state.phase is LinkPhase.CONNECTING
        assert server.where in str(link.state.error)
        await until(lambda: session.pages.devices is not None, session.state.observer.changed)
        assert session.window.isVisible()
        assert link.state.phase is LinkPhase.CONNECTING
        server.start()
        await link_is(session, LinkPhase.UP)

    try:
        run_console(qapp, tmp_path, drive, on=context(server.url))
    finally:
        server.close()


def test_wrong_credentials_are_said_and_nothing_is_live(qapp: QApplication, tmp_path: Path) -> None:
    async def drive(session: Session) -> None:
        await link_is(session, LinkPhase.REFUSED)
        assert session.state.link.state.error
        await until(lambda: session.pages.devices is not None, session.state.observer.changed)
        session.window.tick()
        header, sources, now = session.window.header, session.state.sources, session.clock.now()
        assert "refused" in header.link.text
        assert not header.link.text.startswith(State.LIVE.glyph)
        for figure in (header.registered, header.online, header.offline, header.held_back):
            assert figure.text.endswith(State.UNKNOWN.word)
        assert {sources.state(name, now) for name in (LINK, REGISTRY, HEARTBEATS)}.isdisjoint({State.LIVE})

    with NatsServer('authorization { user: noc, password: "right" }') as server:
        run_console(qapp, tmp_path, drive, on=context(server.url, "noc", "wrong"))


def test_a_fabric_without_a_registry_says_so(qapp: QApplication, tmp_path: Path, nats_server: NatsServer) -> None:
    async def drive(session: Session) -> None:
        roster = session.state.roster
        await until(lambda: roster.status.phase is RosterPhase.FAILED, roster.status_changed)
        assert "No registry is listening" in str(roster.status.error)

    run_console(qapp, tmp_path, drive, on=context(nats_server.url))


@pytest.mark.parametrize("state", ["connecting", "up", "reconnecting", "call under way", "suspended broker"])
def test_it_closes_from_every_state(
    qapp: QApplication, tmp_path: Path, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = NatsServer()
    if state != "connecting":
        server.start()

    async def drive(session: Session) -> None:
        if state == "connecting":
            await link_is(session, LinkPhase.CONNECTING)
            return
        await link_is(session, LinkPhase.UP)
        assert session.fabric is not None
        if state == "reconnecting":
            server.kill()
            await link_is(session, LinkPhase.RECONNECTING)
        elif state == "call under way":
            session.fabric.link.subscribe("device-connect.default.mute.cmd", lambda message: None)
            session.fabric.calls.invoke("mute", "ping", {}, 60.0)
            await asyncio.sleep(0)
            assert session.state.calls.running == 1
        elif state == "suspended broker":
            server.suspend()

    try:
        run_console(qapp, tmp_path, drive, on=context(server.url))
    finally:
        if state == "suspended broker":
            server.resume()
        server.close()
    assert "would not end" not in caplog.text


def test_the_backend_is_killed_and_the_console_says_so(qapp: QApplication, tmp_path: Path) -> None:
    async def drive(session: Session) -> None:
        await rows_are_there(session, 8)
        assert session.backend is not None
        assert session.backend.pid is not None
        psutil.Process(session.backend.pid).kill()
        link = session.state.link
        await until(lambda: "SIGKILL" in link.backend_notice, link.backend_changed)
        await link_is(session, LinkPhase.RECONNECTING)

    run_console(qapp, tmp_path, drive, demo=DemoOptions(devices=8, scenario="calm"))


def test_an_error_in_a_task_is_one_line_and_the_console_lives(
    qapp: QApplication, tmp_path: Path, nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise RuntimeError("a fault of ours")

    async def drive(session: Session) -> None:
        await link_is(session, LinkPhase.UP)
        journal = session.state.journal
        session.tasks.spawn(broken(), name="a broken feed")
        await until(lambda: any(entry.source == "a broken feed" for entry in journal.entries), journal.appended)
        assert [entry.text for entry in journal.entries if entry.source == "a broken feed"] == [
            "RuntimeError: a fault of ours"
        ]

    run_console(qapp, tmp_path, drive, on=context(nats_server.url), errors=True)
