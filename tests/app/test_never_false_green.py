"""Nothing that is silent is ever shown as live: random faults in real processes, and a witness of the screen."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from fleetgui.app.session import Session
from fleetgui.policy.states import LinkPhase
from tests.app.consoles import context, run_console
from tests.app.faults import BROKER, DEVICES, FLEET, NODES, Fabric, Faults, Silences, Witness
from tests.waiting import until

HEALS_WITHIN_S = 90.0
"""A bound that a test must have; the broker's own dead-peer and lease times are in it."""
HEALED_EVERY = 4
"""Rounds between which nobody waits for all to be well again."""


async def everything_is_green(witness: Witness, after: object = None) -> None:
    """Wait for it; fails with what is not, and what was done before (`after`)."""
    try:
        async with asyncio.timeout(HEALS_WITHIN_S):
            while witness.not_green:  # noqa: ASYNC110 - a screen has no event for being green all over
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"not green {HEALS_WITHIN_S:g} s after {after}: {witness.not_green}")


def survive(qapp: QApplication, folder: Path, *, faults: int, seed: int) -> Witness:
    """Do so many faults to a fleet, up to four at once, and let it heal after every few rounds."""
    chance = random.Random(seed)
    witnesses: list[Witness] = []

    async def drive(session: Session) -> None:
        silences = Silences()
        witness = Witness(session, silences)
        witnesses.append(witness)
        link, roster = session.state.link, session.state.roster
        await until(lambda: link.state.phase is LinkPhase.UP, link.changed)
        await until(lambda: roster.total == DEVICES, roster.resized, roster.status_changed)
        await until(lambda: session.pages.devices is not None, session.state.observer.changed)
        await everything_is_green(witness)
        watching = session.tasks.spawn(witness.run(), name="witness")
        doing = Faults(fabric, silences, session.clock.now, chance)
        rounds = 0
        while doing.done < faults:
            rounds += 1
            free = [BROKER, *fabric.roles]
            undone = []
            for _ in range(min(chance.randint(1, 4), faults - doing.done)):
                name, target, undo = await doing.one(free)
                witness.faults.append(name)
                undone.append((target, undo))
                await asyncio.sleep(chance.uniform(0.0, 1.0))
            # Mostly so long that devices and gateways fall silent; at times so long that the link does.
            await asyncio.sleep(chance.uniform(12.0, 15.0) if chance.random() < 0.1 else chance.uniform(1.0, 5.0))
            # Who starts needs a broker, and devices a registry.
            for _target, undo in sorted(undone, key=lambda each: [BROKER, *NODES, FLEET].index(each[0])):
                await undo()
            if rounds % HEALED_EVERY == 0 or doing.done == faults:
                await everything_is_green(witness, witness.faults)
            witness.faults.clear()
        watching.cancel()

    with Fabric() as fabric:
        run_console(qapp, folder, drive, on=context(fabric.broker.url), errors=True)
    (witness,) = witnesses
    return witness


def judge(witness: Witness) -> None:
    assert witness.looks > 0
    assert {"the link", "the chip of gw-1", "the chip of gw-2", "the count of those online"} < witness.seen_green
    assert sum(what.startswith("the row of ") for what in witness.seen_green) > 3
    assert not witness.false, "\n".join(witness.false)


@pytest.mark.timeout(300)
def test_a_few_faults_and_nothing_silent_is_shown_as_live(qapp: QApplication, tmp_path: Path) -> None:
    judge(survive(qapp, tmp_path, faults=6, seed=11))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_a_thousand_faults_and_nothing_silent_is_shown_as_live(qapp: QApplication, tmp_path: Path, seed: int) -> None:
    judge(survive(qapp, tmp_path, faults=250, seed=20_261_121 + seed))
