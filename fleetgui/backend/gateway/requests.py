"""`gateway/describe`, `gateway/lagHistory` and `gateway/throttleHistory`: what consoles ask of any replica."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fleetgui.backend.gateway.history import DEFAULT_LIMIT, MAX_LIMIT, History, HistoryPage, Since, joined, parse_since
from fleetgui.backend.gateway.nodes import checked_node
from fleetgui.link.errors import LinkError
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, decode_any
from fleetgui.wire.gateway import Describe, NodeInfo

log = logging.getLogger(__name__)

_ENVELOPE_BYTES: Final = 512
_SMALLEST_ROOM: Final = 1024
_MAX_PAYLOAD: Final = 1024 * 1024
"""Assumed until the broker has said what it takes."""


class BadParams(ValueError):
    """Params that do not fit; the text says which and how."""


class GatewayRequests:
    """Answers requests of tenants. `nodes` are all replicas, `max_payload` what the broker takes in one message."""

    def __init__(
        self, history: History, nodes: Callable[[], list[NodeInfo]], max_payload: Callable[[], int | None]
    ) -> None:
        self._history = history
        self._nodes = nodes
        self._max_payload = max_payload

    async def handle(self, tenant: str, data: bytes) -> bytes:
        """The reply to one request. Never raises."""
        request_id: object = None
        try:
            request = decode_any(data)
            if not isinstance(request, dict):
                raise BadParams("a request is a JSON object")
            request_id = request.get("id")
            method = _METHODS.get(str(request.get("method")))
            if method is None:
                return rpc.error(request_id, rpc.METHOD_NOT_FOUND, "method not found")
            params = request.get("params")
            if params is not None and not isinstance(params, dict):
                raise BadParams("params is a JSON object")
            return rpc.result(request_id, await method(self, tenant, params or {}))
        except (BadParams, Malformed) as error:
            return rpc.error(request_id, rpc.INVALID_PARAMS, str(error))
        except LinkError as error:
            return rpc.error(request_id, rpc.FAILED, f"history cannot be read now: {error}")
        except Exception:  # a fault of ours: one request fails, the service goes on
            log.exception("a gateway request of tenant %s failed", tenant)
            return rpc.error(request_id, rpc.FAILED, "internal error; the gateway's log has it")

    async def _describe(self, _tenant: str, _params: dict[str, Any]) -> object:
        return Describe(nodes=self._nodes()).model_dump(by_alias=True)

    async def _lag_history(self, _tenant: str, params: dict[str, Any]) -> object:
        page = await self._history.lag(_node(params), _since(params), _limit(params), self._room())
        return _result("samples", page)

    async def _throttle_history(self, tenant: str, params: dict[str, Any]) -> object:
        page = await self._history.engagements(
            tenant, _node(params), _text("device_id", params), _since(params), _limit(params), self._room()
        )
        return _result("engagements", page)

    def _room(self) -> int:
        """Bytes that the messages of a page may have together."""
        return max(_SMALLEST_ROOM, (self._max_payload() or _MAX_PAYLOAD) - _ENVELOPE_BYTES)


_METHODS: Final[dict[str, Callable[[GatewayRequests, str, dict[str, Any]], Awaitable[object]]]] = {
    "gateway/describe": GatewayRequests._describe,
    "gateway/lagHistory": GatewayRequests._lag_history,
    "gateway/throttleHistory": GatewayRequests._throttle_history,
}


def _result(name: str, page: HistoryPage) -> dict[str, object]:
    return {name: joined(page.items), "next_since": page.next_since}


def _text(name: str, params: dict[str, Any]) -> str | None:
    value = params.get(name)
    if value is not None and (not isinstance(value, str) or not value):
        raise BadParams(f"{name} must be a non-empty string")
    return value


def _node(params: dict[str, Any]) -> str | None:
    node = _text("node", params)
    if node is None:
        return None
    try:
        return checked_node(node)
    except ValueError as error:
        raise BadParams(f"node: {error}") from None


def _since(params: dict[str, Any]) -> Since:
    try:
        return parse_since(params.get("since"))
    except ValueError as error:
        raise BadParams(str(error)) from None


def _limit(params: dict[str, Any]) -> int:
    """Clamped from above; anything but a positive whole number is refused."""
    limit = params.get("limit")
    if limit is None:
        return DEFAULT_LIMIT
    if not isinstance(limit, int) or isinstance(limit, bool) or limit <= 0:
        raise BadParams("limit must be a positive integer")
    return min(limit, MAX_LIMIT)
