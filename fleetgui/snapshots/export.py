"""Exports: the fleet as CSV or JSON lines, written so that a half-written file never stands where a whole one did.

JSON lines: one device a line, exactly the record the registry sent with one key added, `_fleetgui`, that holds the
console's own words (`state`, `read_at`); and a last line `{"_fleetgui": {"coverage": …, "ledger": […]}}` that says how
much of the fleet the file holds, and what this console did not see that a `state` may go by. CSV: RFC 4180, UTF-8, one
header, summary fields; what a spreadsheet would take for a formula has a quote put before it, since device text is
hostile. Every row of it is a device, so that last line stands in a file of its own beside it (`companion_of`). Times
are ISO 8601 with `Z`.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from msgspec import Raw

from fleetgui.policy.formats import export_time
from fleetgui.policy.states import State
from fleetgui.stores.export import Coverage
from fleetgui.stores.ledger import Span
from fleetgui.wire.codec import Malformed, decode, encode
from fleetgui.wire.records import Summary
from fleetgui.wire.times import to_epoch


class ExportFormat(Enum):
    """The value is the file's suffix without the dot."""

    CSV = "csv"
    JSON_LINES = "jsonl"

    @classmethod
    def of(cls, path: Path) -> ExportFormat | None:
        """The format that a file's name says, None when it says none."""
        return {".csv": cls.CSV, ".jsonl": cls.JSON_LINES, ".ndjson": cls.JSON_LINES}.get(path.suffix.lower())


def companion_of(path: Path, kind: ExportFormat) -> Path | None:
    """Where coverage and gaps of an export to `path` stand; None: in the file itself."""
    return path.parent / f"{path.name}.coverage.json" if kind is ExportFormat.CSV else None


class ExportedDevice(NamedTuple):
    """One device to write. `summary` None: its record is malformed and stands as it came; `read_at` epoch seconds."""

    record: bytes
    summary: Summary | None
    device_id: str | None
    state: State
    read_at: float


CSV_COLUMNS: Final = (
    "device_id",
    "state",
    "read_at",
    "device_type",
    "location",
    "availability",
    "battery",
    "busy_score",
    "error_state",
    "manufacturer",
    "model",
    "serial_number",
    "firmware",
    "arch",
    "ttl",
    "functions",
    "events",
    "labels",
    "status_ts",
    "registered_at",
    "remark",
)
_TIMES: Final = frozenset({"status_ts", "registered_at"})
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def neutral(value: object) -> str:
    """A cell that no spreadsheet takes for a formula, and no reader for the end of the text."""
    if value is None:
        return ""
    cell = str(value).replace("\0", "")
    if not isinstance(value, str):
        return cell  # a number of ours, which may be negative
    # Spreadsheets look behind leading blanks, and take full-width signs for the plain ones.
    return "'" + cell if cell.startswith(_FORMULA) or cell.lstrip().startswith(_FORMULA) else cell


