"""What README and CONTRIBUTING tell people to type exists, and what they point at is there."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from fleetgui import cli

ROOT = Path(__file__).resolve().parents[1]
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")}


def commands() -> list[str]:
    """Every command in a code block or in backticks that starts like one of ours."""
    found = []
    for text in TEXTS.values():
        blocks = "\n".join(re.findall(r"```\n(.*?)```", text, flags=re.S)).splitlines()
        for line in [*blocks, *re.findall(r"`([^`\n]+)`", text)]:
            command = line.split("#")[0].strip()
            if re.match(r"(fleetgui (-|\w)|python3 packaging/|\.venv/bin/python -m )", command):
                found.append(command)
    return sorted(set(found))


def test_there_are_commands() -> None:
    assert "python3 packaging/bootstrap.py demo" in commands()
    assert "python3 packaging/bootstrap.py test" in commands()


@pytest.mark.parametrize("command", commands())
def test_a_command_is_one(command: str) -> None:
    words = shlex.split(command)
    if words[0] == "fleetgui":
        cli._parser().parse_args(words[1:])
    elif words[0] == "python3":
        bootstrap = (ROOT / words[1]).read_text(encoding="utf-8")
        assert f'"{words[2]}"' in bootstrap
    else:
        assert importlib.util.find_spec(words[2]) is not None


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_pointed_at_is_there(name: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXTS[name]):
        assert (ROOT / target).exists(), target


PACKAGES = sorted(each.name for each in (ROOT / "fleetgui").iterdir() if (each / "__init__.py").exists())
SOURCES = [
    path.relative_to(ROOT).as_posix()
    for top in ("fleetgui", "tests", "packaging")
    for path in (ROOT / top).rglob("*.py")
]
MODULE_PATH = re.compile(r"(?:[a-z_]+/)*[a-z_]+\.py")
MODULE_NAME = re.compile(rf"(?:fleetgui\.)?((?:{'|'.join(PACKAGES)})\.[a-z_]+)[\w.]*(?:\(\))?")


def modules_told(text: str) -> set[str]:
    """What stands in backticks and looks like a module of ours: `link/watch.py`, `watch.py`, `link.tasks.Tasks`."""
    told = set()
    for quoted in re.findall(r"`([^`\n]+)`", text):
        if MODULE_PATH.fullmatch(quoted):
            told.add(quoted)
        elif match := MODULE_NAME.fullmatch(quoted):
            told.add(match[1].replace(".", "/"))
    return told


def stands(module: str) -> bool:
    """Whether a module has this path, or one that ends so; without `.py` it may be a package."""
    ends = (f"/{module}",) if module.endswith(".py") else (f"/{module}.py", f"/{module}/__init__.py")
    return any(f"/{source}".endswith(ends) for source in SOURCES)


def test_modules_are_recognised() -> None:
    text = "`link/watch.py`, `watch.py` and `link.tasks.Tasks.spawn`, not `clock.now()`; `policy.clock.Clock.now()`"
    assert modules_told(text) == {"link/watch.py", "watch.py", "link/tasks", "policy/clock"}
    assert stands("link/watch.py")
    assert stands("link/tasks")
    assert stands("policy/filters")
    assert not stands("atch.py")
    assert not stands("widgets/devices_table.py")


@pytest.mark.parametrize("name", [*TEXTS, "tests/FAULTS.md", "tests/bench/RESULTS.md"])
def test_modules_that_texts_tell_of_exist(name: str) -> None:
    told = modules_told((ROOT / name).read_text(encoding="utf-8"))
    assert sorted(each for each in told if not stands(each)) == []


def test_modules_that_the_source_tells_of_exist() -> None:
    """In docstrings and comments, where a module that is moved leaves its old name behind."""
    stale = {
        f"{source}: {each}"
        for source in SOURCES
        if source.startswith("fleetgui/")
        for each in modules_told((ROOT / source).read_text(encoding="utf-8"))
        if not stands(each)
    }
    assert stale == set()


@pytest.mark.parametrize("package", ["app", "link", "models", "stores/held", "widgets/devices", "widgets/window"])
def test_a_package_s_first_lines_tell_of_each_of_its_modules(package: str) -> None:
    """Where there are many, somebody new reads there which one to open."""
    folder = ROOT / "fleetgui" / package
    told = (folder / "__init__.py").read_text(encoding="utf-8")
    names = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert sorted(name for name in names if f"`{name}`" not in told) == []
