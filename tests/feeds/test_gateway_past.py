"""Looking further back: an hour at a time, only what somebody looks at, and no window twice or missing at any seam."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from fleetgui.feeds import gateway_past
from fleetgui.link.messages import Message
from fleetgui.wire import rpc
from fleetgui.wire.times import rfc3339, to_epoch
from tests.backend.gateway.rig import gateway, try_to_register
from tests.backend.links import party
from tests.feeds.test_gateway import Rig, rig
from tests.feeds.test_gateway_real import STORMY, console_feed
from tests.nats_server import NatsServer
from tests.waiting import until

Answer = Callable[[Message], bytes]


@pytest.fixture
def broker() -> Iterator[NatsServer]:
    with NatsServer(jetstream=True) as server:
        yield server


async def test_live_history_and_what_is_older_meet_without_gap_or_double(
    broker: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every window and refusal that the real gateway numbered, by three ways at once, each exactly once."""
    monkeypatch.setattr("fleetgui.feeds.gateway.HISTORY_S", 0.5)
    monkeypatch.setattr(gateway_past, "CHUNK_S", 0.7)
    monkeypatch.setattr(gateway_past, "PAGE", 3)
    async with party(broker.url) as client, gateway(broker.url, environ=STORMY) as running:
        for _ in range(4):
            await try_to_register(client, "storm")
        async with console_feed(broker.url) as early:
            await until(lambda: early[0].lag.samples >= 25, early[0].lag.changed)
        async with console_feed(broker.url) as (state, feed):
            await until(lambda: feed.past.since is not None and state.lag.samples > 2, state.lag.changed)
            assert state.lag.since("gw-1") is not None
            first = int(state.lag._series["gw-1"].fine["first_seq"][0])
            assert first > 1
            feed.past.look_back(0.0)

            def whole() -> bool:
                node = state.lag.nodes["gw-1"]
                return node.latest is not None and state.lag.samples == node.latest.seq >= first + 15

            await until(whole, state.lag.changed)
            await try_to_register(client, "storm")
            await until(lambda: state.engagements.total == 4, state.engagements.changed)
            await until(whole, state.lag.changed)
            latest = state.lag.nodes["gw-1"].latest
            assert latest is not None
            assert latest.epoch == running.gateway.notices.epoch
            seqs = state.lag._series["gw-1"].fine["first_seq"].tolist()
            assert seqs == list(range(1, len(seqs) + 1))
            assert len(seqs) == state.lag.samples
            assert state.lag.curves("gw-1").gaps == []
            assert np.all(np.diff(state.lag.curves("gw-1").ts) > 0)
            assert [refusal.seq for refusal in state.engagements.refusals] == [1, 2, 3, 4]
            assert state.ledger.total == 0


def days(here: Rig, oldest: float, asked: list[dict[str, object]]) -> Answer:
    """A gateway with a window every ten minutes since `oldest` (epoch seconds), in pages of seven."""

    def answer(message: Message) -> bytes:
        request = json.loads(message.data)
        params = request["params"]
        match request["method"]:
            case "gateway/describe":
                return rpc.result(request["id"], {"nodes": []})
            case "gateway/throttleHistory":
                return rpc.result(request["id"], {"engagements": [], "next_since": None})
        asked.append(params)
        since = params.get("since")
        start = 0
        if isinstance(since, str):
            start = int(since[1:]) if since[0] == "@" else max(0, int(-((oldest - (to_epoch(since) or 0.0)) // 600)))
        newest = int((here.start - oldest) // 600)
        part = range(start, min(start + params["limit"], start + 7, newest + 1))
        samples = [here.lag(seq) | {"seq": seq, "ts": rfc3339(oldest + 600 * seq)} for seq in part]
        following = f"@{part.stop}" if part.stop <= newest else None
        return rpc.result(request["id"], {"samples": samples, "next_since": following})

    return answer


async def test_no_more_is_read_than_somebody_looks_at(
    shared_nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_past, "BETWEEN_PAGES_S", 0.0)
    async with rig(shared_nats_server.url, "past") as here:
        asked: list[dict[str, object]] = []
        oldest = here.start - 86_400
        service = here.link.serve(here.subjects.gateway, "gateway", days(here, oldest, asked))
        here.feed.past.look_back(here.start - 10_000)
        assert here.feed.past.since is None  # the feed reads first: what is older comes after it
        here.feed.link_came_up()
        await until(lambda: (here.state.lag.since("gw-1") or 1e18) < here.start - 9_000, here.state.lag.changed)
        await until(lambda: here.feed.past.since == here.start - 10_000, here.feed.past.changed)
        assert (here.state.lag.since("gw-1") or 0.0) >= here.start - 10_000
        before = len(asked)
        here.feed.past.look_back(here.start - 9_000)
        assert len(asked) == before
        here.feed.past.look_back(0.0)
        await until(lambda: here.state.lag.samples == 145, here.state.lag.changed)
        await until(lambda: here.feed.past.is_whole, here.feed.past.changed)
        assert here.state.lag.since("gw-1") == oldest
        assert here.state.ledger.total == 0
        service.close()
