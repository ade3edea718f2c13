"""Open details: one request however often they are opened, failures where the answer would stand, events live."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fleetgui.feeds.details import DetailsFeed
from fleetgui.feeds.presence import PresenceFeed
from fleetgui.policy.clock import SystemClock
from fleetgui.policy.freshness import ASSUMED_TTL_S, LONGEST_TTL_S
from fleetgui.stores.details import DetailPhase
from fleetgui.wire.subjects import Subjects
from tests.feeds.scripted_registry import Bench, Params, Refuse, record, scripted
from tests.nats_server import NatsServer
from tests.waiting import until


def feed(bench: Bench, tenant: str) -> DetailsFeed:
    return DetailsFeed(
        bench.client, Subjects(tenant), bench.state.details, bench.state.presence, SystemClock(), bench.tasks
    )


async def settled(bench: Bench, device_id: str, phase: DetailPhase) -> None:
    details = bench.state.details
    await until(lambda: (detail := details.get(device_id)) and detail.phase is phase, details.changed)


def device(params: Params) -> dict[str, Any]:
    return {"device": record(params["device_id"], extra={"kept": True})}


async def test_opening_twice_sends_one_request_and_keeps_every_field(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "open", device) as bench:
        details = feed(bench, "open")
        details.open("a")
        details.open("a")
        await settled(bench, "a", DetailPhase.READ)
        assert len(bench.asked) == 1
        shown = bench.state.details.get("a")
        assert shown is not None
        assert shown.record == record("a", extra={"kept": True})
        details.refresh("a")
        details.refresh("a")
        await until(lambda: len(bench.asked) == 2, bench.state.details.changed)


async def test_a_failure_stands_where_the_answer_would_and_reading_again_mends_it(
    shared_nats_server: NatsServer,
) -> None:
    def fail(_params: Params) -> dict[str, Any]:
        raise Refuse(-32000, "etcd is gone")

    async with scripted(shared_nats_server.url, "mend", fail) as bench:
        details = feed(bench, "mend")
        details.open("a")
        await settled(bench, "a", DetailPhase.FAILED)
        shown = bench.state.details.get("a")
        assert shown is not None
        assert "etcd is gone" in str(shown.error)
        bench.answer = device
        details.refresh("a")
        await settled(bench, "a", DetailPhase.READ)


async def test_absent_is_not_failed(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "absent", lambda _: {"device": None}) as bench:
        feed(bench, "absent").open("ghost")
        await settled(bench, "ghost", DetailPhase.ABSENT)


@pytest.mark.parametrize(
    ("ttl", "lease"),
    [
        (20, 20.0),
        (0.5, 0.5),
        *((odd, ASSUMED_TTL_S) for odd in (None, 0, -1, True, "15", [15], 2 * LONGEST_TTL_S, 10**30)),
    ],
)
async def test_a_lease_that_is_none_is_not_taken_for_one(
    shared_nats_server: NatsServer, ttl: object, lease: float
) -> None:
    """And the record is read all the same."""
    async with scripted(shared_nats_server.url, "lease", lambda _: {"device": record("a", device_ttl=ttl)}) as bench:
        feed(bench, "lease").open("a")
        await settled(bench, "a", DetailPhase.READ)
        assert bench.state.presence.ttl("a") == lease


async def test_an_id_that_cannot_be_addressed_is_shown_and_not_called(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "odd", device) as bench:
        feed(bench, "odd").open("a b/c.d")
        await settled(bench, "a b/c.d", DetailPhase.READ)
        shown = bench.state.details.get("a b/c.d")
        assert shown is not None
        assert "cannot be addressed" in str(shown.can_call)


async def test_a_registry_too_old_to_be_asked_for_one_device(shared_nats_server: NatsServer) -> None:
    """It does not know the method and keeps quiet; that it lists devices tells that from silence."""

    def old(params: Params) -> dict[str, Any] | None:
        return None if "device_id" in params else {"devices": [], "next_offset": None, "total_matched": 0}

    async with scripted(shared_nats_server.url, "old", old, patience_s=0.3) as bench:
        details = feed(bench, "old")
        details.open("a")
        await settled(bench, "a", DetailPhase.FAILED)
        shown = bench.state.details.get("a")
        assert shown is not None
        assert "does not answer for a single one" in str(shown.error)


async def test_events_of_open_devices_are_kept_and_those_of_others_counted(shared_nats_server: NatsServer) -> None:
    async with scripted(shared_nats_server.url, "events", device) as bench:
        presence = PresenceFeed(bench.link, Subjects("events"), bench.state, SystemClock(), bench.tasks)
        presence.start()
        feed(bench, "events").open("a")
        await settled(bench, "a", DetailPhase.READ)
        subject = Subjects("events").event
        for device_id, name, body in (
            ("b", "x", {"method": "x", "params": {}}),
            ("a", "motion", {"method": "motion", "params": {"zone": "Z0"}}),
            ("a", "motion", {"method": "event/motion", "params": {"zone": "Z1"}}),
            ("a", "motion", ["nonsense"]),
        ):
            await bench.link.publish(subject(device_id, name), json.dumps(body).encode())
        answer = {"correlation_id": "c1", "device_id": "a", "success": True}
        await bench.link.publish("device-connect.events.a.event.async_reply.c1", json.dumps(answer).encode())
        await until(
            lambda: (detail := bench.state.details.get("a")) and detail.events_seen == 4, bench.state.details.changed
        )
        shown = bench.state.details.get("a")
        assert shown is not None
        assert [(event.name, event.params) for event in shown.events] == [
            ("motion", {"zone": "Z0"}),
            ("motion", {"zone": "Z1"}),
            ("motion", None),
            ("async_reply", answer),
        ]
        assert (presence.events_seen, presence.malformed) == (5, 1)
        presence.close()


async def test_where_a_registry_knows_only_lists_the_listed_record_is_shown(shared_nats_server: NatsServer) -> None:
    """With the time at which the list was read, not the time of asking in vain."""
    listed = record("a", extra={"kept": True})

    def old(params: Params) -> dict[str, Any] | None:
        return None if "device_id" in params else {"devices": [listed]}

    async with scripted(shared_nats_server.url, "listsonly", old, patience_s=0.3) as bench:
        bench.pager.start()
        bench.pager.link_came_up()
        roster = bench.state.roster
        await until(lambda: roster.offset_of("a") is not None, roster.rows_changed)
        details = DetailsFeed(
            bench.client,
            Subjects("listsonly"),
            bench.state.details,
            bench.state.presence,
            SystemClock(),
            bench.tasks,
            roster=roster,
        )
        details.open("a")
        details.open("stranger")
        await settled(bench, "a", DetailPhase.READ)
        shown = bench.state.details.get("a")
        assert shown is not None
        assert (shown.record, shown.read_at) == (listed, roster.row(0).read_at)
        await settled(bench, "stranger", DetailPhase.FAILED)
