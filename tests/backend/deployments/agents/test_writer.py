"""Everything that is asked for is written in the end, once for each time it was asked for in vain."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from fleetgui.backend.deployments.agents.writer import BURST_S, Writer
from fleetgui.link.errors import LinkDown, PermissionDenied, RequestTimeout
from tests.backend.deployments.rig import side, until
from tests.nats_server import NatsServer


async def test_one_key_is_written_once_for_many_wishes_and_again_for_one_that_came_meanwhile(
    shared_nats_server: NatsServer,
) -> None:
    async with side(shared_nats_server.url) as here:
        writer = Writer(here.link, here.tasks, rate=1e6, name="test")
        began: list[int] = []
        let_go = asyncio.Event()

        async def write() -> None:
            began.append(1)
            await let_go.wait()

        for _ in range(3):
            writer.want("key", write)
        writer.start()
        await until(lambda: began == [1], "it began")
        for _ in range(3):
            writer.want("key", write)
        let_go.set()
        await until(lambda: writer.is_idle, "all is done")
        assert (began, writer.done) == ([1, 1], 2)


async def test_a_write_that_fails_is_tried_again_and_keeps_nobody_else_from_writing(
    shared_nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with side(shared_nats_server.url) as here:
        caplog.set_level("INFO", "fleetgui.backend")
        writer = Writer(here.link, here.tasks, rate=1e6, name="test")
        tries = 0
        written: list[int] = []

        async def bad() -> None:
            nonlocal tries
            tries += 1
            if tries < 5:
                raise RequestTimeout("no answer") if tries % 2 else LinkDown("down")

        async def good(number: int) -> None:
            written.append(number)

        writer.want("bad", bad)
        for number in range(100):
            writer.want(number, lambda number=number: good(number))  # type: ignore[misc] # the number of this turn
        writer.start()
        await until(lambda: writer.is_idle, "all is done")
        assert sorted(written) == list(range(100))
        assert (tries, writer.failed, writer.done) == (5, 4, 101)
        assert [record.levelname for record in caplog.records] == 4 * ["WARNING"] + ["INFO"]


async def test_what_thousands_may_not_write_is_told_once(
    shared_nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with side(shared_nats_server.url) as here:
        caplog.set_level("INFO", "fleetgui.backend")
        writer = Writer(here.link, here.tasks, rate=1e6, name="test")
        tries = 0

        async def denied(number: int) -> None:
            nonlocal tries
            tries += 1
            if tries <= 60:
                raise PermissionDenied(f"This user may not publish on {number}")

        for number in range(20):
            writer.want(number, partial(denied, number))
            writer.want(f"fine {number}", partial(asyncio.sleep, 0))
        writer.start()
        await until(lambda: writer.is_idle, "all is done")
        first, last = caplog.messages
        assert "test cannot be written; it is tried again: This user may not publish on" in first
        assert last == "it is over that test cannot be written"


async def test_no_more_begin_in_a_second_than_the_rate_allows(shared_nats_server: NatsServer) -> None:
    async with side(shared_nats_server.url) as here:
        writer = Writer(here.link, here.tasks, rate=200.0, name="test")
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def write() -> None:
            """Done at once."""

        for number in range(41):
            writer.want(number, write)
        writer.start()
        await until(lambda: writer.is_idle, "all is done")
        assert loop.time() - began >= 40 / 200 - BURST_S
