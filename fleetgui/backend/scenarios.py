"""Scenarios: what happens to a simulated fleet, and when. Data, the same for the same seed.

A step says when (`at`, seconds after the fleet's first registration), what happens, and in a sentence what an operator
would say of it. A scenario with a `period` starts over after that many seconds, for ever; its rounds differ, because
whom a step strikes is drawn from seed and round. Nothing here touches a signal that an operator sees: steps make
devices and clients misbehave, and the gateway and the registry notice.

Times that must outlast a lease are given in leases, since a small fleet's are shorter than a large one's.

To add a scenario, add it to SCENARIOS. `devices/player.py` carries the steps out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Storm:
    """`devices` reconnect `every` so many seconds, each with a new session, for `seconds`, and obey nobody."""

    devices: int = 1
    every: float = 0.2
    seconds: float = 8.0


@dataclass(frozen=True)
class Flood:
    """A dashboard keeps the registry busy for about `busy_ms` with requests at once, `times` times, `every` s apart."""

    busy_ms: float = 420.0
    times: int = 4
    every: float = 1.0


@dataclass(frozen=True)
class Restart:
    """The devices of one site go down one after another, `every` s apart but all within `within` s, for `leases`."""

    every: float = 0.5
    within: float = 25.0
    leases: float = 1.4


@dataclass(frozen=True)
class Herd:
    """Every device goes down at once, and starts again `down_for` seconds later: a herd at the registry's door."""

    down_for: float = 2.0


@dataclass(frozen=True)
class Flap:
    """`devices` go offline for `leases` and come back for `up` leases, `times` times over."""

    devices: int = 12
    times: int = 3
    leases: float = 1.25
    up: float = 0.75


@dataclass(frozen=True)
class Partition:
    """A `share` of the sites loses the network for `leases`, then all return at once.

    Until the broker notices, `noticed_after` seconds later, calls to these devices go unanswered; from then on there
    is no responder.
    """

    share: float = 1 / 3
    leases: float = 2.0
    noticed_after: float = 10.0


@dataclass(frozen=True)
class Deploy:
    """The deployment `name` goes out to one `ring` of devices, to all when that is None. On faulty devices it fails."""

    name: str
    ring: str | None = None


Action = Storm | Flood | Restart | Herd | Flap | Partition | Deploy


@dataclass(frozen=True)
class Step:
    """At `at` seconds after the story began, `action`; `note` is what an operator would say of it."""

    at: float
    action: Action
    note: str


STANDING: Final = (Deploy("firmware-29"), Deploy("telemetry-14", "early"), Deploy("vision-preview", "canary"))


@dataclass(frozen=True)
class Scenario:
    """`steps` in the order of `at`; `period` seconds until they start over, None for once.

    `standing` is what is deployed before anything happens, and not deployed again by a fleet that comes back.
    """

    name: str
    summary: str
    steps: tuple[Step, ...] = ()
    period: float | None = None
    standing: tuple[Deploy, ...] = STANDING


_DEMO: Final = Scenario(
    "demo",
    "calm, then a storm, a lag spike and a rolling restart, again and again",
    (
        # The storm passes the hard ceiling (20 in 10 s) after 4 s, which holds in the gateway's warm-up too.
        Step(3.0, Storm(), "A device reconnects five times a second"),
        Step(14.0, Flood(), "A dashboard asks for the whole fleet, again and again"),
        Step(25.0, Restart(), "A site is restarted, device by device"),
        Step(72.0, Flood(busy_ms=160.0, times=3), "The dashboard is back"),
        Step(80.0, Storm(every=1.1, seconds=14.0), "A device reconnects about once a second"),
    ),
    period=120.0,
)

