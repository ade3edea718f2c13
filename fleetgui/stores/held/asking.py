"""From a question to a plan: the registry's language and the filter language, each check by its quickest way."""

from __future__ import annotations

from fleetgui.stores.held.plan import All, Each, Either, Expression, Leaf, Not, Plan, plan_of_filter
from fleetgui.wire import query

Asked = Expression | query.Filter | Plan
"""What may be asked of the held fleet."""


def plan_of(asked: Asked) -> Plan:
    """The plan of a question. What is not known here is asked of each summary by itself."""
    match asked:
        case Leaf() | All() | Either() | Not() | Each():
            return asked
        case query.Filter():
            return plan_of_filter(asked)
        case _:
            return Each(asked.holds)
