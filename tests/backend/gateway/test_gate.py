"""The gate: the throttle's decision as the error a device gets, with the gateway's clock and band."""

from __future__ import annotations

import logging

import pytest

from fleetgui.backend.gateway.gate import ThrottleGate
from fleetgui.policy.band import Band
from fleetgui.policy.clock import ManualClock
from fleetgui.policy.settings import ThrottleSettings
from fleetgui.policy.throttle import Reject, Throttle


class Rig:
    def __init__(self, **settings: float) -> None:
        self.clock = ManualClock()
        self.band = Band.NORMAL
        self.engaged: list[tuple[str, str, Reject]] = []
        self.throttle = Throttle(ThrottleSettings(**settings), self.clock.now() * 1000)  # type: ignore[arg-type] # numbers
        self.gate = ThrottleGate(
            self.throttle, self.clock, lambda: self.band, lambda *engagement: self.engaged.append(engagement)
        )


def test_a_reject_is_an_error_that_says_when_to_come_back() -> None:
    rig = Rig(base_max=1)
    rig.clock.advance(30)
    rig.band = Band.CRITICAL
    assert rig.gate.admit("t", "cam", None) is None
    refusal = rig.gate.admit("t", "cam", None)
    assert refusal is not None
    assert (refusal.code, refusal.message) == (-32029, "reconnect_rate")
    assert refusal.data == {
        "retry_after_ms": 4000,
        "reason": "rate",
        "observed": 2,
        "allowed": 1,
        "band": "critical",
        "level": 1,
    }
    [(tenant, device_id, reject)] = rig.engaged
    assert (tenant, device_id, reject.backoff_ms) == ("t", "cam", 4000)


def test_the_time_to_wait_is_a_whole_number_that_is_not_too_short() -> None:
    rig = Rig(base_max=1, critical_multiplier=0.3333)
    rig.clock.advance(30)
    rig.band = Band.CRITICAL
    rig.gate.admit("t", "cam", None)
    refusal = rig.gate.admit("t", "cam", None)
    assert refusal is not None
    assert refusal.data["retry_after_ms"] == 334


def test_a_refresh_passes_and_a_blocked_device_may_not_be_pulled_until_its_block_is_over() -> None:
    rig = Rig(base_max=1)
    rig.clock.advance(30)
    assert rig.gate.admit("t", "cam", "s") is None
    assert rig.gate.admit("t", "cam", "s") is None
    assert rig.gate.may_pull("t", "cam")
    rig.gate.admit("t", "cam", "another")
    assert not rig.gate.may_pull("t", "cam")
    rig.clock.advance(1.5)
    assert rig.gate.may_pull("t", "cam")


def test_calm_devices_are_swept_out() -> None:
    rig = Rig()
    for number in range(500):
        rig.gate.admit("t", f"d{number}", None)
    rig.clock.advance(11)
    rig.gate.sweep()
    assert len(rig.throttle) == 0


def test_a_storm_is_one_line_of_the_log_every_ten_seconds(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(base_max=1)
    rig.clock.advance(30)
    with caplog.at_level(logging.INFO):
        for _ in range(50):
            rig.gate.admit("t", "storm", None)
        for number in range(10):
            rig.gate.admit("t", f"cam-{number}", None)
            rig.gate.admit("t", f"cam-{number}", None)
        assert caplog.messages == []
        rig.gate.sweep()
        rig.clock.advance(9)
        rig.gate.admit("t", "storm", None)
        rig.gate.sweep()
        assert caplog.messages == ["registrations refused: 59, of devices: 11, most often 'storm' (tenant t): 49"]
        rig.clock.advance(1)
        rig.gate.sweep()
    assert caplog.messages[1] == "registrations refused: 1, of devices: 1, most often 'storm' (tenant t): 1"
