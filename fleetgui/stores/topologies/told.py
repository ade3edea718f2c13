"""Events of a topology as people read them: one line each, under the family's own name, whether it is known or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from fleetgui.policy.formats import text
from fleetgui.policy.states import State
from fleetgui.wire.codec import Malformed, encode
from fleetgui.wire.topology import (
    Event,
    MembersEvent,
    MutationEvent,
    ServiceEvent,
    StatusEvent,
    UnknownEvent,
)

NAMED: Final = 3
"""So many devices are named in a line; of more, the rest is counted."""
NAME_LENGTH: Final = 60
_VERBS: Final = {
    "enqueued": "is enqueued",
    "applying": "is applying",
    "applied": "was applied",
    "failed": "failed",
}


class Member(NamedTuple):
    """A device of a topology: whether it is online, and the deployments that run on it, sorted."""

    online: bool
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """One line: `at` epoch seconds of this machine, `seq` None for what this console itself has to say.

    `state` None: nothing that is good or bad. `device_id` is the one device that it is about.
    """

    at: float
    seq: int | None
    family: str
    words: str
    state: State | None = None
    device_id: str | None = None


def told(event: Event, members: Mapping[str, Member] | None, at: float) -> Told:
    """The line of an event; `members` as they were before it, None where that is not known for sure."""
    match event:
        case StatusEvent():
            state = {"failed": State.FAILED, "degraded": State.ELEVATED}.get(event.status)
            return Told(at, event.seq, "status", f"is {event.status}", state)
        case MutationEvent():
            words = f"{text(event.mutation_id, NAME_LENGTH)} ({text(event.kind, 20)}) {_VERBS[event.state]}"
            if event.error is not None:
                words += f": {text(event.error, 200)}"
            return Told(at, event.seq, "mutation", words, State.FAILED if event.state == "failed" else None)
        case ServiceEvent():
            runs = "runs on" if event.change == "service_added" else "runs no more on"
            words = f"{text(event.service_name, NAME_LENGTH)} {runs} {text(event.device_id, NAME_LENGTH)}"
            return Told(at, event.seq, "service", words, None, event.device_id)
        case MembersEvent():
            return _members(event, members, at)
        case UnknownEvent():
            return Told(at, event.seq, text(event.method, 64), _payload(event))


def _members(event: MembersEvent, members: Mapping[str, Member] | None, at: float) -> Told:
    """Who came, left, went online or offline; without knowing what was before, only how many are told of."""
    concerned = [each.device_id for each in event.changed] + list(event.left)
    only = concerned[0] if len(concerned) == 1 else None
    if members is None:
        return Told(at, event.seq, "members", f"{_named(concerned)} changed", None, only)
    came: list[str] = []
    back: list[str] = []
    gone: list[str] = []
    other: list[str] = []
    for each in event.changed:
        before = members.get(each.device_id)
        if before is None:
            came.append(each.device_id)
        elif before.online != each.online:
            (back if each.online else gone).append(each.device_id)
        else:
            other.append(each.device_id)
    parts = [
        f"{_named(ids)} {verb}"
        for ids, verb in (
            (gone, "went offline"),
            (list(event.left), "left"),
            (came, "came"),
            (back, "came online"),
            (other, "changed"),
        )
        if ids
    ]
    state = State.OFFLINE if gone else State.ONLINE if back else None
    return Told(at, event.seq, "members", "; ".join(parts) or "nobody changed", state, only)


def _named(ids: Sequence[str]) -> str:
    """`a, b, c and 197 more`."""
    shown = ", ".join(text(each, NAME_LENGTH) for each in ids[:NAMED])
    return f"{shown} and {len(ids) - NAMED:,} more" if len(ids) > NAMED else shown


def _payload(event: UnknownEvent) -> str:
    known = {"topology_id", "epoch", "seq", "ts"}
    try:
        return text(encode({name: value for name, value in event.params.items() if name not in known}).decode())
    except Malformed as error:
        return text(str(error))
