"""The registry service: which devices there are, kept alive by their heartbeats.

`records` is one device's record as bytes, `store` the fleets of all tenants, `leases` who must be heard of by when;
`registration`, `heartbeats` and `discovery` are what the three subjects do; `service` puts them on a link.
Everything but `service` is plain Python without a network. One process keeps its records in memory.
"""
