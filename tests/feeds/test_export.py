"""The export feed: one at a time, cancelled at any moment, and its failures in words."""

from __future__ import annotations

import asyncio
import errno
import json
import threading
from pathlib import Path

import pytest

from fleetgui.feeds.export import ExportFeed
from fleetgui.policy.clock import SystemClock
from fleetgui.snapshots.export import ExportWriter
from fleetgui.stores.export import ExportPhase
from fleetgui.stores.ledger import Cause
from tests.feeds.scripted_registry import Bench, Params, Refuse, fleet, paging, scripted
from tests.nats_server import NatsServer
from tests.waiting import until


def feed(bench: Bench) -> ExportFeed:
    state = bench.state
    return ExportFeed(bench.client, state.presence, state.export, state.journal, SystemClock(), bench.tasks)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
async def test_a_fleet_is_written_whole(shared_nats_server: NatsServer, tmp_path: Path, kind: str) -> None:
    async with scripted(shared_nats_server.url, f"whole-{kind}", paging(fleet(450))) as bench:
        export = feed(bench)
        told: list[int] = []
        bench.state.export.changed.connect(lambda state: told.append(state.coverage.seen))
        path = tmp_path / f"fleet.{kind}"
        assert export.start(str(path), kind)
        assert not export.start(str(path), kind)
        done = await export.finished()
        assert (done.phase, done.coverage.complete) == (ExportPhase.DONE, True)
        assert len(path.read_text().splitlines()) == 451
        assert told == sorted(told)
        assert bench.state.journal.entries[-1].text == f"fleet.{kind}: 450 of 450 devices, complete"


async def test_what_this_console_did_not_see_is_a_field_of_the_file(
    shared_nats_server: NatsServer, tmp_path: Path
) -> None:
    async with scripted(shared_nats_server.url, "losses", paging(fleet(3))) as bench:
        state, path = bench.state, tmp_path / "fleet.jsonl"
        state.ledger.lose("heartbeat", Cause.OVERFLOW, 7, 1_795_219_200.0)
        export = ExportFeed(
            bench.client,
            state.presence,
            state.export,
            state.journal,
            SystemClock(),
            bench.tasks,
            ledger=state.ledger,
        )
        export.start(str(path), "jsonl")
        await export.finished()
    assert json.loads(path.read_text().splitlines()[-1])["_fleetgui"]["ledger"] == [
        {
            "source": "heartbeat",
            "cause": "intake overflow",
            "from": "2026-11-21T00:00:00.000Z",
            "to": "2026-11-21T00:00:00.000Z",
            "count": 7,
        }
    ]


@pytest.mark.parametrize("after", [0, 1, 2, 3, 5, 8, 13])
async def test_it_can_be_cancelled_at_any_moment(shared_nats_server: NatsServer, tmp_path: Path, after: int) -> None:
    path = tmp_path / "fleet.csv"
    path.write_text("before")
    async with scripted(shared_nats_server.url, f"cancel{after}", paging(fleet(100_000))) as bench:
        export = feed(bench)
        export.start(str(path), "csv")
        for _ in range(after):
            await asyncio.sleep(0)
        export.cancel()
        assert (await export.finished()).phase is ExportPhase.CANCELLED
    assert path.read_text() == "before"
    assert names(tmp_path) == ["fleet.csv"]


async def test_it_can_be_cancelled_between_pages(shared_nats_server: NatsServer, tmp_path: Path) -> None:
    async with scripted(shared_nats_server.url, "between", paging(fleet(100_000))) as bench:
        export, store = feed(bench), bench.state.export
        export.start(str(tmp_path / "fleet.csv"), "csv")
        await until(lambda: store.state.coverage.seen >= 500, store.changed)
        assert store.state.eta_s is not None
        export.cancel()
        assert (await export.finished()).phase is ExportPhase.CANCELLED
    assert names(tmp_path) == []


async def test_a_registry_that_fails_midway_is_said_and_no_file_is_left(
    shared_nats_server: NatsServer, tmp_path: Path
) -> None:
    def answer(params: Params) -> object:
        if params["offset"] >= 200:
            raise Refuse(-32000, "etcd is gone")
        return paging(fleet(500))(params)

    async with scripted(shared_nats_server.url, "midway", answer) as bench:
        export = feed(bench)
        export.start(str(tmp_path / "fleet.csv"), "csv")
        done = await export.finished()
        assert done.phase is ExportPhase.FAILED
        assert "etcd is gone" in str(done.error)
    assert names(tmp_path) == []