_INCIDENT: Final = Scenario(
    "incident",
    "ten minutes on call: a release, a flaky batch, storms, a lost uplink, a brown-out, and the way back",
    (
        # A release begins well watched: two in a hundred devices, and about one of them in twenty cannot take it.
        Step(10.0, Deploy("release-3-canary", "canary"), "Release 3 goes to the canary ring"),
        # Devices that crash on it: each is declared offline, comes back, and goes again.
        Step(45.0, Flap(devices=12, times=3), "A dozen devices crash, come back, and crash again"),
        # One watchdog too eager: held back by the throttle on its own, nobody else suffers.
        Step(90.0, Storm(), "One device's watchdog reconnects it five times a second"),
        # People begin to look, and looking costs: the registry's lag leaves normal.
        Step(125.0, Flood(), "A wall display asks for the whole fleet, four times"),
        # The release goes on in spite of it.
        Step(165.0, Deploy("release-3-early", "early"), "Release 3 goes on to the early ring"),
        # Not one device any more but what stands behind one switch; many small refusals instead of one large.
        Step(215.0, Storm(devices=100, every=0.8, seconds=20.0), "A switch reboots in a loop, a hundred behind it"),
        # Silence, not noise: calls to a third of the sites time out, then have no responder, then the leases end.
        Step(270.0, Partition(), "An uplink fails: a third of the sites is gone"),
        # While they are gone somebody opens every dashboard there is.
        Step(290.0, Flood(busy_ms=450.0, times=5), "Everybody looks: dashboards ask for the whole fleet"),
        # What came back in a bad way is restarted by hand, in order, which looks like an outage and is none.
        Step(405.0, Restart(), "A crew restarts a site, device by device"),
        # The worst minute of a registry: everything at once. Nobody is throttled, as nobody comes too often.
        Step(475.0, Herd(), "A brown-out: every device restarts at once"),
        # The lesson is drawn.
        Step(540.0, Deploy("release-2-rollback"), "The release is withdrawn: back to 2 everywhere"),
        Step(570.0, Storm(every=1.1, seconds=14.0), "An echo: one device reconnects about once a second"),
    ),
    period=720.0,
)

SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (
        _DEMO,
        Scenario("calm", "every device registers, beats, and emits an event now and then"),
        Scenario(
            "storm",
            "one device after another reconnects far too often",
            (Step(3.0, Storm(), "A device reconnects five times a second"),),
            period=20.0,
        ),
        Scenario(
            "storm100",
            "a hundred devices at once reconnect far too often",
            (Step(3.0, Storm(devices=100, every=0.4, seconds=15.0), "A hundred devices reconnect without end"),),
            period=60.0,
        ),
        Scenario(
            "herd",
            "everything restarts at once and registers again",
            (Step(20.0, Herd(), "Every device restarts at once"),),
            period=120.0,
        ),
        Scenario(
            "lag",
            "a dashboard asks for the whole fleet in bursts",
            (Step(3.0, Flood(), "A dashboard asks for the whole fleet, again and again"),),
            period=20.0,
        ),
        Scenario(
            "restart",
            "one site after another is restarted, device by device",
            (Step(3.0, Restart(), "A site is restarted, device by device"),),
            period=60.0,
        ),
        Scenario(
            "rollout",
            "a release goes out ring by ring, and fails on some devices",
            (
                Step(3.0, Deploy("release-canary", "canary"), "A release goes to the canary ring"),
                Step(25.0, Deploy("release-early", "early"), "It goes on to the early ring"),
                Step(55.0, Deploy("release-broad", "broad"), "It goes to everybody else"),
            ),
            period=150.0,
        ),
        Scenario(
            "flaps",
            "devices go offline and come back, again and again",
            (Step(3.0, Flap(), "A dozen devices go offline and come back, again and again"),),
            period=90.0,
        ),
        Scenario(
            "partition",
            "a third of the sites loses the network for a while, then all return at once",
            (Step(15.0, Partition(), "An uplink fails: a third of the sites is gone"),),
            period=180.0,
        ),
        _INCIDENT,
    )
}

NAMES: Final = tuple(SCENARIOS)


def scenario(name: str) -> Scenario:
    """The scenario called `name`; raises `ValueError`, whose text lists the names, when there is none."""
    found = SCENARIOS.get(name)
    if found is None:
        raise ValueError(f"there is no scenario {name!r}; there are {', '.join(NAMES)}")
    return found
