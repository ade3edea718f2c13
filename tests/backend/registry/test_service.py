"""The registry on a real broker."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fleetgui.backend.registry.discovery import DiscoverySettings
from fleetgui.backend.registry.service import RegistryService
from fleetgui.link.errors import RequestTimeout
from fleetgui.wire import rpc
from fleetgui.wire.codec import decode_any, encode
from tests.backend.links import LIMIT_S, Inbox, Party, party
from tests.backend.processes import until
from tests.backend.registry.samples import call, error, params, register, result
from tests.nats_server import NatsServer

REGISTRY = "device-connect.t.registry"
DISCOVERY = "device-connect.t.discovery"


async def serve(on: Party, settings: DiscoverySettings | None = None) -> RegistryService:
    service = RegistryService(on.link, clock=on.clock, tasks=on.tasks, settings=settings)
    await service.start()
    await on.link.flush()
    return service


async def ids(client: Party) -> list[str]:
    page = result(await client.ask(DISCOVERY, call("discovery/listDevices", {"limit": 200})))
    return [device["device_id"] for device in page["devices"]]


async def test_register_list_get_and_the_online_event_before_the_reply(nats_server: NatsServer) -> None:
    async with party(nats_server.url, "registry") as server, party(nats_server.url, "client") as client:
        await serve(server)
        order: list[str] = []
        client.link.subscribe("device-connect.t.device.*", lambda message: order.append(message.subject))
        await client.link.flush()
        result(await client.ask(REGISTRY, register()))
        order.append("reply")
        assert order == ["device-connect.t.device.online", "reply"]
        assert await ids(client) == ["cam-001"]
        device = result(await client.ask(DISCOVERY, call("discovery/getDevice", {"device_id": "cam-001"})))["device"]
        assert device["identity"]["device_type"] == "camera"


async def test_no_kind_of_bad_input_ends_the_service(nats_server: NatsServer) -> None:
    async with party(nats_server.url, "registry") as server, party(nats_server.url, "client") as client:
        service = await serve(server)
        bad = [
            b"",
            b"{",
            b"[]",
            b'"x"',
            b"\xff\xfe",
            b"[" * 50_000,
            b'{"method":"discovery/getDevice","params":7}',
            b"5",
        ]
        for data in bad:
            for subject in (REGISTRY, DISCOVERY):
                client.link.send(subject, data)
                assert error(await client.ask(subject, data))[2]
            for device_id in ("cam-001", "a_b", "\u202e"):
                client.link.send(f"device-connect.t.{device_id}.heartbeat", data)
        result(await client.ask(REGISTRY, register()))
        assert await ids(client) == ["cam-001"]
        assert service.counters.bad_heartbeats == 3 * len(bad)


async def test_an_unknown_discovery_method_gets_no_reply(nats_server: NatsServer) -> None:
    async with party(nats_server.url, "registry") as server, party(nats_server.url, "client") as client:
        await serve(server)
        with pytest.raises(RequestTimeout):
            await client.link.request(DISCOVERY, call("discovery/nope"), timeout=0.2)


async def test_a_quiet_device_goes_offline_and_a_beating_one_stays(nats_server: NatsServer) -> None:
    async with party(nats_server.url, "registry") as server, party(nats_server.url, "client") as client:
        await serve(server)
        offline = Inbox(client.link, "device-connect.t.device.offline")
        await client.ask(REGISTRY, register("quiet", device_ttl=1))
        await client.ask(REGISTRY, register("lively", device_ttl=1))

        async def beat() -> None:
            while True:
                client.link.send(
                    "device-connect.t.lively.heartbeat", encode({"device_id": "lively", "ts": 1.0, "battery": 5})
                )
                await asyncio.sleep(0.1)

        client.tasks.spawn(beat(), name="beat")
        [(_, message)] = await offline.until(1)
        assert message["method"] == "device/offline"
        assert message["params"]["device_id"] == "quiet"  # type: ignore[index] # JSON
        assert await ids(client) == ["lively"]


async def test_after_a_restart_of_the_registry_a_beating_device_is_pulled_and_announced(
    nats_server: NatsServer,
) -> None:
    async with party(nats_server.url, "registry") as server, party(nats_server.url, "device") as device:
        await serve(server)
        online = Inbox(device.link, "device-connect.t.device.online")
        asked: list[dict[str, Any]] = []

        def answer(message: Any) -> bytes:
            asked.append(decode_any(message.data))
            return rpc.result(asked[-1]["id"], params())

        device.link.serve("device-connect.t.cam-001.cmd", "", answer)
        await device.link.flush()
        for _ in range(3):
            device.link.send("device-connect.t.cam-001.heartbeat", encode({"device_id": "cam-001", "ts": 1.0}))
        await online.until(1)
        assert [request["method"] for request in asked] == ["requestRegistration"]
        assert await ids(device) == ["cam-001"]


async def test_a_lost_broker_costs_no_device_its_lease(nats_server: NatsServer) -> None:
    async with party(nats_server.url, "registry") as server:
        service = await serve(server)
        async with party(nats_server.url, "client") as client:
            await client.ask(REGISTRY, register(device_ttl=2))
        nats_server.kill()
        await until(lambda: not server.link.is_up, "the loss is noticed")
        lease = service.leases._leases["t", "cam-001"]
        lease.seen = server.clock.now() - 3_600  # as if the outage had lasted for an hour
        lease.queued = 0.0
        service.leases._heap[:] = [(0.0, ("t", "cam-001"))]
        nats_server.start()
        async with asyncio.timeout(LIMIT_S):
            await server.link.up()
        await server.link.flush()
        async with party(nats_server.url, "client") as client:
            await client.link.flush()
            assert await ids(client) == ["cam-001"]
            gone = Inbox(client.link, "device-connect.t.device.offline")
            await gone.until(1)  # and its full ttl later it is gone


async def test_the_whole_fleet_over_max_payload_is_an_error_and_a_page_is_cut() -> None:
    with NatsServer("max_payload: 65536") as small:
        async with party(small.url, "registry") as server, party(small.url, "client") as client:
            await serve(server)
            for number in range(100):
                await client.ask(REGISTRY, register(f"d{number:03}"))
            _, code, message = error(await client.ask(DISCOVERY, call("discovery/listDevices")))
            assert code == -32000
            assert "maximum payload" in message
            page = result(await client.ask(DISCOVERY, call("discovery/listDevices", {"limit": 100})))
            assert 50 < len(page["devices"]) == page["next_offset"] < 100
            rest = {"offset": page["next_offset"], "limit": 100}
            page = result(await client.ask(DISCOVERY, call("discovery/listDevices", rest)))
            assert (rest["offset"] + len(page["devices"]), page["next_offset"]) == (100, None)


async def test_requests_without_a_reply_subject_change_nothing(nats_server: NatsServer) -> None:
    async with party(nats_server.url, "registry") as server, party(nats_server.url, "client") as client:
        service = await serve(server)
        client.link.send(REGISTRY, register("silent"))
        await client.ask(REGISTRY, register("loud"))
        assert [each.device_id for each in service.store.fleet("t")] == ["loud"]


async def test_a_herd_registers_completely(nats_server: NatsServer) -> None:
    async with party(nats_server.url, "registry") as server, party(nats_server.url, "herd") as herd:
        service = await serve(server)
        async with asyncio.timeout(LIMIT_S):
            replies = await asyncio.gather(
                *(herd.ask(REGISTRY, register(f"device-{number:04}")) for number in range(1000))
            )
        assert {result(reply)["status"] for reply in replies} == {"registered"}
        assert len(service.store) == 1000