async def test_a_folder_that_is_not_there_is_said(shared_nats_server: NatsServer, tmp_path: Path) -> None:
    async with scripted(shared_nats_server.url, "nowhere", paging(fleet(3))) as bench:
        export = feed(bench)
        export.start(str(tmp_path / "missing" / "fleet.csv"), "csv")
        done = await export.finished()
        assert done.error == "fleet.csv could not be written: the folder does not exist."


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a-folder", "it is a folder"),
        ("x" * 300 + ".csv", "the name is too long"),
        ("nul\0.csv", "embedded null byte"),
        ("a-file/fleet.csv", "the folder does not exist"),
    ],
    ids=["a folder", "too long", "NUL", "no folder"],
)
async def test_a_place_that_no_file_can_have_is_said_before_the_fleet_is_read(
    shared_nats_server: NatsServer, tmp_path: Path, name: str, why: str
) -> None:
    (tmp_path / "a-folder").mkdir()
    (tmp_path / "a-file").touch()
    async with scripted(shared_nats_server.url, f"place{len(name)}", paging(fleet(3))) as bench:
        export = feed(bench)
        export.start(str(tmp_path / name), "csv")
        done = await export.finished()
        assert done.phase is ExportPhase.FAILED
        assert why in str(done.error)
        assert "\0" not in str(done.error)
        assert bench.asked == []
    assert names(tmp_path) == ["a-file", "a-folder"]


async def test_a_format_that_is_none_begins_nothing(shared_nats_server: NatsServer, tmp_path: Path) -> None:
    async with scripted(shared_nats_server.url, "format", paging(fleet(3))) as bench:
        export = feed(bench)
        with pytest.raises(ValueError, match="parquet"):
            export.start(str(tmp_path / "fleet"), "parquet")
        assert bench.state.export.state.phase is ExportPhase.IDLE


class Held:
    """Holds one method of every `ExportWriter` in its thread until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, method: str, error: OSError | None = None) -> None:
        self.entered = threading.Event()
        self.let_go = threading.Event()
        original = getattr(ExportWriter, method)

        def held(writer: ExportWriter, *args: object) -> None:
            self.entered.set()
            self.let_go.wait(60)
            if error is not None:
                raise error
            original(writer, *args)

        monkeypatch.setattr(ExportWriter, method, held)

    async def is_entered(self) -> None:
        await asyncio.to_thread(self.entered.wait, 60)


@pytest.mark.parametrize("method", ["open", "write"])
async def test_cancelled_while_the_writer_is_at_it_waits_for_it_and_leaves_nothing(
    shared_nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    held = Held(monkeypatch, method)
    async with scripted(shared_nats_server.url, f"held-{method}", paging(fleet(300))) as bench:
        export = feed(bench)
        export.start(str(tmp_path / "fleet.csv"), "csv")
        await held.is_entered()
        export.cancel()
        await asyncio.sleep(0)
        export.cancel()  # whoever presses twice does not get ahead of the thread either
        await asyncio.sleep(0)
        held.let_go.set()
        assert (await export.finished()).phase is ExportPhase.CANCELLED
    assert names(tmp_path) == []


async def test_cancelled_while_the_file_is_put_in_place_is_too_late(
    shared_nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, "finish")
    async with scripted(shared_nats_server.url, "held-finish", paging(fleet(3))) as bench:
        export = feed(bench)
        export.start(str(tmp_path / "fleet.csv"), "csv")
        await held.is_entered()
        export.cancel()
        held.let_go.set()
        assert (await export.finished()).phase is ExportPhase.DONE
    assert names(tmp_path) == ["fleet.csv", "fleet.csv.coverage.json"]


async def test_cancelled_while_the_last_write_fails_is_not_said_to_be_written(
    shared_nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, "finish", OSError(errno.ENOSPC, "No space left on device"))
    async with scripted(shared_nats_server.url, "held-full", paging(fleet(3))) as bench:
        export = feed(bench)
        export.start(str(tmp_path / "fleet.csv"), "csv")
        await held.is_entered()
        export.cancel()
        held.let_go.set()
        done = await export.finished()
        assert (done.phase, done.error) == (ExportPhase.FAILED, "fleet.csv could not be written: the disk is full.")
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
async def test_a_record_nested_to_the_limit_is_written(
    shared_nats_server: NatsServer, tmp_path: Path, kind: str
) -> None:
    deepest = '{"device_id":"deep","extra":' + "[" * 990 + "]" * 990 + "}"
    reply = '{"result":{"devices":[' + deepest + '],"next_offset":null,"total_matched":1}}'
    async with scripted(shared_nats_server.url, f"deep-{kind}", lambda _: reply.encode()) as bench:
        export = feed(bench)
        export.start(str(tmp_path / f"fleet.{kind}"), kind)
        done = await export.finished()
        assert (done.phase, done.coverage.seen) == (ExportPhase.DONE, 1)
    assert "deep" in (tmp_path / f"fleet.{kind}").read_text()
