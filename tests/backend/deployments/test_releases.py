"""What a scenario deploys: on record once JetStream is there, in order, and a name that returns is a new generation."""

from __future__ import annotations

import asyncio

import pytest

from fleetgui.backend.deployments.buckets import BucketSettings
from fleetgui.backend.deployments.releases import Releases
from fleetgui.backend.scenarios import SCENARIOS, Deploy
from fleetgui.wire.deployments import DeploymentName
from tests.backend.deployments.rig import TENANT, Side, side, until
from tests.nats_server import NatsServer


def releases(here: Side) -> Releases:
    return Releases(
        here.link,
        TENANT,
        tasks=here.tasks,
        clock=here.link.clock,
        settings=BucketSettings(storage="memory"),
        retry_s=0.1,
    )


async def test_a_release_that_returns_is_a_new_generation_and_what_stands_is_left_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with NatsServer() as broker:
        async with side(broker.url) as here:
            made = releases(here)
            made.stand(Deploy("base"))
            made.release(Deploy("release", "canary"))
            made.release(Deploy("a.name.that.no.key.holds"))
            made.release(Deploy("release", "canary"))
            made.stand(Deploy("base"))
            await until(lambda: "a deployment cannot be put on record" in caplog.text, "it is said that there is none")
            broker._jetstream = True
            await asyncio.to_thread(broker.restart)
            await until(lambda: len(made.done) == 4, "all is on record")
            assert [(each.name, each.generation) for each in made.done] == [
                ("base", 1),
                ("release", 1),
                ("release", 2),
                ("base", 1),
            ]
            assert [each.target_selector for each in made.done[:2]] == [{}, {"ring": "canary"}]
            assert "'a.name.that.no.key.holds' is no name of a deployment" in caplog.text


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_deployment_of_a_scenario_can_be_deployed(name: str) -> None:
    story = SCENARIOS[name]
    assert story.standing
    for each in (*story.standing, *(step.action for step in story.steps)):
        if isinstance(each, Deploy):
            DeploymentName(each.name)


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, BucketSettings("file", 1)),
        ({"DEPLOYMENTS_STORAGE": "", "DEPLOYMENTS_REPLICAS": ""}, BucketSettings("file", 1)),
        ({"DEPLOYMENTS_STORAGE": "memory", "DEPLOYMENTS_REPLICAS": "3"}, BucketSettings("memory", 3)),
    ],
)
def test_where_buckets_are_kept_is_set_in_the_environment(environ: dict[str, str], wanted: BucketSettings) -> None:
    assert BucketSettings.from_environ(environ) == wanted


@pytest.mark.parametrize("environ", [{"DEPLOYMENTS_STORAGE": "disk"}, {"DEPLOYMENTS_REPLICAS": "2"}])
def test_a_setting_that_makes_no_sense_is_refused_with_what_does(environ: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"is file or memory|is 1, 3 or 5"):
        BucketSettings.from_environ(environ)
