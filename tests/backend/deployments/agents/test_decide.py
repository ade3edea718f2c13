"""What an agent does next, and that its times only ever rise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.backend.deployments.agents.decide import Act, Seen, Wanted, decide, next_moment
from fleetgui.wire.deployments import Deployment, DeploymentName, DeviceKey, DeviceState, Moment, Phase

NOW = 1_795_219_200.0


def wanted(generation: int = 1, created_at: float = NOW, heard_at: float = NOW) -> Wanted:
    return Wanted(
        Deployment(name=DeploymentName("d"), target_selector={}, generation=generation, created_at=Moment(created_at)),
        heard_at,
    )


@pytest.mark.parametrize(
    ("seen", "act"),
    [
        (None, Act.BEGIN),
        (Seen(Phase.PENDING, NOW, 1, 1), Act.FINISH),
        (Seen(Phase.RUNNING, NOW, 1, 1), Act.NOTHING),
        (Seen(Phase.FAILED, NOW, 1, 1), Act.NOTHING),
        (Seen(Phase.RUNNING, NOW + 9, 1, 2), Act.BEGIN),
        (Seen(None, 0.0, 1), Act.BEGIN),
        (Seen(None, 0.0, 1, 1), Act.BEGIN),
    ],
)
def test_a_deployment_is_begun_once_a_generation_and_finished(seen: Seen | None, act: Act) -> None:
    assert decide(seen, wanted()) is act


def test_what_is_not_wanted_is_removed() -> None:
    assert decide(None, None) is Act.NOTHING
    assert decide(Seen(None, 0.0, 1), None) is Act.REMOVE


@pytest.mark.parametrize(
    ("at", "created_at", "act"),
    [(NOW - 1, NOW, Act.BEGIN), (NOW, NOW, Act.NOTHING), (NOW + 1, NOW, Act.NOTHING), (NOW, NOW + 3600, Act.NOTHING)],
)
def test_after_a_restart_a_record_is_of_this_generation_unless_it_is_older(
    at: float, created_at: float, act: Act
) -> None:
    """The last: whoever deployed has a clock that is an hour ahead."""
    assert decide(Seen(Phase.RUNNING, at, 1), wanted(created_at=created_at)) is act


@given(st.floats(0, 4e9), st.floats(0, 4e9))
def test_the_time_of_a_record_as_it_is_read_is_later_than_that_of_the_one_before(wall: float, before: float) -> None:
    at = next_moment(wall, Seen(Phase.PENDING, before, 1))
    state = DeviceState(
        device_id=DeviceKey("a"), deployment=DeploymentName("d"), phase=Phase.RUNNING, last_event_at=Moment(at)
    )
    assert DeviceState.decode(state.key, state.encode()).last_event_at > before
