"""What a console tells of itself, on a real broker, and that no secret is in it."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

from PySide6.QtWidgets import QApplication

from fleetgui.app.crash import Crash
from fleetgui.app.diagnostics import struck_out
from fleetgui.app.session import Session
from fleetgui.policy.states import LinkPhase
from fleetgui.widgets.window.diagnostics import DiagnosticsWindow
from tests.app.consoles import context, run_console
from tests.nats_server import NatsServer
from tests.waiting import until

PASSWORD = 'correct "horse" battery'
CONFIG = 'accounts: {A: {users: [{user: noc, password: "correct \\"horse\\" battery"}], jetstream: enabled}}'


def test_the_window_and_the_report_tell_what_is_and_no_secret(qapp: QApplication, tmp_path: Path) -> None:
    path = tmp_path / "report.json"

    async def drive(session: Session) -> None:
        link = session.state.link
        await until(lambda: link.state.phase is LinkPhase.UP, link.changed)
        await until(lambda: session.state.observer.last is not None, session.state.observer.changed)
        log = logging.getLogger("fleetgui.test")
        log.addHandler(session.diagnostics.ring)
        log.error("somebody logged %s, which nobody should", PASSWORD)
        log.removeHandler(session.diagnostics.ring)
        session.window.diagnostics_requested.emit()
        (window,) = session.window.findChildren(DiagnosticsWindow)
        facts = {each.title: dict(each.facts) for each in session.diagnostics.sections()}
        assert facts["Link"]["state"] == LinkPhase.UP.value
        assert facts["Traffic"]["connections"] == "1"
        assert "device-connect.default.*.heartbeat" in facts["Subscriptions, messages received"]
        assert facts["Queues, waiting / taken / dropped"]["device-connect.default.*.heartbeat"] == "0 / 0 / 0"
        assert "pager" in next(names for title, names in facts.items() if title.startswith("Tasks"))
        assert facts["Own loop"]["band"] == session.state.observer.band.value
        window.report_requested.emit(str(path))
        window.report_requested.emit(str(tmp_path / "no such folder" / "report.json"))
        await asyncio.sleep(0)
        assert "was not written" in window._said.text()
        window.close()

    with NatsServer(CONFIG, jetstream=True) as server:
        run_console(qapp, tmp_path, drive, on=context(server.url, "noc", PASSWORD))
    text = path.read_text()
    report = json.loads(text)
    assert report["facts"]["Link"]["state"] == LinkPhase.UP.value
    assert report["report"]["connections"] == 1
    assert "somebody logged (struck out), which nobody should" in report["log"][-1]
    assert "horse" not in text


def test_a_crash_of_the_session_before_is_offered_until_somebody_looks(qapp: QApplication, tmp_path: Path) -> None:
    async def drive(session: Session) -> None:
        link = session.state.link
        await until(lambda: link.state.phase is LinkPhase.UP, link.changed)
        assert "ended by a fault" in session.state.last_crash
        assert [each.text for each in session.state.journal.entries if each.source == "this console"] == [
            session.state.last_crash
        ]
        session.window.notice.diagnostics_requested.emit()
        (window,) = session.window.findChildren(DiagnosticsWindow)
        assert window.tabs.tabText(window.tabs.currentIndex()) == "Last crash"
        assert session.state.last_crash == ""
        window.close()

    with NatsServer() as server:
        crash = Crash(1_795_219_200.0, "Fatal Python error: Segmentation fault")
        run_console(qapp, tmp_path, drive, on=context(server.url), crash=crash)


def test_a_secret_is_struck_out_as_json_writes_it() -> None:
    secrets = ['a"b\\c', "pässword", "", "abc"]
    text = json.dumps({"log": [f"x{each}y" for each in secrets]}, ensure_ascii=False)
    assert json.loads(struck_out(text, secrets)) == {"log": ["x(struck out)y", "x(struck out)y", "xy", "xabcy"]}
