"""`python -m fleetgui.backend.gateway`: ready when it serves, gone when its parent is, one sentence when it cannot."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fleetgui.wire.codec import decode_object, encode
from tests.backend.gateway.rig import ask, try_to_register
from tests.backend.links import LIMIT_S, party
from tests.nats_server import NatsServer

ROOT = Path(__file__).parents[3]
ALONE = {"REGISTRY_STORAGE": "none"}
WORDS = (sys.executable, "-m", "fleetgui.backend.gateway")


class Process:
    """The gateway's process with a pipe at either end."""

    def __init__(self, settings: bytes) -> None:
        self._popen = subprocess.Popen(
            WORDS, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._popen.stdin is not None
        self._popen.stdin.write(settings)
        self._popen.stdin.flush()

    async def says(self) -> dict[str, Any]:
        assert self._popen.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            return decode_object(await asyncio.to_thread(self._popen.stdout.readline))

    def leave_it(self) -> None:
        """Close the parent's end, as the parent's death does."""
        assert self._popen.stdin is not None
        self._popen.stdin.close()

    def send_signal(self, number: int) -> None:
        self._popen.send_signal(number)

    async def code(self) -> int:
        return await asyncio.to_thread(self._popen.wait, LIMIT_S)

    def close(self) -> None:
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            assert pipe is not None
            pipe.close()


@asynccontextmanager
async def process(settings: dict[str, Any] | bytes) -> AsyncIterator[Process]:
    started = Process(settings if isinstance(settings, bytes) else encode(settings) + b"\n")
    try:
        yield started
    finally:
        started.close()


@pytest.mark.parametrize("way", ["stdin ends", "SIGTERM"])
async def test_it_serves_once_it_is_ready_and_ends_with_its_parent(nats_server: NatsServer, way: str) -> None:
    settings = {
        "url": nats_server.url,
        "node": "gw-7",
        "tenants": ["t"],
        "environ": ALONE | {"RECONNECT_HARD_CEILING": 1},
    }
    async with process(settings) as running, party(nats_server.url) as client:
        ready = await running.says()
        assert (ready["ready"], ready["node"]) == (True, "gw-7")
        # at once, with no retry: whoever is told that it is ready finds it serving
        assert await try_to_register(client, "cam") is None
        refused = await try_to_register(client, "cam")
        assert refused is not None
        assert refused["allowed"] == 1
        [node] = (await ask(client, "describe"))["nodes"]
        assert (node["node"], node["epoch"]) == ("gw-7", ready["epoch"])
        running.leave_it() if way == "stdin ends" else running.send_signal(signal.SIGTERM)
        assert await running.code() == 0


async def test_without_jetstream_it_says_what_to_do(nats_server: NatsServer) -> None:
    async with process({"url": nats_server.url}) as running:
        assert "set REGISTRY_STORAGE=none" in (await running.says())["error"]
        assert await running.code() == 1


async def test_it_ends_when_its_parent_is_gone_while_the_broker_hangs(nats_server: NatsServer) -> None:
    async with process({"url": nats_server.url, "environ": ALONE}) as running:
        await running.says()
        nats_server.suspend()
        try:
            running.leave_it()
            assert await running.code() in (0, 1)  # 1: ended by force, because the farewell took too long
        finally:
            nats_server.resume()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (b"nonsense\n", "JSON"),
        (b"{}\n", "url"),
        (b"[]\n", "JSON"),
    ],
)
async def test_settings_that_make_no_sense_end_it_with_one_sentence(settings: bytes, words: str) -> None:
    async with process(settings) as running:
        assert words in (await running.says())["error"]
        assert await running.code() == 1


async def test_a_name_that_cannot_be_ends_it_with_one_sentence(nats_server: NatsServer) -> None:
    async with process({"url": nats_server.url, "node": "a.b"}) as running:
        assert "name" in (await running.says())["error"]
        assert await running.code() == 1


async def test_a_name_that_is_taken_ends_it_with_one_sentence_and_free_again_it_is_had(nats_server: NatsServer) -> None:
    settings = {"url": nats_server.url, "node": "gw-1", "environ": ALONE}
    async with process(settings) as first:
        await first.says()
        async with process(settings) as second:
            assert "A gateway called gw-1 runs here since" in (await second.says())["error"]
            assert await second.code() == 1
        first.send_signal(signal.SIGKILL)
        await first.code()
    async with process(settings) as third:
        assert (await third.says())["ready"]
