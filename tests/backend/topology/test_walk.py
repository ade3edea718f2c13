"""The walk, against registries of every kind: ours, the reference's, old ones, and those that are at fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fleetgui.backend.registry.discovery import DiscoveryHandler, DiscoverySettings
from fleetgui.backend.registry.store import RecordStore
from fleetgui.backend.topology import walk as walk_module
from fleetgui.backend.topology.walk import PATIENCE_S, POLITE, Coverage, Found, Walk, WalkFailed, found_in
from fleetgui.link.errors import NoResponders, RequestTimeout
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.pages import PageSizer
from fleetgui.wire import rpc
from fleetgui.wire.codec import Malformed, decode_object, encode

FLEET = [f"cam-{number:03}" for number in range(250)]


def record(device_id: str, **status: Any) -> dict[str, Any]:
    return {"device_id": device_id, "status": {"location": "hall/1", **status}}


class Registry:
    """Pages by offset as the reference does, at most `cap` a page."""

    def __init__(self, fleet: list[str] = FLEET, cap: int = 100) -> None:
        self.fleet = list(fleet)
        self.cap = cap
        self.asked: list[dict[str, Any]] = []
        self.after_page: Callable[[int], object] = lambda number: None
        self.extras: dict[str, Any] = {}

    async def ask(self, _method: str, params: dict[str, Any], _patience: float) -> bytes:
        self.asked.append(params)
        reply = self.page(params)
        self.after_page(len(self.asked))
        return reply

    def page(self, params: dict[str, Any]) -> bytes:
        offset, limit = params.get("offset", 0), min(params["limit"], self.cap)
        devices = [record(each) for each in self.fleet[offset : offset + limit]]
        next_offset = offset + limit if offset + limit < len(self.fleet) else None
        return rpc.result(
            "x", {"devices": devices, "next_offset": next_offset, "total_matched": len(self.fleet), **self.extras}
        )


class ByIdRegistry(Registry):
    def page(self, params: dict[str, Any]) -> bytes:
        assert "offset" not in params
        behind = [each for each in sorted(self.fleet) if each > (params["after"] or "")]
        page = behind[: min(params["limit"], self.cap)]
        next_after = page[-1] if len(page) < len(behind) else None
        return rpc.result(
            "x",
            {
                "devices": [record(each) for each in page],
                "next_after": next_after,
                "applied": ["after", "projection", "include_offline"],
                "revision": 7,
                **self.extras,
            },
        )


async def walked(registry: Registry, sizer: PageSizer | None = None) -> tuple[list[str], Coverage]:
    walk = Walk(registry.ask, sizer or PageSizer({}), ManualClock())
    found = [each.device_id async for page in walk.pages() for each in page]
    return found, walk.coverage


async def test_a_registry_that_pages_by_offset() -> None:
    registry = Registry()
    found, coverage = await walked(registry)
    assert found == FLEET
    assert (coverage.complete, coverage.by_id, coverage.pages) == (True, False, 3)
    assert registry.asked[0] == {"limit": 100, "projection": "summary", "include_offline": True, "after": None}


async def test_a_registry_that_pages_by_id() -> None:
    registry = ByIdRegistry()
    found, coverage = await walked(registry)
    assert found == FLEET
    assert (coverage.complete, coverage.by_id) == (True, True)


async def test_our_own_registry() -> None:
    handler = DiscoveryHandler(RecordStore(), DiscoverySettings(), lambda: 1_000_000)

    async def ask(method: str, params: dict[str, Any], _patience: float) -> bytes:
        reply = handler.handle("t", rpc.request(method, params, "x"))
        assert isinstance(reply, bytes)
        return reply

    walk = Walk(ask, PageSizer({}), ManualClock())
    assert [page async for page in walk.pages()] == [[]]
    assert walk.coverage.complete
    assert walk.coverage.by_id


async def test_a_registry_too_old_to_page_sends_its_whole_list() -> None:
    class Old(Registry):
        def page(self, params: dict[str, Any]) -> bytes:
            return rpc.result("x", {"devices": [record(each) for each in self.fleet]})

    found, coverage = await walked(Old())
    assert found == FLEET
    assert coverage.pages == 1


async def test_short_and_empty_pages_lead_on() -> None:
    class Hiding(Registry):
        """Access control runs after slicing."""

        def page(self, params: dict[str, Any]) -> bytes:
            body = decode_object(super().page(params))["result"]
            seen = [each for each in body["devices"] if each["device_id"] > "cam-150"]
            return rpc.result("x", {**body, "devices": seen})

    found, coverage = await walked(Hiding())
    assert found == FLEET[151:]
    assert coverage.complete


async def test_an_overtaken_walk_by_offset_proves_nothing_about_who_is_missing() -> None:
    registry = Registry()
    registry.after_page = lambda number: registry.fleet.pop(0) if number == 1 else None
    _, coverage = await walked(registry)
    assert coverage.ended
    assert coverage.overtaken
    assert not coverage.complete


async def test_an_overtaken_walk_by_id_skips_nobody() -> None:
    registry = ByIdRegistry()

    def overtake(number: int) -> None:
        registry.fleet.pop(0)
        registry.extras = {"revision": 7 + number}

    registry.after_page = overtake
    found, coverage = await walked(registry)
    assert set(registry.fleet) <= set(found)
    assert coverage.overtaken
    assert coverage.complete


@pytest.mark.parametrize("registry", [Registry, ByIdRegistry])
async def test_pages_that_do_not_fit_are_halved(registry: type[Registry]) -> None:
    class Tight(registry):  # type: ignore[misc, valid-type] # either of the two
        def page(self, params: dict[str, Any]) -> bytes:
            if params["limit"] > 30:
                return rpc.error("x", -32000, "Failed to publish: nats: maximum payload exceeded")
            reply: bytes = super().page(params)
            return reply

    found, coverage = await walked(Tight())
    assert found == FLEET
    assert coverage.complete


async def test_a_record_that_never_fits_is_passed_and_counted() -> None:
    class Huge(Registry):
        def page(self, params: dict[str, Any]) -> bytes:
            offset, limit = params.get("offset", 0), params["limit"]
            if offset <= 120 < offset + limit:
                return rpc.error("x", -32000, "maximum payload exceeded")
            return super().page(params)

    found, coverage = await walked(Huge())
    assert set(FLEET) - set(found) == {"cam-120"}
    assert coverage.unreadable == 1
    assert not coverage.complete


async def test_silence_after_a_larger_page_than_ever_came_is_taken_for_size() -> None:
    class Silent(Registry):
        async def ask(self, method: str, params: dict[str, Any], patience: float) -> bytes:
            if params["limit"] > 100:
                raise RequestTimeout("nothing came")
            return await super().ask(method, params, patience)

    sizer = PageSizer({})
    found, _ = await walked(Silent(), sizer)
    assert found == FLEET


@pytest.mark.parametrize("registry", [Registry, ByIdRegistry])
async def test_a_page_that_does_not_come_is_asked_for_again_and_what_was_waited_counts_for_nothing(
    registry: type[Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk_module, "LONGEST_PAUSE_S", 0.0)
    clock = ManualClock()
    patiences: list[float] = []

    class Hanging(registry):  # type: ignore[misc, valid-type] # either of the two
        async def ask(self, method: str, params: dict[str, Any], patience: float) -> bytes:
            patiences.append(patience)
            if len(patiences) in {1, 3, 4, 5}:
                clock.advance(patience)
                raise RequestTimeout("this one hangs")
            clock.advance(2.9 if len(patiences) == 6 else 0.01)  # it answers when it wakes
            reply: bytes = await super().ask(method, params, patience)
            return reply

    hanging = Hanging(cap=50)
    sizer = PageSizer({"DEVICE_CONNECT_LIST_PAGE_SIZE": "50"})
    walk = Walk(hanging.ask, sizer, clock)
    assert [each.device_id async for page in walk.pages() for each in page] == FLEET
    assert walk.coverage.complete
    assert patiences[:6] == [PATIENCE_S[0], PATIENCE_S[1], *PATIENCE_S[:4]]
    assert {each["limit"] for each in hanging.asked} == {50}, "silence says nothing about a size that has arrived"
    assert walk.took == pytest.approx(5 * 0.01 * (1 + POLITE))


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"nonsense", "no page"),
        (rpc.result("x", {"devices": 5}), "no page"),
        (rpc.result("x", {"devices": [], "next_offset": "5"}), "no page"),
        (rpc.error("x", -32000, ""), "refuses"),
        (rpc.result("x", {"devices": [], "next_offset": 0, "total_matched": 5}), "points back"),
        (rpc.result("x", {"devices": [], "next_offset": -1, "total_matched": 5}), "points back"),
        (rpc.result("x", {"devices": [], "next_after": "", "applied": ["after"]}), "points back"),
    ],
)
async def test_a_registry_at_fault_ends_the_walk_with_a_sentence(reply: bytes, words: str) -> None:
    class Wrong(Registry):
        def page(self, params: dict[str, Any]) -> bytes:
            return reply

    with pytest.raises(WalkFailed, match=words):
        await walked(Wrong())


@pytest.mark.parametrize("error", [NoResponders("nobody"), RequestTimeout("silence")])
async def test_a_registry_that_is_not_there_ends_the_walk(error: Exception) -> None:
    class Absent(Registry):
        async def ask(self, method: str, params: dict[str, Any], patience: float) -> bytes:
            raise error

    with pytest.raises(WalkFailed):
        await walked(Absent())


async def test_endless_empty_pages_end_the_walk() -> None:
    class Endless(Registry):
        def page(self, params: dict[str, Any]) -> bytes:
            return rpc.result("x", {"devices": [], "next_offset": params.get("offset", 0) + 1, "total_matched": 9**9})

    with pytest.raises(WalkFailed, match="empty"):
        await walked(Endless())


async def test_a_record_that_is_none_costs_nobody_else_the_page() -> None:
    class Mixed(Registry):
        def page(self, params: dict[str, Any]) -> bytes:
            devices = b",".join([encode(record("a")), b'{"device_id":NaN}', b'{"status":{}}', encode(record("b"))])
            return b'{"jsonrpc":"2.0","id":"x","result":{"devices":[' + devices + b'],"next_offset":null}}'

    found, coverage = await walked(Mixed())
    assert found == ["a", "b"]
    assert coverage.malformed == 2
    assert not coverage.complete


def test_what_a_record_says_of_a_device() -> None:
    assert found_in(encode(record("a")), knows_offline=True) == Found("a", "hall/1", online=True)
    gone = encode(record("a", online=False, offline_since=12.5))
    assert found_in(gone, knows_offline=True) == Found("a", "hall/1", online=False, gone_since=12.5)
    assert found_in(gone, knows_offline=False) == Found("a", "hall/1", online=True), "a device's own word"
    statuses: list[Any] = [None, {}, {"location": None}, {"location": 5}, {"location": {"x": []}}]
    for status in statuses:
        assert found_in(encode({"device_id": "a", "status": status}), knows_offline=True).location is None
    for data in (b"", b"[]", b"{}", b'{"device_id":5}', b'{"device_id":"a","status":5}', b'{"device_id":"a"'):
        with pytest.raises(Malformed):
            found_in(data, knows_offline=True)
