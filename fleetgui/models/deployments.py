"""The two tables of the deployments page as columns: deployments with their roll-ups, and the devices of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from fleetgui.models.cell_model import Part
from fleetgui.models.columns import NOTHING, Align, Cell
from fleetgui.models.row_order import KeyedColumn
from fleetgui.policy import formats
from fleetgui.policy.states import State
from fleetgui.stores.deployments.opened import DeviceRow
from fleetgui.stores.deployments.rollups import Rollup

R = TypeVar("R")

NAME_LENGTH: Final = 120
_WORST_FIRST: Final = (State.FAILED, State.UNKNOWN, State.PENDING, State.RUNNING, State.UNTARGETED)
_RANK: Final = {state: rank for rank, state in enumerate(_WORST_FIRST)}


def _state(state: State) -> Cell:
    return Cell(state.word, state.token, state.glyph, chip=state is State.UNKNOWN)


def _named(heading: str, name: Callable[[R], str], width: int, hover: Callable[[R, float], str]) -> KeyedColumn[R]:
    """A column of names, in the order of the alphabet whatever their case."""
    return KeyedColumn(
        heading,
        lambda row, _: Cell(formats.text(name(row), NAME_LENGTH)),
        lambda row: name(row).casefold(),
        width,
        hover=hover,
    )


# Deployments


def worst_first(row: Rollup) -> tuple[int, int]:
    """Failed first, the most failures before fewer; what nobody has counted before what is well."""
    figures = row.counted
    return _RANK[row.state], -figures.failed if figures is not None else 0


def rollup_words(row: Rollup) -> str:
    """What a filter looks in: the name, and the word of the state."""
    return f"{row.name} {row.state.word}"


def _figure(which: str, ink: str = "text", width: int = 68) -> KeyedColumn[Rollup]:
    """A count. Zeros are quiet."""

    def value(row: Rollup) -> int | None:
        figures = row.counted
        return None if figures is None else int(getattr(figures, which))

    def cell(row: Rollup, _wall: float) -> Cell:
        number = value(row)
        return NOTHING if number is None else Cell(formats.count(number), ink if number else "muted")

    def order(row: Rollup) -> int:
        number = value(row)
        return -1 if number is None else number

    return KeyedColumn(which, cell, order, width, Align.RIGHT, biggest_first=True)


def _parts(row: Rollup) -> tuple[Part, ...]:
    figures = row.counted
    if figures is None or not figures.target:
        return ()
    counts = ((State.FAILED, figures.failed), (State.RUNNING, figures.succeeded), (State.PENDING, figures.pending))
    whole = max(figures.target, sum(number for _state, number in counts))
    return tuple((state.token, number / whole) for state, number in counts if number)


def _share(row: Rollup) -> float:
    figures = row.counted
    return figures.succeeded / figures.target if figures is not None and figures.target else -1.0


def _last_error(row: Rollup, _wall: float) -> Cell:
    figures = row.counted
    if figures is None:
        why = row.status if isinstance(row.status, str) else "no roll-up was read"
        return Cell(formats.text(why), State.UNKNOWN.token)
    if figures.last_error is None:
        return Cell()
    error = figures.last_error
    return Cell(f"{formats.text(error.device_id, 60)}: {formats.text(error.message)}", "text")


def _at(row: Rollup) -> float:
    figures = row.counted
    return float(figures.updated_at) if figures is not None else float("-inf")


def _age(at: float | None, wall: float) -> Cell:
    return NOTHING if at is None else Cell(formats.age(wall - at), "muted")


def _hover(row: Rollup, _wall: float) -> str:
    """All that is known of it, with whole dates."""
    lines = [formats.text(row.name, 253), "", f"{row.state.label}"]
    figures, record = row.counted, row.on_record
    if figures is not None:
        lines += [
            f"{figures.succeeded:,} running, {figures.failed:,} failed, {figures.pending:,} pending",
            f"of {figures.target:,}, counted by the aggregator at {formats.moment_utc(figures.updated_at)}",
        ]
        if figures.last_error is not None:
            error = figures.last_error
            lines += [f"last error at {formats.moment_utc(error.at)}, {error.device_id}:", formats.text(error.message)]
    elif isinstance(row.status, str):
        lines += [formats.text(row.status)]
    else:
        lines += ["On record, and no roll-up was read: its devices are counted here once it is opened."]
    if record is not None:
        lines += [f"generation {record.generation:,}, created {formats.moment_utc(record.created_at)}", means(row)]
    return "\n".join(lines)


def means(row: Rollup) -> str:
    """Whom a deployment means, in words; "" where that is not known."""
    record = row.on_record
    if record is None:
        return ""
    if record.targets is not None:
        return f"{record.targets:,} devices by name"
    if not record.selector:
        return "every device"
    return "devices with " + formats.text(", ".join(f"{key}={value}" for key, value in record.selector), 200)


ROLLUP_COLUMNS: Final[tuple[KeyedColumn[Rollup], ...]] = (
    KeyedColumn("state", lambda row, _: _state(row.state), worst_first, 92, hover=_hover),
    _named("deployment", lambda row: row.name, 168, _hover),
    _figure("target"),
    _figure("succeeded", width=84),
    _figure("failed", State.FAILED.token),
    _figure("pending", State.PENDING.token),
    KeyedColumn("progress", lambda row, _: Cell(), _share, 96, parts=_parts, hover=_hover),
    KeyedColumn(
        "counted", lambda row, wall: _age(None if row.counted is None else _at(row), wall), _at, 72,
        align=Align.RIGHT, ages=True, biggest_first=True, hover=_hover,
    ),
    KeyedColumn("last error", _last_error, lambda row: _last_error(row, 0.0).text.casefold(), 0, hover=_hover),
)  # fmt: skip


# The devices of one


def device_worst_first(row: DeviceRow) -> tuple[int, float]:
    """Failed first, the latest before earlier ones."""
    return _RANK[row.state], -(row.since or 0.0)


def device_words(row: DeviceRow) -> str:
    return f"{row.device_id} {row.state.word} {row.error}"


def _device_error(row: DeviceRow, _wall: float) -> Cell:
    if row.error:
        return Cell(formats.text(row.error), "muted" if row.state is State.UNTARGETED else "text")
    return Cell("it has said nothing yet", "muted") if row.said is None else Cell()


def _device_hover(row: DeviceRow, _wall: float) -> str:
    since = "" if row.since is None else f"since {formats.moment_utc(row.since)}, by its own clock"
    return "\n".join(filter(None, (formats.text(row.device_id), row.state.label, since, formats.text(row.error))))


def _since(row: DeviceRow) -> Any:
    return float("-inf") if row.since is None else row.since


DEVICE_COLUMNS: Final[tuple[KeyedColumn[DeviceRow], ...]] = (
    KeyedColumn("state", lambda row, _: _state(row.state), device_worst_first, 96, hover=_device_hover),
    _named("device", lambda row: row.device_id, 160, _device_hover),
    KeyedColumn(
        "since", lambda row, wall: _age(row.since, wall), _since, 72,
        align=Align.RIGHT, ages=True, biggest_first=True, hover=_device_hover,
    ),
    KeyedColumn("error", _device_error, lambda row: row.error.casefold(), 0, hover=_device_hover),
)  # fmt: skip
