"""A backend of real processes: what it announces, how it heals and ends; a kill −9 anywhere leaves nothing."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from fleetgui.backend.broker import FOLDER_PREFIX
from fleetgui.backend.child import ChildFailed
from fleetgui.backend.options import Facts
from fleetgui.backend.process import BackendProcess
from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.credentials import UserPassword
from fleetgui.link.errors import NoResponders
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock
from fleetgui.wire import rpc
from fleetgui.wire.codec import decode_any
from fleetgui.wire.devices import presence_of
from fleetgui.wire.gateway import Describe, Engagement, Lag, gateway_message, validate
from fleetgui.wire.records import page_of
from fleetgui.wire.subjects import Subjects
from tests.backend.links import party
from tests.backend.processes import LIMIT_S, alive, descendants, until, until_gone
from tests.backend.registry.samples import register
from tests.nats_server import NatsServer, free_port

PARTS = ("guardian.py", "nats-server", "backend.gateway", "backend.devices")

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


def folder_of(pid: int) -> Path:
    """The broker's folder, from nats-server's command line."""
    config = Path(psutil.Process(pid).cmdline()[-1])
    assert config.parent.name.startswith(FOLDER_PREFIX)
    return config.parent


def names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


@pytest.fixture
async def backend() -> AsyncIterator[BackendProcess]:
    process = BackendProcess(devices=12, scenario="calm")
    yield process
    await process.stop()


async def started(backend: BackendProcess) -> tuple[Facts, dict[str, int], Path]:
    facts = await backend.start()
    parts = descendants(facts.pid)
    assert set(parts) == set(PARTS)
    return facts, parts, folder_of(parts["nats-server"])


class Client:
    """A link to a backend, for one test."""

    def __init__(self, facts: Facts) -> None:
        self.failures: list[BaseException] = []
        self.tasks = Tasks(lambda _name, error: self.failures.append(error))
        credentials = None
        if facts.user and facts.password:
            credentials = UserPassword(user=facts.user, password=SecretStr(facts.password))
        context = Context(servers=(facts.url,), credentials=credentials, tenant=facts.tenant)
        self.link = Link(context, clock=SystemClock(), name="test", tasks=self.tasks)
        self.subjects = Subjects(facts.tenant)

    async def __aenter__(self) -> Client:
        self.link.start()
        async with asyncio.timeout(LIMIT_S):
            await self.link.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.link.close()
        await self.tasks.cancel()
        assert self.failures == []

    async def total(self) -> int | None:
        """Registered devices; None while no registry listens."""
        request = rpc.request("discovery/listDevices", {"limit": 1}, "1")
        try:
            reply = await self.link.request(self.subjects.discovery, request, timeout=LIMIT_S)
        except NoResponders:
            return None
        return page_of(reply).total_matched

    async def until_total(self, count: int) -> None:
        async with asyncio.timeout(LIMIT_S):
            while await self.total() != count:  # noqa: ASYNC110 - another process sets no event of ours
                await asyncio.sleep(0.05)


async def test_a_client_finds_registry_gateway_and_devices_and_stopping_leaves_nothing(backend: BackendProcess) -> None:
    facts, parts, folder = await started(backend)
    async with Client(facts) as client:
        await client.until_total(12)
        request = rpc.request("gateway/describe", {}, "1")
        reply = await client.link.request(client.subjects.gateway, request, timeout=LIMIT_S)
        assert b"gw-1" in bytes(rpc.result_of(reply))
    end = await backend.stop()
    assert end is not None
    assert end.code == 0, end.sentence
    await until_gone([facts.pid, *parts.values()], folder)


async def test_secrets_stand_on_no_command_line_and_in_no_environment(backend: BackendProcess) -> None:
    facts, parts, _ = await started(backend)
    assert facts.password
    for pid in (facts.pid, *parts.values()):
        process = psutil.Process(pid)
        assert facts.password not in " ".join(process.cmdline())
        assert facts.password not in json.dumps(process.environ())


@posix_only
@pytest.mark.parametrize("victim", ["supervisor", "guardian.py", "nats-server"])
async def test_a_kill_of_what_all_stands_on_ends_everything(backend: BackendProcess, victim: str) -> None:
    facts, parts, folder = await started(backend)
    psutil.Process({"supervisor": facts.pid, **parts}[victim]).kill()
    async with asyncio.timeout(LIMIT_S):
        end = await backend.ended()
    if victim == "supervisor":
        assert end.code == -signal.SIGKILL
    else:
        assert end.code == 1
        assert "the broker is gone" in end.last_words
    await until_gone([facts.pid, *parts.values()], folder)


@posix_only
@pytest.mark.parametrize("victim", ["backend.gateway", "backend.devices"])
async def test_a_killed_role_is_started_again_and_the_fleet_is_whole_again(
    backend: BackendProcess, victim: str
) -> None:
    facts, parts, _ = await started(backend)
    psutil.Process(parts[victim]).kill()
    await until(lambda: descendants(facts.pid).get(victim, parts[victim]) != parts[victim], f"{victim} is back")
    assert backend.running
    async with Client(facts) as client:
        await client.until_total(12)


@posix_only
async def test_a_killed_console_takes_its_backend_along() -> None:
    script = (
        "import asyncio, json\n"
        "from fleetgui.backend.process import BackendProcess\n"
        "async def main():\n"
        "    backend = BackendProcess(devices=3, scenario='calm')\n"
        "    facts = await backend.start()\n"
        "    print(json.dumps(facts.pid), flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    console = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=subprocess.PIPE)
    assert console.stdout is not None
    pid = json.loads(await console.stdout.readline())
    parts = descendants(pid)
    folder = folder_of(parts["nats-server"])
    console.kill()
    await console.wait()
    await until_gone([pid, *parts.values()], folder)


async def serve_command(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fleetgui", "serve", *arguments, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    )


@posix_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_ready_file_is_private_whole_and_gone_after_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    ready = tmp_path / "ready.json"
    process = await serve_command(
        "--devices", "3", "--scenario", "calm", "--ready-file", str(ready), "--tenant", "acme"
    )
    await until(ready.exists, "the ready file is there")
    facts = json.loads(ready.read_text())
    assert set(facts) == {"url", "user", "password", "tenant", "pid", "device_user", "device_password"}
    assert (facts["tenant"], facts["pid"]) == ("acme", process.pid)
    assert stat.S_IMODE(ready.stat().st_mode) == 0o600
    assert names_in(tmp_path) == ["ready.json"], "no draft of it stays behind"
    parts = descendants(process.pid)
    folder = folder_of(parts["nats-server"])
    process.send_signal(number)
    _, errors = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in errors
    assert not ready.exists()
    await until_gone([process.pid, *parts.values()], folder)


LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) \S.*")


def contents(file: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(file.read_text())
    return said


async def logged(ready: Path, *arguments: str) -> tuple[dict[str, Any], list[str]]:
    """The ready file's contents and the lines of a backend that was ended once it was ready."""
    process = await serve_command("--ready-file", str(ready), *arguments)
    await until(ready.exists, "the ready file is there")
    facts = contents(ready)
    process.send_signal(signal.SIGTERM)
    _, errors = await process.communicate()
    return facts, errors.decode().splitlines()


