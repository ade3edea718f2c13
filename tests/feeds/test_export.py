"""The export feed: one at a time, cancelled at any moment, and its failures in words."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fleetgui.feeds.export import ExportFeed
from fleetgui.policy.clock import SystemClock
from fleetgui.stores.export import ExportPhase
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
