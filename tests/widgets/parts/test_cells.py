"""What stands on the screen: pixels, since the table draws itself."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from PySide6.QtGui import QColor, QFont, QImage, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fleetgui.models.columns import COLUMNS
from fleetgui.models.devices import DeviceTableModel
from fleetgui.widgets.look import theme
from fleetgui.widgets.parts.cells import CellPainter, Line, Span, TextCache
from tests.models.fleet import Fleet, record

BATTERY = [column.key for column in COLUMNS].index("battery")
HEIGHT = 24


@pytest.fixture(autouse=True)
def _look(qapp: QApplication) -> Iterator[None]:
    theme.apply(qapp, "dark")
    yield
    theme.apply(qapp, "dark")


def model_of(fleet: Fleet) -> DeviceTableModel:
    state = fleet.state
    return DeviceTableModel(state.roster, state.presence, state.engagements, fleet.clock, state.link)


def drawn(model: DeviceTableModel, number: int, *, row: int = 0, width: int = 140) -> QImage:
    image = QImage(width, HEIGHT, QImage.Format.Format_RGB32)
    image.fill(theme.current().color("surface"))
    painter = QPainter(image)
    CellPainter(model).paint(painter, [Line(row, 0)], [Span(number, 0, width)], HEIGHT)
    painter.end()
    return image


def has(image: QImage, color: QColor) -> bool:
    return any(image.pixelColor(x, y) == color for y in range(image.height()) for x in range(image.width()))


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_a_state_is_drawn_in_its_colour(qapp: QApplication, mode: theme.Mode) -> None:
    theme.apply(qapp, mode)
    fleet = Fleet(1)
    fleet.beat(0)
    assert has(drawn(model_of(fleet), 0), theme.current().color("live"))


def test_unknown_is_a_filled_chip() -> None:
    fleet = Fleet()
    fleet.state.roster.page_read(0, [record(0)], next_offset=None, total=1, read_at=0.0)
    image = drawn(model_of(fleet), 0)
    chip = theme.current().color("unknown")
    filled = sum(image.pixelColor(x, 6) == chip for x in range(image.width()))
    assert filled > 60


def test_a_bar_is_as_long_as_its_value() -> None:
    fleet = Fleet()
    fleet.read_records(0, [record(n, status={"battery": n * 50}) for n in range(3)], total=3)
    model = model_of(fleet)
    color = theme.current().color("muted")
    lengths = []
    for row in (1, 2):
        image = drawn(model, BATTERY, row=row)
        lengths.append(sum(image.pixelColor(x, HEIGHT // 2) == color for x in range(48)))
    assert lengths == [18, 36]


def test_a_glowing_cell_has_another_ground() -> None:
    fleet = Fleet(1)
    model = model_of(fleet)
    model.watch(0, 0)
    model.cell(0, BATTERY)
    fleet.clock.advance(1)
    fleet.beat(0, battery=99)
    model.flush()
    assert drawn(model, BATTERY).pixelColor(2, 2) != theme.current().color("surface")


def test_markup_is_drawn_as_it_is_written() -> None:
    fleet = Fleet()
    fleet.read_records(0, [record(0, device_id="<b>WWWW</b>")], total=1)
    model = model_of(fleet)
    cache = TextCache(QFont())
    literal = cache.get("<b>WWWW</b>", 10_000)
    assert literal.width > cache.get("WWWW", 10_000).width * 1.3
    assert has(drawn(model, 1, width=200), theme.current().color("text"))


def test_ten_thousand_characters_are_cut_before_they_are_laid_out() -> None:
    fleet = Fleet()
    fleet.read_records(0, [record(0, device_id="W" * 10_000_000)], total=1)
    model = model_of(fleet)
    began = time.process_time()
    drawn(model, 1)
    assert time.process_time() - began < 0.5  # all of it would take Qt seconds


def test_long_text_is_elided_to_the_room_it_has() -> None:
    cache = TextCache(QFont())
    assert cache.get("x" * 400, 80).width <= 80
    assert cache.get("x", 80) is cache.get("x", 80)


def test_a_note_runs_on_over_the_blank_columns_after_it(qtbot: QtBot) -> None:
    fleet = Fleet(3, loaded=1)
    fleet.state.roster.loading(1, 1)
    fleet.state.roster.not_loading(1, 1, "the registry did not answer within thirty seconds")
    model = model_of(fleet)
    image = QImage(400, HEIGHT, QImage.Format.Format_RGB32)
    ground = theme.current().color("surface")
    image.fill(ground)
    painter = QPainter(image)
    CellPainter(model).paint(painter, [Line(1, 0)], [Span(2, 0, 60), Span(3, 60, 340)], HEIGHT)
    painter.end()
    assert any(image.pixelColor(x, y) != ground for x in range(120, 200) for y in range(HEIGHT))
