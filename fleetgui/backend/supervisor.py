"""The supervisor of an embedded backend: starts its processes, keeps them running, and ends them all.

    supervisor → guardian → nats-server        unless somebody else's broker is used
               → one process and more of each role (`roles.py`)

A process that dies or hangs is started again (`keeper.py`); without its broker a backend has no purpose, and ends.
Runs in a process of its own (`fleetgui serve`), under plain asyncio. What it has to say goes to the log, one line at a
time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import Coroutine
from dataclasses import asdict
from typing import Any, Final

from fleetgui.backend.broker import BrokerError, EmbeddedBroker
from fleetgui.backend.child import ChildFailed
from fleetgui.backend.connect import settings_of
from fleetgui.backend.keeper import Patience, Role
from fleetgui.backend.logins import FILE as CREDENTIALS
from fleetgui.backend.options import STDOUT, Facts, ServeOptions
from fleetgui.backend.parent import tell, watch_stdin
from fleetgui.backend.private import write_private
from fleetgui.backend.roles import BROKER, Stage, parts_of, simulated
from fleetgui.link.context import ContextError
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock, SystemClock

STOP_BROKER_S: Final = 0.6

log = logging.getLogger("fleetgui.serve")


class ServeFailed(Exception):
    """The backend cannot start or go on. The text is one sentence."""


class Supervisor:
    """`run` is all there is to call; it returns when `stop` is set, and raises `ServeFailed` when it cannot go on."""

    def __init__(self, options: ServeOptions, *, clock: Clock | None = None, patience: Patience | None = None) -> None:
        self._options = options
        self._clock = clock or SystemClock()
        self._patience = patience
        self._broker: EmbeddedBroker | None = None
        self._roles: list[Role] = []
        self._fatal: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks = Tasks(self._task_failed)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then end every process; raises what made it impossible to go on."""
        stopped = self._tasks.spawn(stop.wait(), name="the wait for the end")
        started = self._tasks.spawn(self._start(), name="the start")
        ends: set[asyncio.Future[Any]] = {stopped, self._fatal}
        try:
            await asyncio.wait({*ends, started}, return_when=asyncio.FIRST_COMPLETED)
            if started.done():
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set():
                self._fatal.result()
        finally:
            await self._tasks.cancel(within=0.2)
            await asyncio.gather(*(role.stop() for role in self._roles))
            if self._broker is not None:
                await self._broker.stop(within=STOP_BROKER_S)
            self._remove_ready_file()
            if not self._fatal.cancel():
                self._fatal.exception()  # looked at, so that it is not reported as forgotten

    def _task_failed(self, name: str, error: BaseException) -> None:
        if not self._fatal.done():
            known = isinstance(error, ServeFailed)
            self._fatal.set_exception(
                error if known else ServeFailed(f"{name} failed: {type(error).__name__}: {error}")
            )

    # Starting

    async def _start(self) -> None:
        options = self._options
        self._roles = [Role(part, self._clock, self._patience) for part in parts_of(options)]
        try:
            for role in self._roles:
                if role.stage is not Stage.FOLLOW:
                    role.launch()
        except ChildFailed as failure:
            raise ServeFailed(str(failure)) from None
        connection = await self._connection()
        ready = False
        for stage in Stage:
            roles = [role for role in self._roles if role.stage is stage]
            await asyncio.gather(*(self._begin(role, connection, fatal=not ready) for role in roles))
            if roles and not ready:
                ready = True
                self._ready(connection)
        if not ready:  # a broker alone
            self._ready(connection)

    async def _begin(self, role: Role, connection: dict[str, Any], *, fatal: bool) -> None:
        """Let a role begin. Where a failure is not `fatal`, it is an end like any later one."""
        try:
            await role.begin(connection)
        except ChildFailed as failure:
            if fatal:
                raise ServeFailed(f"the {role.name} cannot start: {failure}") from None
            log.warning("the %s did not start: %s", role.name, failure)
            await role.stop()
        self._tasks.spawn(role.keep(), name=f"the supervision of the {role.name}")

    def _ready(self, connection: dict[str, Any]) -> None:
        facts = Facts(
            connection["url"],
            connection.get("user"),
            connection.get("password"),
            connection["tenant"],
            os.getpid(),
            self._broker.device_user if self._broker else None,
            self._broker.device_password if self._broker else None,
        )
        self._announce(facts)
        log.info("ready: %s", "; ".join(self._told(facts)))

    def _told(self, facts: Facts) -> list[str]:
        """What an operator wants to know of a backend that is ready; no secret among it."""
        options = self._options
        runs = [*([BROKER] if self._broker else []), *(role.name for role in self._roles)]
        told = [f"{facts.url}, tenant {facts.tenant}", f"runs {', '.join(runs)}"]
        if devices := simulated(options):
            told.append(f"{devices} simulated devices, scenario {options.scenario}")
        if options.ready_file == STDOUT:
            return told
        if options.ready_file is not None:
            told.append(f"credentials in {options.ready_file.absolute()}")
        elif options.broker.store is not None:
            told.append(f"credentials in {options.broker.store / CREDENTIALS}")
        elif self._broker is not None:
            told.append("credentials nowhere (--ready-file asks for them)")
        return told

    async def _connection(self) -> dict[str, Any]:
        """The settings with which every role connects; starts the embedded broker if there is to be one."""
        options = self._options
        if options.context is not None:
            try:
                return settings_of(options.context)
            except ContextError as error:
                raise ServeFailed(str(error)) from None
        broker = self._broker = EmbeddedBroker(options.broker)
        try:
            await broker.start()
        except BrokerError as error:
            raise ServeFailed(str(error)) from None
        self._tasks.spawn(self._watch_broker(broker), name="the watch over the broker")
        return {"url": broker.url, "user": broker.user, "password": broker.password, "tenant": options.tenant}

    # Supervising

    async def _watch_broker(self, broker: EmbeddedBroker) -> None:
        end = await broker.ended()
        raise ServeFailed(f"the broker is gone: {end.sentence}")

    # The ready file

    def _announce(self, facts: Facts) -> None:
        target = self._options.ready_file
        if target is None:
            return
        body = asdict(facts)
        if target == STDOUT:
            tell({"ready": True, **body})
            return
        try:
            write_private(target, json.dumps(body) + "\n")
        except OSError as error:
            raise ServeFailed(f"the ready file {target} cannot be written: {error.strerror}") from None

    def _remove_ready_file(self) -> None:
        """It holds a password of a broker that is gone. One that somebody else has written since stays."""
        target = self._options.ready_file
        if target is None or target == STDOUT:
            return
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if json.loads(target.read_text()).get("pid") == os.getpid():
                target.unlink()


async def serve(options: ServeOptions) -> int:
    """Run a backend until a signal, or the end of stdin where `options` asks for that; returns the exit code.

    0 when it was asked to end, 1 when it could not start or go on; the reason is then the last line of the log.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    if options.until_stdin_ends:
        watch_stdin(lambda: loop.call_soon_threadsafe(stop.set), grace=None)
    return await _outcome(Supervisor(options).run(stop))


async def _outcome(run: Coroutine[Any, Any, None]) -> int:
    try:
        await run
    except ServeFailed as failure:
        log.error("fleetgui: %s", failure)
        return 1
    return 0
