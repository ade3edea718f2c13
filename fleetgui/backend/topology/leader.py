"""Who publishes: of any number of these processes one per tenant, and another when it is gone.

Whoever publishes answers on a subject of the tenant's name. A newcomer that gets no answer begins at once; one that
stands by asks every second and takes over when nobody listens any more (a broker says that of a killed process as soon
as its connection is gone), or when three answers in a row are missing. Two may begin at once, or be parted by the
network: each tells the others every two seconds that it publishes, and of two the one that began earlier stops,
because the later one began only since nobody answered it. Readers see another epoch then and ask for a snapshot.

Nothing is stored, and clocks need not agree: the two only have to compare the same numbers. The subjects are outside
every tenant's own, so that no device can stop a publisher; a credential that may not use them publishes all the same,
and must be the only one that does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from typing import Annotated, Final

import msgspec

from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError, NoResponders, PermissionDenied, RequestTimeout
from fleetgui.link.messages import Message
from fleetgui.link.services import Service
from fleetgui.link.subscriptions import Subscription
from fleetgui.policy.clock import Clock
from fleetgui.wire.codec import Malformed, decode, encode
from fleetgui.wire.subjects import token

log = logging.getLogger(__name__)

ANSWERS: Final = "topology-shared.publisher"
CLAIMS: Final = "topology-shared.claims"
ASK_EVERY_S: Final = 1.0
ANSWER_WITHIN_S: Final = 2.0
CLAIM_EVERY_S: Final = 2.0
SILENCES: Final = 3
ABSENCES: Final = 2
"""So often in a row nobody listens before one that stands by begins: after a broker's restart all come back at once."""

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Claim(msgspec.Struct, frozen=True, gc=False):
    """Process `id` publishes, `since` so many epoch seconds by its clock."""

    id: _Id
    since: float


class Leadership:
    """This process among the others of its tenant. Use: `await won()`, publish until `await lost()`, `resign()`, again.

    `malformed` counts claims that were none.
    """

    def __init__(self, link: Link, clock: Clock) -> None:
        tenant = token(link.context.tenant)
        self.malformed = 0
        self.waiting = asyncio.Event()
        """Set once another process was seen to publish."""
        self._link = link
        self._clock = clock
        self._id = secrets.token_hex(8)
        self._answers = f"{ANSWERS}.{tenant}"
        self._claims = f"{CLAIMS}.{tenant}"
        self._claim: Claim | None = None
        self._lost = asyncio.Event()
        self._service: Service | None = None
        self._subscription: Subscription | None = None

    async def won(self) -> None:
        """Return once this process is the one to publish, and has said so."""
        silences = absences = 0
        while True:
            await self._link.up()
            try:
                await self._link.request(self._answers, b"{}", timeout=ANSWER_WITHIN_S)
                silences = absences = 0
                self.waiting.set()
            except NoResponders:
                absences += 1
                if absences >= ABSENCES or not self.waiting.is_set():
                    break
            except RequestTimeout:
                silences += 1
                if silences >= SILENCES:
                    log.warning("whoever publishes the topologies does not answer; this process takes over")
                    break
            except PermissionDenied as error:
                log.warning("others that publish cannot be asked, so this must be the only one: %s", error)
                self._lost.clear()
                return
            except LinkError:
                silences = absences = 0
            await asyncio.sleep(ASK_EVERY_S)
        self._begin()

    def _begin(self) -> None:
        claim = self._claim = Claim(self._id, self._clock.wall())
        self._lost.clear()
        self._service = self._link.serve(self._answers, "", lambda _: encode(claim))
        self._subscription = self._link.subscribe(self._claims, self._hear)
        self._say()

    async def keep(self) -> None:
        """Tell the others every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(CLAIM_EVERY_S)
            self._say()

    async def lost(self) -> None:
        """Return once another process publishes, which began later."""
        await self._lost.wait()

    def resign(self) -> None:
        """Answer no more: whoever stands by may begin. Harmless twice."""
        for held in (self._service, self._subscription):
            if held is not None:
                held.close()
        self._claim = self._service = self._subscription = None

    def _say(self) -> None:
        if self._claim is not None:
            with contextlib.suppress(LinkError):  # nobody can be told now; the next one is soon
                self._link.send(self._claims, encode(self._claim))

    def _hear(self, message: Message) -> None:
        try:
            claim = decode(message.data, Claim)
        except Malformed:
            self.malformed += 1
            return
        mine = self._claim
        if mine is None or claim.id == mine.id:
            return
        if (claim.since, claim.id) > (mine.since, mine.id):
            self.waiting.set()
            self._lost.set()
        else:
            self._say()  # it began earlier and does not know of this one
