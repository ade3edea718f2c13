"""Deployments as state: five records in five key-value buckets of a tenant, each written by whom it concerns.

| bucket | key | record | written by |
| --- | --- | --- | --- |
| `device-info` | `info.<device>` | `DeviceInfo`: labels, inventory | the device's agent, at its start |
| `device-state` | `state.<device>.<deployment>` | `DeviceState`: the phase | the agent, when it changes |
| `device-heartbeat` | `heartbeat.<device>` | `Heartbeat`, under 96 bytes | the agent, every `HEARTBEAT_EVERY_S` |
| `deployment` | `<deployment>` | `Deployment`: who is meant, by labels or by name | whoever deploys |
| `deployment-status` | `<deployment>` | `DeploymentStatus`: how many have it | the aggregator |

Labels that change are written at once, a phase that stays is not written again. The tenant `default` has the buckets as
they are called above, any other has `_<tenant>` behind the name.

Of one device and deployment, the state with the later `last_event_at` holds; an older or equal one says nothing new.
States are the truth and the status follows from them: a targeted device that has written none is pending, the state of
a device that is not targeted counts nowhere, and whoever deletes a state takes its count away.

Ids and names stand in keys, so both may hold letters, digits and `-`, `_`, `/`, `=` alone, 1 to 253 of them. That is
looked at when a record is decoded, and a record must say the same as its key. The two are types of their own: neither
passes for the other. Times are `Moment`s: RFC 3339 when written, and epoch seconds are understood too.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Annotated, Any, ClassVar, Final, Self, TypeVar

import msgspec

from fleetgui.wire.codec import Malformed, decode, encode
from fleetgui.wire.subjects import NotAddressable
from fleetgui.wire.times import rfc3339, to_epoch

HEARTBEAT_EVERY_S: Final = 30.0
MAX_MESSAGE_CHARS: Final = 512
"""Of what a device says went wrong, so much is kept."""

ALL_INFOS: Final = "info.*"
ALL_STATES: Final = "state.*.*"
ALL_DEPLOYMENTS: Final = "*"
"""What to watch for all of a bucket's keys. Statuses have the keys of their deployments."""

_NAME: Final = re.compile(r"[-/_=A-Za-z0-9]{1,253}")
_BUCKET: Final = re.compile(r"[A-Za-z0-9_-]+")
_DEFAULT_TENANT: Final = "default"


class _Name(str):
    """Text that may be a part of a key. Raises `Malformed` for any other."""

    __slots__ = ()
    _what: ClassVar[str]

    def __new__(cls, text: str) -> Self:
        if not isinstance(text, str) or not _NAME.fullmatch(text):
            raise Malformed(
                f"{str(text)[:64]!r} is no {cls._what}: 1 to 253 letters, digits and -, _, / or = are, and nothing else"
            )
        return super().__new__(cls, text)


class DeviceKey(_Name):
    """A device id that can stand in a key."""

    __slots__ = ()
    _what = "device id for a key"


class DeploymentName(_Name):
    __slots__ = ()
    _what = "name of a deployment"


class Moment(float):
    """A time that somebody published: epoch seconds, UTC. Raises `Malformed` for one outside every calendar."""

    __slots__ = ()

    def __new__(cls, value: object) -> Self:
        epoch = to_epoch(value)
        if epoch is None:
            raise Malformed(f"{str(value)[:40]!r} is no time")
        return super().__new__(cls, epoch)


class Phase(Enum):
    """How far a deployment is on one device."""

    PENDING = "Pending"
    RUNNING = "Running"
    FAILED = "Failed"


class BucketNames:
    """The buckets of one tenant. Raises `NotAddressable` for a tenant that cannot stand in a bucket's name."""

    def __init__(self, tenant: str) -> None:
        if not _BUCKET.fullmatch(tenant):
            raise NotAddressable(
                f"the tenant {tenant[:64]!r} has no buckets: their names take letters, digits, _ and - alone"
            )
        suffix = "" if tenant == _DEFAULT_TENANT else f"_{tenant}"
        self.tenant = tenant
        self.info = f"device-info{suffix}"
        self.state = f"device-state{suffix}"
        self.heartbeat = f"device-heartbeat{suffix}"
        self.deployment = f"deployment{suffix}"
        self.status = f"deployment-status{suffix}"