class ExportWriter:
    """Writes to a temporary file beside `path`; `finish` puts it in place, `abandon` leaves what was there before.

    The companion goes with its file: both are put in place or neither is, and a program that is killed between the two
    leaves a file without one, never one that speaks of another file.

    `open`, `write` and `finish` raise OSError with the system's own words and have abandoned by then. All methods
    block: call them in a thread, one at a time.
    """

    def __init__(self, path: Path, kind: ExportFormat) -> None:
        self.path = path
        self._kind = kind
        self._companion = companion_of(path, kind)
        self._part: Path | None = None
        self._file: IO[bytes] | None = None

    def open(self) -> None:
        # Whatever the system has against the name it says now, and not when the whole fleet was read.
        for path in (self.path, self._companion or self.path):
            with contextlib.suppress(FileNotFoundError):
                path.lstat()
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        # With the file's own name in it, one that is just short enough could not be written at all.
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".fleetgui-", suffix=".part")
        self._part = Path(name)
        self._file = os.fdopen(handle, "wb")
        if self._kind is ExportFormat.CSV:
            self._put(_csv_line(CSV_COLUMNS))

    def write(self, devices: list[ExportedDevice]) -> None:
        line = _csv_device if self._kind is ExportFormat.CSV else _json_device
        self._put(b"".join(line(device) for device in devices))

    def finish(self, coverage: Coverage, at: float, losses: Sequence[Span] = ()) -> None:
        """Say what the file holds, as of epoch second `at`, with what was lost, and put it where it belongs."""
        facts = asdict(coverage) | {"complete": coverage.complete}
        ledger = [span.exported() for span in losses]
        last = encode({"_fleetgui": {"written_at": export_time(at), "coverage": facts, "ledger": ledger}}) + b"\n"
        if self._companion is None:
            self._put(last)
        with self._abandoned_on_error() as file:
            _sync_and_close(file)
            if self._part is not None:
                self._part.chmod(_mode_for(self.path))
                if self._companion is None:
                    self._part.replace(self.path)
                else:
                    with _beside(self._companion, last):
                        self._part.replace(self.path)
                _sync_folder(self.path.parent)
        self._part = self._file = None

    def abandon(self) -> None:
        """Leave nothing behind. Harmless twice, and after `finish`."""
        file, part = self._file, self._part
        self._file = self._part = None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()
        if part is not None:
            with contextlib.suppress(OSError):
                part.unlink()

    def _put(self, data: bytes) -> None:
        with self._abandoned_on_error() as file:
            file.write(data)

    @contextlib.contextmanager
    def _abandoned_on_error(self) -> Iterator[IO[bytes]]:
        if self._file is None:
            raise ValueError("the export is not open")
        try:
            yield self._file
        except BaseException:
            self.abandon()
            raise


@contextlib.contextmanager
def _beside(companion: Path, content: bytes) -> Iterator[None]:
    """Put `content` into `companion` once the block has put its file in place; where that fails, what was there stays.

    The companion of the file before is set aside first: at no moment does it stand beside a file that it is not of.
    """
    with tempfile.TemporaryDirectory(
        dir=companion.parent, prefix=".fleetgui-", suffix=".part", ignore_cleanup_errors=True
    ) as folder:
        new, before = Path(folder, "new"), Path(folder, "before")
        with new.open("wb") as file:
            file.write(content)
            _sync_and_close(file)
        new.chmod(_mode_for(companion))
        with contextlib.suppress(FileNotFoundError):
            companion.replace(before)
        try:
            yield
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                before.replace(companion)
            raise
        new.replace(companion)


def _sync_and_close(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


def _mode_for(path: Path) -> int:
    """The permissions that `path` has, or would get as a new file; a temporary file is its owner's alone."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    """Make the new name outlast a power cut, where the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _csv_line(cells: tuple[str, ...] | list[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().encode("utf-8", "replace")


def _csv_device(device: ExportedDevice) -> bytes:
    own: dict[str, Any] = {
        "device_id": device.device_id,
        "state": device.state.word,
        "read_at": export_time(device.read_at),
        "remark": "" if device.summary is not None else "malformed record",
    }
    cells = []
    for name in CSV_COLUMNS:
        value = own[name] if name in own else getattr(device.summary, name, None)
        if name in _TIMES and (epoch := to_epoch(value)) is not None:
            with contextlib.suppress(OverflowError, ValueError, OSError):
                value = export_time(epoch)
        cells.append(neutral(value))
    return _csv_line(cells)


def _json_device(device: ExportedDevice) -> bytes:
    own: dict[str, Any] = {"state": device.state.word, "read_at": export_time(device.read_at)}
    # Line ends stand in JSON only between tokens. What the record holds is not decoded and encoded again: numbers and
    # escapes stay as the registry sent them; but the reader skips text without looking whether it is UTF-8.
    record = device.record.replace(b"\n", b" ").replace(b"\r", b" ").strip()
    try:
        record.decode()
        members = decode(record, dict[str, Raw])
    except (Malformed, UnicodeDecodeError) as error:
        note = own | {"malformed": str(error)[:300], "text": device.record.decode("utf-8", "replace")}
        return encode({"_fleetgui": note}) + b"\n"
    if device.summary is None:
        own["malformed"] = True
    if "_fleetgui" in members:
        del members["_fleetgui"]  # a device's own key of that name must not pass for the console's
        record = encode(members)
    return b'%s%s"_fleetgui":%s}\n' % (record[:-1], b"," if members else b"", encode(own))
