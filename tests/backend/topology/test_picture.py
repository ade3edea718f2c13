"""Random histories: whatever happens in whatever order, the service's state is what a recount says, and a reader that
keeps to the contract has the same, from any snapshot on, whatever it lost on the way.
"""

from __future__ import annotations

import random

import pytest

from fleetgui.backend.topology import picture as picture_module
from fleetgui.backend.topology.picture import Picture
from fleetgui.backend.topology.requests import TopologyRequests
from fleetgui.backend.topology.sites import Event
from fleetgui.policy.clock import ManualClock
from fleetgui.wire import rpc
from fleetgui.wire.codec import decode_object
from fleetgui.wire.deployments import Deployment, DeploymentName, DeviceKey, DeviceState, Moment, Phase
from fleetgui.wire.topology import IN_FLIGHT, MutationEvent, Snapshot, TopologySubjects, topology_message, validate
from tests.backend.topology.reader import Reader, View, inside, of_snapshots
from tests.backend.topology.recount import Facts

SITES = ["north", "south", "west"]
DEVICES = [DeviceKey(f"cam-{number}") for number in range(12)]
NAMES = [DeploymentName(name) for name in ("web", "db", "edge")]
LABELS = [{}, {"ring": "a"}, {"ring": "b"}, {"ring": "a", "kind": "cam"}]


