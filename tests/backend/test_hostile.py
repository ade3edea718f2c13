"""Every service of the backend, as a real process, against what nobody sane would send it.

What holds afterwards is the same everywhere: the process runs, on the connection it had; it answers; what it knew
before is unchanged; nothing was logged as a failure of its own. A service is added to `TARGETS` with a valid message
for each subject that it listens to.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from fleetgui.link.messages import Message
from fleetgui.wire.codec import decode_any
from tests.backend import hostile
from tests.backend.deployments import siege as siege_of_deployments
from tests.backend.links import LIMIT_S, Party, party
from tests.backend.registry.samples import call, params, register, result
from tests.backend.roles import Role
from tests.backend.topology import siege as siege_of_topologies
from tests.nats_server import NatsServer

pytestmark = pytest.mark.timeout(180)

TENANT = "t"
ROOT = f"device-connect.{TENANT}"
AT_ONCE = 20


@dataclass(frozen=True)
class Input:
    """A valid message on a subject that a service listens to. `is_request`: it always answers this one."""

    subject: str
    message: dict[str, Any]
    is_request: bool = True

    def must_be_answered(self, data: bytes) -> bool:
        """What names another method, or none, may be met with silence, as the reference registry does."""
        return self.is_request and f'"method": "{self.message["method"]}"'.encode() in data


@dataclass(frozen=True)
class Target:
    """`prepare` gives the service something to know; `known` is what it says of that: always the same."""

    name: str
    roles: tuple[tuple[str, dict[str, Any]], ...]
    inputs: tuple[Input, ...]
    prepare: Callable[[Party], Awaitable[object]]
    known: Callable[[Party], Awaitable[object]]


def request(method: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": "h", "method": method, "params": arguments}


VICTIM = "victim"
HEALTHY = "healthy-and-far-away"

EVERYTHING = params(
    VICTIM,
    session="s1",
    capabilities={
        "description": "d",
        "functions": [
            {"name": "f", "description": "d", "parameters": {"type": "object"}, "labels": {"a": ["b"]}, "tags": ["t"]}
        ],
        "events": [{"name": "e", "payload_schema": {"type": "object"}, "labels": {"a": "b"}}],
        "labels": {"location": ["x/y"]},
    },
    status={"ts": "2026-11-21T00:00:00Z", "location": "l", "busy_score": 0.5, "task_stack": ["t"], "battery": 1},
)


async def register_a_healthy_device(client: Party) -> None:
    for device_id in (HEALTHY, VICTIM):
        result(await client.ask(f"{ROOT}.registry", register(device_id, device_ttl=3600)))


async def fitting(client: Party, request_: bytes) -> Any:
    """The result of a discovery request, None when it is more than the broker carries; fails for another error."""
    reply = decode_any(await client.ask(f"{ROOT}.discovery", request_))
    if "error" not in reply:
        return reply["result"]
    assert "maximum payload" in reply["error"]["message"]
    return None


async def walk(client: Party) -> list[dict[str, Any]]:
    """Every record that is listed; a page that does not fit is asked for again with half as many."""
    devices: list[dict[str, Any]] = []
    offset: int | None = 0
    limit = 50
    while offset is not None:
        page = await fitting(client, call("discovery/listDevices", {"offset": offset, "limit": limit}))
        if page is None:
            assert limit > 1
            limit //= 2
            continue
        devices += page["devices"]
        offset = page["next_offset"]
    return devices


async def what_the_registry_knows(client: Party) -> object:
    """The healthy device, found each way; and that the rest of what can be asked is answered."""
    found = result(await client.ask(f"{ROOT}.discovery", call("discovery/getDevice", {"device_id": HEALTHY})))["device"]
    walked = [each for each in await walk(client) if each["device_id"] == HEALTHY]
    await fitting(client, call("discovery/describeFleet"))
    nodes = result(await client.ask(f"{ROOT}.gateway", call("gateway/describe")))["nodes"]
    assert result(await client.ask(f"{ROOT}.gateway", call("gateway/lagHistory", {"limit": 5})))["samples"] is not None
    assert found == walked[0]
    return found, len(walked), "gw-1" in [node["node"] for node in nodes]


ANOTHER_NODE = {
    "node": "gw-9",
    "epoch": "e",
    "started_at": "2026-11-21T00:00:00.000Z",
    "warmup_until": "2026-11-21T00:00:30.000Z",
    "band": "normal",
    "lag": None,
    "settings": {"LAG_ELEVATED_MS": 100},
}

UNTHROTTLED = {"RECONNECT_HARD_CEILING": "100000000", "RECONNECT_BASE_MAX": "100000000"}
"""Or else the gate would keep everything from the code behind it."""

TARGETS = [
    Target(
        "gateway",
        (("fleetgui.backend.gateway", {"node": "gw-1", "environ": UNTHROTTLED}),),
        (
            Input(f"{ROOT}.registry", request("registerDevice", EVERYTHING)),
            Input(f"{ROOT}.discovery", request("discovery/listDevices", {"offset": 0, "limit": 2, "device_type": "c"})),
            Input(
                f"{ROOT}.discovery",
                request(
                    "discovery/listDevices",
                    {
                        "limit": 2,
                        "projection": "summary",
                        "after": "a",
                        "query": "c",
                        "where": {"battery": {"gt": 1}},
                        "include_offline": True,
                    },
                ),
            ),
            Input(f"{ROOT}.discovery", request("discovery/listDevices", {"order_by": "battery", "descending": True})),
            Input(f"{ROOT}.discovery", request("discovery/getDevice", {"device_id": VICTIM})),
            Input(f"{ROOT}.discovery", request("discovery/describeFleet", {})),
            Input(f"{ROOT}.gateway", request("gateway/describe", {})),
            Input(f"{ROOT}.gateway", request("gateway/lagHistory", {"node": "gw-1", "since": "1", "limit": 2})),
            Input(f"{ROOT}.gateway", request("gateway/throttleHistory", {"device_id": VICTIM, "limit": 2})),
            Input(f"{ROOT}.{VICTIM}.heartbeat", {"device_id": VICTIM, "ts": 1.5, "battery": 3, "x": {"y": [1]}}, False),
            Input(f"{ROOT}.nobody.heartbeat", {"device_id": "nobody", "ts": 1.5}, False),
            Input(f"{ROOT}.gateway.gw-1.keepalive", request("gateway/keepalive", {"node": "gw-1"}), False),
            Input("$KV.gateway_nodes.gw-9", ANOTHER_NODE, False),
            Input("$KV.gateway_nodes.gw-1", ANOTHER_NODE, False),
        ),
        register_a_healthy_device,
        what_the_registry_knows,
    ),
    Target(
        "deployments",
        (
            ("fleetgui.backend.deployments", {}),
            ("fleetgui.backend.deployments.agents", siege_of_deployments.AGENTS),
        ),
        tuple(Input(subject, record, False) for subject, record in siege_of_deployments.RECORDS),
        siege_of_deployments.prepare,
        siege_of_deployments.known,
    ),
    Target(
        "topology",
        (("fleetgui.backend.gateway", {"node": "gw-1"}), ("fleetgui.backend.topology", {})),
        (
            *(Input(f"{ROOT}.topology", request(*each)) for each in siege_of_topologies.REQUESTS),
            *(Input(subject, message, False) for subject, message in siege_of_topologies.NEWS),
        ),
        siege_of_topologies.prepare,
        siege_of_topologies.known,
    ),
]


@dataclass
class Siege:
    """A target that runs, and somebody to attack it."""

    target: Target
    nats: NatsServer
    roles: list[Role]
    client: Party
    known: object

    def connections(self) -> set[tuple[str, int]]:
        return {(each["name"], each["cid"]) for each in self.nats.connections() if each.get("name", "") != "test"}

    async def send(self, each: Input, payloads: list[bytes]) -> list[tuple[bytes, Any]]:
        """Send them all to where `each` goes; (payload, decoded reply) of all that got one, if that is a request.

        Returns once everything that names the method was answered, and the service has got to the end of the rest.
        """
        link, inbox = self.client.link, f"_INBOX.siege.{uuid.uuid4().hex}"
        replies: dict[int, bytes] = {}
        arrived = asyncio.Event()

        def take(message: Message) -> None:
            replies[int(message.subject.rpartition(".")[2])] = message.data
            arrived.set()

        subscription = link.subscribe(f"{inbox}.*", take)
        for number, data in enumerate(payloads):
            link.send(each.subject, data, f"{inbox}.{number}" if each.is_request else "")
            if number % AT_ONCE == 0:
                await link.flush(timeout=LIMIT_S)
        due = {number for number, data in enumerate(payloads) if each.must_be_answered(data)}
        try:
            async with asyncio.timeout(4 * LIMIT_S):
                while due - set(replies):
                    arrived.clear()
                    await arrived.wait()
        except TimeoutError:
            unanswered = [payloads[number][:200] for number in sorted(due - set(replies))]
            pytest.fail(f"{len(unanswered)} requests on {each.subject} got no reply: {unanswered[:5]}")
        finally:
            subscription.close()
        return [(payloads[number], decode_any(data)) for number, data in sorted(replies.items())]

    async def is_unharmed(self) -> None:
        await self.client.link.flush()
        async with asyncio.timeout(4 * LIMIT_S):
            assert await self.target.known(self.client) == self.known
        for role in self.roles:
            assert role.running, role.log[-4000:]
            assert "Traceback" not in role.log, role.log[-4000:]


@pytest.fixture(params=TARGETS, ids=lambda target: target.name)
async def siege(request: pytest.FixtureRequest) -> AsyncIterator[Siege]:
    target: Target = request.param
    with NatsServer(jetstream=True) as nats:
        roles = [Role(module, {"url": nats.url, "tenant": TENANT, **settings}) for module, settings in target.roles]
        try:
            for role in roles:
                await asyncio.to_thread(role.start)
            async with party(nats.url) as client:
                await target.prepare(client)
                besieged = Siege(target, nats, roles, client, await target.known(client))
                before = besieged.connections()
                yield besieged
                await besieged.is_unharmed()
                assert besieged.connections() == before, "it lost its connection on the way"
        finally:
            for role in roles:
                role.close()


async def test_malformed_frames_blind_no_service(siege: Siege) -> None:
    """M1: 10,000 of them."""
    for subject in {each.subject for each in siege.target.inputs if each.subject.startswith("device-connect.")}:
        frames = hostile.malformed_frames(subject.encode())
        times = 10_000 // len(frames) // len(siege.target.inputs) + 1
        await asyncio.to_thread(hostile.send_raw, siege.nats.port, frames, times)
    await siege.is_unharmed()


async def test_what_json_may_not_hold_is_answered_or_ignored(siege: Siege) -> None:
    """M3. A request gets an answer whatever it holds, as long as its method can be read."""
    for each in siege.target.inputs:
        for data, reply in await siege.send(each, list(hostile.bad_json(each.message))):
            assert ("result" in reply) != ("error" in reply), (data[:300], reply)
    await siege.is_unharmed()


async def test_a_wrong_type_in_every_field_of_every_message_is_answered(siege: Siege) -> None:
    """M4."""
    for each in siege.target.inputs:
        for data, reply in await siege.send(each, list(hostile.wrong_types(each.message))):
            assert ("result" in reply) != ("error" in reply), (data[:300], reply)
            body = json.loads(data)
            assert reply["id"] == (body.get("id") if isinstance(body, dict) else None)
            assert reply.get("error", {}).get("code") != -32603, (data[:300], reply)
    await siege.is_unharmed()


async def test_hostile_ids_are_refused_with_a_reason_or_kept_as_they_are() -> None:
    """M5."""
    with NatsServer(jetstream=True) as nats, Role(*_with_url(TARGETS[0], nats.url)) as role:
        async with party(nats.url) as client:
            await register_a_healthy_device(client)
            before = await what_the_registry_knows(client)
            kept = set()
            for device_id in hostile.HOSTILE_IDS:
                reply = decode_any(await client.ask(f"{ROOT}.registry", register(device_id)))
                if "error" in reply:
                    assert reply["error"]["code"] == -32602
                    assert "device_id" in reply["error"]["message"]
                    continue
                kept.add(device_id)
                found = result(
                    await client.ask(f"{ROOT}.discovery", call("discovery/getDevice", {"device_id": device_id}))
                )
                assert found["device"]["device_id"] == device_id
            page = result(await client.ask(f"{ROOT}.discovery", call("discovery/listDevices", {"limit": 200})))
            assert {each["device_id"] for each in page["devices"]} == {HEALTHY, VICTIM} | kept
            assert await what_the_registry_knows(client) == before
            assert "Traceback" not in role.log


def _with_url(target: Target, url: str) -> tuple[str, dict[str, Any]]:
    module, settings = target.roles[0]
    return module, {"url": url, "tenant": TENANT, **settings}


PULLED_AT_ONCE = 30


async def test_devices_that_answer_a_pull_with_nonsense_harm_nobody() -> None:
    """M3 and M4 in what the registry asks of devices: each payload comes from a device of its own."""
    answer = {"jsonrpc": "2.0", "id": "x", "result": params("EVIL", session="s")}
    payloads = [*hostile.bad_json(answer), *hostile.wrong_types(answer)]
    answers = {f"evil-{n}": data.replace(b"EVIL", f"evil-{n}".encode()) for n, data in enumerate(payloads)}
    waiting = set(answers)
    asked = asyncio.Event()

    def reply(message: Message) -> bytes | None:
        device_id = message.subject.split(".")[2]
        waiting.discard(device_id)
        asked.set()
        return answers.get(device_id)

    with NatsServer(jetstream=True) as nats, Role(*_with_url(TARGETS[0], nats.url)) as role:
        async with party(nats.url, "evil") as evil, party(nats.url) as client:
            await register_a_healthy_device(client)
            before = await what_the_registry_knows(client)
            evil.link.serve(f"{ROOT}.*.cmd", "evil", reply)
            await evil.link.flush()
            async with asyncio.timeout(100):
                while waiting:
                    asked.clear()
                    for device_id in sorted(waiting)[:PULLED_AT_ONCE]:  # again until it is asked, as devices beat
                        evil.link.send(f"{ROOT}.{device_id}.heartbeat", json.dumps({"device_id": device_id}).encode())
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(1):
                            await asked.wait()
            assert await what_the_registry_knows(client) == before
            assert role.running
            assert "Traceback" not in role.log, role.log[-4000:]


async def attack(siege: Siege, count: int, seed: int) -> None:
    """Publish `count` mutations of the target's messages; it is asked something after each `AT_ONCE` of them."""
    inputs = siege.target.inputs
    seeds = [json.dumps(each.message).encode() for each in inputs]
    for number, (which, data) in enumerate(hostile.mutated(seeds, count, seed)):
        siege.client.link.send(inputs[which].subject, data, "_INBOX.nobody" if inputs[which].is_request else "")
        if number % AT_ONCE == 0:
            await siege.client.link.flush(timeout=LIMIT_S)
        if number % 20_000 == 0:
            await siege.is_unharmed()


async def test_mutated_messages_harm_nobody(siege: Siege) -> None:
    """M2, a short run."""
    await attack(siege, 20_000, seed=11)
    await siege.is_unharmed()


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
async def test_a_million_mutated_messages_harm_nobody(siege: Siege, seed: int) -> None:
    """M2, 250,000 of each of four seeds."""
    grown_from = [role.memory for role in siege.roles]
    await attack(siege, 250_000, seed)
    await siege.is_unharmed()
    for role, before in zip(siege.roles, grown_from, strict=True):
        assert role.memory < before + 150 * 2**20


def test_every_service_is_besieged() -> None:
    """A new role needs a line in `TARGETS`."""
    assert {module for target in TARGETS for module, _ in target.roles} >= {"fleetgui.backend.gateway"}
