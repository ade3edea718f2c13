"""Registering, beating, being pulled and leaving: the registry's core with a clock that stands still."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fleetgui.backend.registry.enrolment import Counters, Enrolment, Limits
from fleetgui.backend.registry.heartbeats import MOST_PULLS, PULL_AGAIN_S, HeartbeatHandler, Puller
from fleetgui.backend.registry.keeping import NoKeeper
from fleetgui.backend.registry.leases import Leases
from fleetgui.backend.registry.mirror import Mirror
from fleetgui.backend.registry.records import registration_of
from fleetgui.backend.registry.registration import OpenGate, Refusal, RegistrationHandler
from fleetgui.backend.registry.store import RecordStore
from fleetgui.link.errors import LinkDown, NoResponders
from fleetgui.link.tasks import Tasks
from fleetgui.policy.clock import ManualClock
from fleetgui.wire import rpc
from fleetgui.wire.codec import decode_any, encode
from fleetgui.wire.subjects import RESERVED_IDS
from tests.backend.registry.samples import call, error, params, register, result


class ChoosyGate(OpenGate):
    """Refuses the ids it is told to."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str | None]] = []
        self.refused: set[str] = set()

    def admit(self, tenant: str, device_id: str, session: str | None) -> Refusal | None:
        self.seen.append((tenant, device_id, session))
        return Refusal(-32029, "reconnect_rate", {"retry_after_ms": 1000}) if device_id in self.refused else None

    def may_pull(self, tenant: str, device_id: str) -> bool:
        return device_id not in self.refused


