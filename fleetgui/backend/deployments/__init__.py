"""Deployments: who is meant by each, how far it is there, and simulated agents that carry it out.

`rollup` keeps the counters from changes alone, standing on `targets` (who is meant); both are pure. `aggregator` feeds
them from watches over the buckets and has `statuses` write what changed. `agents` are what runs beside each simulated
device, with `presence` for what they say of themselves, and `writer` for how they write. `buckets` has the buckets, and
`deploy` and `withdraw` for whoever deploys. The records and the rules that hold between them: `wire/deployments.py`.

`python -m fleetgui.backend.deployments` is the aggregator's process, `….deployments.agents` the agents', both with the
contract of `backend/parent.py`. Nobody reads the fleet again on a timer.
"""
