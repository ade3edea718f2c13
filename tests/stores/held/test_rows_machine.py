"""The held fleet's rows under their heads, against a plain list, whatever is laid out, opened, taken and removed."""

from __future__ import annotations

import asyncio
from itertools import groupby

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fleetgui.policy.filters import parse
from fleetgui.stores.held.fleet import HeldFleet
from fleetgui.stores.held.labels import label_in
from fleetgui.stores.held.rows import HeldRows
from fleetgui.stores.roster import GroupHead, RowKind
from fleetgui.wire.query import Order, Value, arranged, value_of
from fleetgui.wire.records import Summary

devices = st.builds(
    Summary,
    st.sampled_from([f"d{number:02}" for number in range(20)]),
    device_type=st.sampled_from([None, "", "camera", "lock", "Lamp"]),
    location=st.sampled_from([None, "a", "a\0", "b", "ß"]),
    availability=st.sampled_from(["idle", "busy"]),
    battery=st.sampled_from([None, 1.0, 2.5, 1000.0]),
    online=st.sampled_from([None, True, False]),
    labels=st.sampled_from(["", "site=x", "Site=y z=1", "z=2 site=x,y", "site=", "website=q", "z=site=x"]),
)
filters = st.sampled_from(["", "type:camera", "battery>1 or online", "-type:lock", "nothing-at-all"])
orders = st.lists(
    st.builds(Order, st.sampled_from(["device_id", "battery", "location", "labels.z"]), st.booleans()), max_size=3
)
groups = st.sampled_from(
    [None, "device_type", "location", "battery", "online", "labels.site", "labels.SITE", "status.x"]
)


def value(summary: Summary, field: str) -> Value:
    if field.startswith("labels."):
        return label_in(summary.labels, field.removeprefix("labels."))
    return None if field == "status.x" else value_of(summary, field)


def text(found: Value) -> str | None:
    if isinstance(found, bool):
        return "yes" if found else "no"
    return found if found is None or isinstance(found, str) else {1.0: "1", 2.5: "2.5", 1000.0: "1,000"}[found]


class RowsMachine(RuleBasedStateMachine):
    """`shown`: the groups as they were laid out, each its value and ids; `held`: what is held by now."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.fleet = HeldFleet()
        self.rows = HeldRows(self.fleet)
        self.held: dict[str, Summary] = {}
        self.group: str | None = None
        self.shown: list[tuple[str | None, list[str]]] = []
        self.chosen: dict[str | None, bool] = {}
        self.told = 0
        self.changed: set[int] = set()
        self.rows.resized.connect(self._resized)
        self.rows.rows_changed.connect(lambda first, last: self.changed.update(range(first, last + 1)))

    def teardown(self) -> None:
        if hasattr(self, "fleet"):
            self.fleet.close()
            self.loop.close()

    def _resized(self, old: int, new: int) -> None:
        assert old == self.told
        self.told = new

    @rule(some=st.lists(devices, min_size=1, max_size=8))
    def take(self, some: list[Summary]) -> None:
        self.rows.taken(self.fleet.take(some), 1.0)
        self.held.update({each.device_id: each for each in some})

    @rule(number=st.integers(0, 19))
    def remove(self, number: int) -> None:
        self.fleet.remove([f"d{number:02}"])
        self.held.pop(f"d{number:02}", None)

    @rule(asked=filters, keys=orders, group=groups)
    def lay_out(self, asked: str, keys: list[Order], group: str | None) -> None:
        found = parse(asked).filter
        before = self.listing()
        self.rows.show(self.loop.run_until_complete(self.fleet.lay_out(found, keys, group)))
        kept = [each for each in self.held.values() if found is None or found.holds(each)]
        kept.sort(key=lambda each: each.device_id)
        if group is not None:
            keys = [next((key for key in keys if key.field == group), Order(group)), *keys]
        for key in reversed(keys):
            kept = arranged([(value(each, key.field), each) for each in kept], key)
        if group is None:
            self.shown = [(None, [each.device_id for each in kept])]
        else:
            if self.group not in (None, group):
                self.chosen.clear()
            parted = groupby(kept, key=lambda each: text(value(each, group)))
            self.shown = [(head, [each.device_id for each in part]) for head, part in parted]
            self.group = group
        self.is_grouped = group is not None
        self._all_told(before)

    @rule(data=st.data())
    def toggle(self, data: st.DataObject) -> None:
        if not self.rows.total:
            return
        offset = data.draw(st.integers(0, self.rows.total - 1))
        head = self.rows.row(offset).group
        before = self.listing()
        self.rows.toggle(offset)
        if head is not None:
            self.chosen[head.value] = not head.is_open
        self._all_told(before)

    @rule()
    def clear(self) -> None:
        self.fleet.clear()
        self.rows.clear()
        self.held.clear()
        self.shown = []

    def listing(self) -> list[GroupHead | str]:
        """What stands in the table, by the plain list."""
        if not getattr(self, "is_grouped", False):
            return [device_id for _, ids in self.shown for device_id in ids]
        rows: list[GroupHead | str] = []
        for head, ids in self.shown:
            is_open = self.chosen.get(head, len(self.shown) == 1)
            rows.append(GroupHead(self.group or "", head, len(ids), is_open))
            rows.extend(ids if is_open else [])
        return rows

    def _all_told(self, before: list[GroupHead | str]) -> None:
        """Whoever repaints what was told to have changed shows what stands there now."""
        now = self.listing()
        assert self.told == len(now)
        assert all(row in self.changed or before[row] == each for row, each in enumerate(now) if row < len(before))
        self.changed.clear()

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "fleet"):
            return
        expected = self.listing()
        assert self.rows.total == self.told == len(expected)
        assert self.rows.loaded == self.rows.status.total == sum(len(ids) for _, ids in self.shown)
        assert self.rows.row(len(expected)).kind is self.rows.row(-1).kind is RowKind.NOT_LOADED
        standing = {}
        for offset, each in enumerate(expected):
            row = self.rows.row(offset)
            if isinstance(each, GroupHead):
                assert (row.kind, row.group, row.device_id) == (RowKind.GROUP, each, None)
            elif each in self.held:
                assert (row.kind, row.device_id, row.summary) == (RowKind.LOADED, each, self.held[each])
                standing[each] = offset
            else:
                assert row.kind is RowKind.NOT_LOADED
        for number in range(20):
            assert self.rows.offset_of(f"d{number:02}") == standing.get(f"d{number:02}")
        assert self.rows.offsets_of(standing) == sorted(standing.values())
        assert [offset for offset, _ in self.rows.loaded_rows(1, 5)] == list(range(1, min(6, len(expected))))


RowsMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)


TestRowsMachine = pytest.mark.usefixtures("small_limits")(RowsMachine.TestCase)
