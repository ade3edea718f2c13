"""The reference clients' `list_devices`, `list_devices_page` and `get_device` on the real registry and on ours.

Both have had the same registrations. What is ignored in the comparison, and why, is said in `pair`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.interop import services
from tests.interop.pair import Pair, clients_agree, registered

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

FLEET = 450
PLAIN, ODD = "plain", "odd"
TS = "2026-11-21T00:00:00Z"


def registrations() -> list[dict[str, Any]]:
    """An ordinary fleet of more than two pages."""
    return [{key: value for key, value in each.items() if key != "registry"} for each in services.records(FLEET)]


def odd_registrations() -> list[dict[str, Any]]:
    """What the contract allows and few devices do."""
    base = registrations()[0]
    return [
        {"device_id": "bare", "device_ttl": 600, "capabilities": {}, "identity": {}, "status": {"ts": ""}},
        base | {"device_id": "unknown-fields", "colour": "red", "identity": {"device_type": "camera", "halo": 1}},
        base | {"device_id": "labels", "capabilities": {"labels": {"location": ["a/b", "c"], "x": "y", "none": []}}},
        base
        | {
            "device_id": "unicode-Ünï",
            "identity": {"device_type": "Kaméra 😀"},
            "status": {"ts": TS, "location": "Zoë"},
        },
        base | {"device_id": "slashes/and:colons"},
        base | {"device_id": "text-for-numbers", "device_ttl": "600", "status": {"ts": TS, "battery": "7"}},
        base | {"device_id": "zero", "status": {"ts": TS, "busy_score": 0, "battery": -1, "online": "yes"}},
        base | {"device_id": "type-null", "identity": {"device_type": None}, "status": {"ts": TS, "location": None}},
        base | {"device_id": "type-empty", "identity": {"device_type": ""}, "status": {"ts": TS, "location": ""}},
        base | {"device_id": "tasks", "status": {"ts": "yesterday", "task_stack": ["a", "", "b"]}},
        base | {"device_id": "\u00ff-last-of-latin-1"},
        base | {"device_id": "A-before-a", "capabilities": {"description": "\u202e\x00\x1b[31m <b>&amp;</b>"}},
    ]


@pytest.fixture(scope="module")
def same(pair: Pair) -> Pair:
    """Both have registered tenant `plain` and tenant `odd`."""

    async def fill() -> None:
        async with pair.links() as links:
            await asyncio.gather(*(registered(link, PLAIN, registrations()) for link in links))
            await asyncio.gather(*(registered(link, ODD, odd_registrations()) for link in links))

    asyncio.run(fill())
    return pair


@pytest.mark.parametrize(("tenant", "total"), [(PLAIN, FLEET), (ODD, len(odd_registrations())), ("empty", 0)])
async def test_the_whole_fleet_is_the_same_in_the_same_order(same: Pair, tenant: str, total: int) -> None:
    edge, server = await clients_agree(same, tenant, [("list_devices", {})])
    assert len(edge["result"]) == len(server["result"]) == total


async def test_every_page_is_the_same(same: Pair) -> None:
    bounds = [
        (0, 1),
        (0, 100),
        (100, 100),
        (440, 100),
        (449, 1),
        (450, 10),
        (9999, 10),
        (0, 200),
        (0, 201),
        (0, 100_000),
    ]
    wrong = [(-1, 10), (0, 0), (0, -5)]
    calls = [("list_devices_page", {"offset": offset, "limit": limit}) for offset, limit in bounds + wrong]
    outcomes = await clients_agree(same, PLAIN, calls)
    devices, next_offset, total = outcomes[2 * bounds.index((0, 100_000))]["result"]
    assert (len(devices), next_offset, total) == (200, 200, FLEET)
    assert all(outcome["error"] == ["RuntimeError", -32602] for outcome in outcomes[2 * len(bounds) :])


@pytest.mark.parametrize("tenant", [PLAIN, ODD])
async def test_every_filter_finds_the_same(same: Pair, tenant: str) -> None:
    filters: list[dict[str, Any]] = [
        {"device_type": "camera"},
        {"device_type": "CAMERA", "location": "site-08"},
        {"location": "SITE-0"},
        {"device_type": "kamÉra"},
        {"device_type": "é"},
        {"device_type": "none"},
        {"device_type": " "},
        {"location": "nowhere"},
        {"capabilities": ["no_such_function"]},
    ]
    pages = [("list_devices_page", each | {"offset": 3, "limit": 4}) for each in filters]
    outcomes = await clients_agree(same, tenant, [("list_devices", each) for each in filters] + pages)
    assert outcomes[0]["result"]


async def test_every_device_is_the_same(same: Pair) -> None:
    for tenant, ids in (
        (PLAIN, ["camera-00000", "lock-00003", "absent", "", "*", ">"]),
        (ODD, [each["device_id"] for each in odd_registrations()]),
    ):
        outcomes = await clients_agree(same, tenant, [("get_device", {"device_id": each}) for each in ids])
        assert any(outcome.get("result") for outcome in outcomes)
