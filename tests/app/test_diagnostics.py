"""What a console tells of itself, on a real broker, and that no secret is in it."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from fleetgui.app.crash import Crash
from fleetgui.app.diagnostics import SLICE, Diagnostics, struck_out
from fleetgui.app.files import write_whole
from fleetgui.app.session import Session
from fleetgui.link.buckets import Bucket, BucketConfig
from fleetgui.link.entries import Entry
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.states import LinkPhase
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.log_ring import Line, LogRing
from fleetgui.widgets.window.diagnostics import DiagnosticsWindow
from tests.app.consoles import context, run_console
from tests.nats_server import NatsServer
from tests.waiting import until

PASSWORD = 'correct "horse" battery'
SAVING = "save a report"
CONFIG = 'accounts: {A: {users: [{user: noc, password: "correct \\"horse\\" battery"}], jetstream: enabled}}'


class Follower:
    """Of a bucket in which nothing stands."""

    def __init__(self) -> None:
        self.is_synced = asyncio.Event()

    def read_began(self) -> None: ...

    def entry(self, entry: Entry) -> None: ...

    def synced(self) -> None:
        self.is_synced.set()


async def saved() -> None:
    await asyncio.wait([task for task in asyncio.all_tasks() if task.get_name() == SAVING])


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
        await saved()
        assert window._said.text() == f"Written to {path}."
        window.report_requested.emit(str(tmp_path / "no such folder" / "report.json"))
        await saved()
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


def test_a_report_is_written_beside_the_loop_and_outlives_its_window(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.json"
    go_on = threading.Event()

    def when_told(path: Path, text: str) -> None:
        assert go_on.wait(60)
        write_whole(path, text)

    async def drive(session: Session) -> None:
        monkeypatch.setattr("fleetgui.app.diagnostics.write_whole", when_told)
        session.window.diagnostics_requested.emit()
        (window,) = session.window.findChildren(DiagnosticsWindow)
        window.report_requested.emit(str(path))
        turn = asyncio.Event()
        asyncio.get_running_loop().call_soon(turn.set)
        await turn.wait()  # the loop turns while the file is being written
        assert SAVING in session.tasks.names
        gone = asyncio.Event()
        window.destroyed.connect(gone.set)
        window.close()
        await gone.wait()
        go_on.set()
        await saved()

    with NatsServer() as server:
        run_console(qapp, tmp_path, drive, on=context(server.url))
    assert "journal" in json.loads(path.read_text())


async def test_a_full_log_is_made_into_text_in_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring, in_a_turn = LogRing(), [0]
    for number in range(3 * SLICE):
        ring.handle(logging.LogRecord("fleetgui", logging.INFO, "", 0, f"line {number}", None, None))

    def turned() -> None:
        if in_a_turn[-1]:
            in_a_turn.append(0)
        asyncio.get_running_loop().call_soon(turned)

    def counted(line: Line) -> str:
        in_a_turn[-1] += 1
        return line.text

    monkeypatch.setattr("fleetgui.app.diagnostics.written", counted)
    asyncio.get_running_loop().call_soon(turned)
    tasks = Tasks(lambda name, error: None)
    facts = Diagnostics(ConsoleState(), ManualClock(), tasks, ring, lambda: None, settings=tmp_path)
    await facts.write(tmp_path / "report.json", {})
    assert in_a_turn[:3] == [SLICE] * 3
    assert json.loads((tmp_path / "report.json").read_text())["log"] == [f"line {each}" for each in range(3 * SLICE)]


def test_what_is_malformed_is_counted_by_who_found_so_and_without_a_link_nothing_is_held(
    qapp: QApplication, tmp_path: Path
) -> None:
    async def drive(session: Session) -> None:
        link, ledger = session.state.link, session.state.ledger
        await until(lambda: link.state.phase is LinkPhase.UP, link.changed)
        assert session.fabric is not None
        fabric = session.fabric
        bucket = Bucket(fabric.link, BucketConfig("diagnostics", storage="memory"))
        await bucket.ensure()
        follower = Follower()
        watch = bucket.watch(">", follower)
        await follower.is_synced.wait()
        assert fabric.cost(None).consumers == 1
        for subject in ("cam.heartbeat", "gateway.gw-1.lag"):
            fabric.link.send(f"device-connect.default.{subject}", b"{no json")
        await until(lambda: fabric.cost(None).malformed == 2, ledger.changed)
        facts = {each.title: dict(each.facts) for each in session.diagnostics.sections()}
        assert "malformed" not in facts["Traffic"]
        found = facts["Malformed, by who found so"]
        assert {name for name, count in found.items() if count == "1"} == {
            "heartbeats and events of devices",
            "messages of gateways",
        }
        assert sum(map(int, found.values())) == 2
        assert facts["Lost"]["heartbeat, malformed"].startswith("1 in 1 span, last at ")
        assert "{" not in facts["Traffic"]["request_failures"]
        server.kill()
        await until(lambda: link.state.phase is not LinkPhase.UP, link.changed)
        cost = fabric.cost(None)
        assert (cost.connections, cost.subscriptions, cost.consumers) == (0, 0, 0)
        assert (cost.messages_per_s, cost.requests_per_min) == (0.0, 0.0)
        assert cost.messages_in > 0
        facts = {each.title: dict(each.facts) for each in session.diagnostics.sections()}
        assert facts["Traffic"]["consumers"] == "0"
        await watch.close()

    with NatsServer(jetstream=True) as server:
        run_console(qapp, tmp_path, drive, on=context(server.url))


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
