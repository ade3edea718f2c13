"""The `fleetgui` command. Parses, then imports only what the chosen command needs.

    fleetgui                    the console on a fabric (--context, --server …, or the nats tool's selected context)
    fleetgui demo               the console on an embedded backend with simulated devices
    fleetgui serve              that backend alone
    fleetgui snapshot -o FILE   the whole fleet into a CSV or JSON lines file, without a window
    fleetgui info               what would be connected to, and whether it answers

Exit codes: 0 done; 1 it could not be done; 2 a wrong argument or no display. Each failure is one sentence on stderr.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from fleetgui import __version__

if TYPE_CHECKING:
    from fleetgui.app.options import ConsoleOptions
    from fleetgui.link.context import Context

USAGE_ERROR = 2
_SNAPSHOT_FILES = "FILE.csv, with what it covers in FILE.csv.coverage.json, or FILE.jsonl"


class _Parser(argparse.ArgumentParser):
    """Answers a wrong argument with one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"{self.prog}: {message}. See `{self.prog} --help`.\n")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - nobody reads us any more; stays open to the end
        return 1
    return code


def fail(sentence: str, code: int = 1) -> int:
    print(f"fleetgui: {sentence}", file=sys.stderr)
    return code


# Commands


def _console(arguments: argparse.Namespace) -> int:
    from fleetgui.link.context import ContextError, Flags, resolve_context

    try:
        context = resolve_context(Flags.from_namespace(arguments), os.environ)
    except ContextError as error:
        return fail(str(error), USAGE_ERROR)
    from fleetgui.app.options import ConsoleOptions

    return _open(arguments, ConsoleOptions(context=context, **_window(arguments)))


def _demo(arguments: argparse.Namespace) -> int:
    from fleetgui.app.options import ConsoleOptions, DemoOptions

    demo = DemoOptions(arguments.devices, arguments.scenario, arguments.seed)
    if (wrong := _unknown_scenario(demo.scenario)) is not None:
        return fail(wrong, USAGE_ERROR)
    return _open(arguments, ConsoleOptions(demo=demo, **_window(arguments)))


def _open(arguments: argparse.Namespace, options: ConsoleOptions) -> int:
    if arguments.offscreen:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    if (missing := _no_display()) is not None:
        return fail(missing, USAGE_ERROR)
    for target in (arguments.screenshot, arguments.report):
        if target is not None and not target.absolute().parent.is_dir():
            return fail(f"the folder of {target} does not exist; make it first", USAGE_ERROR)
    try:
        from fleetgui.app.run import run_console
    except ImportError as error:
        return fail(
            f"Qt could not be loaded ({error}); `python3 packaging/bootstrap.py demo` installs the system libraries it "
            "needs, or names them"
        )
    return run_console(options)


def _serve(arguments: argparse.Namespace) -> int:
    if (wrong := _unknown_scenario(arguments.scenario)) is not None:
        return fail(wrong, USAGE_ERROR)
    from fleetgui.backend.command import run_serve

    return run_serve(arguments)


def _snapshot(arguments: argparse.Namespace) -> int:
    from fleetgui.app.headless import run_snapshot

    return _headless(arguments, run_snapshot)


def _info(arguments: argparse.Namespace) -> int:
    from fleetgui.app.headless import run_info

    return _headless(arguments, run_info)


def _headless(arguments: argparse.Namespace, run: Callable[[Context, argparse.Namespace], int]) -> int:
    from fleetgui.link.context import ContextError, Flags, resolve_context

    try:
        context = resolve_context(Flags.from_namespace(arguments), os.environ)
    except ContextError as error:
        return fail(str(error), USAGE_ERROR)
    return run(context, arguments)


# What is asked before a command starts


def _unknown_scenario(name: str) -> str | None:
    from fleetgui.backend.scenarios import NAMES

    return None if name in NAMES else f"there is no scenario {name!r}; there are {', '.join(NAMES)}"


