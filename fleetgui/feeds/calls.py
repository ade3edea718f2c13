"""Calling device functions: one request, one outcome, never repeated by itself.

While the link is down a call fails at once and is never carried out later; when the link drops with a call under way
its outcome is unknown, and stays so. "Nobody is listening" (the broker says so at once) and "somebody is, and did not
answer" are told apart. Each call's time is split: before the request left, on the wire and at the device, decoding.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from fleetgui.link.connection import Link
from fleetgui.link.context import Protection
from fleetgui.link.errors import LinkError, NoResponders, OutcomeUnknown, RequestTimeout
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import Clock
from fleetgui.policy.formats import millis, text
from fleetgui.stores.calls import Call, Calls, Outcome, Timing
from fleetgui.stores.journal import Journal
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, decode_any
from fleetgui.wire.subjects import NotAddressable, Subjects

log = logging.getLogger("fleetgui.calls")

MOST_AT_ONCE: Final = 500


def why_no_calls(device_id: str, subjects: Subjects, protection: Protection) -> str | None:
    """Why the functions of a device cannot be called, a sentence for people; None when they can."""
    if protection is Protection.READ_ONLY:
        return "This context is read-only: calls are off."
    try:
        subjects.cmd(device_id)
    except NotAddressable as error:
        return f"Calls are off: {error}."
    return None


class CallsFeed:
    """Calls of one console over `link`; their progress stands in `calls`."""

    def __init__(
        self,
        link: Link,
        subjects: Subjects,
        calls: Calls,
        journal: Journal,
        clock: Clock,
        tasks: Tasks,
        *,
        protection: Protection = Protection.OPEN,
        source: str = "fleetgui",
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`source` is how this console names itself to devices (`_dc_meta.source_device`)."""
        self._link = link
        self._subjects = subjects
        self._calls = calls
        self._journal = journal
        self._clock = clock
        self._tasks = tasks
        self._protection = protection
        self._source = source
        self._stopwatch = stopwatch
        self._running: dict[str, asyncio.Task[None]] = {}

    def invoke(self, device_id: str, function: str, params: dict[str, Any], timeout_s: float) -> str:
        """Call `function` of a device now; returns the call's id, under which `stores.calls` has its outcome."""
        call = Call(secrets.token_hex(6), device_id, function, params, self._clock.wall(), timeout_s)
        self._calls.begin(call)
        refused = why_no_calls(device_id, self._subjects, self._protection)
        if refused is None and len(self._running) >= MOST_AT_ONCE:
            refused = f"{MOST_AT_ONCE} calls are under way already."
        if refused is not None:
            self._end(call, Outcome.NOT_SENT, error=refused)
        else:
            began = self._stopwatch()
            task = self._tasks.spawn(self._carry_out(call, began), name=f"call {text(function, 40)}")
            self._running[call.call_id] = task
            task.add_done_callback(lambda _: self._running.pop(call.call_id, None))
        return call.call_id

    def cancel(self, call_id: str) -> None:
        """Stop waiting for a call. What was sent cannot be taken back: the device may still carry it out."""
        task = self._running.pop(call_id, None)
        call = self._calls.get(call_id)
        if task is not None and call is not None:
            self._end(call, Outcome.CANCELLED)
            task.cancel()

    async def _carry_out(self, call: Call, began: float) -> None:
        params = call.params | {"_dc_meta": {"source_device": self._source}}
        try:
            request = rpc.request(call.function, params, call.call_id)
            sent = self._stopwatch()
            reply = await self._link.request(self._subjects.cmd(call.device_id), request, timeout=call.timeout_s)
        except Malformed as error:
            self._end(call, Outcome.NOT_SENT, error=f"The parameters cannot be sent: {error}.")
            return
        except NoResponders:
            self._end(call, Outcome.NO_DEVICE)
            return
        except RequestTimeout:
            self._end(call, Outcome.NO_ANSWER, error=f"No answer within {call.timeout_s:g} s.")
            return
        except OutcomeUnknown as error:
            self._end(call, Outcome.UNKNOWN, error=str(error))
            return
        except LinkError as error:
            self._end(call, Outcome.NOT_SENT, error=str(error))
            return
        arrived = self._stopwatch()
        fields: dict[str, Any]
        try:
            outcome, fields = Outcome.SUCCEEDED, {"result": decode_any(bytes(rpc.result_of(reply)))}
        except rpc.RpcError as error:
            outcome, fields = Outcome.FAILED, {"error": error.message, "code": error.code}
        except Malformed as error:
            outcome, fields = Outcome.FAILED, {"error": f"The answer does not decode: {error}."}
        decoded = self._stopwatch()
        timing = Timing((sent - began) * 1000, (arrived - sent) * 1000, (decoded - arrived) * 1000)
        self._end(call, outcome, timing=timing, **fields)

    def _end(self, call: Call, outcome: Outcome, **fields: Any) -> None:
        self._calls.end(call.call_id, outcome, **fields)
        timing = fields.get("timing")
        spent = "" if timing is None else f" ({millis(timing.total_ms)})"
        sentence = f"{text(call.function, 60)} on {text(call.device_id, 60)}: {outcome.sentence}{spent}"
        if fields.get("error"):
            sentence += f": {text(fields['error'], 200)}"
        self._journal.write(self._clock.wall(), outcome.state, "call", sentence, call.device_id)
        log.info("%s %s", sentence, timing)
