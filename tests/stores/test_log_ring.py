"""The log in memory: bounded, told apart by what was read, and never the reason for a fault."""

from __future__ import annotations

import logging
import threading

import pytest

from fleetgui.stores.log_ring import LONGEST, LogRing


@pytest.fixture
def log() -> logging.Logger:
    return logging.Logger("fleetgui.test")


def ring_on(logger: logging.Logger, capacity: int = 10) -> LogRing:
    ring = LogRing(capacity)
    logger.addHandler(ring)
    return ring


def test_it_keeps_the_last_lines_and_says_what_is_new(log: logging.Logger) -> None:
    ring = ring_on(log, 3)
    for number in range(5):
        log.warning("line %d", number)
    assert [line.text for line in ring.lines] == ["line 2", "line 3", "line 4"]
    assert ring.total == 5
    assert [line.text for line in ring.since(4)] == ["line 4"]
    assert [line.text for line in ring.since(0)] == ["line 2", "line 3", "line 4"]
    assert ring.since(5) == []


def test_below_its_level_nothing_is_kept(log: logging.Logger) -> None:
    ring = ring_on(log)
    log.debug("quiet")
    log.info("said")
    assert [(line.level, line.source, line.text) for line in ring.lines] == [(logging.INFO, "fleetgui.test", "said")]


def test_a_traceback_is_part_of_its_line_and_a_long_one_keeps_its_end(log: logging.Logger) -> None:
    ring = ring_on(log)
    try:
        raise ValueError("x" * 10_000 + " at last")
    except ValueError:
        log.exception("it failed")
    (line,) = ring.lines
    assert line.text.startswith("it failed\nTraceback")
    assert line.text.endswith(" at last")
    assert len(line.text) <= LONGEST + 10


def test_a_call_that_cannot_be_written_out_is_a_line_all_the_same(log: logging.Logger) -> None:
    ring = ring_on(log)
    log.info("%d of %d", *["not a number"])
    assert ring.lines[0].text == "'%d of %d' cannot be written out"


def test_threads_write_and_are_read_meanwhile(log: logging.Logger) -> None:
    ring = ring_on(log, 100)

    def write() -> None:
        for _ in range(2_000):
            log.info("x")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert len(ring.lines) <= 100
    assert ring.total == 8_000