def rights_to_read(names: BucketNames) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The subjects that whoever shows deployments may publish on, and those that they may subscribe to.

    Publishing here is asking: what a bucket is like, for a consumer of its own, for flow control. Nothing is written.
    """
    publish = []
    for bucket in (names.status, names.deployment, names.state):
        stream = f"KV_{bucket}"
        verbs = (f"STREAM.INFO.{stream}", f"CONSUMER.CREATE.{stream}.*", f"CONSUMER.DELETE.{stream}.*")
        publish += [f"$JS.API.{verb}" for verb in verbs] + [f"$JS.FC.{stream}.>"]
    return tuple(publish), ("_INBOX.>",)


def info_key(device: DeviceKey) -> str:
    return f"info.{_checked(device, DeviceKey)}"


def state_key(device: DeviceKey, deployment: DeploymentName) -> str:
    return f"state.{_checked(device, DeviceKey)}.{_checked(deployment, DeploymentName)}"


def heartbeat_key(device: DeviceKey) -> str:
    return f"heartbeat.{_checked(device, DeviceKey)}"


def states_of(deployment: DeploymentName) -> str:
    """What to watch in `device-state` for one deployment's states, and nobody else's."""
    return f"state.*.{_checked(deployment, DeploymentName)}"


def device_of_info(key: str) -> DeviceKey:
    """Raises `Malformed` for what is no key of `device-info`, as the one below does for its own."""
    return DeviceKey(_after("info", key))


def parts_of_state(key: str) -> tuple[DeviceKey, DeploymentName]:
    device, _, deployment = _after("state", key).partition(".")
    return DeviceKey(device), DeploymentName(deployment)


def _after(word: str, key: str) -> str:
    first, dot, rest = key.partition(".")
    if first != word or not dot:
        raise Malformed(f"{key[:64]!r} is no key of {word}s")
    return rest


_N = TypeVar("_N", bound=_Name)


def _checked(name: _N, kind: type[_N]) -> _N:
    if not isinstance(name, kind):
        raise TypeError(f"a {kind.__name__} is wanted here, not a {type(name).__name__}")
    return name


def _of_ours(kind: type, value: Any) -> Any:
    return kind(value)


_Count = Annotated[int, msgspec.Meta(ge=0)]


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """What stands under a key, and says the same as that key."""

    @property
    def key(self) -> str:
        raise NotImplementedError

    @classmethod
    def decode(cls, key: str, data: bytes) -> Self:
        """The record that stands under `key`; raises `Malformed`."""
        record = decode(data, cls, hook=_of_ours)
        if record.key != key:
            raise Malformed(f"the record under {key[:64]!r} says that it is {record.key[:64]!r}")
        return record


class DeviceInfo(_Record, frozen=True, kw_only=True):
    """What a device is. Deployments select by `labels`; `inventory` is free."""

    device_id: DeviceKey
    labels: dict[str, str]
    updated_at: Moment
    inventory: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return info_key(self.device_id)

    def encode(self) -> bytes:
        return encode(
            {
                "device_id": str(self.device_id),
                "labels": self.labels,
                "inventory": self.inventory,
                "updated_at": rfc3339(self.updated_at),
            }
        )


class DeviceState(_Record, frozen=True, kw_only=True, gc=False):
    """How far `deployment` is on the device. `last_error` is what went wrong, while it is FAILED."""

    device_id: DeviceKey
    deployment: DeploymentName
    phase: Phase
    last_event_at: Moment
    last_error: str | None = None

    @property
    def key(self) -> str:
        return state_key(self.device_id, self.deployment)

    def encode(self) -> bytes:
        return encode(
            {
                "device_id": str(self.device_id),
                "deployment": str(self.deployment),
                "phase": self.phase,
                "last_event_at": rfc3339(self.last_event_at),
                "last_error": self.last_error and self.last_error[:MAX_MESSAGE_CHARS],
            }
        )


class Heartbeat(_Record, frozen=True, kw_only=True, gc=False):
    """The device's agent was there `at`. Under 96 bytes as written, for ids of up to 44."""

    device_id: DeviceKey
    at: Moment

    @property
    def key(self) -> str:
        return heartbeat_key(self.device_id)

    def encode(self) -> bytes:
        return encode({"device_id": str(self.device_id), "at": rfc3339(self.at)})


class Deployment(_Record, frozen=True, kw_only=True):
    """Something that is to run on devices: on those that have all labels of `target_selector` ({}: on every one), or
    on `target_devices`; exactly one of the two is there. `generation` rises each time it is deployed anew.
    """

    name: DeploymentName
    generation: _Count
    created_at: Moment
    target_selector: dict[str, str] | None = None
    target_devices: tuple[DeviceKey, ...] | None = None

    def __post_init__(self) -> None:
        if (self.target_selector is None) == (self.target_devices is None):
            raise ValueError("a deployment has either target_selector or target_devices")

    @property
    def key(self) -> str:
        return str(_checked(self.name, DeploymentName))

    def encode(self) -> bytes:
        targets: dict[str, Any]
        if self.target_devices is None:
            targets = {"target_selector": self.target_selector}
        else:
            targets = {"target_devices": list(map(str, self.target_devices))}
        return encode(
            {
                "name": str(self.name),
                **targets,
                "generation": self.generation,
                "created_at": rfc3339(self.created_at),
            }
        )


class LastError(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The failure that happened last, of those that hold. `at` is the state's `last_event_at`."""

    device_id: DeviceKey
    message: str
    at: Moment


class DeploymentStatus(_Record, frozen=True, kw_only=True, gc=False):
    """How many of the `target` devices run it, failed, and have yet to say: the three add up to `target`."""

    name: DeploymentName
    target: _Count
    succeeded: _Count
    failed: _Count
    pending: _Count
    updated_at: Moment
    last_error: LastError | None = None

    @property
    def key(self) -> str:
        return str(_checked(self.name, DeploymentName))

    def encode(self) -> bytes:
        error = self.last_error
        return encode(
            {
                "name": str(self.name),
                "target": self.target,
                "succeeded": self.succeeded,
                "failed": self.failed,
                "pending": self.pending,
                "last_error": error
                and {"device_id": str(error.device_id), "message": error.message, "at": rfc3339(error.at)},
                "updated_at": rfc3339(self.updated_at),
            }
        )
