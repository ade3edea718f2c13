"""Commands without a window: `fleetgui snapshot` and `fleetgui info`. Plain asyncio; no Qt is imported.

Everything else is as in the console: the same link, the same walk, the same writer. A failure is one sentence on
stderr and exit code 1; a wrong argument exit code 2.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, Final

from fleetgui import __version__
from fleetgui.feeds.errors import RegistryError
from fleetgui.feeds.export import ExportFeed
from fleetgui.feeds.registry import RegistryClient
from fleetgui.link.connection import Link
from fleetgui.link.context import Context, describe
from fleetgui.link.errors import LinkError
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import SystemClock
from fleetgui.policy.formats import count, millis
from fleetgui.policy.pages import PageSizer
from fleetgui.policy.states import LinkPhase, LinkState
from fleetgui.snapshots.export import ExportFormat
from fleetgui.stores.console import ConsoleState
from fleetgui.stores.export import ExportPhase, ExportState
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, decode_object
from fleetgui.wire.gateway import Describe, validate
from fleetgui.wire.subjects import Subjects

CONNECT_WITHIN_S: Final = 10.0
ANSWER_WITHIN_S: Final = 5.0


class CannotBeDone(Exception):
    """The command failed; the text is one sentence."""


def run_snapshot(context: Context, arguments: argparse.Namespace) -> int:
    """Write the fleet of `context` to the file that the arguments name."""
    kind = ExportFormat(arguments.format) if arguments.format else ExportFormat.of(arguments.output)
    if kind is None:
        return _say("snapshot: the file's name says no format; end it in .csv or .jsonl, or add --format", 2)
    return _run(_snapshot(context, str(arguments.output), kind))


def run_info(context: Context, arguments: argparse.Namespace) -> int:
    """Say what `context` would connect to, and whether broker, registry and gateways answer."""
    return _run(_info(context, as_json=arguments.json))


def _run(command: Coroutine[Any, Any, int]) -> int:
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    try:
        return asyncio.run(command)
    except CannotBeDone as error:
        return _say(str(error), 1)


def _say(sentence: str, code: int) -> int:
    sys.stderr.write(f"fleetgui: {sentence}\n")
    return code


def _report(name: str, error: BaseException) -> None:
    logging.getLogger("fleetgui").error("fleetgui: %s failed: %s", name, error)


async def _connected(context: Context, tasks: Tasks) -> Link:
    """A link that is up; raises `CannotBeDone` as soon as the broker refuses or cannot be reached."""
    link = Link(context, clock=SystemClock(), name="fleetgui", tasks=tasks)
    settled: asyncio.Future[LinkState] = asyncio.get_running_loop().create_future()

    def look(state: LinkState) -> None:
        tried_all = state.attempt >= len(context.servers)
        if (state.phase in (LinkPhase.UP, LinkPhase.REFUSED) or tried_all) and not settled.done():
            settled.set_result(state)

    disconnect = link.state_changed.connect(look)
    link.start()
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            state = await settled
    except TimeoutError:
        state = link.state
    finally:
        disconnect()
    if state.phase is not LinkPhase.UP:
        await link.close()
        raise CannotBeDone(state.error or f"no broker answered at {', '.join(context.servers)}")
    return link


async def _snapshot(context: Context, path: str, kind: ExportFormat) -> int:
    tasks = Tasks(_report)
    link = await _connected(context, tasks)
    state, clock = ConsoleState(), SystemClock()
    state.link.set_state(link.state)
    link.state_changed.connect(state.link.set_state)
    registry = RegistryClient(link, Subjects(context.tenant), clock, PageSizer(os.environ, link.max_payload))
    export = ExportFeed(registry, state.presence, state.export, state.journal, clock, tasks)
    progress = _Progress()
    state.export.changed.connect(progress.show)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, export.cancel)
        except NotImplementedError:  # Windows: Ctrl+C ends the command by KeyboardInterrupt
            break
    try:
        export.start(path, kind.value)
        done = await export.finished()
    finally:
        progress.end()
        await tasks.cancel()
        await link.close()
    if done.phase is not ExportPhase.DONE:
        raise CannotBeDone(done.error or f"the snapshot was {done.phase.value}")
    sys.stdout.write(f"{path}: {done.coverage.sentence}\n")
    return 0


class _Progress:
    """One line on a terminal that is written over; nothing where stderr is a file."""

    def __init__(self) -> None:
        self._shown = False

    def show(self, state: ExportState) -> None:
        if sys.stderr.isatty() and state.phase is ExportPhase.RUNNING:
            left = "" if state.eta_s is None else f", {state.eta_s:.0f} s left"
            sys.stderr.write(f"\r{state.coverage.sentence}{left}\x1b[K")
            sys.stderr.flush()
            self._shown = True

    def end(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")


async def _info(context: Context, *, as_json: bool) -> int:
    tasks = Tasks(_report)
    facts: dict[str, Any] = {"version": __version__, "context": describe(context)}
    failed: str | None = None
    try:
        link = await _connected(context, tasks)
    except CannotBeDone as error:
        failed = str(error)
        facts["link"] = {"state": "failed", "error": failed}
    else:
        try:
            round_trip = await link.flush()
            facts["link"] = {
                "state": link.state.phase.value,
                "server": link.state.server,
                "server_name": link.state.server_name,
                "round_trip_ms": round(round_trip * 1000, 2),
                "max_payload": link.max_payload,
            }
            facts["registry"] = await _registry_facts(link, context)
            facts["gateways"] = await _gateway_facts(link, context)
        finally:
            await link.close()
    await tasks.cancel()
    sys.stdout.write(json.dumps(facts, indent=2) + "\n" if as_json else _readable(facts))
    if failed is not None:
        raise CannotBeDone(failed)
    return 0


async def _registry_facts(link: Link, context: Context) -> dict[str, Any]:
    registry = RegistryClient(
        link, Subjects(context.tenant), SystemClock(), PageSizer(os.environ), patience_s=ANSWER_WITHIN_S
    )
    try:
        page = await registry.list_page(0, 1)
    except RegistryError as error:
        return {"error": str(error)}
    return {
        "devices": page.total if page.paging else len(page.records),
        "pages": page.paging,
        "took_ms": page.took_s * 1000,
    }


async def _gateway_facts(link: Link, context: Context) -> dict[str, Any]:
    request = rpc.request("gateway/describe", {}, "info")
    try:
        reply = await link.request(Subjects(context.tenant).gateway, request, timeout=ANSWER_WITHIN_S)
        described = validate(Describe, decode_object(bytes(rpc.result_of(reply))))
    except LinkError:
        return {"nodes": [], "remark": "no gateway on this fabric"}
    except (rpc.RpcError, Malformed) as error:
        return {"nodes": [], "remark": str(error)}
    return {"nodes": [{"node": node.node, "band": node.band} for node in described.nodes]}


def _readable(facts: dict[str, Any]) -> str:
    context, link = facts["context"], facts["link"]
    lines = [
        f"FleetGUI {facts['version']}",
        f"context    {context['name']}: {', '.join(context['servers'])}, tenant {context['tenant']}",
        f"as         {context['credentials']}",
    ]
    if "error" in link:
        lines.append(f"link       {link['error']}")
        return "\n".join(lines) + "\n"
    lines.append(f"link       {link['state']} to {link['server_name']}, {millis(link['round_trip_ms'])}")
    registry = facts["registry"]
    lines.append(f"registry   {registry.get('error') or count(registry['devices']) + ' devices'}")
    gateways = facts["gateways"]
    nodes = ", ".join(f"{node['node']} {node['band']}" for node in gateways["nodes"])
    lines.append(f"gateways   {nodes or gateways.get('remark', 'none')}")
    return "\n".join(lines) + "\n"
