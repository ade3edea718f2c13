"""The command line: what it understands, and that every mistake is one sentence and no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fleetgui import __version__, cli


def fleetgui(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    import os

    clean = {key: value for key, value in os.environ.items() if not key.startswith(("NATS_", "QT_", "DISPLAY", "WAYL"))}
    return subprocess.run(
        [sys.executable, "-m", "fleetgui", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=clean | environ,
        stdin=subprocess.DEVNULL,
    )


def one_sentence(text: str) -> bool:
    return text.startswith("fleetgui") and text.count("\n") == 1 and "Traceback" not in text


def test_version_is_printed() -> None:
    assert fleetgui("--version").stdout == f"fleetgui {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--no-such-flag",),
        ("nonsense",),
        ("demo", "--devices", "many"),
        ("demo", "--devices", "-1"),
        ("demo", "--scenario", "no-such-story"),
        ("serve", "--scenario", "no-such-story"),
        ("--exit-after", "soon"),
        ("--offscreen", "--screenshot", "/no/such/folder/x.png"),
        ("--creds", "/no/such/file.creds"),
        ("--server", "not a url"),
        ("--tenant", "a.b"),
        ("--context", "no-such-context"),
        ("snapshot",),
        ("snapshot", "-o", "fleet.docx"),
    ],
    ids=" ".join,
)
def test_a_wrong_argument_is_one_sentence_and_exit_code_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = fleetgui(*arguments, XDG_CONFIG_HOME=str(tmp_path), HOME=str(tmp_path))
    assert done.returncode == 2
    assert one_sentence(done.stderr), done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux starts without a display")
def test_without_a_display_it_says_what_to_do() -> None:
    done = fleetgui("demo")
    assert done.returncode == 2
    assert one_sentence(done.stderr)
    assert "--offscreen --screenshot" in done.stderr


def test_an_unreachable_server_ends_a_command_without_a_window(tmp_path: Path) -> None:
    done = fleetgui("snapshot", "-o", str(tmp_path / "fleet.csv"), "--server", "nats://127.0.0.1:9")
    assert done.returncode == 1
    assert one_sentence(done.stderr), done.stderr
    assert "127.0.0.1:9" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_flag_before_the_command_counts_for_it() -> None:
    arguments = cli._parser().parse_args(["--server", "nats://127.0.0.1:1", "info"])
    assert arguments.server == "nats://127.0.0.1:1"


@pytest.mark.parametrize(("text", "valid"), [("0", True), ("1000000", True), ("1000001", False), ("1e3", False)])
def test_numbers_of_devices(text: str, valid: bool) -> None:
    if valid:
        assert cli._devices(text) == int(text)
    else:
        with pytest.raises(Exception, match="devices"):
            cli._devices(text)
