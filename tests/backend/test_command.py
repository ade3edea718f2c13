"""`fleetgui serve`: which arguments make which options, and one clear sentence for each that makes none."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from pydantic import SecretStr

from fleetgui import cli
from fleetgui.backend.command import UsageError, options_from
from fleetgui.backend.roles import NAMES, parts_of
from fleetgui.link.credentials import Nkey, Token, UserPassword

BASE = {
    "devices": 5,
    "scenario": "calm",
    "seed": 2,
    "ttl": None,
    "listen": None,
    "ready_file": None,
    "until_stdin_ends": False,
    "gateways": 1,
    "node": None,
    "roles": None,
    "store": None,
}


def arguments(**more: object) -> argparse.Namespace:
    return argparse.Namespace(**{**BASE, **more})


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("NATS_URL", "NATS_CONTEXT", "FLEETGUI_TENANT", "NATS_USER", "NATS_PASSWORD", "NATS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_nothing_said_is_an_embedded_broker_on_a_free_port() -> None:
    options = options_from(arguments())
    assert options.context is None
    assert (options.broker.host, options.broker.port) == ("127.0.0.1", 0)
    assert (options.tenant, options.devices, options.scenario, options.seed) == ("default", 5, "calm", 2)


def test_a_server_in_the_environment_is_not_filled_with_simulated_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_URL", "nats://production:4222")
    assert options_from(arguments()).context is None


def test_a_named_server_is_used_with_its_tenant() -> None:
    options = options_from(arguments(server="nats://broker:4222", user="u", password="p", tenant="acme"))
    assert options.context is not None
    assert options.context.servers == ("nats://broker:4222",)
    assert options.tenant == "acme"


@pytest.mark.parametrize(("listen", "host", "port"), [("127.0.0.1:4333", "127.0.0.1", 4333), ("[::1]:0", "[::1]", 0)])
def test_where_to_listen(listen: str, host: str, port: int) -> None:
    broker = options_from(arguments(listen=listen)).broker
    assert (broker.host, broker.port) == (host, port)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"listen": "4222"}, "is no address to listen on"),
        ({"listen": "127.0.0.1:http"}, "is no address to listen on"),
        ({"listen": "0.0.0.0:0"}, "loopback only"),
        ({"listen": "127.0.0.1:70000"}, "is no port"),
        ({"listen": "127.0.0.1:0", "server": "nats://b:4222"}, "give one of them"),
        ({"server": "http://b"}, "URL"),
        ({"user": "u", "password": "p"}, "give them with --server only"),
        ({"tenant": "a.b"}, "it holds a dot"),
        ({"roles": "gateway,nonsense"}, "'nonsense'; there are broker, gateway, devices"),
        ({"roles": " , "}, "--roles names nothing"),
        ({"roles": "gateway"}, "say with --server which broker"),
        ({"roles": "broker,gateway", "server": "nats://b:4222"}, "give one of them"),
        ({"store": Path("somewhere"), "server": "nats://b:4222"}, "--server uses another one"),
        ({"node": "a.b"}, "--node: A gateway's name"),
        ({"node": "x" * 63, "gateways": 2}, "--node: A gateway's name"),
        ({"ready_file": Path("/nowhere/at/all/file")}, "does not exist"),
    ],
)
def test_arguments_that_make_no_sense_are_answered_with_the_reason(more: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        options_from(arguments(**more))


@pytest.mark.parametrize(
    ("gateways", "node", "names"),
    [
        (1, None, ["gw-1"]),
        (3, None, ["gw-1", "gw-2", "gw-3"]),
        (1, "berlin", ["berlin"]),
        (2, "berlin", ["berlin-1", "berlin-2"]),
    ],
)
def test_what_the_gateways_are_called(gateways: int, node: str | None, names: list[str]) -> None:
    options = options_from(arguments(gateways=gateways, node=node))
    assert options.nodes == names
    assert [part.settings["node"] for part in parts_of(options) if part.name.startswith("gateway")] == names


REAL = {"gateway", "deployments", "topology"}


@pytest.mark.parametrize(
    ("more", "run", "devices"),
    [
        ({}, set(NAMES), 1_400),
        ({"devices": 7}, set(NAMES), 7),
        ({"roles": "broker,gateway"}, {"broker", "gateway"}, 0),
        ({"server": "nats://b:4222"}, REAL, 0),
        ({"server": "nats://b:4222", "devices": 0}, REAL, 0),
        ({"server": "nats://b:4222", "devices": 7}, REAL | {"devices", "agents"}, 7),
        ({"server": "nats://b:4222", "roles": "gateway, devices"}, {"gateway", "devices"}, 1_400),
        ({"server": "nats://b:4222", "roles": "gateway", "devices": 1_000_000}, {"gateway"}, 1_000_000),
    ],
)
def test_which_roles_run_and_no_simulated_device_comes_to_a_broker_of_others_unasked(
    more: dict[str, object], run: set[str], devices: int
) -> None:
    options = options_from(arguments(**{"devices": None, **more}))
    assert options.roles == run
    assert options.devices == devices


def test_the_environment_proves_who_a_backend_on_a_named_server_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def credentials(**more: object) -> object:
        context = options_from(arguments(server="nats://b:4222", **more)).context
        assert context is not None
        return context.credentials

    monkeypatch.setenv("NATS_URL", "nats://elsewhere:4222")
    monkeypatch.setenv("NATS_PASSWORD", "p")
    assert credentials(user="backend") == UserPassword(user="backend", password=SecretStr("p"))
    monkeypatch.setenv("NATS_USER", "backend")
    assert credentials() == UserPassword(user="backend", password=SecretStr("p"))
    for name in ("NATS_USER", "NATS_PASSWORD"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("NATS_TOKEN", "t")
    assert credentials() == Token(token=SecretStr("t"))
    monkeypatch.delenv("NATS_TOKEN")
    monkeypatch.setenv("NATS_NKEY", str(tmp_path / "seed"))
    assert credentials() == Nkey(path=tmp_path / "seed")


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    return " ".join(capsys.readouterr().out.split())


def test_the_help_lists_every_role_and_says_what_reads_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    serve = help_of("serve", capsys)
    assert f"commas between: {', '.join(NAMES)} (all" in serve
    assert "NATS_URL" not in serve
    assert "NATS_CONTEXT" not in serve
    assert "(NATS_PASSWORD" in serve
    assert "(NATS_URL)" in help_of("info", capsys)


def test_the_store_is_an_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert options_from(arguments(store=Path("kept"))).broker.store == tmp_path / "kept"
    assert options_from(arguments()).broker.store is None
