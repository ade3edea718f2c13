"""Records as they are, not as registrations make them: written straight into the real registry's etcd and our bucket.

So even the registration's id and time are equal, and what the reference clients get is compared as it is.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from fleetgui.link.buckets import encoded
from fleetgui.link.connection import Link
from tests.interop import services
from tests.interop.pair import Pair, clients_agree, eventually, page, reference_client

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]


LEASED: dict[str, Any] = {
    "device_ttl": 600,
    "registry": {
        "device_registration_id": "00000000-0000-4000-8000-000000000001",
        "registered_at": "2026-11-21T00:00:00Z",
    },
}
"""What a record in a bucket always has."""


def odd_records() -> list[dict[str, Any]]:
    """What is allowed and rare. None of them has an identity that is null: see the last test."""
    base = next(iter(services.records(1))) | LEASED
    return [
        {"device_id": "nothing-in-it"} | LEASED | {"capabilities": {}, "identity": {}, "status": {}},
        base | {"device_id": "no-capabilities-at-all"} | {"capabilities": None},
        {key: value for key, value in base.items() if key != "capabilities"} | {"device_id": "missing-capabilities"},
        base | {"device_id": "unknown-fields", "colour": "red", "nested": {"a": [1, {"b": None}]}},
        base
        | {"device_id": "labels", "capabilities": {"functions": [], "labels": {"location": ["a/b", "c"], "x": "y"}}},
        base | {"device_id": "unicode-Ünï-日本-😀", "identity": {"device_type": "Kaméra 😀"}},
        base | {"device_id": "dots.and spaces/and:colons"},
        base | {"device_id": "numbers", "status": {"ts": 1763683200.25, "battery": 12.5, "n": 9007199254740993}},
        base | {"device_id": "type-null", "identity": {"device_type": None}, "status": {"location": None, "ts": None}},
        base
        | {"device_id": "status-grew", "status": base["status"] | {"halo": {"zone": "a", "n": 3}, "list": [1, "2"]}},
        base | {"device_id": "empty-texts", "identity": {"device_type": ""}, "status": {"location": "", "ts": ""}},
    ]


NULLS = [
    {"device_id": "identity-null", **LEASED, "identity": None, "status": {"location": "here"}},
    {"device_id": "ok", **LEASED, "identity": {"device_type": "camera"}, "status": {"location": "here"}},
]


@pytest.fixture(scope="module")
def same(pair: Pair) -> Pair:
    """Both hold the same: tenant `stored` the rare ones, `nulls` what trips filters."""
    fleets = {"stored": odd_records(), "nulls": NULLS}

    async def fill() -> None:
        async with pair.links() as (_, ours):
            for tenant, records in fleets.items():
                await stored(ours, tenant, records)

    for tenant, records in fleets.items():
        pair.etcd.put_devices(tenant, records)
    asyncio.run(fill())
    return pair


async def stored(link: Link, tenant: str, records: list[dict[str, Any]]) -> None:
    """Put records into our registry's bucket, as another replica of it does, and wait until they are listed."""
    context = link.jetstream()
    for record in records:
        key = f"record.{encoded(tenant)}.{encoded(record['device_id'])}"
        value = {"state": "registered", "at": 0.0, "record": record}
        await context.publish(f"$KV.registry.{key}", json.dumps(value).encode())

    async def all_there() -> bool:
        total: int = (await page(link, tenant, limit=1))["total_matched"]
        return total == len(records)

    await eventually(all_there)


@pytest.mark.parametrize(("tenant", "records"), [("stored", odd_records()), ("nulls", NULLS)])
async def test_records_are_given_out_as_they_are(same: Pair, tenant: str, records: list[dict[str, Any]]) -> None:
    ids = [each["device_id"] for each in records if each["device_id"].isascii()]
    calls: list[tuple[str, dict[str, Any]]] = [("list_devices", {}), ("list_devices_page", {"offset": 1, "limit": 2})]
    edge, *_ = await clients_agree(same, tenant, calls + [("get_device", {"device_id": each}) for each in ids])
    assert {each["device_id"]: each for each in edge["result"]} == {each["device_id"]: each for each in records}


@pytest.mark.parametrize("filter_", [{"device_type": "cam"}, {"location": "site-0"}, {"device_type": "é"}], ids=str)
async def test_filters_find_the_same_among_odd_records(same: Pair, filter_: dict[str, Any]) -> None:
    await clients_agree(same, "stored", [("list_devices", filter_)])


async def test_a_null_identity_breaks_the_real_ones_filter_and_not_ours(same: Pair) -> None:
    """Deliberately different: one device must not take a filter away from everybody."""
    calls = [("edge", "list_devices", {"device_type": "cam"})]
    [real], [ours] = await asyncio.gather(*(reference_client(url, "nulls", calls) for url in same.urls))
    assert real["error"] == ["RuntimeError", -32000]
    assert [each["device_id"] for each in ours["result"]] == ["ok"]
