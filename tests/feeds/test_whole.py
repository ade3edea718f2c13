"""What a walk of whole records is said to take, before anybody bears it."""

from __future__ import annotations

from typing import Any

import pytest

from fleetgui.feeds.registry import RegistryClient
from fleetgui.feeds.walk import PARTS
from fleetgui.feeds.whole import SAMPLE, estimate
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.pages import PageSizer
from fleetgui.wire.question import EVERYTHING
from fleetgui.wire.subjects import Subjects
from tests.feeds.scripted_registry import Params, fleet, scripted
from tests.nats_server import NatsServer

DEVICES = 100_000
ANSWERS_IN_S = 0.5


class FarAway(RegistryClient):
    """The link measures its way now and then; here it is said how long that is."""

    round_trip_s = 0.0


@pytest.mark.parametrize(
    ("extensions", "way_s", "a_page_s"),
    [
        ([], 0.4, ANSWERS_IN_S),  # which is asked for one page after another
        (["after"], 0.0, ANSWERS_IN_S),
        (["after"], 0.4, 0.1 + 0.4 / PARTS),
        (["after"], 2.0, ANSWERS_IN_S / PARTS),  # the way was longer when it was measured
    ],
    ids=str,
)
async def test_pages_that_are_asked_for_at_once_share_the_way_and_nothing_else(
    shared_nats_server: NatsServer, extensions: list[str], way_s: float, a_page_s: float
) -> None:
    clock = ManualClock()

    def answer(_params: Params) -> dict[str, Any]:
        clock.advance(ANSWERS_IN_S)
        return {"devices": fleet(SAMPLE), "next_offset": SAMPLE, "total_matched": DEVICES, "applied": extensions}

    async with scripted(shared_nats_server.url, "estimated", answer) as bench:
        client = FarAway(bench.link, Subjects("estimated"), clock, PageSizer({}))
        client.round_trip_s = way_s
        found = await estimate(client, EVERYTHING, ["status.temperature"], clock)
    assert found.devices == DEVICES
    assert found.seconds == pytest.approx(a_page_s * DEVICES / SAMPLE)
