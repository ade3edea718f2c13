"""Requests sane and odd, sent to the real registry and to ours at the same time: the same shape, the same codes.

The texts of errors are each registry's own; everything else of a reply is equal, or the case stands in `DELIBERATE`
with the reason.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.backend.links import LIMIT_S
from tests.interop.pair import SILENCE_S, Pair, ask, comparable, registered

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

TENANT = "edge"
DEVICES = 230
"""More than the 200 that a page may have."""


def camera(number: int) -> dict[str, Any]:
    kind = ("camera", "lock", "Sensor")[number % 3]
    return {
        "device_id": f"{kind}-{number:05d}",
        "device_ttl": 3600,
        "capabilities": {"functions": [{"name": "get"}, {"name": "set", "labels": {"direction": ["read", "write"]}}]},
        "identity": {"device_type": kind} if number % 10 else {},
        "status": {"ts": "2026-01-01T00:00:00Z", "location": f"Site-{number % 7:02d}"},
    }


def call(method: str, params: Any = None, **more: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": "e1", "method": method, "params": params, **more}).encode()


def listed(**params: Any) -> tuple[str, bytes]:
    return "discovery", call("discovery/listDevices", params)


def got(**params: Any) -> tuple[str, bytes]:
    return "discovery", call("discovery/getDevice", params)


def discovery(text: str | bytes) -> tuple[str, bytes]:
    return "discovery", text if isinstance(text, bytes) else text.encode()


MINIMAL = {
    "device_id": "d1",
    "device_ttl": 60,
    "capabilities": {},
    "identity": {},
    "status": {"ts": "2026-01-01T00:00:00Z"},
}


def enrolled(**changes: Any) -> tuple[str, bytes]:
    params = {key: value for key, value in (MINIMAL | changes).items() if value is not ...}
    return "registry", call("registerDevice", params)


READS: dict[str, tuple[str, bytes]] = {
    "no params at all": discovery('{"jsonrpc":"2.0","id":"e1","method":"discovery/listDevices"}'),
    "params null": ("discovery", call("discovery/listDevices")),
    "limit 1": listed(limit=1),
    "limit 0": listed(limit=0),
    "limit -1": listed(limit=-1),
    "limit x": listed(limit="x"),
    "limit '2'": listed(limit="2"),
    "limit ' 2 '": listed(limit=" 2 "),
    "limit '2.0'": listed(limit="2.0"),
    "limit ''": listed(limit=""),
    "limit 2.9": listed(limit=2.9),
    "limit 0.5": listed(limit=0.5),
    "limit true": listed(limit=True),
    "limit false": listed(limit=False),
    "limit []": listed(limit=[]),
    "limit {}": listed(limit={}),
    "limit null": listed(limit=None, device_type="zzz"),
    "limit above the cap": listed(limit=100_000),
    "offset -1": listed(limit=2, offset=-1),
    "offset -1 without limit": listed(offset=-1),
    "offset x": listed(limit=2, offset="x"),
    "offset x and limit 0": listed(limit=0, offset="x"),
    "offset '3'": listed(limit=1, offset="3"),
    "offset 1.9": listed(limit=1, offset=1.9),
    "offset true": listed(limit=1, offset=True),
    "offset null": listed(limit=1, offset=None),
    "offset ''": listed(limit=1, offset=""),
    "offset []": listed(limit=1, offset=[]),
    "offset [1]": listed(limit=1, offset=[1]),
    "offset beyond the end": listed(limit=2, offset=999_999),
    "offset at the end": listed(limit=2, offset=DEVICES),
    "last page, exact": listed(limit=30, offset=DEVICES - 30),
    "last page, short": listed(limit=100, offset=DEVICES - 7),
    "offset is ignored without limit": listed(offset=DEVICES - 2, device_type="lock", location="site-01"),
    "a type, other case": listed(limit=3, device_type="CAM"),
    "a type, middle of the word": listed(limit=3, device_type="enso"),
    "a type, second page": listed(limit=5, offset=5, device_type="lock"),
    "type ''": listed(limit=2, device_type=""),
    "type null": listed(limit=2, device_type=None),
    "type 0": listed(limit=2, device_type=0),
    "type 123": listed(limit=1, device_type=123),
    "type list": listed(limit=1, device_type=["camera"]),
    "a place": listed(limit=50, location="site-03"),
    "a place and a type": listed(limit=50, location="site-03", device_type="lock"),
    "no such place": listed(limit=1, location="nowhere"),
    "capabilities are no filter": listed(limit=1, capabilities=["no_such_fn"]),
    "unknown params": listed(limit=1, colour="red", requester_id="me"),
    "unknown method": ("discovery", call("discovery/nope", {})),
    "method null": ("discovery", call(None, {})),  # type: ignore[arg-type]  # what nobody should send
    "no method": discovery('{"jsonrpc":"2.0","id":"e1"}'),
    "cut short": discovery('{"jsonrpc": "2.0", "id": "e1", '),
    "empty": discovery(""),
    "a batch": discovery('[{"jsonrpc":"2.0","id":1,"method":"discovery/listDevices","params":{"limit":1}}]'),
    "a string": discovery('"hi"'),
    "null": discovery("null"),
    "a number": discovery("7"),
    "params is a list": ("discovery", call("discovery/listDevices", [1])),
    "params is an empty list": ("discovery", call("discovery/listDevices", [])),
    "params is a string": ("discovery", call("discovery/listDevices", "all")),
    "no id": discovery('{"jsonrpc":"2.0","method":"discovery/listDevices","params":{"limit":1}}'),
    "id 7": discovery('{"jsonrpc":"2.0","id":7,"method":"discovery/listDevices","params":{"limit":1}}'),
    "id object": discovery('{"jsonrpc":"2.0","id":{"a":[1]},"method":"discovery/listDevices","params":{"limit":1}}'),
    "no version": discovery('{"id":"e1","method":"discovery/listDevices","params":{"limit":1}}'),
    "not UTF-8": discovery(b'\xff\xfe{"a":1}'),
    "getDevice": got(device_id="camera-00003"),
    "getDevice, unknown": got(device_id="no-such"),
    "getDevice without id": got(),
    "getDevice ''": got(device_id=""),
    "getDevice null": got(device_id=None),
    "getDevice 5": got(device_id=5),
    "getDevice list": got(device_id=["camera-00003"]),
    "describeFleet": ("discovery", call("discovery/describeFleet", {})),
    "subject nobody serves": ("nothing", call("discovery/listDevices", {})),
}

WRITES: dict[str, tuple[str, bytes]] = {
    "minimal": enrolled(),
    "again": enrolled(),
    "extras are dropped": enrolled(
        device_id="d2",
        identity={"device_type": "x", "description": "desc", "halo": 1},
        status={"ts": "2026-01-01T00:00:00.123456", "online": True, "error_state": "E1", "battery": 50, "custom": 1},
        extra_top=1,
    ),
    "numbers as text": enrolled(
        device_id="d3", device_ttl="60", status={"ts": "t", "battery": "5", "busy_score": "0.5"}
    ),
    "an id with blanks, slash and dot": enrolled(device_id="a b/c.d"),
    "an id beyond ASCII": enrolled(device_id="caméra-ß-日本-😀"),
    "an id that sorts after everything": enrolled(device_id="\U0010ffff"),
    "labels as lists": enrolled(
        device_id="d4",
        capabilities={
            "labels": {"location": ["a/b", "c"], "category": "x"},
            "functions": [{"name": "f", "labels": {"modality": ["rgb", "4k"]}, "tags": ["t"], "extra": 1}],
            "events": [{"name": "e_1-x", "payload_schema": {"type": "object"}}],
        },
    ),
    "labels of numbers": enrolled(device_id="d5", capabilities={"labels": {"a": 1}}),
    "ttl 0": enrolled(device_ttl=0),
    "the longest ttl": enrolled(device_id="d7", device_ttl=9_000_000_000),
    "a longer ttl": enrolled(device_ttl=9_000_000_001),
    "ttl 1.5": enrolled(device_ttl=1.5),
    "ttl 2.0": enrolled(device_id="d6", device_ttl=3600.0),
    "ttl true": enrolled(device_ttl="x"),
    "no ttl": enrolled(device_ttl=...),
    "no id": enrolled(device_id=...),
    "id 5": enrolled(device_id=5),
    "id null": enrolled(device_id=None),
    "no status": enrolled(status=...),
    "status null": enrolled(status=None),
    "status without ts": enrolled(status={}),
    "ts a number": enrolled(status={"ts": 1}),
    "battery 1.5": enrolled(status={"ts": "t", "battery": 1.5}),
    "task_stack of numbers": enrolled(status={"ts": "t", "task_stack": [1]}),
    "identity null": enrolled(identity=None),
    "type a number": enrolled(identity={"device_type": 1}),
    "no capabilities": enrolled(capabilities=...),
    "capabilities a list": enrolled(capabilities=[]),
    "a function without a name": enrolled(capabilities={"functions": [{}]}),
    "an event with a slash": enrolled(capabilities={"events": [{"name": "event/x"}]}),
    "an event without a name": enrolled(capabilities={"events": [{}]}),
    "unknown method": ("registry", call("nope", MINIMAL)),
    "no method": ("registry", b'{"jsonrpc":"2.0","id":"e1"}'),
    "cut short": ("registry", b"{"),
    "empty": ("registry", b""),
    "not UTF-8": ("registry", b"\xff\xfe{}"),
    "a batch": ("registry", b"[]"),
    "a string": ("registry", b'"hi"'),
    "no params": ("registry", b'{"jsonrpc":"2.0","id":"e1","method":"registerDevice"}'),
    "params null": ("registry", call("registerDevice")),
    "params is a list": ("registry", call("registerDevice", [1])),
}

BLAME = "-32603 says that the registry is at fault; what the caller got wrong is -32602 with us"
NAMELESS = "no subject could name it, so nobody could call it or hear it beat: ours says so at once"
LATIN = "the real registry cannot store an id beyond Latin-1 and says so; ours takes every id"
DELIBERATE: dict[str, tuple[int | None, int | None, str]] = {
    "a batch": (-32603, -32602, BLAME),
    "a string": (-32603, -32602, BLAME),
    "no params": (-32603, -32602, BLAME),
    "params null": (-32603, -32602, BLAME),
    "params is a list": (-32603, -32602, BLAME),
    "a longer ttl": (-32603, -32602, BLAME),
    "an id with blanks, slash and dot": (None, -32602, NAMELESS),
    "an id beyond ASCII": (-32602, None, LATIN),
    "an id that sorts after everything": (-32602, None, LATIN),
}
"""Registration → (the real one's error code, ours, None for success; why)."""


def shape(reply: Any) -> Any:
    """A reply without what the two say in their own words."""
    if isinstance(reply, dict) and "error" in reply:
        assert reply["error"]["message"]
        return reply | {"error": {key: value for key, value in reply["error"].items() if key != "message"}}
    return comparable(reply)


@pytest.fixture(scope="module")
def fleet(pair: Pair) -> Pair:
    async def fill() -> None:
        async with pair.links() as links:
            params = [camera(number) for number in range(DEVICES)]
            await asyncio.gather(*(registered(link, TENANT, params) for link in links))

    asyncio.run(fill())
    return pair


async def both(pair: Pair, tenant: str, leaf: str, data: bytes, timeout: float = LIMIT_S) -> tuple[Any, Any]:
    async with pair.links() as links:
        real, ours = await asyncio.gather(
            *(ask(link, f"device-connect.{tenant}.{leaf}", data, timeout) for link in links)
        )
    return real, ours


@pytest.mark.parametrize("case", READS)
async def test_a_request_is_answered_alike(fleet: Pair, case: str) -> None:
    silent = case in ("unknown method", "method null", "no method")
    real, ours = await both(fleet, TENANT, *READS[case], SILENCE_S if silent else LIMIT_S)
    assert shape(ours) == shape(real)


async def test_a_tenant_without_devices_is_an_empty_fleet(pair: Pair) -> None:
    real, ours = await both(pair, "nobody", *listed(limit=10))
    assert shape(ours) == shape(real)


def code(reply: Any) -> int | None:
    error = reply.get("error")
    return error["code"] if error else None


async def test_registrations_are_answered_alike_and_leave_the_same_records(pair: Pair) -> None:
    async with pair.links() as links:
        for case, (leaf, data) in WRITES.items():
            real, ours = [shape(await ask(link, f"device-connect.writes.{leaf}", data)) for link in links]
            if case in DELIBERATE:
                assert (case, code(real), code(ours)) == (case, *DELIBERATE[case][:2])
                assert ours["id"] == real["id"]
            else:
                assert (case, ours) == (case, real)
        pages = [shape(await ask(link, "device-connect.writes.discovery", listed(limit=200)[1])) for link in links]
    real, ours = [{each["device_id"]: each for each in page["result"]["devices"]} for page in pages]
    entered = {case: (real_code is None, our_code is None) for case, (real_code, our_code, _) in DELIBERATE.items()}
    ids = {case: json.loads(WRITES[case][1])["params"]["device_id"] for case in DELIBERATE if "an id" in case}
    assert set(ours) - set(real) == {device_id for case, device_id in ids.items() if entered[case] == (False, True)}
    assert set(real) - set(ours) == {device_id for case, device_id in ids.items() if entered[case] == (True, False)}
    assert {device_id: ours[device_id] for device_id in real if device_id in ours} == {
        device_id: each for device_id, each in real.items() if device_id in ours
    }
    assert len(real) >= 6