class World:
    """A picture, the facts it was told, its readers, and everything it ever published."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.clock = ManualClock()
        self.picture = Picture(self.clock)
        self.facts = Facts()
        self.published: list[Event] = []
        self.readers: list[Reader] = []
        self.snapshots: list[tuple[Snapshot, int]] = []
        """Each with how many events had been published before it."""
        self.requests = TopologyRequests(self.picture, self.clock, lambda: 4_096, self.tell)
        self.lossy = True
        self.moment = 1_000.0

    # What happens

    def step(self) -> None:
        self.random.choice(
            [self.place, self.place, self.flip, self.label, self.deploy, self.state, self.state, self.state, self.tell]
        )()
        for reader in self.readers:
            if reader.wants_snapshot and self.random.random() < 0.3:
                self.give_snapshot(reader)
        if self.random.random() < 0.05:
            self.readers.append(Reader(self.random.choice(SITES)))
        if self.random.random() < 0.05 and (pages := self.ask(self.random.choice(SITES))) is not None:
            members = tuple(member for page in pages for member in page.members)
            self.snapshots.append((pages[0].model_copy(update={"members": members}), len(self.published)))

    def place(self) -> None:
        device, site = self.random.choice(DEVICES), self.random.choice([*SITES, None])
        online = self.random.random() < 0.8
        if site is None:
            self.facts.places.pop(device, None)
        else:
            self.facts.places[device] = site
            self.facts.online[device] = online
        self.picture.place(device, site, online=online)

    def flip(self) -> None:
        device, online = self.random.choice(DEVICES), self.random.random() < 0.5
        assert self.picture.sites.set_online(device, online) == (device in self.facts.places)
        if device in self.facts.places:
            self.facts.online[device] = online

    def label(self) -> None:
        device, labels = self.random.choice(DEVICES), self.random.choice([*LABELS, None])
        if labels is None:
            self.facts.labels.pop(device, None)
        else:
            self.facts.labels[device] = labels
        self.picture.rollouts.set_labels(device, labels)

    def deploy(self) -> None:
        name = self.random.choice(NAMES)
        before = self.facts.deployments.get(name)
        if self.random.random() < 0.25:
            self.facts.deployments.pop(name, None)
            self.picture.rollouts.set_deployment(name, None)
            return
        listed = self.random.random() < 0.4
        deployment = Deployment(
            name=name,
            generation=(before.generation if before else 0) + self.random.randrange(2),
            created_at=Moment(1),
            target_devices=tuple(self.random.sample(DEVICES, 4)) if listed else None,
            target_selector=None if listed else self.random.choice(LABELS),
        )
        self.facts.deployments[name] = deployment
        self.picture.rollouts.set_deployment(name, deployment)

    def state(self) -> None:
        device, name = self.random.choice(DEVICES), self.random.choice(NAMES)
        if self.random.random() < 0.1:
            self.facts.states.pop((device, name), None)
            self.picture.rollouts.set_state(device, name, None, anew=False)
            return
        self.moment += 1
        at = self.moment - self.random.choice([0, 0, 0, 5])
        phase = self.random.choice(list(Phase))
        state = DeviceState(device_id=device, deployment=name, phase=phase, last_event_at=Moment(at))
        known = self.facts.states.get((device, name))
        if known is None or known.last_event_at < at:
            self.facts.states[device, name] = state
        self.picture.rollouts.set_state(device, name, state, anew=False)

    # What is told

    def tell(self) -> None:
        for event in self.picture.settle():
            self.published.append(event)
            heard = as_heard(event)
            for reader in self.readers:
                if not self.lossy or self.random.random() < 0.9:
                    reader.heard(heard)

    def ask(self, site: str) -> list[Snapshot] | None:
        """Every page of a snapshot, None for an unknown topology; the world goes on between pages."""
        pages: list[Snapshot] = []
        after = None
        while True:
            reply = self.requests.handle(rpc.request("topology/snapshot", {"topology_id": site, "after": after}, "x"))
            body = decode_object(reply)
            if "error" in body:
                assert body["error"]["code"] == -32004
                return None
            pages.append(validate(Snapshot, body["result"]))
            if (after := pages[-1].next_after) is None:
                return pages

    def give_snapshot(self, reader: Reader) -> None:
        reader.took_snapshot(self.ask(reader.topology_id))

    def keepalive(self) -> None:
        last = self.picture.sites.last_seqs(float("-inf"))
        for reader in self.readers:
            reader.heard_last(self.picture.sites.epoch, last)


def as_heard(event: Event) -> Event:
    """The event as it comes over the wire."""
    subjects = TopologySubjects("t")
    method = {
        "StatusEvent": "status",
        "MembersEvent": "members",
        "MutationEvent": "mutation",
        "ServiceEvent": "service",
    }
    data = rpc.notification(f"topology/{method[type(event).__name__]}", event.model_dump(exclude_none=True))
    heard = topology_message(subjects.status(event.topology_id), data)
    assert type(heard) is type(event)
    return heard


def final(world: World) -> None:
    """Everything is told, and each reader hears a keepalive and asks for as many snapshots as it wants."""
    world.lossy = False
    world.tell()
    world.keepalive()
    for reader in world.readers:
        if reader.wants_snapshot:
            world.give_snapshot(reader)
        assert not reader.wants_snapshot


@pytest.mark.parametrize("seed", range(60))
def test_state_is_what_a_recount_says_and_readers_have_it_too(seed: int) -> None:
    world = World(seed)
    for number in range(400):
        world.step()
        if number % 40 == 0:
            world.tell()
            for site in SITES:
                assert inside(world.picture, site) == world.facts.view(site), (seed, number, site)
    final(world)
    for site in SITES:
        assert inside(world.picture, site) == world.facts.view(site)
    assert len(world.readers) > 5
    assert any(reader.lost for reader in world.readers) or seed % 60
    for reader in world.readers:
        assert reader.view == inside(world.picture, reader.topology_id), (seed, reader.topology_id, reader.seq)


@pytest.mark.parametrize("seed", range(20))
def test_any_snapshot_and_the_events_after_it_are_the_state(seed: int) -> None:
    world = World(seed)
    for _ in range(300):
        world.step()
    world.tell()
    assert len(world.snapshots) > 3
    for snapshot, published in world.snapshots:
        reader = Reader(snapshot.topology_id)
        reader.took_snapshot([snapshot])
        for event in world.published[published:]:
            reader.heard(event)
        if reader.wants_snapshot:  # the site was gone in between, and what came back goes on with a higher number
            assert reader.lost
            continue
        assert reader.view == inside(world.picture, snapshot.topology_id)
    # Whoever hears everything twice, and from before the snapshot, has the same.
    snapshot, _ = world.snapshots[-1]
    reader = Reader(snapshot.topology_id)
    reader.took_snapshot([snapshot])
    for event in world.published + world.published:
        reader.heard(event)
    assert reader.wants_snapshot or reader.view == inside(world.picture, snapshot.topology_id)


@pytest.mark.parametrize("seed", range(10))
def test_numbers_rise_by_one_and_no_step_of_a_mutation_is_left_out(seed: int) -> None:
    world = World(seed)
    for _ in range(500):
        world.step()
    world.tell()
    last: dict[str, int] = {}
    steps: dict[tuple[str, str], str] = {}
    gone = 0
    for event in world.published:
        before = last.get(event.topology_id, 0)
        assert event.seq > before
        gone += event.seq != before + 1
        last[event.topology_id] = event.seq
        if isinstance(event, MutationEvent):
            key = (event.topology_id, event.mutation_id)
            known = steps.get(key)
            assert event.state != known
            if event.state == "applying":
                assert known is not None
            if event.state == "applied":
                assert known in ("applying", "failed")
            if known is None or (known not in IN_FLIGHT and event.state == "enqueued"):
                assert event.state == "enqueued"
            steps[key] = event.state
    assert gone <= sum(not site.members for site in world.picture.sites) + 20


def test_a_new_epoch_tells_what_would_be_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_module, "MOST_AT_ONCE", 5)
    world = World(1)
    for number, device in enumerate(DEVICES):
        world.picture.place(device, "north", online=True)
        world.picture.rollouts.set_labels(device, {"ring": "a" if number % 2 else "b"})
    epoch = world.picture.sites.epoch
    world.tell()
    assert world.published
    assert world.picture.sites.epoch == epoch
    reader = Reader("north")
    world.readers.append(reader)
    world.give_snapshot(reader)
    count = len(world.published)
    for device in DEVICES:
        state = DeviceState(device_id=device, deployment=NAMES[0], phase=Phase.RUNNING, last_event_at=Moment(5))
        world.picture.rollouts.set_state(device, NAMES[0], state, anew=False)
    world.tell()
    assert len(world.published) == count
    assert world.picture.sites.epoch != epoch
    world.keepalive()
    assert reader.wants_snapshot
    world.give_snapshot(reader)
    assert reader.view == inside(world.picture, "north")
    assert all(services == ("web",) for _, services in reader.view.members.values())


def test_while_buckets_are_read_deployments_are_counted_and_not_told() -> None:
    world = World(2)
    world.picture.place(DEVICES[0], "north", online=True)
    world.tell()
    world.picture.loading = True
    state = DeviceState(device_id=DEVICES[0], deployment=NAMES[0], phase=Phase.RUNNING, last_event_at=Moment(5))
    world.picture.rollouts.set_state(DEVICES[0], NAMES[0], state, anew=True)
    count = len(world.published)
    world.tell()
    pages = world.ask("north")
    assert pages is not None
    assert len(world.published) == count
    assert of_snapshots(pages) == View("active", {"cam-0": (True, ())})
    world.picture.loading = False
    world.tell()
    assert [type(event).__name__ for event in world.published[count:]] == ["ServiceEvent"]