def _no_display() -> str | None:
    """Qt aborts the process when it finds no screen; say so instead."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return None
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return None
    return (
        "there is no display here; log in to a desktop, or add --offscreen --screenshot FILE.png to look at a picture"
    )


def _window(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "started_at": _process_started_at(),
        "exit_after": arguments.exit_after,
        "screenshot": arguments.screenshot,
        "report": arguments.report,
        "theme": arguments.theme,
    }


def _process_started_at() -> float:
    import psutil

    try:
        return psutil.Process().create_time()
    except psutil.Error:
        return time.time()


# Arguments


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="fleetgui",
        description="Watch a fleet of devices on a NATS fabric.",
        epilog="Without a command the console opens on the context that flags, environment or the nats tool name.",
    )
    parser.add_argument("--version", action="version", version=f"fleetgui {__version__}")
    _fabric_arguments(parser)
    _window_arguments(parser)
    parser.set_defaults(run=_console)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)

    demo = commands.add_parser("demo", help="the console on an embedded backend with simulated devices")
    _fleet_arguments(demo)
    _window_arguments(demo)
    demo.set_defaults(run=_demo)

    serve = commands.add_parser("serve", help="the backend alone, embedded or on a broker of yours (--server)")
    _fleet_arguments(serve, devices=None, how_many="how many (1400; on a broker of yours none)")
    serve.add_argument("--gateways", type=_gateways, default=1, metavar="N", help="how many share the load (1)")
    serve.add_argument("--node", metavar="NAME", help="the gateway's name; with several, NAME-1, NAME-2 … (gw-1 …)")
    serve.add_argument("--roles", metavar="LIST", help=_ROLES_HELP)
    serve.add_argument("--store", type=Path, metavar="DIR", help="where the broker keeps data and its credentials")
    serve.add_argument("--listen", metavar="HOST:PORT", help="where the embedded broker listens (127.0.0.1:0)")
    serve.add_argument("--ttl", type=_ttl, metavar="SECONDS", help="the devices' lease (15, for large fleets 45)")
    serve.add_argument("--ready-file", type=Path, metavar="FILE", help="gets the URL and the credentials as JSON")
    serve.add_argument("--until-stdin-ends", action="store_true", help="end when standard input does")
    _fabric_arguments(
        serve, server="URLs of brokers of yours, commas between", context="those of a context of the nats tool"
    )
    serve.set_defaults(run=_serve)

    snapshot = commands.add_parser("snapshot", help="write the whole fleet to a file")
    snapshot.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=_SNAPSHOT_FILES)
    snapshot.add_argument("--format", choices=("csv", "jsonl"), help="when the file's name does not say")
    _fabric_arguments(snapshot)
    snapshot.set_defaults(run=_snapshot)

    info = commands.add_parser("info", help="what would be connected to, and whether it answers")
    info.add_argument("--json", action="store_true", help="as JSON")
    _fabric_arguments(info)
    info.set_defaults(run=_info)
    return parser


_ROLES_HELP = """which processes to run here, commas between: broker, gateway, devices, deployments, agents,
topology (all; on a broker of yours gateway, deployments, topology, and devices and agents where --devices is given)"""


def _fabric_arguments(
    parser: argparse.ArgumentParser,
    *,
    server: str = "URLs with commas between (NATS_URL)",
    context: str = "a context of the nats tool (NATS_CONTEXT)",
) -> None:
    """Named as the nats tool names them. `server` and `context` say what these two are to the command."""
    group = parser.add_argument_group("the fabric")

    def add(flag: str, text: str, metavar: str = "VALUE") -> None:
        # SUPPRESS: a flag before the command must not be overwritten by the command's own default.
        group.add_argument(flag, help=text, metavar=metavar, default=argparse.SUPPRESS)

    add("--context", context, "NAME")
    add("--server", server, "URL")
    add("--user", "user name (NATS_USER)", "NAME")
    add("--password", "password (NATS_PASSWORD keeps it out of the process list)", "TEXT")
    add("--token", "token (NATS_TOKEN)", "TEXT")
    add("--creds", "a .creds or Device Connect .creds.json file (NATS_CREDS)", "FILE")
    add("--nkey", "an nkey seed file (NATS_NKEY)", "FILE")
    add("--tlsca", "certificates to trust (NATS_CA)", "FILE")
    add("--tlscert", "client certificate (NATS_CERT)", "FILE")
    add("--tlskey", "its key (NATS_KEY)", "FILE")
    add("--tenant", "tenant (FLEETGUI_TENANT)", "NAME")


def _fleet_arguments(
    parser: argparse.ArgumentParser, *, devices: int | None = 1_400, how_many: str = "how many (1400)"
) -> None:
    group = parser.add_argument_group("the simulated fleet")
    group.add_argument("--devices", type=_devices, default=devices, metavar="N", help=how_many)
    group.add_argument("--scenario", default="demo", metavar="NAME", help="what happens to them (demo)")
    group.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed gives the same fleet (1)")


def _window_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the window")
    group.add_argument("--offscreen", action="store_true", help="draw without a display")
    group.add_argument("--exit-after", type=_seconds, metavar="SECONDS", help="close by itself")
    group.add_argument("--screenshot", type=Path, metavar="FILE.png", help="save a picture of the window, then close")
    group.add_argument("--report", type=Path, metavar="FILE.json", help="write what was measured, at the end")
    group.add_argument("--theme", choices=("dark", "light", "system"), help="instead of the remembered one")


def _devices(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of devices from 0 to 1000000")
    return int(text)


def _gateways(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of gateways from 1 to 64")
    return int(text)


def _ttl(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a lease from 1 to 86400 seconds")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e7:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


if __name__ == "__main__":
    sys.exit(main())
