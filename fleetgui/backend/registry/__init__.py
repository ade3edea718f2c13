"""The registry service: which devices there are, kept alive by their heartbeats.

`records` is one device's record as bytes, `store` the fleets of all tenants, `leases` who must be heard of by when;
`registration`, `heartbeats` and `discovery` are what the three subjects do; `service` puts them on a link, and
`keeping` the records into a bucket, which `mirror` follows.

What discovery stands on: `listing` reads a request, `pages` joins a reply, `search` finds and sorts in `steps`,
`results` keeps what was found for a walk, `census` counts, `order` knows positions. `computed` is a fleet whose records
are made when they are asked for.
"""
