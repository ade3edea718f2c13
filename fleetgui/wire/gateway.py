"""What gateways publish and answer. Ours, versioned by being additive: unknown fields are ignored.

Each message is a JSON-RPC 2.0 notification on `device-connect.<tenant>.gateway.<node>.<family>`, family one of lag,
band, throttle, keepalive. `seq` rises by one per node and family from the process's start; `epoch` is random per
process: a listener can count exactly what it lost, the tail too (keepalive, every `KEEPALIVE_S`). Requests go to
`device-connect.<tenant>.gateway`, where any replica answers (queue group `gateway`): `gateway/describe`,
`gateway/lagHistory`, `gateway/throttleHistory`. `ts` is RFC 3339 UTC with milliseconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from fleetgui.wire.codec import Malformed, decode_object
from fleetgui.wire.times import to_epoch

KEEPALIVE_S: Final = 15.0
QUEUE: Final = "gateway"

BandName = Literal["normal", "elevated", "critical"]
Reason = Literal["in-backoff", "hard-ceiling", "rate"]
Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


def _is_time(value: str) -> str:
    if to_epoch(value) is None:
        raise ValueError("not a time")
    return value


Time = Annotated[str, AfterValidator(_is_time)]
"""RFC 3339 as text; checked here, so that nothing without a place on the time axis gets further."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Lag(_Message):
    """One closed window of the event-loop lag sampler (`gateway/lag`). All times in milliseconds."""

    node: str
    epoch: str
    seq: Count
    ts: Time
    window_ms: Milliseconds
    samples: Count
    mean_ms: Milliseconds
    p50_ms: Milliseconds
    p99_ms: Milliseconds
    max_ms: Milliseconds
    band: BandName


class BandChange(_Message):
    """A gateway's band changed (`gateway/band`). On the wire the fields are `from` and `to`."""

    node: str
    epoch: str
    seq: Count
    ts: Time
    from_band: BandName = Field(alias="from")
    to_band: BandName = Field(alias="to")
    p99_ms: Milliseconds


class Engagement(_Message):
    """The throttle refused a registration (`gateway/throttle`); `count` > 1 stands for that many in one second."""

    node: str
    epoch: str
    seq: Count
    ts: Time
    device_id: str
    reason: Reason
    band: BandName
    observed: Count
    allowed: Count
    window_ms: Milliseconds
    backoff_ms: Milliseconds
    level: Count
    warmup: bool
    count: Annotated[int, Field(ge=1)] = 1


class LastSeqs(_Message):
    lag: Count = 0
    band: Count = 0
    throttle: Count = 0


class Keepalive(_Message):
    """`gateway/keepalive`: the last seq of each family, so that a lost tail is noticed too."""

    node: str
    epoch: str
    ts: Time
    last: LastSeqs


class NodeInfo(_Message):
    """One gateway replica in `gateway/describe`."""

    node: str
    epoch: str
    started_at: str
    warmup_until: str
    band: BandName
    lag: Lag | None = None
    settings: dict[str, float | str] = {}


class Describe(_Message):
    nodes: list[NodeInfo]


class LagHistory(_Message):
    """`samples` oldest first; `next_since` goes into the next request's `since`, None at the end."""

    samples: list[Lag]
    next_since: str | None = None


class ThrottleHistory(_Message):
    engagements: list[Engagement]
    next_since: str | None = None


METHODS: Final[dict[str, type[Lag | BandChange | Engagement | Keepalive]]] = {
    "gateway/lag": Lag,
    "gateway/band": BandChange,
    "gateway/throttle": Engagement,
    "gateway/keepalive": Keepalive,
}

M = TypeVar("M", bound=_Message)


def validate(kind: type[M], value: Any) -> M:
    """`value` (decoded JSON) as a `kind`; raises `Malformed` with the first thing that is wrong."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Malformed(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def gateway_message(data: bytes) -> Lag | BandChange | Engagement | Keepalive:
    """The notification in `data`; raises `Malformed` for an unknown method or a field that does not fit."""
    body = decode_object(data)
    kind = METHODS.get(str(body.get("method"))[:64])
    if kind is None:
        raise Malformed(f"unknown gateway method {str(body.get('method'))[:40]!r}")
    return validate(kind, body.get("params"))
