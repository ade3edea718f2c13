"""The real registry and ours, side by side: each on a broker of its own, holding the same records, asked the same.

What cannot be equal is replaced before replies are compared, and nothing else is: `device_registration_id`, drawn at
random by whoever registers a device, and `registered_at`, the second in which that was. Both are still checked to be
there and to look like one.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fleetgui.link.connection import Link
from fleetgui.link.errors import NoResponders, RequestTimeout
from fleetgui.wire.codec import encode
from tests.backend.links import LIMIT_S, party
from tests.backend.roles import Role
from tests.interop import services
from tests.nats_server import NatsServer

SILENCE_S = 3.0
"""So long nobody says anything where no answer is the answer. A reply takes milliseconds."""

CLIENTS = ("edge", "server")
"""The clients that the device runtime and the registry service bring along."""

_LOOKS = {
    "device_registration_id": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "registered_at": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
}


@dataclass
class Pair:
    real_nats: NatsServer
    our_nats: NatsServer
    etcd: services.Etcd
    real: services.RealRegistry
    ours: Role

    @property
    def urls(self) -> tuple[str, str]:
        """(the real one's, ours)"""
        return self.real_nats.url, self.our_nats.url

    @asynccontextmanager
    async def links(self) -> AsyncIterator[tuple[Link, Link]]:
        """A link to the real one's broker and one to ours."""
        async with party(self.real_nats.url) as real, party(self.our_nats.url) as ours:
            yield real.link, ours.link


async def ask(link: Link, subject: str, data: bytes, timeout: float = LIMIT_S) -> Any:
    """The decoded reply, or a word for there being none: "silence", "no responders"."""
    try:
        return json.loads(await link.request(subject, data, timeout=timeout))
    except NoResponders:
        return "no responders"
    except RequestTimeout:
        return "silence"


async def registered(link: Link, tenant: str, params: Iterable[dict[str, Any]]) -> None:
    """Register each, as a device does."""
    for each in params:
        request = {"jsonrpc": "2.0", "id": "r", "method": "registerDevice", "params": each}
        reply = await ask(link, f"device-connect.{tenant}.registry", json.dumps(request).encode())
        assert "result" in reply, (each["device_id"], reply)


async def page(link: Link, tenant: str, **params: Any) -> Any:
    """The result of `discovery/listDevices`."""
    request = encode({"jsonrpc": "2.0", "id": "p", "method": "discovery/listDevices", "params": params})
    reply = await ask(link, f"device-connect.{tenant}.discovery", request)
    return reply["result"]


async def device(link: Link, tenant: str, device_id: str) -> Any:
    """The record of a device, None when there is none."""
    request = {"jsonrpc": "2.0", "id": "d", "method": "discovery/getDevice", "params": {"device_id": device_id}}
    reply = await ask(link, f"device-connect.{tenant}.discovery", encode(request))
    return reply["result"]["device"]


async def eventually(holds: Callable[[], Awaitable[object]], limit: float = 60.0) -> None:
    """Until `holds()` is true of another process, which sets no event of ours."""
    async with asyncio.timeout(limit):
        while not await holds():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


def comparable(value: Any) -> Any:
    """`value` with what cannot be equal replaced by its name, once it was seen to look like one."""
    if isinstance(value, list):
        return [comparable(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: _replaced(key, each) if key in _LOOKS else comparable(each) for key, each in value.items()}


def _replaced(key: str, value: Any) -> str:
    assert isinstance(value, str)
    assert _LOOKS[key].fullmatch(value), f"{key} is {value!r}"
    return f"<{key}>"


async def reference_client(url: str, tenant: str, calls: list[tuple[str, str, dict[str, Any]]]) -> list[Any]:
    """What the reference clients get for `calls` (client, method, arguments); see `real_client.py`."""

    def run() -> list[Any]:
        done = subprocess.run(
            [str(services.PYTHON), str(services.ROOT / "tests/interop/real_client.py"), url, tenant],
            input=json.dumps(calls).encode(),
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()[-4000:]
        outcomes: list[Any] = json.loads(done.stdout)
        return outcomes

    return await asyncio.to_thread(run)


async def clients_agree(pair: Pair, tenant: str, calls: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    """Each call (method, arguments) by each reference client on both registries; what they had in common."""
    each = [(client, method, arguments) for method, arguments in calls for client in CLIENTS]
    real, ours = await asyncio.gather(*(reference_client(url, tenant, each) for url in pair.urls))
    for call, from_real, from_ours in zip(each, real, ours, strict=True):
        assert (call, comparable(from_ours)) == (call, comparable(from_real))
    return ours
