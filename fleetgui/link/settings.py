"""The link's times and bounds, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LinkSettings:
    """Seconds, unless a name says otherwise. The defaults hold the console's promises; tests shorten them.

    A silent broker is given up when `max_outstanding_pings` are unanswered as the next one is due: 15 s. Pauses
    between tries go from `first_backoff` to `max_backoff`, short enough to be back within 3 s of the broker; a
    connection that did not live for `stable_after` counts as a failed try. After a refusal by every server
    `refused_pause` passes, and there are never more than `refusals_a_minute`.
    """

    connect_timeout: float = 3.0
    ping_interval: float = 5.0
    max_outstanding_pings: int = 2
    first_backoff: float = 0.5
    max_backoff: float = 2.0
    stable_after: float = 5.0
    refused_pause: float = 15.0
    refusals_a_minute: int = 5
    close_within: float = 1.5
    max_requests: int = 4_096
    max_running_per_service: int = 1_000
    max_waiting_per_service: int = 20_000
    max_waiting_bytes_per_service: int = 64 * 1024 * 1024
    max_buffered_bytes: int = 32 * 1024 * 1024