@posix_only
async def test_every_line_says_when_and_how_grave_and_the_one_of_readiness_what_runs(tmp_path: Path) -> None:
    facts, lines = await logged(tmp_path / "ready.json", "--roles", "broker,gateway", "--node", "paris")
    assert all(LINE.fullmatch(line) for line in lines), lines
    [ready] = [line.split(" ", 1)[1] for line in lines if " ready: " in line]
    assert ready == (
        f"INFO ready: {facts['url']}, tenant default; runs broker, gateway paris; credentials in {tmp_path}/ready.json"
    )
    for password in (facts["password"], facts["device_password"]):
        assert password not in "".join(lines)
    _, lines = await logged(tmp_path / "ready.json", "--devices", "3", "--scenario", "calm")
    assert all(LINE.fullmatch(line) for line in lines), lines
    [ready] = [line for line in lines if " ready: " in line]
    assert (
        "; runs broker, gateway gw-1, devices, deployments, agents, topology; 3 simulated devices, scenario " in ready
    )


@posix_only
async def test_a_signal_while_it_starts_ends_it_too() -> None:
    process = await serve_command("--devices", "3")
    await until(lambda: "nats-server" in descendants(process.pid), "the broker runs")
    parts = descendants(process.pid)
    folder = folder_of(parts["nats-server"])
    process.send_signal(signal.SIGTERM)
    _, errors = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in errors
    await until_gone([process.pid, *parts.values()], folder)


async def test_a_port_in_use_and_an_unreachable_server_are_one_sentence_and_exit_code_1() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = await serve_command("--listen", f"127.0.0.1:{port}")
        _, errors = await process.communicate()
        assert process.returncode == 1
        assert f"port {port} is in use" in errors.decode().splitlines()[-1]
        assert b"Traceback" not in errors


async def test_a_console_is_told_why_its_backend_cannot_start() -> None:
    backend = BackendProcess(devices=1, extra=["--listen", "0.0.0.0:0"])
    with pytest.raises(ChildFailed, match="loopback only"):
        await backend.start()


async def test_a_device_gets_in_with_the_login_of_the_ready_file_again_after_a_restart(tmp_path: Path) -> None:
    kept = ["--store", str(tmp_path), "--listen", f"127.0.0.1:{free_port()}", "--roles", "broker,gateway"]
    first = BackendProcess(devices=0, tenant="acme", extra=kept)
    second = BackendProcess(devices=0, tenant="acme", extra=kept)
    facts = await first.start()
    try:
        assert facts.device_user
        assert facts.device_password
        login = UserPassword(user=facts.device_user, password=SecretStr(facts.device_password))
        async with party(facts.url, "a device", credentials=login) as device:
            request = register("cam-1", tenant="acme")
            rpc.result_of(await device.ask("device-connect.acme.registry", request))
            await first.stop()
            await until(lambda: not device.link.is_up, "the device sees the broker go")
            again = await second.start()
            assert replace(again, pid=facts.pid) == facts
            async with asyncio.timeout(LIMIT_S):
                await device.link.up()
            rpc.result_of(await device.ask("device-connect.acme.registry", request))
        async with Client(again) as client:
            assert await client.total() == 1
    finally:
        await first.stop()
        await second.stop()


