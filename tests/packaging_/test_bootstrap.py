"""What the bootstrap's commands run, with which arguments, and what they say when they cannot."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import bootstrap
import pytest
import syslibs
from environments import PROJECT, ROOT, Environment, SetupError, Stamp

PROGRAM = [str(PROJECT.python), "-P", "-m", "fleetgui"]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a display")


class HandedOver(Exception):
    """Raised in place of becoming the program."""

    def __init__(self, command: Sequence[str], environ: dict[str, str] | None = None) -> None:
        self.command = list(command)
        self.environ = environ or {}


class World:
    """What the bootstrap did to the machine, were it not a test."""

    def __init__(self) -> None:
        self.prepared: list[str] = []
        self.platforms: list[str] = []
        self.ran: list[str] = []
        self.failing: set[str] = set()

    def prepare(self, environment: object, lock: str) -> None:
        if lock in self.failing:
            raise SetupError("pip could not install it.")
        self.prepared.append(lock)

    def run(self, command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        text = " ".join(command)
        self.ran.append(text)
        return subprocess.CompletedProcess(list(command), 1 if any(word in text for word in self.failing) else 0)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    def hand_over(command: Sequence[str], environ: dict[str, str] | None = None) -> None:
        raise HandedOver(command, environ)

    made = World()
    monkeypatch.setattr(bootstrap, "prepare", made.prepare)
    monkeypatch.setattr(bootstrap, "provide_libraries", made.platforms.append)
    monkeypatch.setattr(bootstrap, "provide_etcd", lambda: Path("/somewhere/etcd"))
    monkeypatch.setattr(subprocess, "run", made.run)
    monkeypatch.setattr(bootstrap, "hand_over", hand_over)
    monkeypatch.chdir(ROOT)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    return made


def handed_over(*argv: str) -> HandedOver:
    with pytest.raises(HandedOver) as caught:
        bootstrap.main(argv)
    return caught.value


def test_what_follows_demo_goes_to_the_program_as_it_is(world: World) -> None:
    result = handed_over("demo", "--offscreen", "--devices", "10", "two words", "")

    assert result.command == [*PROGRAM, "demo", "--offscreen", "--devices", "10", "two words", ""]
    assert world.prepared == ["requirements.txt"]
    assert world.platforms == (["offscreen"] if sys.platform.startswith("linux") else [])


def test_run_is_the_program_itself(world: World) -> None:
    assert handed_over("run", "info").command == [*PROGRAM, "info"]


@linux
def test_without_a_display_demo_says_what_to_do_and_sets_nothing_up(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        bootstrap.main(["demo", "--devices", "5"])

    assert ended.value.code == 2
    assert "packaging/bootstrap.py demo --offscreen --screenshot" in capsys.readouterr().err
    assert world.prepared == []


@pytest.mark.parametrize("argv", [("demo", "--help"), ("demo", "--version"), ("run", "serve"), ("run", "snapshot")])
def test_what_opens_no_window_needs_neither_a_display_nor_libraries(world: World, argv: tuple[str, ...]) -> None:
    handed_over(*argv)

    assert world.platforms == []


@linux
@pytest.mark.parametrize(
    ("name", "value", "platform"), [("DISPLAY", ":0", "xcb"), ("QT_QPA_PLATFORM", "offscreen", "offscreen")]
)
def test_the_libraries_are_those_of_the_display(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, value: str, platform: str
) -> None:
    monkeypatch.setenv(name, value)
    handed_over("demo")

    assert world.platforms == [platform]


def test_test_runs_each_check_in_order_and_then_pytest(world: World) -> None:
    result = handed_over("test")

    for command, word in zip(world.ran, ["ruff check", "ruff format --check", "mypy", "lint-imports"], strict=True):
        assert word in command
    assert result.command[1:3] == ["-m", "pytest"]
    assert result.environ["QT_QPA_PLATFORM"] == "offscreen"
    assert world.prepared == ["requirements-dev.txt", "requirements-interop.txt"]


def test_test_stops_at_the_first_check_that_fails_and_names_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.failing.add("mypy")

    assert bootstrap.main(["test"]) == 1
    assert "mypy failed (exit status 1)" in capsys.readouterr().err
    assert not any("lint-imports" in command for command in world.ran)


def test_test_with_arguments_runs_pytest_alone(world: World) -> None:
    result = handed_over("test", "tests/wire", "-x")

    assert result.command[1:] == ["-m", "pytest", "tests/wire", "-x"]
    assert world.ran == []


def test_a_platform_that_the_caller_chose_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")

    assert handed_over("test").environ["QT_QPA_PLATFORM"] == "xcb"


def test_interoperability_parts_that_cannot_be_had_are_named_and_left_out(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    half = Environment(tmp_path / ".venv-interop")
    half.folder.mkdir()
    monkeypatch.setattr(bootstrap, "INTEROP", half)
    world.failing.add("requirements-interop.txt")

    handed_over("test")

    assert "left out: device-connect-server and device-connect-edge" in capsys.readouterr().err
    assert not half.folder.exists()


def test_an_unpacked_etcd_comes_last_on_the_path(world: World) -> None:
    path = handed_over("test").environ["PATH"].split(os.pathsep)

    assert path[-1] == str(Path("/somewhere/etcd"))
    assert "" not in path[-2:]


def test_soak_allows_each_test_an_hour_and_a_half(world: World) -> None:
    assert handed_over("soak").command[3:] == ["-m", "soak", "--timeout", "5400", "tests"]


def test_a_set_up_that_fails_is_one_sentence_and_no_traceback(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.failing.add("requirements.txt")

    assert bootstrap.main(["demo", "--offscreen"]) == 1
    assert capsys.readouterr().err == "bootstrap: pip could not install it.\n"


@pytest.mark.parametrize("argv", [[], ["dmeo"]])
def test_a_wrong_command_names_the_right_ones(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(argv) == 2
    assert "demo, run, test, soak or lock" in capsys.readouterr().err


def test_help_explains_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["-h"]) == 0
    text = capsys.readouterr().out
    assert all(f"bootstrap.py {command}" in text for command in ("demo", "run", "test", "soak", "lock"))


@linux
class TestLibraries:
    """What is done about missing libraries; the environment's stamp is a stand-in."""

    @pytest.fixture
    def stamp(self, monkeypatch: pytest.MonkeyPatch) -> Stamp:
        stamp = Stamp("complete")
        monkeypatch.setattr(type(PROJECT), "read_stamp", lambda self: stamp)
        monkeypatch.setattr(type(PROJECT), "write_stamp", lambda self, new: None)
        monkeypatch.setattr(syslibs, "package_manager", lambda: "apt-get")
        monkeypatch.setattr(syslibs, "is_root", lambda: False)
        return stamp

    def find(self, monkeypatch: pytest.MonkeyPatch, *results: list[str]) -> None:
        answers = iter(results)
        monkeypatch.setattr(syslibs, "missing_libraries", lambda *_: next(answers))

    def test_what_was_found_complete_is_not_looked_at_again(
        self, stamp: Stamp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.find(monkeypatch, [])

        bootstrap.provide_libraries("xcb")
        bootstrap.provide_libraries("xcb")

        assert stamp.platforms == ["xcb"]

    def test_who_is_not_root_is_told_the_command(self, stamp: Stamp, monkeypatch: pytest.MonkeyPatch) -> None:
        self.find(monkeypatch, ["libEGL.so.1"])

        with pytest.raises(SetupError, match="sudo apt-get install -y --no-install-recommends libegl1"):
            bootstrap.provide_libraries("xcb")
        assert stamp.platforms == []

    def test_root_gets_them_installed(self, stamp: Stamp, monkeypatch: pytest.MonkeyPatch) -> None:
        installed: list[str] = []

        def apt_get_install(packages: Sequence[str]) -> bool:
            installed.extend(packages)
            return True

        monkeypatch.setattr(syslibs, "is_root", lambda: True)
        monkeypatch.setattr(syslibs, "apt_get_install", apt_get_install)
        self.find(monkeypatch, ["libEGL.so.1", "libxcb-icccm.so.4"], [])

        bootstrap.provide_libraries("xcb")

        assert installed == ["libegl1", "libxcb-icccm4"]
        assert stamp.platforms == ["xcb"]

    def test_a_library_that_is_still_missing_afterwards_is_reported(
        self, stamp: Stamp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(syslibs, "is_root", lambda: True)
        monkeypatch.setattr(syslibs, "apt_get_install", lambda names: True)
        self.find(monkeypatch, ["libEGL.so.1"], ["libEGL.so.1"])

        with pytest.raises(SetupError, match=r"libEGL\.so\.1"):
            bootstrap.provide_libraries("xcb")


def test_the_ci_script_runs_the_bootstrap() -> None:
    assert "exec python3 packaging/bootstrap.py test" in (ROOT / ".ci" / "run").read_text("utf-8")
