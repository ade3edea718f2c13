"""The last lines of the program's log, kept in memory for whoever looks into what went wrong. Takes from any thread."""

from __future__ import annotations

import logging
from collections import deque
from itertools import islice
from typing import Final, NamedTuple

LINES: Final = 5_000
LONGEST: Final = 2_000
"""Characters of one entry, its traceback included; the end of a traceback says what happened."""


class Line(NamedTuple):
    """`at` is epoch seconds, `level` one of `logging`'s, `source` the logger's name."""

    at: float
    level: int
    source: str
    text: str


class LogRing(logging.Handler):
    """Keeps the last `LINES` entries. `total` counts all there ever were, so that a reader knows what is new."""

    def __init__(self, capacity: int = LINES, level: int = logging.INFO) -> None:
        super().__init__(level)
        self.total = 0
        self._lines: deque[Line] = deque(maxlen=capacity)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001 - a faulty log call must not end what it was made in
            text = f"{record.msg!r} cannot be written out"
        if len(text) > LONGEST:
            text = f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"
        self._lines.append(Line(record.created, record.levelno, record.name, text))
        self.total += 1

    @property
    def lines(self) -> list[Line]:
        """All that are kept, oldest first."""
        return self.since(0)

    def since(self, total: int) -> list[Line]:
        """What came after there were `total`, as far as it is kept, oldest first."""
        self.acquire()
        try:
            new = min(self.total - total, len(self._lines))
            return list(islice(self._lines, len(self._lines) - new, None)) if new > 0 else []
        finally:
            self.release()
