"""What is left of a process that died by a fault: the stacks of its threads, found by the next start.

Each process has a file of its own beside the settings, which Python's faulthandler writes to when the process gets a
fatal signal, and which an orderly end removes. A file with something in it, of a process that is gone, is a crash.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from fleetgui.policy import formats

log = logging.getLogger("fleetgui.crash")

_PREFIX: Final = "crash-"
_NUMBER: Final = re.compile(r"\d{1,9}", re.ASCII)
_LONGEST: Final = 200_000
"""Bytes that are read of one; the stacks of a hundred threads."""


@dataclass(frozen=True)
class Crash:
    """`at` is epoch seconds, about; `text` the stacks."""

    at: float
    text: str

    @property
    def sentence(self) -> str:
        when = formats.moment_utc(self.at)
        return f"A console ended by a fault at {when}; Help → Diagnostics shows where, and writes a report."


class CrashLog:
    """`folder` is where the settings are. Nothing here raises: a console without a crash log is a console."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"{_PREFIX}{os.getpid()}.log"
        self._file: IO[bytes] | None = None

    def begin(self) -> Crash | None:
        """Have faults of this process written down from now on; returns the last crash that nobody was told of."""
        last = self._collected()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
            faulthandler.enable(self._file, all_threads=True)
        except OSError as error:
            log.warning("a crash of this process will leave no trace: %s", error)
        return last

    def end(self) -> None:
        """This process ends in good order."""
        if self._file is not None:
            faulthandler.disable()
            self._file.close()
            self._file = None
            with suppress(OSError):
                self._path.unlink()

    def _collected(self) -> Crash | None:
        """The newest crash of a process that is gone; its file and all others of such processes are removed."""
        crashes = []
        for path in self._folder.glob(f"{_PREFIX}*.log"):
            number = path.stem.removeprefix(_PREFIX)
            with suppress(OSError):
                if not _NUMBER.fullmatch(number) or _is_writer(int(number), path):
                    continue
                at = path.stat().st_mtime
                with path.open("rb") as file:
                    text = file.read(_LONGEST).decode(errors="replace")
                path.unlink()
                if text:
                    crashes.append(Crash(at, text))
        return max(crashes, key=lambda crash: crash.at, default=None)


def _is_writer(number: int, path: Path) -> bool:
    """Whether the process of that number is the one that made the file: numbers are given out again."""
    import psutil  # here: most starts find no file, and the window does not wait for it

    try:
        return psutil.Process(number).create_time() <= path.stat().st_mtime and number != os.getpid()
    except psutil.Error:
        return False
