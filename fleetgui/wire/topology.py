"""The topology stream: what happens at a site, for whoever looks at it. Additive: unknown fields are ignored.

A topology is the site that devices say they are at: the part of `status.location` before the first `/`. Its id is a
subject token, so what no token may hold is written as `%XX` (and `%` itself as `%25`): `topology_id_of` and `place_of`
undo each other. Of every tenant one publisher at a time sends JSON-RPC 2.0 notifications below
`device-connect.<tenant>.topology`:

    .<id>.status                        topology/status     how the site is, as one word
    .<id>.members                       topology/members    who came, left, went online or offline, told together
    .<id>.mutation.<state>              topology/mutation   how far a deployment is that means some of the members
    .<id>.device.<name>.service_added   topology/service    what runs on a member, after the change
    .<id>.device.<name>.service_removed  likewise
    .keepalive                          topology/keepalive  the last `seq` of each topology that changed lately

Every event but the keepalive belongs to one topology and has its next `seq`; `epoch` is random, and another one means
that numbers start anew and that what is known is to be asked for again. Whatever family comes, known or not, takes a
number: so a reader can count what it lost. It subscribes, asks for the snapshot, and applies what has a `seq` above
the snapshot's.

Requests go to `device-connect.<tenant>.topology`: `topology/list` (`offset`, `limit`) and `topology/snapshot`
(`topology_id`, and `after` for the members behind `next_after`, where they do not fit into one reply; events are
applied after the last page). `requester_id` says who asks, where a policy limits who sees which device. Who may not
ask gets `rpc.NOT_PERMITTED` for every id; who may gets `rpc.UNKNOWN_TOPOLOGY` for one that is not there for them.

Both replies say how old the membership is: `as_of` is when the publisher last knew its members to be all that the
registry has (null before the first time), and `stale` is true while it has had to read the registry's list anew for
more than 30 s and could not. What was heard since then is in the reply all the same.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import unquote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from fleetgui.wire.codec import Malformed, decode_object
from fleetgui.wire.subjects import PREFIX, token, why_not_addressable
from fleetgui.wire.times import to_epoch

KEEPALIVE_S: Final = 15.0
MISSED_KEEPALIVES: Final = 2
"""So many missing in a row mean that nobody publishes."""
CHANGED_LATELY_S: Final = 60.0
"""A keepalive names a topology for so long after its last event."""
QUEUE: Final = "topology"

Status = Literal["pending", "deploying", "active", "degraded", "failed"]
MutationState = Literal["enqueued", "applying", "applied", "failed"]
ServiceChange = Literal["service_added", "service_removed"]

IN_FLIGHT: Final[frozenset[MutationState]] = frozenset({"enqueued", "applying"})
MAX_ERROR_CHARS: Final = 512

_ESCAPED: Final = re.compile(r"[%.*>\s\x00-\x1f\x7f-\x9f]")


def topology_id_of(location: str) -> str | None:
    """The topology of a device that says it is at `location`; None for a place that is nowhere or named too long."""
    site = location.partition("/")[0]
    try:
        name = _ESCAPED.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), site)
    except UnicodeEncodeError:
        return None
    return name if why_not_addressable(name) is None else None


def place_of(topology_id: str) -> str:
    """The site's own name, for people."""
    return unquote(topology_id, errors="replace")


class TopologySubjects:
    """The subjects of one tenant's topologies. Raises `NotAddressable` when an argument, or the tenant, is no token."""

    def __init__(self, tenant: str) -> None:
        self.requests = f"{PREFIX}.{token(tenant)}.topology"
        self.all = f"{self.requests}.>"
        self.keepalive = f"{self.requests}.keepalive"

    def events_of(self, topology_id: str) -> str:
        """Everything that one topology's stream carries."""
        return f"{self.requests}.{token(topology_id)}.>"

    def status(self, topology_id: str) -> str:
        return f"{self.requests}.{token(topology_id)}.status"

    def members(self, topology_id: str) -> str:
        return f"{self.requests}.{token(topology_id)}.members"

    def mutation(self, topology_id: str, state: str) -> str:
        return f"{self.requests}.{token(topology_id)}.mutation.{token(state)}"

    def service(self, topology_id: str, device_id: str, change: str) -> str:
        return f"{self.requests}.{token(topology_id)}.device.{token(device_id)}.{token(change)}"


def topology_of(subject: str) -> str:
    """The topology's id in an event's subject; raises `ValueError` for any other subject."""
    parts = subject.split(".", 4)
    if len(parts) < 5 or parts[0] != PREFIX or parts[2] != "topology":
        raise ValueError(f"not an event of a topology: {subject[:80]!r}")
    return parts[3]


