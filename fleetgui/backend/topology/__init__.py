"""Who is where and what is being done there: the topology stream of one tenant, published by one process at a time.

`publisher` is that process's work, `leader` decides whether it is the one. Facts: `members` from the registry, which
`walk` reads when `pace` and `agreement` find that it is time, and `look_ups` device by device; `buckets` from
deployments. From both, `picture` makes numbered events: `sites` of each `site`, `rollouts` with the `tallies` of each.
`requests` answers consoles. The contract: `wire/topology.py`.
"""
