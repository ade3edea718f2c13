"""Fixtures for every test: a real nats-server on a free loopback port, and the rule that nothing may be left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.nats_server import NatsServer

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("PYTEST_QT_API", "pyside6")


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
