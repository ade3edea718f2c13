"""What this console knows of itself, gathered when somebody looks, and the report file that goes with a complaint.

Nothing secret: facts name no credential, and what the log has is gone over for the ones in use before it is written.
"""

from __future__ import annotations

import asyncio
import json
import logging
import platform
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psutil
from PySide6.QtCore import qVersion

from fleetgui import __version__
from fleetgui.app.files import write_whole
from fleetgui.link.credentials import secrets_of
from fleetgui.policy import formats
from fleetgui.stores.diagnosis import Section, as_json, section
from fleetgui.stores.log_ring import Line, LogRing

if TYPE_CHECKING:
    from fleetgui.app.crash import Crash
    from fleetgui.app.fabric import Fabric
    from fleetgui.link.tasks import Tasks
    from fleetgui.policy.clock import Clock
    from fleetgui.stores.console import ConsoleState
    from fleetgui.stores.journal import Entry

T = TypeVar("T")

SLICE: Final = 100
"""Lines made into text at a time: about a millisecond."""
MOST_TASKS: Final = 200
MOST_JOURNAL: Final = 1_000
SHORTEST_SECRET: Final = 4
"""Characters; what is shorter would strike out half of the log, and protects nothing."""


class Diagnostics:
    """The facts of one session. `fabric()` gives what is connected, None before there is anything."""

    def __init__(
        self,
        state: ConsoleState,
        clock: Clock,
        tasks: Tasks,
        ring: LogRing,
        fabric: Callable[[], Fabric | None],
        *,
        settings: Path,
        crash: Crash | None = None,
    ) -> None:
        self.ring = ring
        self.crash = crash
        self._state = state
        self._clock = clock
        self._tasks = tasks
        self._fabric = fabric
        self._settings = settings
        self._began = clock.now()

    def sections(self) -> list[Section]:
        """What there is to know now."""
        return list(self._sections())

    def _sections(self) -> Iterator[Section]:
        yield section("Program", self._program())
        yield section("Link", self._link())
        if (fabric := self._fabric()) is not None:
            yield section("Traffic", _traffic(fabric))
            yield section("Malformed, by who found so", fabric.malformed)
            yield section("Subscriptions, messages received", _subscriptions(fabric))
            yield section("Queues, waiting / taken / dropped", _queues(fabric))
        yield section("Sources", self._sources())
        yield section("Lost", self._lost())
        yield section("Stores", self._stores())
        yield section("Own loop", self._own_loop())
        running = self._tasks.names
        yield section(f"Tasks, {len(running):,}", dict(Counter(running[:MOST_TASKS])))

    async def write(self, path: Path, extra: dict[str, Any]) -> None:
        """Write the report file: the facts, `extra` (`app.report.report`), the journal's end and the log; `OSError`.

        What is told is of this moment. Times as text take long: made in slices, as a thread of Python code would have
        the loop wait at each of its turns; the file itself is made and written in a thread.
        """
        fabric = self._fabric()
        secrets = () if fabric is None else secrets_of(fabric.link.context.credentials)
        content = {
            "written": formats.moment_utc(self._clock.wall()),
            "facts": as_json(self.sections()),
            "report": extra,
            "last_crash": self.crash.text if self.crash is not None else None,
        }
        entries, lines = list(self._state.journal.entries)[-MOST_JOURNAL:], self.ring.lines
        texts = content | {"journal": await _in_slices(_noted, entries), "log": await _in_slices(written, lines)}
        await asyncio.to_thread(_write, path, texts, secrets)

    def _program(self) -> dict[str, object]:
        process = psutil.Process()
        memory = process.memory_info().rss / 2**20
        return {
            "FleetGUI": __version__,
            "Python": platform.python_version(),
            "Qt": qVersion(),
            "system": platform.platform(),
            "process": str(process.pid),
            "running for": formats.age(self._clock.now() - self._began),
            "memory, MiB": round(memory, 1),
            "threads": threading.active_count(),
            "open files": process.num_fds() if hasattr(process, "num_fds") else None,
            "settings": str(self._settings),
        }

    def _link(self) -> dict[str, object]:
        link = self._state.link.state
        fabric = self._fabric()
        context = None if fabric is None else fabric.link.context
        return {
            "context": None if context is None else context.name,
            "tenant": None if context is None else context.tenant,
            "state": link.phase.value,
            "since": formats.moment_utc(link.since_wall) if link.since_wall else None,
            "server": link.server_name or link.server,
            "round trip": formats.millis(link.rtt_ms),
            "largest message, bytes": link.max_payload,
            "reconnects": link.reconnects,
            "last error": link.error,
        }

    def _sources(self) -> dict[str, object]:
        now, sources = self._clock.now(), self._state.sources
        return {
            each.name: f"{each.state(now).word}, heard {formats.age(now - each.heard_at)} ago"
            if each.heard_at is not None
            else each.state(now).word
            for each in sources
        }

    def _lost(self) -> dict[str, object]:
        return {
            f"{loss.source}, {loss.cause}": f"{loss.count:,} in {len(loss.spans):,} "
            f"{'span' if len(loss.spans) == 1 else 'spans'}, last at {formats.moment_utc(loss.last)}"
            for loss in self._state.ledger.losses
        }

    def _stores(self) -> dict[str, object]:
        state = self._state
        return {
            "registered": state.roster.registered,
            "rows of the table": state.table.total,
            "rows loaded": state.table.loaded,
            "pages read": state.roster.pages_read,
            "devices heard of": len(state.presence),
            "lag windows": state.lag.samples,
            "engagements": state.engagements.total,
            "journal": len(state.journal.entries),
            "fleet held": state.hold.state.phase.value,
        }

    def _own_loop(self) -> dict[str, object]:
        observer = self._state.observer
        window = observer.last
        if window is None:
            return {"band": None}
        return {
            "band": observer.band.value,
            "p50": formats.millis(window.p50_ms),
            "p99": formats.millis(window.p99_ms),
            "max": formats.millis(window.max_ms),
            "spans that ran late": len(observer.late),
        }


