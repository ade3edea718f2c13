"""What `bootstrap.py soak` runs: there is something, each with the time it needs, and nothing is said to be nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def soak(*arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest as `bootstrap.py soak` calls it."""
    command = [sys.executable, "-m", "pytest", "-m", "soak", "--timeout", "5400", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)


def test_soak_selects_tests_and_only_those() -> None:
    done = soak("--collect-only", "-q", "tests/backend/test_hostile.py")
    assert done.returncode == 0
    assert "test_a_million_mutated_messages_harm_nobody" in done.stdout
    assert "test_mutated_messages_harm_nobody" not in done.stdout


def test_a_soak_test_has_the_long_timeout_even_in_a_module_with_a_short_one(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "pytestmark = pytest.mark.timeout(1)\n"
        "@pytest.mark.soak\n"
        "def test_it(request):\n"
        "    assert request.node.get_closest_marker('timeout').args == (5400,)\n"
    )
    done = soak("-q", "-p", "tests.conftest", str(tmp_path))
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout


def test_a_soak_of_nothing_says_so_and_fails() -> None:
    done = soak("-q", "tests/packaging_/test_locks.py")
    assert done.returncode == 5
    assert "no soak test is in tests/packaging_/test_locks.py" in done.stdout
