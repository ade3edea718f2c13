"""Everything that can be set about a gateway process, read once at its start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fleetgui.backend.registry.discovery import DiscoverySettings
from fleetgui.backend.registry.enrolment import Limits
from fleetgui.backend.registry.keeping import MOST_COPIES, KeepingSettings
from fleetgui.policy.settings import LagSettings, ThrottleSettings, number_from

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """`lag_history_bytes` and `throttle_history_bytes` cap the two histories beside their age.

    `history_replicas` is on how many brokers of a cluster each of them is kept, and the list of gateways with them.
    """

    lag: LagSettings = field(default_factory=LagSettings)
    throttle: ThrottleSettings = field(default_factory=ThrottleSettings)
    discovery: DiscoverySettings = field(default_factory=DiscoverySettings)
    limits: Limits = field(default_factory=Limits)
    keeping: KeepingSettings = field(default_factory=KeepingSettings)
    lag_history_bytes: int = 128 * MIB
    throttle_history_bytes: int = 128 * MIB
    history_replicas: int = 1

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> GatewaySettings:
        """What the environment asks for; never raises."""
        return cls(
            lag=LagSettings.from_environ(environ),
            throttle=ThrottleSettings.from_environ(environ),
            discovery=DiscoverySettings.from_environ(environ),
            limits=Limits.from_environ(environ),
            keeping=KeepingSettings.from_environ(environ),
            lag_history_bytes=int(number_from(environ, "LAG_HISTORY_MAX_BYTES", cls().lag_history_bytes)),
            throttle_history_bytes=int(
                number_from(environ, "THROTTLE_HISTORY_MAX_BYTES", cls().throttle_history_bytes)
            ),
            history_replicas=min(MOST_COPIES, int(number_from(environ, "HISTORY_REPLICAS", 1))),
        )

    def as_dict(self) -> dict[str, float | str]:
        """Environment name → what is in force, as `gateway/describe` shows them."""
        named: dict[str, float | str] = {}
        named |= self.lag.as_dict()
        named |= self.throttle.as_dict()
        return named | {
            "DC_LIST_DEVICES_MAX_LIMIT": self.discovery.max_limit,
            "REGISTRY_MAX_RECORD_BYTES": self.limits.record_bytes,
            "REGISTRY_MAX_FUNCTIONS": self.limits.functions,
            "REGISTRY_STORAGE": self.keeping.storage,
            "REGISTRY_REPLICAS": self.keeping.replicas,
            "REGISTRY_RETENTION_S": self.keeping.retention_s,
            "REGISTRY_MAX_ENDED": self.keeping.max_ended,
            "LAG_HISTORY_MAX_BYTES": self.lag_history_bytes,
            "THROTTLE_HISTORY_MAX_BYTES": self.throttle_history_bytes,
            "HISTORY_REPLICAS": self.history_replicas,
        }
