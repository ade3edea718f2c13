"""Where the overview has to say that something is missing, from the stores' gaps and from the ledger. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fleetgui.policy.states import State
from fleetgui.stores.console import ConsoleState
from fleetgui.wire.times import to_epoch

Span = tuple[float, float, int | None]
"""(from, until) in epoch seconds, and the index of the gateway, None for all of them."""

_OF_EVERYTHING: Final = frozenset({"link", "this console", "this machine", "gateway", "device"})
"""Sources in the ledger without which neither edges nor engagements were seen."""


def lag_gaps(
    state: ConsoleState, known: Mapping[str, list[tuple[float, float]]], *, since: float, now: float, edge: float
) -> list[Span]:
    """Spans without samples: those `known` of each gateway's series, what the ledger has of it, and one that is open.

    Open is a gap from the last sample of a gateway that is not live until now, `edge` on the gateways' clocks.
    """
    spans: list[Span] = []
    for index, name in enumerate(sorted(state.lag.nodes)):
        spans += [(start, end, index) for start, end in known.get(name, ())]
        spans += [(lost.begins, lost.ends, index) for lost in state.ledger.spans(f"gateway {name}", since)]
        node = state.lag.nodes[name]
        last = to_epoch(node.latest.ts) if node.latest is not None else None
        if last is not None and node.source.state(now) is not State.LIVE:
            spans.append((last, max(edge, last), index))
    return spans


def lane_gaps(state: ConsoleState, *, since: float, now: float, edge: float) -> list[Span]:
    """Spans in which somebody may have gone, come or been refused, and it was not seen; the open one until `edge`."""
    spans: list[Span] = [
        (lost.begins, lost.ends, None) for lost in state.ledger.spans(None, since) if lost.source in _OF_EVERYTHING
    ]
    lost_at = state.link.state.lost_at
    if lost_at is not None:
        spans.append((edge - (now - lost_at), edge, None))
    return spans
