"""`fleetgui serve`: from the command line's arguments to a running backend, and back to an exit code."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from typing import Final

from fleetgui.backend import lines, roles
from fleetgui.backend.broker import BrokerError
from fleetgui.backend.gateway.nodes import checked_node
from fleetgui.backend.options import DEFAULT_DEVICES, STDOUT, ServeOptions, broker_options
from fleetgui.backend.supervisor import serve
from fleetgui.link.context import DEFAULT_TENANT, ContextError, Flags, resolve_context
from fleetgui.wire.subjects import NotAddressable, token

USAGE_ERROR: Final = 2
DEFAULT_LISTEN: Final = "127.0.0.1:0"


class UsageError(Exception):
    """Arguments that make no sense together. The text is one sentence."""


def options_from(arguments: argparse.Namespace) -> ServeOptions:
    """The options that the arguments of `fleetgui serve` ask for; raises `UsageError`.

    Only --server and --context name a broker of somebody else: NATS_URL in the environment is about the console, and
    must not attach a backend to a real fabric. Beside them the environment may hold what proves who we are. Simulated
    devices come to such a broker only when they are asked for.
    """
    flags = Flags.from_namespace(arguments)
    try:
        if flags.server or flags.context:
            if arguments.listen:
                raise UsageError("--listen starts a broker and --server uses another one: give one of them")
            if arguments.store:
                raise UsageError("--store is where an embedded broker keeps its data, and --server uses another one")
            context = resolve_context(flags, os.environ)
            broker, tenant = broker_options(DEFAULT_LISTEN), context.tenant
        else:
            if flags.user or flags.password or flags.token or flags.creds or flags.nkey:
                raise UsageError("the embedded broker makes its own credentials: give them with --server only")
            context = None
            store = arguments.store and arguments.store.absolute()
            tenant = token(flags.tenant or os.environ.get("FLEETGUI_TENANT") or DEFAULT_TENANT)
            broker = broker_options(arguments.listen or DEFAULT_LISTEN, store, tenant)
    except (BrokerError, ContextError, NotAddressable) as error:
        raise UsageError(str(error)) from None
    ready_file = arguments.ready_file
    if ready_file is not None and ready_file != STDOUT and not ready_file.absolute().parent.is_dir():
        raise UsageError(f"the folder of {ready_file} does not exist; make it first")
    named = _roles(arguments.roles, arguments.devices, embedded=context is None)
    options = ServeOptions(
        devices=_devices(arguments.devices, named),
        scenario=arguments.scenario,
        seed=arguments.seed,
        tenant=tenant,
        ttl=arguments.ttl,
        roles=named,
        gateways=arguments.gateways,
        node=arguments.node,
        broker=broker,
        context=context,
        ready_file=ready_file,
        until_stdin_ends=arguments.until_stdin_ends,
    )
    try:
        for node in options.nodes:
            checked_node(node)
    except ValueError as error:
        raise UsageError(f"--node: {error}") from None
    return options


def _roles(text: str | None, devices: int | None, *, embedded: bool) -> frozenset[str]:
    """The roles that `--roles` names, all that make sense when it says nothing; raises `UsageError`."""
    if text is None:
        if embedded:
            return frozenset(roles.NAMES)
        return frozenset(roles.ROLES) if devices else frozenset(roles.ROLES) - roles.SIMULATED
    named = frozenset(each.strip() for each in text.split(",") if each.strip())
    if not named or not named <= set(roles.NAMES):
        unknown = ", ".join(map(repr, sorted(named - set(roles.NAMES)))) or "nothing"
        raise UsageError(f"--roles names {unknown}; there are {', '.join(roles.NAMES)}, with commas between")
    if embedded and roles.BROKER not in named:
        raise UsageError("without the role broker, say with --server which broker to use (NATS_URL is the console's)")
    if not embedded and roles.BROKER in named:
        raise UsageError("the role broker starts a broker and --server uses another one: give one of them")
    return named


def _devices(count: int | None, named: frozenset[str]) -> int:
    """How many devices there are when nobody said so: some where they are simulated, else none."""
    if count is not None:
        return count
    return DEFAULT_DEVICES if named & roles.SIMULATED else 0


def run_serve(arguments: argparse.Namespace) -> int:
    """Run `fleetgui serve`; returns the exit code: 0 asked to end, 1 failed, 2 wrong arguments."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        options = options_from(arguments)
    except UsageError as error:
        logging.getLogger("fleetgui.serve").error("fleetgui: %s", error)
        return USAGE_ERROR
    if options.ready_file != STDOUT:
        lines.use(lines.ForPeople())
    return asyncio.run(serve(options))