async def test_another_broker_is_used_and_left_running(nats_server_jetstream: NatsServer) -> None:
    backend = BackendProcess(devices=5, scenario="calm", extra=["--server", nats_server_jetstream.url])
    facts = await backend.start()
    try:
        assert facts.url == nats_server_jetstream.url
        assert facts.user is None
        assert set(descendants(facts.pid)) == {"backend.gateway", "backend.devices"}
        async with Client(facts) as client:
            await client.until_total(5)
    finally:
        await backend.stop()


@pytest.fixture
async def nats_server_jetstream() -> AsyncIterator[NatsServer]:
    with NatsServer(jetstream=True) as server:
        yield server


def nodes_of(reply: bytes) -> list[str]:
    return [node.node for node in validate(Describe, decode_any(bytes(rpc.result_of(reply)))).nodes]


async def until_nodes(client: Client, names: list[str]) -> None:
    """Until whichever gateway answers knows exactly these."""
    request = rpc.request("gateway/describe", {}, "1")

    async def alike() -> bool:
        replies = [
            await client.link.request(client.subjects.gateway, request, timeout=LIMIT_S) for _ in range(2 * len(names))
        ]
        return all(nodes_of(reply) == names for reply in replies)

    async with asyncio.timeout(LIMIT_S):
        while not await alike():  # noqa: ASYNC110 - other processes set no event of ours
            await asyncio.sleep(0.2)


async def test_gateways_on_other_machines_join_and_a_name_that_is_taken_is_one_sentence() -> None:
    backend = BackendProcess(devices=0, scenario="calm", extra=["--gateways", "2", "--roles", "broker,gateway"])
    facts = await backend.start()
    assert facts.password is not None
    try:
        async with Client(facts) as client:
            await until_nodes(client, ["gw-1", "gw-2"])
            there = ["--server", facts.url, "--user", "operator", "--password", facts.password, "--roles", "gateway"]
            elsewhere = BackendProcess(devices=0, scenario="calm", extra=[*there, "--node", "berlin"])
            joined = await elsewhere.start()
            try:
                assert set(descendants(joined.pid)) == {"backend.gateway"}
                await until_nodes(client, ["berlin", "gw-1", "gw-2"])
                twin = BackendProcess(devices=0, scenario="calm", extra=[*there, "--node", "gw-2"])
                with pytest.raises(
                    ChildFailed, match=r"A gateway called gw-2 runs here since .*; give this one another"
                ):
                    await twin.start()
            finally:
                await elsewhere.stop()
            await until_nodes(client, ["gw-1", "gw-2"])
    finally:
        await backend.stop()


@pytest.mark.soak
async def test_a_fleet_of_several_processes_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.backend.test_supervisor.LIMIT_S", 120.0)
    backend = BackendProcess(devices=20_010, scenario="calm", extra=["--ttl", "300"])
    facts = await backend.start()
    try:
        async with Client(facts) as client:
            await client.until_total(20_010)
        words = [" ".join(each.cmdline()) for each in psutil.Process(facts.pid).children()]
        assert len([each for each in words if "backend.devices" in each]) == 2
    finally:
        await backend.stop()


async def test_the_storm_of_the_demo_really_engages_the_throttle_and_the_flood_really_delays_the_loop() -> None:
    backend = BackendProcess(devices=400, scenario="demo")
    facts = await backend.start()
    engagements: list[Engagement] = []
    worst: list[float] = []

    def heard(message: Message) -> None:
        told = gateway_message(message.data)
        if isinstance(told, Engagement):
            engagements.append(told)
        elif isinstance(told, Lag):
            worst.append(told.max_ms)

    try:
        async with Client(facts) as client:
            client.link.subscribe(client.subjects.gateway_all, heard)
            async with asyncio.timeout(60):
                while not engagements or max(worst, default=0.0) < 100:  # noqa: ASYNC110 - set by another process
                    await asyncio.sleep(0.1)
        assert engagements[0].reason == "hard-ceiling"
        assert engagements[0].warmup
        assert len({each.device_id for each in engagements}) == 1
    finally:
        await backend.stop()


async def test_a_rolling_restart_makes_offline_edges_and_then_online_ones() -> None:
    backend = BackendProcess(devices=30, scenario="restart", extra=["--ttl", "2"])
    facts = await backend.start()
    edges: list[tuple[bool, str]] = []

    def heard(message: Message) -> None:
        online, presence = presence_of(message.data)
        edges.append((online, presence.device_id))

    def one_came_back() -> bool:
        gone = {device_id for online, device_id in edges if not online}
        return any((True, device_id) in edges[edges.index((False, device_id)) :] for device_id in gone)

    try:
        async with Client(facts) as client:
            await client.until_total(30)
            client.link.subscribe(client.subjects.presence, heard)
            await until(one_came_back, "a device went offline and came back")
        assert alive(facts.pid)
    finally:
        await backend.stop()
