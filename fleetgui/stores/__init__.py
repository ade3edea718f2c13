"""Plain Python state with typed change signals; knows neither Qt nor the network.

Stores are reducers: a batch and the time go in (`apply`), a signal with what changed comes out, after the change.
`roster` has the table's rows as they were read, `held` the whole fleet where it is searched here, `presence` who beats
and who is offline, `lag` the gateways' series, `engagements` the throttle's refusals, `deployments` and `topologies`
what their pages show, `journal` what happened, `ledger` what was not seen, `sources` who was heard when, `figures` the
header's.
"""
