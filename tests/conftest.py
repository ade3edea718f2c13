"""Fixtures for every test: a real nats-server on a free loopback port, and the rule that nothing may be left behind."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("PYTEST_QT_API", "pyside6")
