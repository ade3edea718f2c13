"""All stores of one console, in one place, for whoever composes or shows them."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleetgui.policy.freshness import reading_limits
from fleetgui.stores.calls import Calls
from fleetgui.stores.deployments.store import Deployments
from fleetgui.stores.details import Details
from fleetgui.stores.device_states import DeviceStates
from fleetgui.stores.edges import Edges
from fleetgui.stores.engagements import Engagements
from fleetgui.stores.export import ExportStore
from fleetgui.stores.hold import HoldStore
from fleetgui.stores.journal import Journal
from fleetgui.stores.lag import LagStore
from fleetgui.stores.ledger import Ledger
from fleetgui.stores.link import LinkStore
from fleetgui.stores.observer import Observer
from fleetgui.stores.presence import Presence
from fleetgui.stores.roster import Roster
from fleetgui.stores.rows import TableRows
from fleetgui.stores.sources import REGISTRY, REGISTRY_INTERVAL_S, Sources
from fleetgui.stores.topologies.store import Topologies


@dataclass
class ConsoleState:
    ledger: Ledger = field(default_factory=Ledger)
    journal: Journal = field(default_factory=Journal)
    link: LinkStore = field(default_factory=LinkStore)
    roster: Roster = field(default_factory=Roster)
    edges: Edges = field(default_factory=Edges)
    details: Details = field(default_factory=Details)
    calls: Calls = field(default_factory=Calls)
    hold: HoldStore = field(default_factory=HoldStore)
    export: ExportStore = field(default_factory=ExportStore)
    observer: Observer = field(default_factory=Observer)
    last_crash: str = ""
    """A sentence about the session before, where it ended by a fault and nobody has looked yet."""
    registry_searches: bool = True
    """Whether the registry knows our extensions (search, sort, who is gone), as far as it was asked."""
    table: TableRows = field(init=False)
    """What the table of devices shows: the roster's rows, or those of the fleet as it is held."""
    sources: Sources = field(init=False)
    """How far each source may be trusted."""
    presence: Presence = field(init=False)
    device_states: DeviceStates = field(init=False)
    lag: LagStore = field(init=False)
    engagements: Engagements = field(init=False)
    topologies: Topologies = field(init=False)
    deployments: Deployments = field(init=False)

    def __post_init__(self) -> None:
        self.table = TableRows(self.roster)
        self.sources = Sources(self.link)
        self.sources.declare(REGISTRY, reading_limits(REGISTRY_INTERVAL_S), lambda: self.roster.registered_at)
        self.presence = Presence(self.sources)
        self.device_states = DeviceStates(self.presence)
        self.lag = LagStore(self.ledger, sources=self.sources)
        self.engagements = Engagements(self.ledger)
        self.topologies = Topologies(self.ledger, self.sources)
        self.deployments = Deployments(self.sources)
