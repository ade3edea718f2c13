"""Calls of device functions, from the press of the button to their outcome. Never repeated by themselves."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from fleetgui.policy.signals import Signal
from fleetgui.policy.states import State

CALLS_KEPT: Final = 1_000


class Outcome(Enum):
    """(state, sentence)"""

    RUNNING = (State.UNCONFIRMED, "waiting for the device")
    SUCCEEDED = (State.LIVE, "succeeded")
    FAILED = (State.FAILED, "the device answered with an error")
    NO_DEVICE = (State.FAILED, "no such device is listening")
    NO_ANSWER = (State.UNKNOWN, "the device is listening and did not answer in time; the outcome is unknown")
    UNKNOWN = (State.UNKNOWN, "the link dropped with the call under way; the outcome is unknown")
    NOT_SENT = (State.FAILED, "not sent")
    CANCELLED = (State.UNKNOWN, "no longer waited for; the device may still carry it out")

    def __init__(self, state: State, sentence: str) -> None:
        self.state = state
        self.sentence = sentence


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one call: before the request left, on the wire and at the device, decoding the answer."""

    queue_ms: float
    wire_ms: float
    decode_ms: float

    @property
    def total_ms(self) -> float:
        return self.queue_ms + self.wire_ms + self.decode_ms


@dataclass(frozen=True)
class Call:
    """One call. `started` epoch seconds; `error` is the device's or the link's text; `code` a JSON-RPC error code."""

    call_id: str
    device_id: str
    function: str
    params: dict[str, Any]
    started: float
    timeout_s: float
    outcome: Outcome = Outcome.RUNNING
    result: Any = None
    error: str | None = None
    code: int | None = None
    timing: Timing | None = None


class Calls:
    def __init__(self, kept: int = CALLS_KEPT) -> None:
        self.changed = Signal[[Call]]()
        self._kept = kept
        self._calls: OrderedDict[str, Call] = OrderedDict()

    def get(self, call_id: str) -> Call | None:
        return self._calls.get(call_id)

    def of_device(self, device_id: str) -> list[Call]:
        """Oldest first."""
        return [call for call in self._calls.values() if call.device_id == device_id]

    @property
    def running(self) -> int:
        return sum(call.outcome is Outcome.RUNNING for call in self._calls.values())

    def begin(self, call: Call) -> None:
        """Take in a call. The oldest settled ones make room; one that is under way is never forgotten."""
        self._calls[call.call_id] = call
        if len(self._calls) > self._kept:
            oldest = (each.call_id for each in self._calls.values() if each.outcome is not Outcome.RUNNING)
            if (settled := next(oldest, None)) is not None:
                del self._calls[settled]
        self.changed.emit(call)

    def end(self, call_id: str, outcome: Outcome, **fields: Any) -> None:
        """Settle a call once; what comes after that (a late reply, a cancel) changes nothing."""
        call = self._calls.get(call_id)
        if call is not None and call.outcome is Outcome.RUNNING:
            self._calls[call_id] = replace(call, outcome=outcome, **fields)
            self.changed.emit(self._calls[call_id])