def _is_time(value: str) -> str:
    if to_epoch(value) is None:
        raise ValueError("not a time")
    return value


Count = Annotated[int, Field(ge=0, strict=True)]
Name = Annotated[str, AfterValidator(token)]
Time = Annotated[str, AfterValidator(_is_time)]
Epoch = Annotated[str, Field(min_length=1, max_length=64)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Event(_Message):
    topology_id: Name
    epoch: Epoch
    seq: Count
    ts: Time


class StatusEvent(_Event):
    status: Status


class Member(_Message):
    """A device of a topology. `services` are the deployments that run on it, sorted."""

    device_id: Annotated[str, Field(min_length=1)]
    online: bool
    services: tuple[str, ...] = ()


class MembersEvent(_Event):
    """`changed` are members that came or look another way now, as they are now; `left` are ids."""

    changed: tuple[Member, ...] = ()
    left: tuple[str, ...] = ()


class Mutation(_Message):
    """`mutation_id` is a deployment's name, a dot, and its generation. `error` is why it failed, where that is known.

    States follow the devices: one that is applied is applying again when it gets a target that has yet to report.
    """

    mutation_id: Annotated[str, Field(min_length=1)]
    kind: str
    state: MutationState
    error: str | None = None


class MutationEvent(_Event, Mutation):
    @property
    def mutation(self) -> Mutation:
        return Mutation(mutation_id=self.mutation_id, kind=self.kind, state=self.state, error=self.error)


class ServiceEvent(_Event):
    """`services` are all that run on the device after the change."""

    device_id: Name
    service_name: Annotated[str, Field(min_length=1)]
    services: tuple[str, ...]

    @property
    def change(self) -> ServiceChange:
        return "service_added" if self.service_name in self.services else "service_removed"


class UnknownEvent(_Event):
    """An event of a family that this version does not know, under the `method` that it came with."""

    method: str
    params: dict[str, Any]


class Keepalive(_Message):
    """`last` is the last `seq` of topologies that changed lately; of many, each keepalive names a part."""

    epoch: Epoch
    ts: Time
    last: dict[str, Count] = {}


Event = StatusEvent | MembersEvent | MutationEvent | ServiceEvent | UnknownEvent


class Listed(_Message):
    """A row of `topology/list`: `devices` members, of which `online`; `in_flight` mutations."""

    topology_id: Name
    status: Status
    devices: Count
    in_flight: Count
    online: Count | None = None


class TopologyList(_Message):
    """`as_of` and `stale` say how old the membership is, None and False where the publisher does not say."""

    topologies: tuple[Listed, ...]
    next_offset: Count | None = None
    as_of: Time | None = None
    stale: bool = False


class Snapshot(_Message):
    """A topology after its event `seq`, at `ts`. `next_after` goes into `after` for more members, None: these are all.

    `in_flight` are the mutations that are enqueued or applying. `as_of` and `stale` are those of a list.
    """

    topology_id: Name
    status: Status
    epoch: Epoch
    seq: Count
    members: tuple[Member, ...]
    in_flight: tuple[Mutation, ...]
    ts: Time | None = None
    next_after: str | None = None
    as_of: Time | None = None
    stale: bool = False


METHODS: Final[dict[str, type[StatusEvent | MembersEvent | MutationEvent | ServiceEvent]]] = {
    "topology/status": StatusEvent,
    "topology/members": MembersEvent,
    "topology/mutation": MutationEvent,
    "topology/service": ServiceEvent,
}
KEEPALIVE: Final = "topology/keepalive"
LIST: Final = "topology/list"
SNAPSHOT: Final = "topology/snapshot"

M = TypeVar("M", bound=_Message)


def validate(kind: type[M], value: Any) -> M:
    """`value` (decoded JSON) as a `kind`; raises `Malformed` with the first thing that is wrong."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Malformed(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def topology_message(subject: str, data: bytes) -> Event | Keepalive:
    """The notification that came on `subject`; raises `Malformed`.

    So it does for an event that names another topology than its subject: who may publish for one site could
    otherwise write another's.
    """
    body = decode_object(data)
    method, params = body.get("method"), body.get("params")
    if not isinstance(method, str) or not isinstance(params, dict):
        raise Malformed("a notification has a method, and an object for its params")
    if method == KEEPALIVE:
        return validate(Keepalive, params)
    kind = METHODS.get(method)
    event: Event
    if kind is None:
        event = validate(UnknownEvent, {**params, "method": method[:64], "params": params})
    else:
        event = validate(kind, params)
    try:
        named = topology_of(subject)
    except ValueError as error:
        raise Malformed(error) from None
    if named != event.topology_id:
        raise Malformed(f"an event of {event.topology_id[:64]!r} came on {subject[:80]!r}")
    return event
