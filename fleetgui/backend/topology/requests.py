"""`topology/list` and `topology/snapshot`: what consoles ask. Bytes in, bytes out; no network.

Whether the caller may ask at all is looked at before anything it asks for, and a topology without a member that it may
see is none to it: who has no right learns of no id whether it exists. A reply always fits into one message: rows and
members that do not fit are what the next request brings.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import msgspec

from fleetgui.backend.topology.picture import Picture
from fleetgui.backend.topology.site import Topology
from fleetgui.policy.access import LONGEST_IDENTITY, AccessPolicy
from fleetgui.policy.clock import Clock
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, decode_any, encode
from fleetgui.wire.times import rfc3339
from fleetgui.wire.topology import LIST, SNAPSHOT, Member

log = logging.getLogger(__name__)

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1_000
REFUSED_FOR_S: Final = 5.0
MOST_REFUSED: Final = 1_000
_UNHEARD_OF: Final = "-"
"""An id that only a pattern for every device fits."""
_MAX_PAYLOAD: Final = 1024 * 1024
"""Assumed until the broker has said what it takes."""
_ENVELOPE_BYTES: Final = 2_048
_SMALLEST_ROOM: Final = 1_024


class Rights(Protocol):
    """Who may ask, and for which devices; `requester` is "" for a caller that does not say who it is."""

    def may_ask(self, requester: str) -> bool: ...

    def may_see(self, requester: str, device_id: str) -> bool: ...


class PolicyRights:
    """The registry's access policy: whoever would not see a device of which it says nothing, and sees no member of any
    topology, may not ask for one.

    That a caller was refused is remembered for a while: to find that out, every member is looked at.
    """

    def __init__(self, policy: AccessPolicy, tenant: str, picture: Picture, clock: Clock) -> None:
        self._policy = policy
        self._tenant = tenant
        self._picture = picture
        self._clock = clock
        self._refused: dict[str, float] = {}

    def may_ask(self, requester: str) -> bool:
        """Whether anything at all may be seen; a no is remembered for `REFUSED_FOR_S`, since finding it takes a look at
        every member."""
        view = self._policy.view(self._tenant, requester)
        if view.sees_all or view.sees(_UNHEARD_OF):
            return True
        now = self._clock.now()
        if now - self._refused.get(requester, float("-inf")) < REFUSED_FOR_S:
            return False
        if any(view.sees(device_id) for topology in self._picture.sites for device_id in topology.members):
            return True
        if len(self._refused) >= MOST_REFUSED:
            self._refused.clear()
        self._refused[requester] = now
        return False

    def may_see(self, requester: str, device_id: str) -> bool:
        return self._policy.may_see(self._tenant, requester, device_id)


class Age(Protocol):
    """`as_of` is when the members were last known to be whole, epoch seconds; `stale`, whether that is too long ago."""

    @property
    def as_of(self) -> float | None: ...

    @property
    def stale(self) -> bool: ...


class Refused(Exception):
    """Ends a request with an error reply."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class TopologyRequests:
    """Answers from `picture`. `rights` None: everybody may see everything. `told` is called before each answer.

    `max_payload` is what the broker takes in one message. `age` says how old the membership is.
    """

    def __init__(
        self,
        picture: Picture,
        clock: Clock,
        max_payload: Callable[[], int | None],
        told: Callable[[], object],
        rights: Rights | None = None,
        age: Age | None = None,
    ) -> None:
        self._picture = picture
        self._clock = clock
        self._max_payload = max_payload
        self._told = told
        self._rights = rights
        self._age = age

    def handle(self, data: bytes) -> bytes:
        """The reply to one request. Never raises."""
        request_id: object = None
        try:
            request = decode_any(data)
            if not isinstance(request, dict):
                raise Refused(rpc.INVALID_PARAMS, "a request is a JSON object")
            request_id = request.get("id")
            method = _METHODS.get(str(request.get("method")))
            if method is None:
                raise Refused(rpc.METHOD_NOT_FOUND, "method not found")
            params = request.get("params")
            if params is not None and not isinstance(params, dict):
                raise Refused(rpc.INVALID_PARAMS, "params is a JSON object")
            requester = self._requester(params or {})
            room = max(_SMALLEST_ROOM, (self._max_payload() or _MAX_PAYLOAD) - _ENVELOPE_BYTES)
            self._told()
            return rpc.result(request_id, method(self, requester, params or {}, room - len(encode(request_id))))
        except Refused as refused:
            return rpc.error(request_id, refused.code, str(refused))
        except Malformed as error:
            return rpc.error(request_id, rpc.INVALID_PARAMS, str(error))
        except Exception:  # a fault of ours: one request fails, the service goes on
            log.exception("a topology request failed")
            return rpc.error(request_id, rpc.FAILED, "internal error; the topology publisher's log has it")

    def _requester(self, params: dict[str, Any]) -> str:
        requester = params.get("requester_id") or ""
        if not isinstance(requester, str) or len(requester) > LONGEST_IDENTITY:
            raise Refused(rpc.INVALID_PARAMS, f"requester_id must be text of at most {LONGEST_IDENTITY} characters")
        if self._rights is not None and not self._rights.may_ask(requester):
            raise Refused(rpc.NOT_PERMITTED, "this requester may not ask for topologies")
        return requester

    def _list(self, requester: str, params: dict[str, Any], room: int) -> dict[str, object]:
        offset = _integer("offset", params, 0, least=0)
        limit = min(_integer("limit", params, DEFAULT_LIMIT, least=1), MAX_LIMIT)
        rows: list[bytes] = []
        number = 0
        for topology in self._picture.sites:
            devices, online = self._visible(requester, topology)
            if not devices and self._rights is not None:
                continue  # it is none to this caller
            number += 1
            if number <= offset:
                continue
            row = encode(
                {
                    "topology_id": topology.topology_id,
                    "status": topology.status,
                    "devices": devices,
                    "online": online,
                    "in_flight": len(topology.in_flight),
                }
            )
            room -= len(row) + 1
            if len(rows) == limit or (rows and room < 0):
                return {"topologies": _joined(rows), "next_offset": offset + len(rows), **self._how_old()}
            rows.append(row)
        return {"topologies": _joined(rows), "next_offset": None, **self._how_old()}

    def _snapshot(self, requester: str, params: dict[str, Any], room: int) -> dict[str, object]:
        topology_id, after = params.get("topology_id"), params.get("after")
        if not isinstance(topology_id, str):
            raise Refused(rpc.INVALID_PARAMS, "topology_id must be text")
        if after is not None and not isinstance(after, str):
            raise Refused(rpc.INVALID_PARAMS, "after must be a device id, the next_after of a reply")
        topology = self._picture.sites.get(topology_id)
        if topology is None or (self._rights is not None and not self._visible(requester, topology)[0]):
            raise Refused(rpc.UNKNOWN_TOPOLOGY, "unknown topology")
        mutations, left = _fitting((encode(each) for each in _shown(topology)), room // 2)
        room -= sum(map(len, mutations))
        members: list[bytes] = []
        last, next_after = "", None
        for device_id in topology.members.irange(after or "", inclusive=(False, True)):
            if self._rights is not None and not self._rights.may_see(requester, device_id):
                continue
            member = topology.members[device_id]
            data = encode(Member(device_id=device_id, online=member.online, services=member.services).model_dump())
            room -= len(data) + 1
            if members and room < 0:
                next_after = last
                break
            members.append(data)
            last = device_id
        return {
            "topology_id": topology.topology_id,
            "status": topology.status,
            "epoch": self._picture.sites.epoch,
            "seq": topology.seq,
            "ts": rfc3339(self._clock.wall()),
            "members": _joined(members),
            "in_flight": _joined(mutations),
            "in_flight_left_out": left,
            "next_after": next_after,
            **self._how_old(),
        }

    def _how_old(self) -> dict[str, object]:
        if self._age is None or self._age.as_of is None:
            return {"as_of": None, "stale": self._age is not None and self._age.stale}
        return {"as_of": rfc3339(self._age.as_of), "stale": self._age.stale}

    def _visible(self, requester: str, topology: Topology) -> tuple[int, int]:
        """How many of its members the caller may see, and how many of those are online."""
        if self._rights is None:
            return len(topology.members), topology.online
        seen = [member for device_id, member in topology.members.items() if self._rights.may_see(requester, device_id)]
        return len(seen), sum(member.online for member in seen)


_METHODS: Final[dict[str, Callable[[TopologyRequests, str, dict[str, Any], int], dict[str, object]]]] = {
    LIST: TopologyRequests._list,
    SNAPSHOT: TopologyRequests._snapshot,
}


def _shown(topology: Topology) -> Iterable[dict[str, Any]]:
    return (each.model_dump(exclude_none=True) for each in topology.mutations())


def _fitting(rows: Iterable[bytes], room: int) -> tuple[list[bytes], int]:
    """The first rows that fit into `room` together, and how many were left out."""
    fitting: list[bytes] = []
    left = 0
    for row in rows:
        room -= len(row) + 1
        if room >= 0:
            fitting.append(row)
        else:
            left += 1
    return fitting, left


def _joined(rows: Iterable[bytes]) -> msgspec.Raw:
    return msgspec.Raw(b"[" + b",".join(rows) + b"]")


def _integer(name: str, params: dict[str, Any], default: int, *, least: int) -> int:
    value = params.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise Refused(rpc.INVALID_PARAMS, f"{name} must be a whole number, at least {least}")
    return value
