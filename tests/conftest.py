"""Fixtures for every test: a real nats-server on a free loopback port, and the rule that nothing may be left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.nats_server import NatsServer

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("PYTEST_QT_API", "pyside6")

# How long an example takes is the machine's business: on a busy one a deadline fails tests that are right.
settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")


SOAK_TIMEOUT_S = 5400
"""What `bootstrap.py soak` gives each test."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A soak test takes its time, whatever the other tests of its module are bound to."""
    for item in items:
        if item.get_closest_marker("soak") is not None:
            item.add_marker(pytest.mark.timeout(SOAK_TIMEOUT_S), append=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """A soak that soaked nothing says so."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and config.option.markexpr == "soak":
        terminalreporter.write_line(f"no soak test is in {' '.join(config.args)} (exit status {int(exitstatus)})")


@pytest.fixture
def nats_server() -> Iterator[NatsServer]:
    """A server of one test's own, running: to be killed, suspended, restarted."""
    with NatsServer() as server:
        yield server


@pytest.fixture(scope="session")
def shared_nats_server() -> Iterator[NatsServer]:
    """One server for all tests that leave it alone and use subjects of their own."""
    with NatsServer() as server:
        yield server
