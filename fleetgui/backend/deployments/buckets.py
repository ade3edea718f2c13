"""The five buckets of a tenant's deployments, and how something is deployed and withdrawn.

Whoever writes makes the buckets if they are missing; where they are kept, and how often, is set in the environment of
whoever comes first. One that is there stays as it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from fleetgui.link import streams
from fleetgui.link.buckets import Bucket, BucketConfig, WrongRevision
from fleetgui.link.connection import Link
from fleetgui.wire.codec import Malformed
from fleetgui.wire.deployments import BucketNames, Deployment, DeploymentName

KIB: Final = 1024
_TRIES: Final = 50


@dataclass(frozen=True)
class BucketSettings:
    """`storage` (`DEPLOYMENTS_STORAGE`) is `file` or `memory`; `replicas` (`DEPLOYMENTS_REPLICAS`) 1, 3 or 5."""

    storage: Literal["file", "memory"] = "file"
    replicas: int = 1

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> BucketSettings:
        """Raises `ValueError` with a sentence for what is neither empty nor one of the values above."""
        storage = environ.get("DEPLOYMENTS_STORAGE") or "file"
        replicas = environ.get("DEPLOYMENTS_REPLICAS") or "1"
        if storage not in ("file", "memory"):
            raise ValueError(f"DEPLOYMENTS_STORAGE is file or memory, not {storage[:40]!r}")
        if replicas not in ("1", "3", "5"):
            raise ValueError(f"DEPLOYMENTS_REPLICAS is 1, 3 or 5, not {replicas[:40]!r}")
        return cls("file" if storage == "file" else "memory", int(replicas))


class Buckets:
    """Those of `tenant` on `link`. Raises `NotAddressable` for a tenant that no bucket can be named after."""

    def __init__(self, link: Link, tenant: str, settings: BucketSettings | None = None) -> None:
        settings = settings or BucketSettings()
        self.names = names = BucketNames(tenant)
        self.link = link

        def bucket(name: str, max_value_bytes: int) -> Bucket:
            return Bucket(
                link, BucketConfig(name, settings.replicas, settings.storage, max_value_bytes=max_value_bytes)
            )

        self.info = bucket(names.info, 64 * KIB)
        self.state = bucket(names.state, 8 * KIB)
        self.heartbeat = bucket(names.heartbeat, KIB)
        self.deployment = bucket(names.deployment, 1024 * KIB)
        self.status = bucket(names.status, 8 * KIB)

    async def ensure(self) -> None:
        """Make those that are missing. Raises `LinkError`, which says what the broker or this user cannot do."""
        for bucket in (self.info, self.state, self.heartbeat, self.deployment, self.status):
            await bucket.ensure()

    async def created(self, bucket: Bucket) -> str:
        """When the broker made it, as text: another one for a bucket that was made again. Raises `LinkError`."""
        return str((await streams.api(self.link, f"STREAM.INFO.{bucket.config.stream}")).get("created"))


async def deploy(
    link: Link, tenant: str, deployment: Deployment, *, again: bool = True, settings: BucketSettings | None = None
) -> Deployment:
    """Put `deployment` on record and return it as it stands there: one generation above the one that was there.

    Where `again` is false, one that is there and means the same devices is left and returned as it is. Raises
    `LinkError`, `NotAddressable`.
    """
    bucket = Buckets(link, tenant, settings).deployment
    await bucket.ensure()
    for _ in range(_TRIES):
        entry = await bucket.get(deployment.key)
        before: Deployment | None = None
        if entry is not None and entry.value is not None:
            with contextlib.suppress(Malformed):  # nobody can tell what it was; this one takes its place
                before = Deployment.decode(entry.key, entry.value)
        if before is not None:
            if not again and _targets(before) == _targets(deployment):
                return before
            deployment = msgspec.structs.replace(
                deployment, generation=max(deployment.generation, before.generation + 1)
            )
        try:
            await bucket.put(deployment.key, deployment.encode(), expect=entry.revision if entry else 0)
        except WrongRevision:
            continue  # somebody else deployed it meanwhile: that was the generation before ours
        return deployment
    raise WrongRevision(f"Others keep deploying {deployment.name}; it was given up after {_TRIES} tries.")


async def withdraw(link: Link, tenant: str, name: DeploymentName) -> bool:
    """Take the deployment off the record; whether it was there. Its states are removed by the agents that wrote them.

    Raises `LinkError`, `NotAddressable`.
    """
    bucket = Buckets(link, tenant).deployment
    if await bucket.get(str(name)) is None:
        return False
    await bucket.delete(str(name))
    return True


def _targets(deployment: Deployment) -> tuple[object, object]:
    return deployment.target_selector, deployment.target_devices
