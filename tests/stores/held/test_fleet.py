"""What a plain list does not have: blocks, waiting and no longer waiting, refusals, and several rows at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from fleetgui.stores.held import cells, columns, fleet
from fleetgui.stores.held.fleet import Change, Done, HeldFleet
from fleetgui.stores.held.plan import EVERYTHING, Each
from fleetgui.stores.held.worker import Worker
from fleetgui.wire.query import Order
from fleetgui.wire.records import Summary


@pytest.fixture
def held() -> Iterator[HeldFleet]:
    fleet = HeldFleet()
    yield fleet
    fleet.close()


def devices(count: int, **fields: Any) -> list[Summary]:
    return [Summary(f"device-{number:06d}", battery=float(number), **fields) for number in range(count)]


async def test_rows_beyond_the_first_block(held: HeldFleet) -> None:
    count = cells.BLOCK + 3
    held.take(devices(count))
    held.take([Summary("device-000001", battery=-1.0), Summary(f"device-{count - 1:06d}", battery=-2.0)])
    found = await held.order([Order("battery")])
    assert found.rows[:3].tolist() == [count - 1, 1, 0]
    assert len(np.unique(found.rows)) == count
    assert held.value(count - 1, "battery") == -2.0


async def test_a_question_nobody_waits_for_is_given_up_and_the_next_is_answered(held: HeldFleet) -> None:
    held.take(devices(1_000))
    begun, go_on = threading.Event(), threading.Event()
    asked = 0

    def slow(_summary: Summary) -> bool:
        nonlocal asked
        asked += 1
        begun.set()
        go_on.wait(30)
        return True

    async with asyncio.TaskGroup() as group:
        question = group.create_task(held.search(Each(slow)))
        await asyncio.to_thread(begun.wait, 30)
        never = group.create_task(held.search(Each(slow)))
        await asyncio.sleep(0)
        never.cancel()
        question.cancel()
    assert question.cancelled()
    assert never.cancelled()
    go_on.set()
    assert len((await held.search(EVERYTHING)).rows) == 1_000
    assert asked <= 256


async def test_no_block_is_copied_once_nobody_reads_it(held: HeldFleet) -> None:
    held.take(devices(10))
    await held.search(EVERYTHING)
    async with asyncio.TaskGroup() as group:
        question = group.create_task(held.search(EVERYTHING))
        await asyncio.sleep(0)
        question.cancel()
    await held.search(EVERYTHING)  # what was given up has ended before this
    await asyncio.sleep(0)
    assert held._sharing.newest == 0


def test_an_error_of_a_question_reaches_whoever_asked() -> None:
    def fails(_summary: Summary) -> bool:
        raise ZeroDivisionError

    async def asks() -> None:
        held = HeldFleet()
        held.take(devices(1))
        with pytest.raises(ZeroDivisionError):
            await held.search(Each(fails))
        assert (await held.search(EVERYTHING)).rows.tolist() == [0]
        held.close()

    asyncio.run(asks())


async def test_a_closed_worker_runs_nothing() -> None:
    worker = Worker()
    worker.close()
    with pytest.raises(RuntimeError):
        await worker.run(lambda _check: None, lambda: None)


def test_what_comes_beyond_the_most_is_counted(held: HeldFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "MOST_DEVICES", 3)
    assert len(held.take(devices(5))) == 3
    assert held.left_out == 2
    assert len(held) == 3
    held.take([Summary("device-000001", model="new"), Summary("another")])
    assert held.left_out == 3
    assert held.summary(1).model == "new"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("battery", "20"),
        ("battery", True),
        ("battery", float("nan")),
        ("location", 5),
        ("online", 1),
        ("functions", 2.5),
        ("status_ts", True),
        ("status_ts", float("inf")),
        ("device_id", "another"),
        ("colour", "red"),
    ],
)
def test_a_revised_value_that_is_not_of_its_kind_leaves_the_old_one(held: HeldFleet, field: str, value: Any) -> None:
    before = Summary("device", battery=5.0, location="site-01", online=True, functions=3, status_ts=7.0)
    held.take([before])
    assert held.revise([("device", {field: value})]) == 1
    assert held.summary(0) == before


def test_a_value_is_taken_away(held: HeldFleet) -> None:
    held.take([Summary("device", battery=5.0, functions=3, labels="a=b")])
    held.revise([("device", {"battery": None, "functions": None, "labels": None}), ("nobody", {"battery": 1.0})])
    assert held.summary(0) == Summary("device")


def test_a_removed_device_gets_its_row_back(held: HeldFleet) -> None:
    changes: list[Change] = []
    held.changed.connect(changes.append)
    held.take(devices(3))
    assert held.remove(["device-000001", "nobody"]) == 1
    assert held.index_of("device-000001") is None
    assert held.device_id(1) == "device-000001"
    with pytest.raises(IndexError):
        held.summary(1)
    with pytest.raises(IndexError):
        held.value(1, "battery")
    held.take(devices(2))
    assert held.index_of("device-000001") == 1
    assert (len(held), held.size) == (3, 3)
    assert [(each.done, sorted(each.rows.tolist())) for each in changes] == [
        (Done.TAKEN, [0, 1, 2]),
        (Done.REMOVED, [1]),
        (Done.TAKEN, [0, 1]),
    ]


@pytest.mark.parametrize("row", [-1, 3, 10**6])
def test_a_row_that_never_was(held: HeldFleet, row: int) -> None:
    held.take(devices(3))
    assert not held.is_held(row)
    for ask in (held.summary, held.device_id):
        with pytest.raises(IndexError):
            ask(row)


async def test_texts_that_all_differ_take_their_place_when_they_are_taken_in_again(held: HeldFleet) -> None:
    """A walk that is repeated brings the same texts: they are not kept twice."""
    many = [Summary(f"device-{number:06d}", serial_number=f"SN-{number}") for number in range(40_000)]
    held.take(many)
    held_before = len(held._columns["serial_number"].view().texts)  # type: ignore[union-attr] # it is a column of texts
    held.take(many)
    assert len(held._columns["serial_number"].view().texts) == held_before  # type: ignore[union-attr] # likewise
    assert held.summary(39_999) == many[-1]
    found = await held.order([Order("serial_number", True)])
    assert held.summary(int(found.rows[0])).serial_number == "SN-9999"


async def test_few_new_texts_take_their_place_among_ranks_that_are_known(held: HeldFleet) -> None:
    held.take(devices(20, location="m"))
    held.revise([(f"device-{number:06d}", {"location": f"site-{number}"}) for number in range(5)])
    await held.order([Order("location")])
    held.revise([("device-000007", {"location": "site-25"}), ("device-000008", {"location": "site-1"})])
    held.revise([("device-000009", {"location": "a"}), ("device-000010", {"location": "zz"})])
    found = await held.order([Order("location")])
    places = [held.value(row, "location") for row in found.rows.tolist()]
    assert places == sorted(["a", "zz", "site-1", "site-25", *[f"site-{number}" for number in range(5)], *["m"] * 11])


async def test_what_is_cleared_while_it_is_tidied_stays_cleared(
    held: HeldFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "MOST_SHARED", 4)
    held.take(devices(3))
    for number in range(50):
        held.revise([("device-000001", {"error_state": f"error {number}"})])
    async with asyncio.TaskGroup() as group:
        tidying = group.create_task(held.tidy())
        await asyncio.sleep(0)
        held.clear()
        held.take([Summary("other", error_state="new")])
    assert tidying.result() == []
    assert held.summary(0) == Summary("other", error_state="new")
