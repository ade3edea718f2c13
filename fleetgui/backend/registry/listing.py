"""What a `discovery/listDevices` asks for, checked: which of its params are coerced, which refused, and how.

The contract's own params are read as the reference registry was recorded to read them, in its order of checks. Those
of our extensions are strict: what is not understood is refused with what is allowed (−32602).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fleetgui.wire import rpc
from fleetgui.wire.query import BadQuery, Filter, Order, conditions_of, contains, order_of, shown, text_of


class Fault(Exception):
    """Ends a request with an error reply."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Listing:
    """`limit` is None where the whole is asked for at once, `after` where paging goes by offset.

    `applied` names the extensions that were asked for.
    """

    offset: int
    limit: int | None
    after: str | None
    summary: bool
    what: Filter
    order: Order
    offline: bool
    applied: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether everything is asked for in one reply."""
        return self.limit is None and self.after is None

    @property
    def begins(self) -> bool:
        """Whether this is, or may be, the first page of a walk."""
        return self.is_whole or not (self.offset or self.after)

    @property
    def selects(self) -> bool:
        """Whether an extension has a say in which records there are, and where."""
        return any(name != "projection" for name in self.applied)


def listing_of(params: dict[str, Any], clamped: Callable[[int], int]) -> Listing:
    """The listing that `params` ask for; `clamped(limit)` checks and bounds a limit. Raises `Fault`."""
    offset = integer("offset", params.get("offset") or 0)
    if offset < 0:
        raise Fault(rpc.INVALID_PARAMS, f"offset must be non-negative, got {offset}")
    asked = params.get("limit")
    limit = None if asked is None else clamped(integer("limit", asked))
    after, summary = _after(params, offset), _summary(params)
    filters = tuple(contains(name, text) for name in ("device_type", "location") if (text := _text(name, params)))
    offline = is_true("include_offline", params)
    try:
        what = Filter(text_of(params.get("query")), (*filters, *conditions_of(params.get("where"))))
        order = order_of(params.get("order_by"), params.get("descending"))
    except BadQuery as error:
        raise Fault(rpc.INVALID_PARAMS, str(error)) from None
    if after is not None and not order.is_by_id:
        raise Fault(rpc.INVALID_PARAMS, "after pages in order of device_id; page by offset in any other order")
    honoured = {
        "after": after is not None,
        "projection": summary,
        "query": params.get("query") is not None,
        "where": params.get("where") is not None,
        "order_by": params.get("order_by") is not None,
        "descending": params.get("descending") is not None,
        "include_offline": offline,
    }
    return Listing(
        offset, limit, after, summary, what, order, offline, tuple(name for name, is_so in honoured.items() if is_so)
    )


def integer(name: str, value: object) -> int:
    """Coerced as recorded: "2" is 2, 2.9 is 2, true is 1; a list, an object or other text is an error."""
    try:
        if isinstance(value, str | int | float):
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise Fault(rpc.INVALID_PARAMS, f"{name} must be an integer, got {shown(value)}")


def is_true(name: str, params: dict[str, Any]) -> bool:
    """A param that is true, false, null or missing; raises `Fault`."""
    value = params.get(name)
    if value is not None and not isinstance(value, bool):
        raise Fault(rpc.INVALID_PARAMS, f"{name} must be true or false, got {shown(value)}")
    return bool(value)


def kind_of(value: object) -> str:
    """JSON's word for the type of `value`."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"


def _after(params: dict[str, Any], offset: int) -> str | None:
    """The id behind which the page begins, "" for the first page; None when paging goes by offset."""
    if "after" not in params:
        return None
    after = params["after"]
    if after is not None and not isinstance(after, str):
        raise Fault(rpc.INVALID_PARAMS, f"after must be a device id or null, got {kind_of(after)}")
    if offset:
        raise Fault(rpc.INVALID_PARAMS, "offset and after are two ways of paging: give one of them")
    return after or ""


def _summary(params: dict[str, Any]) -> bool:
    projection = params.get("projection")
    if projection not in (None, "summary"):
        raise Fault(rpc.INVALID_PARAMS, f'projection must be "summary", got {shown(projection)}')
    return projection is not None


def _text(name: str, params: dict[str, Any]) -> str:
    """The contract's own filters: "" for none; any type but text is a failure, as recorded."""
    value = params.get(name)
    if not value:
        return ""
    if not isinstance(value, str):
        raise Fault(rpc.FAILED, f"{name} must be text, got {kind_of(value)}")
    return value
