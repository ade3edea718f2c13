"""How soon the table tells where it is looked at: what is in view is read no sooner."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from fleetgui.widgets.devices.table import VIEW_MOVED_MS
from tests.models.fleet import Fleet
from tests.widgets.devices.test_page import Opened


def test_how_long_it_waits_to_say_so_does_not_depend_on_the_row(qtbot: QtBot) -> None:
    """A jump to row 900,000 is told as soon as one to row 90."""
    opened = Opened(qtbot, Fleet(1_000_000, loaded=50))
    bar = opened.table.verticalScrollBar()
    with qtbot.waitSignal(opened.page.view_moved) as moved:
        bar.setValue(bar.maximum())
        assert opened.table._moved.interval() == VIEW_MOVED_MS
    assert moved.args is not None
    assert moved.args[1] == 999_999
