"""What is written to `deployment-status` stands there, also where the watch never hears of it."""

from __future__ import annotations

import pytest

from fleetgui.backend.deployments.rollup import Figures
from fleetgui.backend.deployments.statuses import Statuses
from fleetgui.link import streams
from fleetgui.link.entries import Entry
from fleetgui.policy.clock import ManualClock
from fleetgui.wire.deployments import DeploymentName
from tests.backend.deployments.rig import Side, contents, statuses

D = DeploymentName("d")
FIGURES = Figures(3, 1, 0, 2)
SETTLE_S = 5.0


class Written:
    """Statuses without a watch: what it would tell is told by the test, after the first write."""

    def __init__(self, client: Side, clock: ManualClock) -> None:
        self.client = client
        self._clock = clock
        self.statuses = Statuses(client.buckets.status, clock, settle_s=SETTLE_S)

    async def echo(self) -> None:
        """The watch tells what stands."""
        entry = await self.client.buckets.status.get("d")
        assert entry is not None
        self.statuses.entry(entry)

    async def lost(self, verb: str) -> None:
        """Everything in the bucket goes, without a word to anybody."""
        bucket = self.client.buckets.status
        await streams.api(self.client.link, f"STREAM.{verb}.{bucket.config.stream}")
        await bucket.ensure()

    async def after(self, seconds: float, wanted: Figures | None = FIGURES) -> int:
        """What is due by then is compared, as the aggregator does; returns how many."""
        self._clock.advance(seconds)
        due = self.statuses.take_due()
        for name in due:
            await self.statuses.settle(name, wanted)
        return len(due)

    async def stands(self) -> bool:
        return await statuses(self.client.link, self.client.buckets) == {D: FIGURES}


@pytest.fixture
async def written(client: Side) -> Written:
    made = Written(client, ManualClock())
    await made.statuses.settle(D, FIGURES)
    assert await made.stands()
    return made


async def test_what_was_told_is_left_alone(written: Written) -> None:
    await written.echo()
    assert written.statuses.next_due is None
    assert await written.after(10 * SETTLE_S) == 0


@pytest.mark.parametrize("verb", ["PURGE", "DELETE"])
async def test_what_is_lost_before_it_was_told_is_written_again(written: Written, verb: str) -> None:
    await written.lost(verb)
    assert await written.after(SETTLE_S - 0.1) == 0
    assert await written.after(0.2) == 1
    assert await written.stands()
    assert written.statuses.counters.written == 2


async def test_a_full_read_that_does_not_tell_it_tells_that_it_is_lost(written: Written) -> None:
    await written.lost("DELETE")
    written.statuses.read_began()
    written.statuses.synced()
    assert await written.after(0.0) == 1
    assert await written.stands()


async def test_what_stands_and_is_told_late_is_not_written_again(written: Written) -> None:
    assert await written.after(SETTLE_S) == 1
    assert (written.statuses.counters.written, written.statuses.counters.collided) == (1, 1)
    await written.echo()
    assert await written.after(SETTLE_S) == 1
    assert (written.statuses.counters.written, written.statuses.counters.unchanged) == (1, 1)


async def test_what_is_written_after_it_was_lost_is_not_taken_for_the_first_one(written: Written, client: Side) -> None:
    """New figures come before anybody doubts the old ones: refused once, then written."""
    await written.lost("PURGE")
    await written.statuses.settle(D, Figures(3, 2, 0, 1))
    assert await contents(client.link, client.buckets.status) == {}
    assert await written.after(SETTLE_S) == 1
    assert await written.stands()


async def test_somebody_elses_older_word_is_no_echo(written: Written, client: Side) -> None:
    entry = await client.buckets.status.get("d")
    assert entry is not None
    written.statuses.entry(Entry("d", b"{}", entry.revision - 1, 0.0))
    assert await written.after(SETTLE_S) == 1


async def test_a_bucket_made_anew_is_believed_though_its_revisions_are_lower(client: Side) -> None:
    """A withdrawn deployment's status, written by somebody else right after ours went with the bucket: it goes too."""
    for _ in range(3):
        await client.buckets.status.put("other", b"{}")
    written = Written(client, ManualClock())
    await written.statuses.settle(D, FIGURES)
    await written.lost("DELETE")
    await client.buckets.status.put("d", b"{}")
    await written.echo()
    assert await written.after(SETTLE_S, wanted=None) == 1
    assert await contents(client.link, client.buckets.status) == {}
