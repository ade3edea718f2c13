"""A fleet that is filled, changed, emptied and asked in any order, beside a plain list that is told the same."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from fleetgui.stores.held import columns
from fleetgui.stores.held.fleet import Change, Done, Found, HeldFleet
from fleetgui.stores.held.plan import plan_of_condition
from fleetgui.wire import query
from fleetgui.wire.query import FIELDS, Order, value_of
from fleetgui.wire.records import Summary
from tests.stores.held import fleets


class Machine(RuleBasedStateMachine):
    """`wanted` is by row: the id, and the summary while there is one."""

    results = Bundle("results")

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.fleet = HeldFleet()
        self.ids: list[str] = []
        self.wanted: dict[str, Summary] = {}
        self.changes: list[Change] = []
        self.fleet.changed.connect(self.changes.append)

    def teardown(self) -> None:
        self.fleet.close()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def told(self, generation: int, done: Done | None) -> None:
        """That what has changed since `generation` was said once, and as `done`; None: that nothing has."""
        assert [change.done for change in self.changes] == ([] if done is None else [done])
        assert self.fleet.generation == generation + len(self.changes)
        self.changes.clear()

    @rule(batch=st.lists(fleets.summaries(), max_size=8))
    def take(self, batch: list[Summary]) -> None:
        before = self.fleet.generation
        rows = self.fleet.take(batch)
        for summary in batch:
            if summary.device_id not in self.ids:
                self.ids.append(summary.device_id)
            self.wanted[summary.device_id] = summary
        assert [self.ids[row] for row in rows.tolist()] == [summary.device_id for summary in batch]
        self.told(before, Done.TAKEN if batch else None)

    @rule(data=st.data())
    def revise(self, data: st.DataObject) -> None:
        before = self.fleet.generation
        names = [name for name in FIELDS if name not in ("device_id", "functions", "events", "labels")]
        changes: list[tuple[str, dict[str, Any]]] = []
        for device_id in data.draw(st.lists(st.sampled_from([*self.ids, "nobody"]), max_size=4)):
            new = data.draw(st.fixed_dictionaries({}, optional={name: fleets.VALUES[name] for name in names[:4]}))
            new |= {name: data.draw(fleets.VALUES[name]) for name in data.draw(st.sets(st.sampled_from(names)))}
            changes.append((device_id, new))
            if device_id in self.wanted:
                self.wanted[device_id] = msgspec.structs.replace(self.wanted[device_id], **new)
        revised = self.fleet.revise(changes)
        assert revised == len({device_id for device_id, _ in changes if device_id in self.wanted})
        anything = any(new for device_id, new in changes if device_id in self.wanted)
        self.told(before, Done.REVISED if anything else None)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        before = self.fleet.generation
        gone = set(data.draw(st.lists(st.sampled_from([*self.ids, "nobody"]), max_size=4))) & set(self.wanted)
        assert self.fleet.remove([*gone, "nobody"]) == len(gone)
        for device_id in gone:
            del self.wanted[device_id]
        self.told(before, Done.REMOVED if gone else None)

    @rule()
    def clear(self) -> None:
        self.fleet.clear()
        self.changes.clear()
        self.ids, self.wanted = [], {}

    @rule(target=results, condition=fleets.conditions())
    def search(self, condition: query.Condition) -> Any:
        found = self.loop.run_until_complete(self.fleet.search(plan_of_condition(condition)))
        assert [self.ids[row] for row in found.rows.tolist()] == [
            each
            for each in self.ids
            if each in self.wanted and condition.holds(value_of(self.wanted[each], condition.field))
        ]
        return multiple((found, self.fleet.generation))

    @rule(batch=st.lists(fleets.summaries(), max_size=8), errors=st.sampled_from([0, 3, 30]))
    def tidy(self, batch: list[Summary], errors: int) -> None:
        """Texts that are replaced again and again; what changes while they are tidied up is not lost."""
        for number in range(errors):
            for device_id in self.wanted:
                new = {"error_state": f"error {number}", "location": f"{device_id} {number}"}
                self.fleet.revise([(device_id, new)])
                self.wanted[device_id] = msgspec.structs.replace(self.wanted[device_id], **new)

        async def both() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.fleet.tidy())
                await asyncio.sleep(0)  # it has begun
                self.changes.clear()
                self.take(batch)
            await self.fleet.tidy()

        self.loop.run_until_complete(both())
        for name in ("error_state", "location"):
            view = self.fleet._columns[name].view()
            assert len(view.texts) <= 2 * (self.fleet.size + columns.MOST_SHARED)  # type: ignore[union-attr] # of texts

    @rule(keys=fleets.orders)
    def order(self, keys: list[Order]) -> None:
        found = self.loop.run_until_complete(self.fleet.order(keys))
        rows = [row for row, each in enumerate(self.ids) if each in self.wanted]
        assert found.rows.tolist() == fleets.ordered(
            rows, keys, lambda row, name: value_of(self.wanted[self.ids[row]], name), lambda row: self.ids[row]
        )

    @rule(batch=st.lists(fleets.summaries(), min_size=1, max_size=8), keys=fleets.orders, data=st.data())
    def change_while_it_is_sorted(self, batch: list[Summary], keys: list[Order], data: st.DataObject) -> None:
        """The answer is that of the moment of the question, whatever changed before it was found."""
        wanted, ids = self.wanted.copy(), self.ids.copy()

        async def both() -> Found:
            async with asyncio.TaskGroup() as group:
                question = group.create_task(self.fleet.order(keys))
                await asyncio.sleep(0)  # it is asked
                self.take(batch)
                self.remove(data)
            return question.result()

        generation = self.fleet.generation
        found = self.loop.run_until_complete(both())
        assert found.generation == generation < self.fleet.generation
        rows = [row for row, each in enumerate(ids) if each in wanted]
        assert found.rows.tolist() == fleets.ordered(
            rows, keys, lambda row, name: value_of(wanted[ids[row]], name), lambda row: ids[row]
        )

    @rule(result=results)
    def a_result_that_is_not_stale_is_still_true(self, result: tuple[Found, int]) -> None:
        found, generation = result
        assert found.generation == generation
        if self.fleet.generation == generation:
            assert all(self.fleet.is_held(row) for row in found.rows.tolist())

    @invariant()
    def holds_what_it_should(self) -> None:
        if not hasattr(self, "fleet"):
            return
        assert len(self.fleet) == len(self.wanted)
        assert self.fleet.size == len(self.ids)
        for row, device_id in enumerate(self.ids):
            assert self.fleet.device_id(row) == device_id
            assert self.fleet.is_held(row) is (device_id in self.wanted)
            assert self.fleet.index_of(device_id) == (row if device_id in self.wanted else None)
            if device_id in self.wanted:
                assert self.fleet.summary(row) == self.wanted[device_id]


Machine.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


TestMachine = pytest.mark.usefixtures("small_limits")(Machine.TestCase)
