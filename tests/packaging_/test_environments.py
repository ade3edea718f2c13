"""When an environment counts as complete, and what happens to one that does not."""

import importlib.util
import sys
from pathlib import Path

import environments
import pytest
import syslibs
from environments import PYTHON, ROOT, Environment, SetupError, Stamp, lock_hash

LOCK = "requirements.txt"


class Recorder:
    """Stands for pip and venv: notes what would have run, and may fail."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.fails_at = ""

    def __call__(self, command: list[str], failure: str, lock_fd: int | None = None) -> None:
        text = " ".join(command)
        if self.fails_at and self.fails_at in text:
            raise SetupError(failure)
        self.commands.append(text)
        if "-m venv" in text:
            make_tree(Environment(Path(command[-1])))

    def installed(self) -> list[str]:
        return [Path(command.split()[-1]).name for command in self.commands if "pip install" in command]


def make_tree(environment: Environment) -> None:
    environment.packages.mkdir(parents=True)
    environment.scripts.mkdir(exist_ok=True)
    environment.python.touch()


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(environments, "run_or_fail", recorder)
    monkeypatch.setattr(Environment, "works", lambda self: self.python.exists())
    return recorder


@pytest.fixture
def fresh(tmp_path: Path) -> Environment:
    return Environment(tmp_path / ".venv")


@pytest.fixture
def complete(fresh: Environment, pip: Recorder) -> Environment:
    fresh.install(LOCK, None)
    pip.commands.clear()
    return fresh


def test_a_fresh_environment_is_made_and_gets_what_builds_first(fresh: Environment, pip: Recorder) -> None:
    fresh.install(LOCK, None)

    assert "-m venv" in pip.commands[0]
    assert pip.installed() == ["requirements-build.txt", LOCK]
    assert fresh.holds(LOCK)


def test_pip_may_install_nothing_without_a_hash_and_resolve_nothing(fresh: Environment, pip: Recorder) -> None:
    fresh.install(LOCK, None)

    for command in pip.commands[1:]:
        assert "--require-hashes --no-deps --no-build-isolation --only-binary :all:" in command


def test_a_complete_environment_is_left_alone(complete: Environment, pip: Recorder) -> None:
    environments.prepare(complete, LOCK)

    assert pip.commands == []


def test_a_changed_lock_is_installed_into_the_same_environment(
    complete: Environment, pip: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "lock_hash", lambda lock: "other")
    assert not complete.holds(LOCK)

    complete.install(LOCK, None)

    assert pip.installed() == ["requirements-build.txt", LOCK]
    assert not any("-m venv" in command for command in pip.commands)


def test_the_lock_for_development_covers_the_other_one(fresh: Environment, pip: Recorder) -> None:
    fresh.install("requirements-dev.txt", None)

    assert fresh.holds(LOCK)
    assert not fresh.holds("requirements-interop.txt")


def test_an_interrupted_set_up_is_started_over(fresh: Environment, pip: Recorder) -> None:
    pip.fails_at = LOCK
    with pytest.raises(SetupError):
        fresh.install(LOCK, None)
    assert not fresh.holds(LOCK)
    (fresh.packages / "half").touch()

    pip.fails_at = ""
    fresh.install(LOCK, None)

    assert fresh.holds(LOCK)
    assert not (fresh.packages / "half").exists()


@pytest.mark.parametrize("change", [{"python": "3.10"}, {"root": "/elsewhere"}, {"state": "installing"}])
def test_a_stamp_of_another_python_place_or_state_does_not_count(
    complete: Environment, change: dict[str, str], pip: Recorder
) -> None:
    stamp = complete.read_stamp()
    assert stamp is not None
    for name, value in change.items():
        setattr(stamp, name, value)
    complete.write_stamp(stamp)

    assert not complete.holds(LOCK)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"state": "complete", "future": 1}'])
def test_a_stamp_that_cannot_be_read_does_not_count(complete: Environment, content: str) -> None:
    (complete.folder / "fleetgui-setup.json").write_text(content)

    assert complete.read_stamp() is None
    assert not complete.holds(LOCK)


def test_an_environment_without_a_working_interpreter_is_made_anew(complete: Environment, pip: Recorder) -> None:
    complete.python.unlink()
    assert not complete.holds(LOCK)

    complete.install(LOCK, None)

    assert "-m venv" in pip.commands[0]
    assert complete.holds(LOCK)


def test_an_interpreter_that_is_absent_or_not_ours_does_not_work(fresh: Environment) -> None:
    assert not fresh.works()
    fresh.scripts.mkdir(parents=True)
    fresh.python.write_text("#!/bin/sh\necho 2.7\n")
    fresh.python.chmod(0o755)
    assert not fresh.works()


def test_the_project_is_importable_and_has_its_command(complete: Environment) -> None:
    assert (complete.packages / "fleetgui.pth").read_text().strip() == str(ROOT)
    command = next(complete.scripts.glob("fleetgui*"))
    assert f"{complete.python}" in command.read_text()


def test_the_interoperability_environment_does_not_see_the_project(fresh: Environment, pip: Recorder) -> None:
    fresh.install("requirements-interop.txt", None)

    assert not (fresh.packages / "fleetgui.pth").exists()


def test_a_stamp_is_read_back_as_written(fresh: Environment) -> None:
    fresh.folder.mkdir()
    stamp = Stamp("complete", locks={LOCK: lock_hash(LOCK)}, platforms=["xcb"])
    fresh.write_stamp(stamp)

    assert fresh.read_stamp() == stamp
    assert stamp.python == PYTHON == f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_the_hash_of_a_lock_does_not_depend_on_line_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "LOCKS", tmp_path)
    (tmp_path / "a.txt").write_bytes(b"x==1\ny==2\n")
    (tmp_path / "b.txt").write_bytes(b"x==1\r\ny==2\r\n")

    assert lock_hash("a.txt") == lock_hash("b.txt")


def test_a_python_without_ensurepip_names_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(syslibs, "package_manager", lambda: "apt-get")
    monkeypatch.setattr(syslibs, "is_root", lambda: False)

    with pytest.raises(SetupError, match=rf"sudo apt-get install -y python{PYTHON}-venv"):
        environments.require_ensurepip()


def test_a_failing_step_is_one_sentence_with_its_exit_status() -> None:
    with pytest.raises(SetupError, match=r"^it went wrong \(exit status 3\); its own words are above\.$"):
        environments.run_or_fail([sys.executable, "-c", "raise SystemExit(3)"], "it went wrong")
