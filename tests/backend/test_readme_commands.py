"""What the README's "A backend to live on" tells people to type is typed here, as it stands, and does what it says.

Addresses, folders and passwords are put in; nothing else is changed.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from fleetgui.link.credentials import UserPassword
from fleetgui.wire import rpc
from fleetgui.wire.codec import decode_any
from tests.backend.links import party
from tests.backend.processes import until
from tests.backend.registry.samples import call, register
from tests.nats_server import NatsCluster, free_port

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = README.split("## A backend to live on")[1].split("\n## ")[0]
BLOCKS = re.findall(r"```\n(.*?)```", SECTION, flags=re.S)
BIN = Path(sys.executable).parent

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="lines for a POSIX shell"),
    pytest.mark.skipif(not (BIN / "fleetgui").exists(), reason="the command is not installed"),
    pytest.mark.timeout(180),
]

DEVICE = """
import asyncio, os, sys
import nats

async def main():
    client = await nats.connect(os.environ["NATS_URL"], allow_reconnect=False)
    reply = await client.request("device-connect.default.registry", sys.stdin.buffer.read(), timeout=20)
    sys.stdout.buffer.write(reply.data)
    await client.close()

asyncio.run(main())
"""


def block(word: str) -> str:
    """The one code block of the section that has `word` in it."""
    found: list[str] = [each for each in BLOCKS if word in each]
    assert len(found) == 1
    return found[0]


def put_in(text: str, **instead: str) -> str:
    for name, value in instead.items():
        assert name in text
        text = text.replace(name, value)
    return text


def environ() -> dict[str, str]:
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("NATS_", "FLEETGUI_"))}
    return clean | {"PATH": f"{BIN}{os.pathsep}{clean['PATH']}"}


def contents(file: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(file.read_text())
    return said


@asynccontextmanager
async def running(lines: str, ready: Path, folder: Path) -> AsyncIterator[dict[str, Any]]:
    """The lines' backend, in a shell, until it is no longer needed; the contents of its ready file."""
    script = lines.replace("fleetgui serve", "exec fleetgui serve")
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-ec", script, env=environ(), cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        await until(lambda: ready.exists() or process.returncode is not None, "it is ready")
        assert process.returncode is None, (await process.communicate())[1].decode()
        yield contents(ready)
    finally:
        if process.returncode is None:
            process.terminate()
        _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()


async def typed(line: str, folder: Path, stdin: bytes = b"") -> bytes:
    """What a line prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-ec",
        line,
        env=environ(),
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, errors = await process.communicate(stdin)
    assert process.returncode == 0, errors.decode()
    return out


async def test_a_registry_for_real_devices_and_how_a_device_and_the_console_reach_it(tmp_path: Path) -> None:
    where, ready = f"127.0.0.1:{free_port()}", tmp_path / "ready.json"
    (tmp_path / "my_device.py").write_text(DEVICE)
    serve = block("serve --devices 0 --listen 127.0.0.1:4222 --store /var/lib/fleetgui --ready-file")
    serve = put_in(
        serve,
        **{
            "127.0.0.1:4222": where,
            "/var/lib/fleetgui": str(tmp_path / "kept"),
            "/run/fleetgui/ready.json": str(ready),
        },
    )
    async with running(serve, ready, tmp_path) as facts:
        clients = put_in(
            block("my_device.py"),
            **{
                "127.0.0.1:4222": where,
                "DEVICE_PASSWORD": facts["device_password"],
                "OPERATOR_PASSWORD": facts["password"],
            },
        )
        device, by_hand, console = clients.splitlines()
        assert shlex.split(by_hand)[2] == f"nats://device:{facts['device_password']}@{where}"
        reply = await typed(device, tmp_path, register("cam-1"))
        assert decode_any(bytes(rpc.result_of(reply)))["status"] == "registered"
        # the console without its window
        told = json.loads(await typed(put_in(console, **{"fleetgui --": "fleetgui info --json --"}), tmp_path))
        assert told["registry"]["devices"] == 1, told
        kept = contents(tmp_path / "kept" / "credentials.json")
        assert kept == {"operator": facts["password"], "device": facts["device_password"]}


def test_the_unit_starts_what_the_example_does() -> None:
    unit = dict(line.split("=", 1) for line in block("[Service]").replace("\\\n", "").splitlines() if "=" in line)
    [command] = [each for each in BLOCKS if each.startswith("fleetgui serve --devices 0")]
    assert shlex.split(unit["ExecStart"])[1:] == shlex.split(command)[1:]
    assert Path(shlex.split(unit["ExecStart"])[0]).name == "fleetgui"
    assert f"/var/lib/{unit['StateDirectory']} " in command
    assert f"/run/{unit['RuntimeDirectory']}/" in command


async def test_a_gateway_joins_a_cluster_of_brokers(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    users = 'authorization { users [{ user: "backend", password: "p" }] }'
    with NatsCluster(3, users) as cluster:
        lines = put_in(
            block("export REGISTRY_REPLICAS"),
            **{"nats://a:4222,nats://b:4222,nats://c:4222": cluster.url, "NATS_PASSWORD=…": "NATS_PASSWORD=p"},
        ).rstrip()
        async with running(f"{lines} --ready-file {ready}", ready, tmp_path) as facts:
            assert facts["url"] == cluster.url
            login = UserPassword(user="backend", password=SecretStr("p"))
            async with party(cluster.url, credentials=login) as client:
                reply = await client.ask("device-connect.default.gateway", call("gateway/describe"))
                assert [node["node"] for node in decode_any(bytes(rpc.result_of(reply)))["nodes"]] == ["paris"]
                streams = await asyncio.to_thread(cluster.servers[0].monitor, "jsz?streams=1&config=1")
                [account] = streams["account_details"]
                copies = {each["name"]: each["config"]["num_replicas"] for each in account["stream_detail"]}
                assert copies["KV_registry"] == 3
