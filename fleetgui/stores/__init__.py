"""Plain Python state with typed change signals; knows neither Qt nor the network.

Stores are reducers: a batch and the time go in (`apply`), a signal with what changed comes out, after the change.
`roster` the table's rows as they were read, `presence` who beats and who is offline, `lag` the gateways' series,
`engagements` the throttle's refusals, `journal` what happened, `ledger` what was not seen, `figures` the header's.
"""
