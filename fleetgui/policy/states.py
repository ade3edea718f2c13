"""The one enum of states. Everything on the screen that can be in a state is in one of these, the same everywhere.

State is never colour alone: each has a glyph, a word and a theme token. Freshness (live … replayed) says how far a
figure may be trusted; presence (online, offline) and the bands say what it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """(glyph, word, theme token)"""

    LIVE = ("●", "live", "live")
    LATE = ("◔", "late", "late")
    STALE = ("◌", "stale", "stale")
    UNKNOWN = ("?", "unknown", "unknown")
    UNCONFIRMED = ("↻", "unconfirmed", "unconfirmed")
    PAUSED = ("‖", "paused", "offline")
    REPLAYED = ("⟲", "replayed", "offline")
    ONLINE = ("●", "online", "live")
    OFFLINE = ("○", "offline", "offline")
    NOT_WATCHED = ("◇", "not watched", "offline")
    """Nobody listens to its heartbeats: the fleet sends more than a console takes in."""
    NORMAL = ("▬", "normal", "band_normal")
    ELEVATED = ("▲", "elevated", "band_elevated")
    CRITICAL = ("■", "critical", "band_critical")
    FAILED = ("✕", "failed", "band_critical")
    RUNNING = ("●", "running", "live")
    """A deployment, or one device of it: it is where it should be."""
    PENDING = ("◔", "pending", "band_normal")
    UNTARGETED = ("–", "no target", "offline")
    """A deployment that means no device, or a device that no longer is meant."""

    def __init__(self, glyph: str, word: str, token: str) -> None:
        self.glyph = glyph
        self.word = word
        self.token = token

    @property
    def label(self) -> str:
        """Glyph and word, as chips and cells show it."""
        return f"{self.glyph} {self.word}"


_FRESHEST_FIRST = (State.LIVE, State.LATE, State.UNCONFIRMED, State.STALE, State.UNKNOWN)


def doubt(state: State) -> int:
    """How far a freshness is from live: 0 for live, most for unknown. Raises ValueError for a state that is none."""
    return _FRESHEST_FIRST.index(state)


def worst(*states: State) -> State:
    """The one to trust least of some freshnesses; unknown where there are none."""
    return max(states, key=doubt, default=State.UNKNOWN)


BANDS: dict[str, State] = {"normal": State.NORMAL, "elevated": State.ELEVATED, "critical": State.CRITICAL}


class LinkPhase(Enum):
    """Where the one connection to the broker stands."""

    IDLE = "not started"
    CONNECTING = "connecting"
    UP = "connected"
    RECONNECTING = "reconnecting"
    REFUSED = "refused"
    """The broker answered and does not want us: credentials, permissions, TLS. Tried again, but slowly."""
    CLOSED = "closed"


@dataclass(frozen=True)
class LinkState:
    """The link as one object: never a pair of booleans.

    `since` is `Clock.now()` of the last change of phase, `since_wall` its epoch seconds; `attempt` counts tries since
    the link was last up; `error` is one sentence for people, and says what to do where there is something to do;
    `reconnects` counts completed ones since the start; `rtt_ms` is the last measured round trip; `lost_at` is when the
    link was last up (`Clock.now()`), None while it is up or before it ever was.
    """

    phase: LinkPhase
    since: float
    since_wall: float
    server: str | None = None
    server_name: str | None = None
    attempt: int = 0
    error: str | None = None
    reconnects: int = 0
    rtt_ms: float | None = None
    max_payload: int | None = None
    lost_at: float | None = None

    @property
    def state(self) -> State:
        """The state that everything which stands on the link alone is in."""
        return _PHASES[self.phase]


_PHASES = {
    LinkPhase.IDLE: State.UNKNOWN,
    LinkPhase.CONNECTING: State.UNKNOWN,
    LinkPhase.UP: State.LIVE,
    LinkPhase.RECONNECTING: State.STALE,
    LinkPhase.REFUSED: State.FAILED,
    LinkPhase.CLOSED: State.UNKNOWN,
}