def _write(path: Path, content: dict[str, Any], secrets: Collection[str]) -> None:
    """In a thread: nothing of this may still change."""
    write_whole(path, struck_out(json.dumps(content, indent=1, ensure_ascii=False), secrets))


async def _in_slices(text: Callable[[T], str], values: Sequence[T]) -> list[str]:
    """`text` of each, with the loop's other work in between."""
    texts: list[str] = []
    for first in range(0, len(values), SLICE):
        texts += map(text, values[first : first + SLICE])
        await asyncio.sleep(0)
    return texts


def _noted(entry: Entry) -> str:
    """A line of the journal as text."""
    return f"{formats.moment_utc(entry.at)} {entry.state.word} {entry.source}: {entry.text}"


def written(line: Line) -> str:
    """A line of the log as text."""
    return f"{formats.moment_utc(line.at)} {logging.getLevelName(line.level)} {line.source}: {line.text}"


def struck_out(text: str, secrets: Iterable[str]) -> str:
    """`text` without any of `secrets`; those that JSON writes otherwise are found as it writes them."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], "(struck out)")
    return text


def _traffic(fabric: Fabric) -> dict[str, object]:
    """Of what is malformed the link sees frames alone; all of it is a section of its own."""
    told: dict[str, object] = asdict(fabric.link.footprint)
    del told["malformed"]
    failures = fabric.link.footprint.request_failures
    told["request_failures"] = ", ".join(f"{kind} {count:,}" for kind, count in failures.items()) or None
    return told


def _subscriptions(fabric: Fabric) -> dict[str, object]:
    return {
        f"{each.subject} {each.queue}".strip(): each.received if each.error is None else f"denied: {each.error}"
        for each in fabric.link.subscriptions
    }


def _queues(fabric: Fabric) -> dict[str, object]:
    return {
        name: f"{each.pending:,} / {each.taken:,} / {each.dropped.total():,}"
        for feed in (fabric.presence, fabric.gateway, fabric.topologies)
        for name, each in feed.intakes.items()
    }
