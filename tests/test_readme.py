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
