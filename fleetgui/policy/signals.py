"""Typed change signals for plain Python: what stores and the link tell others after they have changed.

Synchronous, in order of connection, on the loop's thread. A listener that raises does not keep the others from being
told: what it raised goes to the error sink (see `report_errors_to`), as every error does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec

P = ParamSpec("P")

ErrorSink = Callable[[str, BaseException], None]


def _raise(_where: str, error: BaseException) -> None:
    raise error


_sink: ErrorSink = _raise


def report_errors_to(sink: ErrorSink) -> None:
    """Send what listeners raise to `sink(where, error)`; before this is called it is simply raised."""
    global _sink
    _sink = sink


class Signal(Generic[P]):
    """`changed = Signal[[frozenset[str]]]()`, then `changed.connect(listener)` and `changed.emit(ids)`."""

    def __init__(self) -> None:
        self._listeners: list[Callable[P, object]] = []

    def connect(self, listener: Callable[P, object]) -> Callable[[], None]:
        """Tell `listener` from now on. The returned function ends that; calling it twice is harmless."""
        self._listeners.append(listener)

        def disconnect() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return disconnect

    def emit(self, *args: P.args, **kwargs: P.kwargs) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - one listener's fault must not silence the others
                _sink(f"a listener ({getattr(listener, '__qualname__', listener)})", error)
