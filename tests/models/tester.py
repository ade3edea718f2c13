"""Qt's model tester, with what it finds as an exception instead of the end of the process."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from PySide6.QtCore import QAbstractItemModel, QMessageLogContext, QtMsgType, qInstallMessageHandler
from PySide6.QtTest import QAbstractItemModelTester


class Watched:
    """`with Watched(model):` around what is done to it; raises at the end when the tester complained."""

    def __init__(self, model: QAbstractItemModel) -> None:
        self._model = model
        self.complaints: list[str] = []

    def __enter__(self) -> Self:
        self._before = qInstallMessageHandler(self._message)
        self._tester = QAbstractItemModelTester(self._model, QAbstractItemModelTester.FailureReportingMode.Warning)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        qInstallMessageHandler(self._before)
        self._tester.deleteLater()
        if kind is None:
            assert self.complaints == []

    def _message(self, kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
        if kind is not QtMsgType.QtDebugMsg:
            self.complaints.append(text)
