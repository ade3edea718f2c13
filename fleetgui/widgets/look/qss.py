"""The one style sheet: hairlines instead of frames, no gradients, no rounded corners. Small, because Qt reads it often.

Colours come from the tokens; what can be said with the palette or a painter is not said here.
"""

from __future__ import annotations

from string import Template
from typing import Final

from fleetgui.widgets.look.tokens import Palette

_SHEET: Final = Template("""
QMainWindow::separator { background: $hairline; width: 1px; height: 1px; }
QMainWindow::separator:hover { background: $accent; }
QStatusBar { background: $bg; }
QStatusBar::item { border: 0; }
QMenuBar { background: $bg; color: $muted; border: 0; padding: 0 4px; }
QMenuBar::item { background: transparent; padding: 4px 8px; }
QMenuBar::item:selected { background: $hover; color: $text; }
QMenu { background: $surface; border: 1px solid $hairline; padding: 4px 0; }
QListWidget#completions { background: $surface; border: 1px solid $hairline; }
QMenu::item { padding: 4px 24px 4px 24px; }
QMenu::item:selected { background: $selection; }
QMenu::item:disabled { color: $muted; }
QMenu::separator { height: 1px; background: $hairline; margin: 4px 0; }
QToolTip { background: $raised; color: $text; border: 1px solid $hairline; padding: 4px 6px; }
QTabBar { background: $bg; border: 0; qproperty-drawBase: 0; }
QTabBar::tab {
  background: transparent; color: $muted; padding: 4px 12px; border: 0; border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: $text; border-bottom: 2px solid $accent; }
QTabBar::tab:hover:!selected { color: $text; background: $hover; }
QTabWidget::pane { border: 0; border-top: 1px solid $hairline; }
QHeaderView { background: $bg; border: 0; }
QHeaderView::section { background: $bg; color: $muted; border: 0; border-bottom: 1px solid $hairline; padding: 0 8px; }
QAbstractItemView {
  background: $surface; border: 0; outline: 0;
  selection-background-color: $selection; selection-color: $text; }
QTableCornerButton::section { background: $bg; border: 0; }
QLineEdit, QPlainTextEdit, QTextEdit, QComboBox, QAbstractSpinBox {
  background: $surface; border: 1px solid $hairline; border-radius: 0; padding: 2px 6px; min-height: 18px;
  selection-background-color: $selection; selection-color: $text; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QComboBox:focus, QAbstractSpinBox:focus {
  border-color: $accent; }
QLineEdit[invalid="true"], QPlainTextEdit[invalid="true"], QAbstractSpinBox[invalid="true"], QComboBox[invalid="true"] {
  border-color: $band_critical; }
QSpinBox::up-button, QSpinBox::down-button { width: 0; border: 0; }
QComboBox QAbstractItemView { border: 1px solid $hairline; }
QComboBox::drop-down { border: 0; width: 20px; }
QRadioButton::indicator, QCheckBox::indicator, QTreeView::indicator {
  width: 10px; height: 10px; border: 1px solid $muted; }
QRadioButton::indicator { border-radius: 6px; }
QRadioButton::indicator:checked, QCheckBox::indicator:checked, QTreeView::indicator:checked {
  background: $accent; border-color: $accent; }
QPushButton, QToolButton {
  background: transparent; color: $text; border: 1px solid $hairline; border-radius: 0;
  padding: 2px 10px; min-height: 18px; }
QToolButton { border-color: transparent; padding: 2px 8px; color: $muted; }
QPushButton:hover, QToolButton:hover { background: $hover; color: $text; }
QPushButton:pressed, QToolButton:pressed { background: $raised; }
QPushButton:focus, QToolButton:focus { border-color: $accent; }
QPushButton:disabled, QToolButton:disabled { color: $muted; background: transparent; }
QPushButton:checked { border-color: $accent; }
QToolButton:checked { color: $text; border-bottom: 2px solid $accent; }
QPushButton:default, QPushButton[primary="true"] { background: $accent; color: $on_state; border-color: $accent; }
QPushButton[primary="true"]:disabled { background: transparent; color: $muted; border-color: $hairline; }
QAbstractScrollArea::corner { background: transparent; border: 0; }
QScrollBar { background: transparent; border: 0; margin: 0; }
QScrollBar:vertical { width: 10px; }
QScrollBar:horizontal { height: 10px; }
QScrollBar::handle { background: $hairline; border: 2px solid $surface; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::handle:hover { background: $muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QProgressBar { background: $raised; border: 0; text-align: center; max-height: 4px; }
QProgressBar::chunk { background: $accent; }
QSplitter::handle { background: $hairline; }
QSplitter::handle:horizontal { width: 1px; }
QSplitter::handle:vertical { height: 1px; }
""")


def stylesheet(palette: Palette) -> str:
    """The style sheet with the colours of one palette."""
    return _SHEET.substitute(palette)