class Core:
    """Everything of the registry but the link."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = RecordStore()
        self.leases = Leases()
        self.counters = Counters()
        self.gate = ChoosyGate()
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.down = False
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answer: asyncio.Future[bytes] | bytes | Exception = NoResponders("Nobody listens.")
        self.failures: list[str] = []
        self.tasks = Tasks(lambda name, error: self.failures.append(f"{name}: {error!r}"))
        self.mirror = Mirror(self.store, self.leases, self.clock)
        self.keeper = NoKeeper()
        self.enrolment = Enrolment(
            self.store, self.leases, self.mirror, self.keeper, self.clock, self._publish, self.counters
        )
        self.registration = RegistrationHandler(self.enrolment, self.gate, self.counters)
        self.changed: list[tuple[str, str]] = []
        self.mine = True
        puller = Puller(
            self.enrolment, self.store, self.clock, self._ask, self.tasks, self.gate, self.counters, self._owns
        )
        self.heartbeats = HeartbeatHandler(
            self.store, self.leases, self.clock, puller, self.counters, self.changed.append
        )

    def _owns(self, tenant: str, device_id: str) -> bool:
        return self.mine

    async def handle(self, tenant: str, data: bytes) -> bytes:
        answer = self.registration.handle(tenant, data)
        return answer if isinstance(answer, bytes) else await answer

    def _publish(self, subject: str, data: bytes) -> None:
        if self.down:
            raise LinkDown("There is no broker now.")
        self.published.append((subject, decode_any(data)))

    async def _ask(self, subject: str, request: bytes) -> bytes:
        self.asked.append((subject, decode_any(request)))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer if isinstance(self.answer, bytes) else await self.answer

    def beat(self, device_id: str = "cam-001", **status: Any) -> None:
        self.heartbeats.handle(
            f"device-connect.t.{device_id}.heartbeat", encode({"device_id": device_id, "ts": 1.5, **status})
        )

    def record(self, device_id: str = "cam-001") -> dict[str, Any]:
        found = self.store.get("t", device_id)
        assert found is not None
        decoded: dict[str, Any] = decode_any(found.json())
        return decoded

    async def idle(self) -> None:
        """Let every pull end."""
        while self.tasks.names:  # noqa: ASYNC110 - nothing here takes time, it only needs turns of the loop
            await asyncio.sleep(0)
        assert self.failures == []


@pytest.fixture
def core() -> Core:
    return Core()


# --- registerDevice


async def test_a_registration_is_answered_recorded_and_announced(core: Core) -> None:
    registered = result(await core.handle("t", register()))
    assert registered["status"] == "registered"
    assert core.record()["registry"] == {
        "device_registration_id": registered["device_registration_id"],
        "registered_at": "2026-11-21T00:00:00Z",
    }
    online = {"device_id": "cam-001", "ts": "2026-11-21T00:00:00Z"}
    assert core.published == [
        ("device-connect.t.device.online", {"jsonrpc": "2.0", "method": "device/online", "params": online})
    ]


async def test_registering_again_replaces_the_record(core: Core) -> None:
    first = result(await core.handle("t", register()))
    second = result(await core.handle("t", register(device_ttl=99)))
    assert first["device_registration_id"] != second["device_registration_id"]
    assert (core.record()["device_ttl"], len(core.store), len(core.published)) == (99, 1, 2)


async def test_the_same_id_in_two_tenants_is_two_devices(core: Core) -> None:
    await core.handle("t", register())
    await core.handle("other", register())
    assert (len(core.store), core.store.tenants) == (2, ["other", "t"])


@pytest.mark.parametrize("device_id", sorted(RESERVED_IDS))
async def test_reserved_ids_are_refused_before_the_gate(core: Core, device_id: str) -> None:
    request_id, code, message = error(await core.handle("t", register(device_id)))
    assert (request_id, code) == ("g1", -32602)
    assert "reserved" in message
    assert core.gate.seen == []


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"{", (None, -32602)),
        (b"", (None, -32602)),
        (b"[]", (None, -32602)),
        (b"\xff\xfe", (None, -32602)),
        (b"[" * 100_000, (None, -32602)),
        (call("nope", params(), "g1"), ("g1", -32601)),
        (b'{"id":"g1"}', ("g1", -32601)),
        (b'{"id":"g1","method":"registerDevice"}', ("g1", -32602)),
        (b'{"id":"g1","method":"registerDevice","params":[1]}', ("g1", -32602)),
        (b'{"id":"g1","method":"registerDevice","params":{}}', ("g1", -32602)),
        (register(device_id=5), ("g1", -32602)),  # type: ignore[arg-type] # on purpose
        (register(device_id=""), ("g1", -32602)),
        (register(device_ttl=0), ("g1", -32602)),
        (register(device_ttl="9" * 400), ("g1", -32602)),
        (register(status={"ts": "t", "battery": "9" * 400}), ("g1", -32602)),
        (register(status={"ts": "t", "busy_score": "nan"}), ("g1", -32602)),
        (register(status=None), ("g1", -32602)),
    ],
)
async def test_bad_registrations_get_an_error_and_leave_nothing(
    core: Core, request_: bytes, expected: tuple[str | None, int]
) -> None:
    assert error(await core.handle("t", request_))[:2] == expected
    assert len(core.store) == len(core.leases) == len(core.published) == 0


async def test_a_tenant_that_is_no_token_cannot_register(core: Core) -> None:
    assert error(await core.handle("t\x01", register()))[1] == -32602
    assert len(core.store) == len(core.leases) == 0


async def test_a_refusal_ends_the_registration_before_it_is_even_checked(core: Core) -> None:
    core.gate.refused.add("cam-001")
    reply = await core.handle("t", register(device_ttl="nonsense"))
    assert decode_any(reply)["error"] == {
        "code": -32029,
        "message": "reconnect_rate",
        "data": {"retry_after_ms": 1000},
    }
    assert (len(core.store), core.published, core.counters.refused) == (0, [], 1)


@pytest.mark.parametrize(("session", "seen"), [("s1", "s1"), (None, None), (5, None), ("", None), ("x" * 300, None)])
async def test_the_gate_sees_a_session_only_when_it_is_one(core: Core, session: Any, seen: str | None) -> None:
    await core.handle("t", register(session=session))
    assert core.gate.seen == [("t", "cam-001", seen)]


async def test_without_a_link_the_registration_stands_and_the_missing_event_is_counted(core: Core) -> None:
    core.down = True
    result(await core.handle("t", register()))
    assert (len(core.store), core.counters.unannounced) == (1, 1)


# --- heartbeats and leases


async def test_a_device_that_goes_quiet_is_announced_offline_and_gone(core: Core) -> None:
    await core.handle("t", register(device_ttl=15))
    core.clock.advance(15)
    await core.enrolment.expire(core.clock.now())
    assert len(core.store) == 1
    core.clock.advance(0.001)
    await core.enrolment.expire(core.clock.now())
    assert (len(core.store), core.counters.expired) == (0, 1)
    assert core.published[-1] == (
        "device-connect.t.device.offline",
        {
            "jsonrpc": "2.0",
            "method": "device/offline",
            "params": {"device_id": "cam-001", "ts": "2026-11-21T00:00:15Z"},
        },
    )


async def test_heartbeats_keep_it_alive_and_bring_status(core: Core) -> None:
    await core.handle("t", register(device_ttl=15))
    for battery in range(10):
        core.clock.advance(10)
        core.beat(battery=battery, halo={"zone": "a", "n": 3})
        await core.enrolment.expire(core.clock.now())
    status = core.record()["status"]
    assert (status["battery"], status["halo"]) == (9, {"zone": "a", "n": 3})
    assert "device_id" not in status
    assert status["ts"] == "2026-11-21T00:00:44Z"  # the registration's, not the heartbeats'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b'{"ts":1}',
        b'{"device_id":"other"}',
        b'{"device_id":5}',
        b"\xff",
        b'{"device_id":"cam-001","a":NaN}',
    ],
)
async def test_bad_heartbeats_are_counted_and_keep_nobody_alive(core: Core, data: bytes) -> None:
    await core.handle("t", register(device_ttl=15))
    core.clock.advance(15.5)
    core.heartbeats.handle("device-connect.t.cam-001.heartbeat", data)
    await core.enrolment.expire(core.clock.now())
    assert (core.counters.bad_heartbeats, len(core.store)) == (1, 0)


async def test_a_heartbeat_that_would_bloat_the_record_still_keeps_the_device_alive(core: Core) -> None:
    await core.handle("t", register(device_ttl=15))
    core.clock.advance(10)
    core.beat(junk="x" * 100_000)
    core.clock.advance(10)
    await core.enrolment.expire(core.clock.now())
    assert (core.counters.bad_heartbeats, len(core.store)) == (1, 1)
    assert "junk" not in core.record()["status"]


# --- pulls


async def test_a_device_that_beats_without_a_record_is_asked_once_and_enters(core: Core) -> None:
    core.answer = asyncio.get_running_loop().create_future()
    core.beat()
    core.beat()
    await asyncio.sleep(0)
    core.beat()
    core.answer.set_result(rpc.result("x", params()))
    await core.idle()
    assert [(subject, request["method"]) for subject, request in core.asked] == [
        ("device-connect.t.cam-001.cmd", "requestRegistration")
    ]
    assert core.record()["device_id"] == "cam-001"
    assert core.published[-1][0] == "device-connect.t.device.online"
    core.beat(battery=1)
    assert core.record()["status"]["battery"] == 1


async def test_a_device_that_registers_meanwhile_keeps_that_registration(core: Core) -> None:
    core.answer = asyncio.get_running_loop().create_future()
    core.beat()
    await asyncio.sleep(0)
    await core.handle("t", register(device_ttl=77))
    core.answer.set_result(rpc.result("x", params()))
    await core.idle()
    assert core.record()["device_ttl"] == 77


@pytest.mark.parametrize(
    "answer",
    [
        NoResponders("Nobody listens."),
        b"",
        b"{}",
        rpc.error("x", -32601, "no"),
        rpc.result("x", None),
        rpc.result("x", [1]),
        rpc.result("x", params("somebody-else")),
        rpc.result("x", params(device_ttl=0)),
    ],
)
async def test_a_pull_that_fails_is_counted_and_not_repeated_at_once(core: Core, answer: bytes | Exception) -> None:
    core.answer = answer
    core.beat()
    await core.idle()
    core.clock.advance(PULL_AGAIN_S - 1)
    core.beat()
    await core.idle()
    assert (len(core.asked), core.counters.pulls_failed, len(core.store)) == (1, 1, 0)
    core.clock.advance(1)
    core.answer = rpc.result("x", params())
    core.beat()
    await core.idle()
    assert (len(core.asked), len(core.store)) == (2, 1)


async def test_only_so_many_are_asked_at_once_and_the_rest_come_with_their_next_beat(core: Core) -> None:
    core.answer = asyncio.get_running_loop().create_future()
    for number in range(MOST_PULLS + 10):
        core.beat(f"d{number}")
    await asyncio.sleep(0)
    assert (len(core.asked), core.counters.pulls_postponed) == (MOST_PULLS, 10)
    core.answer.set_result(b"{}")
    await core.idle()
    core.beat(f"d{MOST_PULLS}")
    await core.idle()
    assert len(core.asked) == MOST_PULLS + 1


async def test_a_blocked_device_does_not_get_in_by_beating(core: Core) -> None:
    core.gate.refused.add("cam-001")
    core.beat()
    await core.idle()
    assert core.asked == []


@pytest.mark.parametrize("device_id", ["device", "gateway"])
async def test_words_of_the_subjects_are_never_asked(core: Core, device_id: str) -> None:
    core.beat(device_id)
    await core.idle()
    assert core.asked == []


async def test_remembered_failures_are_bounded(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleetgui.backend.registry.heartbeats._MOST_FAILURES", 10)
    for number in range(35):
        core.beat(f"d{number}")
        await core.idle()
    assert core.counters.pulls_failed == 35
    puller = core.heartbeats._puller
    assert len(puller._not_before) <= 10


async def test_a_fault_of_ours_fails_one_registration_only(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("boom")

    working, core.enrolment.enter = core.enrolment.enter, broken  # type: ignore[method-assign, assignment]
    assert error(await core.handle("t", register()))[1] == -32603
    assert "boom" in caplog.text
    core.enrolment.enter = working  # type: ignore[method-assign]
    result(await core.handle("t", register()))


async def test_what_the_registry_hands_out_can_register_again(core: Core) -> None:
    await core.handle("t", register())
    assert registration_of(core.record()).device_id == "cam-001"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"functions": [{"name": f"f{n}"} for n in range(1001)]}, "1001 are more than the 1000 allowed"),
        ({"events": [{"name": f"e{n}"} for n in range(1001)]}, "1001 are more than the 1000 allowed"),
        ({"description": "x" * 300_000}, "262144 are allowed"),
    ],
)
async def test_what_passes_a_limit_is_refused_with_the_reason_and_leaves_the_record_as_it_was(
    core: Core, changes: dict[str, Any], reason: str
) -> None:
    await core.handle("t", register())
    before = core.record()
    _, code, message = error(await core.handle("t", register(capabilities=changes)))
    assert code == -32602
    assert reason in message
    assert core.record() == before
    assert core.counters.invalid == 1


def test_limits_are_set_by_the_environment() -> None:
    assert Limits.from_environ({"REGISTRY_MAX_RECORD_BYTES": "9000", "REGISTRY_MAX_FUNCTIONS": ""}) == Limits(
        9000, 1000
    )
