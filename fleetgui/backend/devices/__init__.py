"""Simulated devices: one process that carries many of them over one connection, deterministic from a seed.

`catalogue` says what kinds there are (`kinds`: what a kind is), `specs` makes a fleet of them (`columns`: all of it at
once), `device` is one device's state. `fleet` has them on the fabric: `registrar` registers them, `pulse` beats,
`commands` and `broadcasts` answer, with `functions` for what a call does and `where` for whom a broadcast means.
`schedule` is the one timer of the process, `player` drives the fleet through a scenario (`backend/scenarios.py`),
`dashboard` is the scenario's greedy client. `python -m fleetgui.backend.devices` is the process, with the contract of
`backend/parent.py`.

Nothing here fakes what an operator sees: a device that storms really registers again and again, one that is down
really is silent and has no subscription, and the registry and the gateway draw their own conclusions.
"""
