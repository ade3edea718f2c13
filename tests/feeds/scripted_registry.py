"""A registry that answers as a test tells it to, on a real broker: short, empty, repeated, stuck, broken, silent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fleetgui.feeds.pager import Pager
from fleetgui.feeds.registry import RegistryClient
from fleetgui.link.connection import Link
from fleetgui.link.context import Context
from fleetgui.link.messages import Message
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock
from fleetgui.policy.pages import PageSizer
from fleetgui.stores.console import ConsoleState
from fleetgui.wire.subjects import Subjects

Params = dict[str, Any]
Answer = Callable[[Params], Any]
Page = dict[str, Any]
"""Gives the result object for the params of a listDevices; bytes are sent as they are, None is silence.

Raise `Refuse` for an error reply."""


class Refuse(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def record(device_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "device_id": device_id,
        "device_ttl": 15,
        "identity": {"device_type": "camera"},
        "status": {"location": "site-01", "battery": 50},
        "capabilities": {"functions": [], "events": []},
    } | fields


def fleet(count: int) -> list[dict[str, Any]]:
    return [record(f"camera-{number:05d}") for number in range(count)]


def paging(devices: list[dict[str, Any]], *, cap: int = 200) -> Callable[[Params], Page]:
    """What a registry does that does it right."""

    def answer(params: Params) -> Page:
        offset, limit = params["offset"], min(params["limit"], cap)
        end = offset + limit
        return {
            "devices": devices[offset:end],
            "next_offset": end if end < len(devices) else None,
            "total_matched": len(devices),
        }

    return answer


@dataclass
class Bench:
    """A client of the scripted registry, and what was asked of it."""

    state: ConsoleState
    client: RegistryClient
    pager: Pager
    link: Link
    server: Link
    tasks: Tasks
    answer: Answer
    asked: list[Params] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    async def all_asked(self) -> list[Params]:
        """Everything asked until now, what is still on its way included."""
        await self.link.flush()
        await self.server.flush()
        return self.asked


@asynccontextmanager
async def scripted(url: str, tenant: str, answer: Answer, *, patience_s: float = 30.0) -> AsyncIterator[Bench]:
    """A registry of `tenant` that answers by `answer` (to be replaced on the fly), and a console's reader of it."""
    failures: list[str] = []
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    clock = SystemClock()
    server = Link(Context(servers=(url,), tenant=tenant), clock=clock, name="registry", tasks=tasks)
    link = Link(Context(servers=(url,), tenant=tenant), clock=clock, name="console", tasks=tasks)
    state, subjects = ConsoleState(), Subjects(tenant)
    link.state_changed.connect(state.link.set_state)
    client = RegistryClient(link, subjects, clock, PageSizer({}), patience_s=patience_s)
    pager = Pager(client, state.roster, state.presence, clock, tasks, jitter=lambda: 0.5)
    bench = Bench(state, client, pager, link, server, tasks, answer, failures=failures)

    def reply(message: Message) -> bytes | None:
        request = json.loads(message.data)
        bench.asked.append(request["params"])
        try:
            found = bench.answer(request["params"])
        except Refuse as error:
            body: dict[str, Any] = {"error": {"code": error.code, "message": error.message}}
        else:
            if found is None or isinstance(found, bytes):
                return found
            body = {"result": found}
        return json.dumps({"jsonrpc": "2.0", "id": request["id"]} | body).encode()

    service = server.serve(subjects.discovery, "registry", reply)
    server.start()
    await server.up()
    await server.flush()
    link.start()
    await link.up()
    try:
        yield bench
    finally:
        assert await tasks.cancel() == []
        service.close()
        await link.close()
        await server.close()
        assert failures == []
