"""What the table of devices is to show: which devices, in which order; and how much of it a registry can do itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from fleetgui.policy.filters import Expression, parse, pushed
from fleetgui.wire.query import BY_ID, FIELDS, Order
from fleetgui.wire.question import Question

LABEL: Final = "labels."
"""What stands before the key of a label where that is what devices are grouped by."""

KNOWN_HERE: Final = frozenset({"online"})
"""What this console knows better than a record: a device is online because it beats, whatever it once registered."""


@dataclass(frozen=True)
class Asked:
    """What to ask of a registry. `exact`: its answer is what is wanted; else it holds that, and more."""

    question: Question
    exact: bool


@dataclass(frozen=True)
class Wanted:
    """`filter` None: every device. `orders` by id: as they stand in every registry; the first counts most.

    `offline`: also those whose lease ended lately, which only a registry of ours remembers. `group`: under a head for
    each value of this: one of `wire.query.FIELDS`, `LABEL` and a key, or a path of a record; None for no heads.
    """

    filter: Expression | None = None
    orders: tuple[Order, ...] = (BY_ID,)
    offline: bool = False
    group: str | None = None

    @property
    def order(self) -> Order:
        """The order that counts most."""
        return self.orders[0] if self.orders else BY_ID

    @property
    def keys(self) -> tuple[Order, ...]:
        """Those of `orders` that change anything: a field counts once, and behind the id nothing does."""
        keys: dict[str, Order] = {}
        for order in self.orders:
            if BY_ID.field not in keys:
                keys.setdefault(order.field, order)
        return tuple(key for key in keys.values() if not key.is_by_id)

    @property
    def payload(self) -> frozenset[str]:
        """What it looks at that no summary has: paths of whole records, such as `status.temperature`; labels it has."""
        looked_at = {order.field for order in self.orders} | (set() if self.group is None else {self.group})
        looked_at |= set() if self.filter is None else self.filter.fields()
        return frozenset(field for field in looked_at - FIELDS.keys() if not field.startswith(LABEL))

    @property
    def asks_who_is_online(self) -> bool:
        """Whether it looks at what this console knows better than any registry."""
        looked_at = {order.field for order in self.orders} | {self.group}
        return not KNOWN_HERE.isdisjoint(looked_at | (set() if self.filter is None else self.filter.fields()))

    @property
    def is_relative(self) -> bool:
        """Whether it means something else as time passes (`age<2h`)."""
        return self.filter is not None and self.filter.is_relative

    def as_of(self, epoch: float) -> Wanted:
        """The same wish, counted from another moment (epoch seconds)."""
        if not self.is_relative:
            return self
        return replace(self, filter=parse(str(self.filter), now=epoch).filter or self.filter)

    def asked(self) -> Asked:
        """What a registry of ours is asked; where only type and location are wanted, what every registry knows.

        A registry sorts by one field and knows no groups, and of what is known here better it is not asked: the rest is
        done where the whole fleet is held.
        """
        question, exact = self._selected()
        known = self.order.field in FIELDS and self.order.field not in KNOWN_HERE
        exact = exact and len(self.keys) <= 1 and self.group is None and not self.payload and known
        if not self.order.is_by_id and known:
            question = replace(question, order_by=self.order.field, descending=self.order.descending)
        return Asked(replace(question, include_offline=self.offline), exact)

    def scope(self, *, extended: bool) -> Question:
        """The smallest part of the fleet that a registry can give, in any order, and that holds all that is wanted.

        `extended`: it knows our extensions. All that will be wanted, too: what time alone changes does not narrow it.
        """
        clauses = self.filter.clauses() if self.filter is not None else ()
        passing = {name for clause in clauses if clause.check.is_relative for name in clause.looks_into}
        if extended:
            return replace(self._selected(KNOWN_HERE | passing)[0], include_offline=self.offline)
        where = pushed(self.filter, apart=KNOWN_HERE | passing).where or {}
        return Question(where.get("device_type", {}).get("contains"), where.get("location", {}).get("contains"))

    def _selected(self, apart: frozenset[str] = KNOWN_HERE) -> tuple[Question, bool]:
        found = pushed(self.filter, apart=apart)
        plain = _plain(found.query, found.where)
        if plain is not None:
            return plain, found.exact
        return Question(query=found.query, where=found.where), found.exact


def _plain(query: str | None, where: dict[str, dict[str, Any]] | None) -> Question | None:
    """The question in the contract's own params, which every registry knows; None where it needs an extension."""
    texts: dict[str, str] = {}
    for name, clauses in (where or {}).items():
        if name not in ("device_type", "location") or set(clauses) != {"contains"} or not clauses["contains"]:
            return None
        texts[name] = clauses["contains"]
    return None if query else Question(**texts)  # type: ignore[arg-type] # the two names above alone
