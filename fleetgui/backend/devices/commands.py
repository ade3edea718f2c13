"""Calls to devices: one at a time each, in the order in which they came, answered as the real runtime answers.

No answer at all for what it leaves unanswered too: a request without an id, parameters that are null or a list, a
`_dc_meta` that is no object, and what is no JSON. The registry's own question, `requestRegistration`, is answered
whatever its parameters are.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fleetgui.backend.devices import functions
from fleetgui.backend.devices.device import REQUEST_REGISTRATION, Call, Device, Phase
from fleetgui.backend.devices.schedule import Schedule
from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError
from fleetgui.link.messages import Message
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, decode_object

if TYPE_CHECKING:
    from fleetgui.backend.devices.fleet import Fleet

MOST_WAITING: Final = 64
"""Calls that wait behind a slow one, per device; more are answered with an error at once."""
REBOOT_S: Final = 4.0


class Commands:
    """`answered` counts replies sent, `ignored` messages that get none."""

    def __init__(self, fleet: Fleet, link: Link, schedule: Schedule) -> None:
        self.answered = 0
        self.ignored = 0
        self._fleet = fleet
        self._link = link
        self._schedule = schedule

    def received(self, device: Device, message: Message) -> None:
        """A message on the device's command subject. Without a reply subject it is carried out all the same."""
        call = None if device.phase is Phase.CUT_OFF else _call_of(message)
        if call is None:
            self.ignored += 1
        elif device.working is None:
            self._begin(device, call)
        elif len(device.calls) < MOST_WAITING:
            device.calls.append(call)
        else:
            self._fail(call, rpc.FAILED, f"{device.spec.device_id} is busy: {MOST_WAITING} calls wait already")

    def _begin(self, device: Device, call: Call) -> None:
        if call.method == REQUEST_REGISTRATION:
            self._answer(call, self._fleet.registration(device))
            return
        function = device.spec.kind.function(call.method)
        if function is None:
            self._fail(call, rpc.METHOD_NOT_FOUND, f"Unknown method: {call.method[:100]}")
            return
        try:
            work = functions.start(device, function, call.params)
        except functions.FunctionFailed as failure:
            self._fail(call, rpc.FAILED, str(failure))
            return
        device.calls_served += 1
        if work.seconds <= 0:
            self._finish(device, call, work)
            return
        device.working = call
        self._schedule.after(work.seconds, partial(self._wake, device, call, work))

    def _wake(self, device: Device, call: Call, work: functions.Work) -> None:
        if device.working is not call:
            return  # it went down meanwhile, and forgot what it was at
        device.working = None
        self._finish(device, call, work)
        while device.calls and device.working is None:
            self._begin(device, device.calls.pop(0))

    def _finish(self, device: Device, call: Call, work: functions.Work) -> None:
        self._answer(call, work.result)
        if work.reboot_after is not None:
            self._fleet.restart(device, down_for=REBOOT_S, after=work.reboot_after)

    def _answer(self, call: Call, result: Any) -> None:
        self._reply(call, rpc.result(call.request_id, result))

    def _fail(self, call: Call, code: int, message: str) -> None:
        self._reply(call, rpc.error(call.request_id, code, message))

    def _reply(self, call: Call, data: bytes) -> None:
        if not call.reply:
            return
        try:
            self._link.send(call.reply, data)
        except LinkError:
            self.ignored += 1  # the caller has lost the broker too, or is told that the outcome is unknown
        else:
            self.answered += 1


def _call_of(message: Message) -> Call | None:
    """The call in a message; None for what gets no answer."""
    try:
        body = decode_object(message.data)
    except Malformed:
        return None
    method, params = body.get("method"), body.get("params", {})
    if "id" not in body or isinstance(method, list | dict):
        return None
    if method == REQUEST_REGISTRATION:
        params = {}
    if not isinstance(params, dict) or not isinstance(params.pop("_dc_meta", {}), dict):
        return None
    return Call(str(method), params, body["id"], message.reply)
